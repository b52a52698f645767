"""How each runner's model is made from the configuration: the one place where runners meet models.

A test puts other functions into `MAKERS` before the runners start; they never ask who made their model.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from configuration import Configuration
from configuration.schema import ValidationOptions
from configuration.stages import StageName, entry_of
from runners.process import graph_recorder
from runners.weights import stage_weights

if TYPE_CHECKING:
    from models.fast.flux.acceleration import ImageSwitches
    from models.fast.plan import Switches
    from models.image.text_to_image import TextToImage
    from models.matte import MatteCutter
    from models.trellis.image_to_3d import ImageTo3D
    from rendering.view_sets import ViewSet
    from validation.scorers import ViewScorer

Maker = Callable[[Configuration, str], Any]  # of the configuration and the device that the process has
M = TypeVar("M", bound=Maker)
MAKERS: dict[StageName, Maker] = {}


def makes(stage: StageName) -> Callable[[M], M]:
    """Has a function make the model of a stage; it stands here, or in the stage's own runner.

    Raises:
        KeyError: The table has no such stage.
    """
    name = entry_of(stage).name

    def registered(maker: M) -> M:
        MAKERS[name] = maker
        return maker

    return registered


def image_plan(configuration: Configuration) -> "ImageSwitches | None":
    """Fast paths of the image's networks; None if none are configured."""
    if not configuration.text_to_image.fast_paths:
        return None
    import torch

    from models.fast.flux.acceleration import ImageSwitches

    return ImageSwitches.for_device(torch.device(configuration.device))


def splat_plan(configuration: Configuration) -> "Switches | None":
    """Fast paths of the 3D networks; None if none are configured."""
    settings = configuration.image_to_3d
    if not settings.fast_paths:
        return None
    import torch

    from models.fast.plan import Switches

    device = torch.device(configuration.device)
    return Switches.for_device(
        device, graphs=not settings.small_model, recorded_voxels=settings.recorded_voxels
    )


@makes("text_to_image")
def make_text_to_image(configuration: Configuration, device: str) -> "TextToImage":
    """The text encoders, the image flow and its decoder."""
    import torch

    from models.fast.quantization import scheme_named
    from models.image.text_to_image import TextToImage

    settings, plan = configuration.text_to_image, image_plan(configuration)
    model = TextToImage.load(
        stage_weights(configuration, "text_to_image"),
        device=torch.device(device),
        dtype=getattr(torch, settings.precision),
        transformer_scheme=scheme_named(settings.transformer_quantization),
        text_encoder_scheme=scheme_named(settings.text_encoder_quantization),
        vae_slicing=settings.vae_slicing,
        backend=settings.backend,
    )
    if plan is None:
        return model
    from models.fast.flux.acceleration import accelerate

    return accelerate(model, plan, graph_recorder(configuration, "text_to_image", fast_paths=True))


@makes("matting")
def make_matting(configuration: Configuration, device: str) -> "MatteCutter":
    """The background removal."""
    import torch

    from models.matte import MatteCutter

    settings = configuration.matting
    cutter = MatteCutter.load(
        stage_weights(configuration, "matting"),
        device=torch.device(device),
        dtype=getattr(torch, settings.precision),
        network=settings.network,
    )
    recorder = graph_recorder(configuration, "matting", fast_paths=settings.fast_paths)
    if recorder is None:
        return cutter
    from models.fast.matte import recorded_matte

    return MatteCutter(recorded_matte(cutter.network, recorder))


@makes("image_to_3d")
def make_image_to_3d(configuration: Configuration, device: str) -> "ImageTo3D":
    """The image encoder, both flows, the Gaussian decoder and, once wanted, the mesh decoder."""
    import torch

    from models.trellis.image_to_3d import ImageTo3D
    from models.trellis.networks import load_networks

    settings, plan = configuration.image_to_3d, splat_plan(configuration)
    networks = load_networks(
        stage_weights(configuration, "image_to_3d"),
        device=torch.device(device),
        dtype=getattr(torch, settings.precision),
        encoder_dtype=getattr(torch, settings.encoder_precision),
        overrides=settings.weights.overrides,
    )
    if plan is not None:
        from models.fast.trellis.networks import accelerate

        recorder = graph_recorder(configuration, "image_to_3d", fast_paths=True)
        networks = accelerate(networks, plan, recorder)
    if settings.small_model:
        from models.fast.residency import with_resting_flows

        networks = with_resting_flows(networks)
    return ImageTo3D(networks, max_voxels=settings.max_voxels)


@makes("validation")
def make_validation(configuration: Configuration, device: str) -> "ViewScorer":
    """The scorer that the configuration names."""
    import torch

    from validation.clip import ClipTowers, unchanged
    from validation.scorers import load_scorer

    settings = configuration.validation
    recorder = graph_recorder(configuration, "validation", fast_paths=settings.fast_paths)

    def replayed(towers: ClipTowers) -> ClipTowers:
        from models.fast.recorded import recorded

        assert recorder is not None
        return towers.with_towers(lambda tower, name: recorded(tower, recorder, name))

    return load_scorer(
        settings.scorer,
        stage_weights(configuration, "validation"),
        device=torch.device(device),
        dtype=getattr(torch, settings.precision),
        faster=unchanged if recorder is None else replayed,
    )


def view_set(options: ValidationOptions) -> "ViewSet":
    """The views that the scorer looks at."""
    from rendering.view_sets import orbit_views, validator_views

    if options.view_set == "validator":
        return validator_views()
    return orbit_views(options.views, size=options.view_size)
