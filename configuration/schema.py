"""The types and bounds of `configuration.yaml`; what each key means is written in that file.

Where the file says `auto`, the profile's preset has taken its place before these types see it; only `Auto`
types still hold it, and are resolved against the machine.
"""

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from configuration.bounds import MAX_VIDEO_PIXELS, MIN_VIDEO_PIXELS
from configuration.stages import NAMES, StageName

STRICT = ConfigDict(extra="forbid")

T = TypeVar("T")

Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True)]
Text = Annotated[str, Field(strict=True)]

Profile = Literal["embedded", "24gb", "80gb"]
Auto = Literal["auto"]
Precision = Literal["float32", "float16", "bfloat16"]

RANDOM = "random"  # in place of a weights folder

Seconds = Annotated[Number, Field(gt=0, le=3600)]
Steps = Annotated[Whole, Field(ge=1, le=100)]
Workers = Annotated[Whole, Field(ge=1, le=16)]
Fraction = Annotated[Number, Field(ge=0, le=1)]
Origin = Annotated[str, Field(strict=True, pattern=r"^(\*|null|https?://[^\s/?#@*A-Z]+)$")]
Pixels = Annotated[Whole, Field(ge=MIN_VIDEO_PIXELS, le=MAX_VIDEO_PIXELS)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class HttpOptions:
    """Where the gateway listens, and how long it waits for its clients."""

    host: Text
    port: Annotated[Whole, Field(ge=1, le=65535)]
    head_seconds: Seconds
    body_seconds: Seconds
    send_stall_seconds: Seconds
    idle_seconds: Seconds
    connections: Annotated[Whole, Field(ge=8, le=65535)]
    cors_origins: tuple[Origin, ...]
    access_log: bool


@dataclass(frozen=True, kw_only=True, config=STRICT)
class GatewayOptions:
    """The process that speaks HTTP."""

    workers: Workers
    concurrency: Annotated[Whole, Field(ge=1, le=1024)]
    deadline_seconds: Seconds
    video_deadline_seconds: Seconds
    retry_after_seconds: Annotated[Whole, Field(ge=1, le=600)]
    max_body_bytes: Annotated[Whole, Field(ge=4096, le=2**30)]
    max_upload_bytes: Annotated[Whole, Field(ge=4096, le=100 * 2**20)]
    handover_folder: Text
    handover: Literal["files", "inline", "auto"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RunnerOptions:
    """One model process."""

    workers: Workers
    threads: Annotated[Whole, Field(ge=1, le=256)] | Auto
    niceness: Annotated[Whole, Field(ge=0, le=19)]
    timeout_seconds: Seconds
    concurrency: Annotated[Whole, Field(ge=1, le=1024)]
    max_batch_size: Annotated[Whole, Field(ge=2, le=64)]
    max_latency_ms: Annotated[Whole, Field(ge=100, le=3_600_000)]

    @property
    def most_in_flight(self) -> int:
        """What `concurrency` may be: of each process a batch in work, and one that gathers meanwhile."""
        return 2 * self.max_batch_size * self.workers


def _with_runners(services: type[T]) -> type[T]:
    """Adds a section for each stage of the table."""
    services.__annotations__ |= dict.fromkeys(NAMES, RunnerOptions)
    return services


@dataclass(frozen=True, kw_only=True, config=STRICT)
@_with_runners
class ServicesOptions:
    """Every process of the service; a stage's is an attribute of its name, see `of`."""

    http: HttpOptions
    gateway: GatewayOptions
    shared: tuple[StageName, ...]
    turns: bool
    memory_limit_gib: Annotated[Number, Field(ge=0, le=1024)]

    def of(self, stage: StageName) -> RunnerOptions:
        """The options of the process that runs a stage."""
        options: RunnerOptions = getattr(self, stage)
        return options

    def takes_turns(self, stage: StageName) -> bool:
        """Whether a stage waits until no other one works in its process."""
        return self.turns and stage in self.shared


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PictureOptions:
    """What a picture that a client sends may have."""

    max_bytes: Annotated[Whole, Field(ge=1024, le=2**28)]
    max_pixels: Annotated[Whole, Field(ge=4096, le=64_000_000)]
    max_ratio: Annotated[Number, Field(ge=1, le=1000)]
    max_frames: Annotated[Whole, Field(ge=1, le=10_000)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TextToImageOptions:
    """Prompt to image."""

    steps: Steps
    resolution: Annotated[Whole, Field(ge=64, le=2048, multiple_of=16)]
    guidance: Annotated[Number, Field(ge=0, le=20)]
    max_sequence_length: Annotated[Whole, Field(ge=8, le=512)]
    backend: Literal["flux1-schnell", "flux2-klein-4b"]
    precision: Literal["float32", "bfloat16"]  # T5 overflows in float16
    transformer_quantization: Literal["none", "fp8", "nf4"]
    text_encoder_quantization: Literal["none", "fp8", "nf4"]
    vae_slicing: bool
    fast_paths: bool


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MattingOptions:
    """Image to cut-out object."""

    network: Text
    precision: Precision
    fast_paths: bool


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SamplerOptions:
    """One rectified flow's sampler."""

    steps: Steps
    cfg_strength: Annotated[Number, Field(ge=0, le=20)]
    cfg_interval: tuple[Fraction, Fraction]
    rescale_t: Annotated[Number, Field(gt=0, le=20)]
    noise_scale: Annotated[Number, Field(gt=0, le=2)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class StageOptions:
    """Both flows of one mode."""

    structure: SamplerOptions
    latents: SamplerOptions


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ImageTo3DWeights:
    """Files that take the place of those `pipeline.json` names."""

    structure_flow: Text
    structure_decoder: Text
    latent_flow: Text
    gaussian_decoder: Text
    mesh_decoder: Text

    @property
    def overrides(self) -> dict[str, Path]:
        """Published role to path, for those that are set."""
        named = {
            "sparse_structure_flow_model": self.structure_flow,
            "sparse_structure_decoder": self.structure_decoder,
            "slat_flow_model": self.latent_flow,
            "slat_decoder_gs": self.gaussian_decoder,
            "slat_decoder_mesh": self.mesh_decoder,
        }
        return {role: Path(path) for role, path in named.items() if path != "auto"}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ImageTo3DOptions:
    """Image to splats."""

    mode: Literal["fast", "quality"]
    precision: Precision
    encoder_precision: Precision
    small_model: bool
    overlap: bool
    fast_paths: bool
    recorded_voxels: Annotated[Whole, Field(ge=1, le=40_960)]
    max_voxels: Annotated[Whole, Field(ge=1, le=64**3)]
    weights: ImageTo3DWeights
    fast: StageOptions
    quality: StageOptions

    @property
    def stages(self) -> StageOptions:
        """The samplers of the chosen mode."""
        return self.fast if self.mode == "fast" else self.quality


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ValidationOptions:
    """What a result must reach; otherwise it is made again, then rejected."""

    scorer: Literal["clip_laion", "subnet"]
    view_set: Literal["orbit", "validator"]
    total: Annotated[Number, Field(ge=0, le=1)]
    alignment: Annotated[Number, Field(ge=-1, le=1)]
    aesthetics: Annotated[Number, Field(ge=-10, le=10)]
    similarity: Annotated[Number, Field(ge=-1, le=1)]
    min_splats: Annotated[Whole, Field(ge=0, le=10_000_000)]
    max_retries: Annotated[Whole, Field(ge=0, le=5)]
    retry_below: Annotated[Number, Field(ge=-1, le=1)]
    views: Annotated[Whole, Field(ge=1, le=32)]
    view_size: Annotated[Whole, Field(ge=64, le=1024)]
    precision: Precision
    fast_paths: bool


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CameraOptions:
    """The turntable's camera."""

    radius: Annotated[Number, Field(gt=0, le=100)]
    fov_y_degrees: Annotated[Number, Field(gt=1, lt=170)]
    elevation_degrees: Annotated[Number, Field(ge=-89, le=89)]
    azimuth_degrees: Annotated[Number, Field(ge=-360, le=360)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RenderOptions:
    """The video."""

    preset: Literal["orbit", "upstream"]
    fps: Annotated[Whole, Field(ge=1, le=120)]
    seconds: Annotated[Number, Field(gt=0, le=60)]
    resolution: Pixels
    camera: CameraOptions


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MeshOptions:
    """The GLB."""

    faces: Annotated[Whole, Field(ge=100, le=1_000_000)] | Literal["all"]
    texture: Annotated[Whole, Field(ge=256, le=4096)] | Literal["none"]
    shape: Literal["decoder", "gaussians"]
    bake: Literal["decoder", "gaussians"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Configuration:
    """The whole file, with every `auto` of a preset filled in."""

    profile: Profile
    profile_reason: Text
    device: Literal["cpu", "cuda"]
    weights: Text
    frame: Literal["validator", "standard"]
    services: ServicesOptions
    pictures: PictureOptions
    text_to_image: TextToImageOptions
    matting: MattingOptions
    image_to_3d: ImageTo3DOptions
    validation: ValidationOptions
    render: RenderOptions
    mesh: MeshOptions

    @property
    def random_weights(self) -> bool:
        """Whether the weights are drawn from a seed; for benchmarks."""
        return self.weights.partition(":")[0] == RANDOM
