"""TRELLIS's networks, faster: a new value beside the plain one, of the same parameters."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

from models.conditioning.encoder import SquareImage
from models.fast.graphs import GraphRecorder
from models.fast.plan import Switches
from models.fast.recorded import recorded
from models.fast.trellis.gaussian_decoder import raw_splats
from models.fast.trellis.latent_flow import latent_fields
from models.fast.trellis.structure_flow import structure_fields
from models.gaussians.gaussians import Gaussians
from models.sampling import SamplerSettings
from models.sparse import SparseTensor
from models.trellis.networks import Condition, InUse, LatentFieldOn, Networks


def accelerate(networks: Networks, plan: Switches, recorder: GraphRecorder | None = None) -> Networks:
    """The networks as planned.

    Args:
        networks: Whose parameters are shared; with recorded kernels they must stay where they are.
        plan: What is switched on.
        recorder: Holds the recorded kernels; by default one of their own.
    """
    if plan.graphs:
        recorder = recorder or GraphRecorder(networks.device)
        networks = _with_recorded_ends(networks, plan, recorder)
    modules = networks.modules
    structure = structure_fields(modules.structure_flow, plan, recorder)
    latents = latent_fields(modules.latent_flow, plan, recorder)
    decode = raw_splats(modules.gaussian_decoder, plan, recorder)

    def structure_field(cond: Condition, settings: SamplerSettings) -> InUse:
        return nullcontext(structure(cond, settings))

    def latent_field(cond: Condition, settings: SamplerSettings) -> LatentFieldOn:
        on_grid = latents(cond, settings)
        return lambda grid: nullcontext(on_grid(grid))

    def decode_gaussians(x: SparseTensor) -> list[Gaussians]:
        return modules.gaussian_decoder.to_gaussians(decode(x), x.grid)

    return replace(
        networks,
        structure_field=structure_field,
        latent_field=latent_field,
        decode_gaussians=decode_gaussians,
    )


def _with_recorded_ends(networks: Networks, plan: Switches, recorder: GraphRecorder) -> Networks:
    """With the image encoder and the structure decoder recorded, whose inputs have one shape each."""
    encoder, encode = networks.encoder, networks.encode
    if encoder is not None:
        replayed, to_pixels = recorded(encoder, recorder, "image_encoder"), encoder.to_pixels

        def encode(images: Sequence[SquareImage]) -> Condition:
            return replayed(to_pixels(images))

    return replace(
        networks,
        encode=encode,
        structure_logits=recorded(networks.modules.structure_decoder, recorder, "structure_decoder"),
        recorded_voxels=plan.recorded_voxels,
        one_by_one=True,
    )
