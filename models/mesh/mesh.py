"""Triangle meshes with attributes at the vertices."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """One object's surface.

    Attributes:
        vertices: Positions in world units.
        faces: Vertex rows of each triangle, counter-clockwise seen from outside.
        attributes: What the decoder says of each vertex, 0 to 1: RGB, then a normal stored as (n + 1) / 2; no
            columns if it was trained without colour.
    """

    vertices: Float[Tensor, "vertices 3"]
    faces: Int[Tensor, "faces 3"]
    attributes: Float[Tensor, "vertices attributes"]

    @property
    def num_vertices(self) -> int:
        """Rows of `vertices`."""
        return self.vertices.shape[0]

    @property
    def num_faces(self) -> int:
        """Triangles."""
        return self.faces.shape[0]

    @property
    def colors(self) -> Float[Tensor, "vertices 3"]:
        """RGB, 0 to 1."""
        return self.attributes[:, :3]

    def to(self, device: torch.device | str) -> "Mesh":
        """The same mesh on another device."""
        return Mesh(
            vertices=self.vertices.to(device),
            faces=self.faces.to(device),
            attributes=self.attributes.to(device),
        )
