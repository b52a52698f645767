"""Meshes on their way through the runners.

    latents file (3D process) -> if the object passed: decoded, extracted -> mesh file -> GLB (finishing)
                                                                      PLY file (splats) --^

Decoding needs the 3D stage's GPU; all that follows is the work of one CPU core for a second or two, so it
runs where films are made, in a process that no generation waits for, and costs neither a process nor a CUDA
context of its own. That process has a renderer too, for colours taken from the splats; both files say where
clean-up put these, so that the mesh can be put beside them.
"""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from configuration import Configuration
from configuration.schema import MeshOptions
from runners.handover import AbandonedError, fill

if TYPE_CHECKING:
    import torch

    from export.meshes.finishing import MeshReport
    from models.gaussians.gaussians import Gaussians
    from models.gaussians.placement import Placement
    from models.latents.object_latents import ObjectLatents
    from models.trellis.image_to_3d import ImageTo3D
    from rendering.renderer import SplatRenderer

MESH_ROLE = "slat_decoder_mesh"


def why_no_meshes(configuration: Configuration) -> str | None:
    """Reason why meshes are unavailable, or None. Loads no torch."""
    if configuration.random_weights:
        return None
    folder = Path(configuration.weights) / "image_to_3d"
    if configuration.services.gateway.handover == "inline" and not folder.exists():
        return None  # the models are elsewhere, and so is the answer
    try:
        named = json.loads((folder / "pipeline.json").read_text())["args"]["models"].get(MESH_ROLE)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        named = None
    override = configuration.image_to_3d.weights.overrides.get(MESH_ROLE)
    if override is None and named is None:
        return f"image_to_3d/pipeline.json of {Path(configuration.weights).name} names no {MESH_ROLE}"
    path = folder / (override or str(named))
    file = path.with_name(path.name + ".safetensors")
    return None if file.is_file() else f"there is no {file.name} in {Path(configuration.weights).name}"


def keep_latents(file: str, latents: "ObjectLatents", placement: "Placement") -> None:
    """Fills a reserved file with latents, and where clean-up put the splats made of them."""
    _fill(
        file,
        coords=latents.coords.byte().cpu().numpy(),
        feats=latents.feats.detach().float().cpu().numpy(),
        placement=np.array([*placement.center, placement.factor]),
    )


def decode_mesh(model: "ImageTo3D", latents: str, mesh: str, device: "torch.device") -> None:
    """Fills the reserved file `mesh` with the surface of the object whose latents were kept."""
    import torch

    from export.meshes.surface import surface_of
    from models.latents.object_latents import ObjectLatents

    arrays = _read(latents)
    kept = ObjectLatents(
        coords=torch.from_numpy(arrays["coords"]).int(), feats=torch.from_numpy(arrays["feats"])
    )
    (decoded,) = model.decode_mesh(kept.as_batch(device))
    surface = surface_of(decoded)
    placement = arrays["placement"]
    _fill(mesh, vertices=surface.vertices, faces=surface.faces, colors=surface.colors, placement=placement)


def finish_mesh(
    mesh: str,
    options: MeshOptions,
    read_splats: Callable[[], "Gaussians"],
    renderer: "SplatRenderer",
    num_threads: int,
    *,
    factor: float = 1.0,
) -> "tuple[bytes, MeshReport]":
    """The GLB of a decoded surface, and what is to be said of it.

    Args:
        mesh: The file that `decode_mesh` filled.
        options: How it shall be.
        read_splats: Gives the object's splats in "validator" space, if their surface or colours are wanted.
        renderer: Draws them.
        num_threads: Of the work on the CPU.
        factor: How many times as large as usual the mesh shall be.

    Raises:
        AbandonedError: The reservation is gone.
        GenerationError: The surface has nothing to show.
    """
    from export.glb import write_glb
    from export.meshes.finishing import FinishSettings, finish
    from export.meshes.splat_colors import SplatPictures, picture_size
    from export.meshes.surface import Surface
    from models.gaussians.placement import Placement

    settings = FinishSettings(
        faces=None if options.faces == "all" else options.faces,
        texture=None if options.texture == "none" else options.texture,
        shape=options.shape,
        bake=options.bake,
    )
    arrays = _read(mesh)
    surface = Surface(vertices=arrays["vertices"], faces=arrays["faces"], colors=arrays["colors"])
    x, y, z, own_factor = arrays["placement"].tolist()
    placement = Placement(center=(x, y, z), factor=own_factor)
    pictures = None
    if "gaussians" in (options.shape, options.bake):
        pictures = SplatPictures(
            splats=read_splats(),
            placement=placement,
            renderer=renderer,
            num_threads=num_threads,
            size=picture_size(settings.texture),
        )
    finished, report = finish(surface, settings, pictures, placement=placement.scaled(factor))
    return write_glb(finished, watertight=report.watertight), report


def _fill(file: str, **arrays: NDArray[np.generic]) -> None:
    data = io.BytesIO()
    for name in sorted(arrays):
        np.save(data, np.frombuffer(name.encode(), np.uint8))
        np.save(data, arrays[name])
    fill(file, data.getvalue())


def _read(file: str) -> dict[str, NDArray[np.generic]]:
    try:
        data = io.BytesIO(Path(file).read_bytes())
    except FileNotFoundError as error:
        raise AbandonedError("the request was given up") from error
    size = len(data.getbuffer())
    arrays = {}
    while data.tell() < size:
        name = np.load(data).tobytes().decode()
        arrays[name] = np.load(data)
    return arrays
