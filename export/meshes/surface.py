"""Triangle meshes as arrays, between extraction and file."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from models.mesh.mesh import Mesh


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """Triangles with colours at the vertices.

    Attributes:
        vertices: Positions in world units.
        faces: Vertex rows of each triangle, counter-clockwise seen from outside.
        colors: sRGB, 0 to 1.
    """

    vertices: Float[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]
    colors: Float[np.ndarray, "vertices 3"]

    @property
    def num_vertices(self) -> int:
        """Rows of `vertices`."""
        return len(self.vertices)

    @property
    def num_faces(self) -> int:
        """Triangles."""
        return len(self.faces)

    def with_faces(self, faces: Int[np.ndarray, "kept 3"]) -> "Surface":
        """Other triangles between the same vertices, without the vertices that none of them uses."""
        used = np.zeros(self.num_vertices, bool)
        used[faces] = True
        row = (np.cumsum(used) - 1).astype(np.int32)
        return Surface(vertices=self.vertices[used], faces=row[faces], colors=self.colors[used])


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedMesh:
    """What a GLB holds: glTF's axes (+Y up, front +Z), metres.

    Attributes:
        vertices: Positions; vertices on seams of the texture occur once a side.
        normals: Of unit length.
        faces: Counter-clockwise seen from outside.
        uvs: Place in the texture, (0, 0) its top left corner; None without a texture.
        texture: sRGB; None if colours stand at the vertices.
        colors: sRGB, 0 to 1; None with a texture.
    """

    vertices: Float[np.ndarray, "vertices 3"]
    normals: Float[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]
    uvs: Float[np.ndarray, "vertices 2"] | None = None
    texture: UInt8[np.ndarray, "height width 3"] | None = None
    colors: Float[np.ndarray, "vertices 3"] | None = None

    def __post_init__(self) -> None:
        if (self.uvs is None) != (self.texture is None) or (self.texture is None) == (self.colors is None):
            raise ValueError("a mesh has either a texture with its coordinates, or colours at its vertices")


def surface_of(mesh: Mesh) -> Surface:
    """An extracted mesh as arrays; grey where the decoder knows no colours."""
    vertices = mesh.vertices.detach().float().cpu().numpy()
    colors = mesh.colors.detach().float().cpu().numpy()
    return Surface(
        vertices=vertices,
        faces=mesh.faces.int().cpu().numpy(),
        colors=colors if colors.shape[1] == 3 else np.full_like(vertices, 0.5),
    )
