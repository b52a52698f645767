"""Whether the published models fit the GPU's memory as they are arranged, before anything is loaded.

The figures are lower bounds: weights follow from their precision, work was measured with recorded kernels
(benchmarks/reports/memory_*.md) and is rounded down. So what is refused here cannot work; what is not may
still be tight.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from configuration.leaves import ConfigurationError
from configuration.schema import Configuration
from configuration.stages import NAMES, StageName, entry_of

GIB = 2**30
BILLION = 1e9
# Billions of weights: the transformer, the large text encoder.
TEXT_TO_IMAGE: Mapping[str, tuple[float, float]] = {
    "flux1-schnell": (11.9, 4.76),
    "flux2-klein-4b": (3.8, 4.0),
}
BITS: Mapping[str, float] = {
    "float32": 32,
    "bfloat16": 16,
    "fp8": 8,
    "nf4": 4.25,
}
SMALL_MODEL = 1.0  # of image_to_3d, whose flows rest in host memory
UNRECORDED = 0.5  # of the work, which recorded kernels keep memory for


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """GiB that a process takes at least: its weights, and the work of its stages."""

    stages: tuple[StageName, ...]
    weights: float
    work: float

    @property
    def total(self) -> float:
        return self.weights + self.work


def check_fit(configuration: Configuration, gpu_bytes: int) -> None:
    """Refuses an arrangement of published models that the GPU, or a process's limit, cannot hold.

    Args:
        configuration: Complete.
        gpu_bytes: Memory of the largest GPU.

    Raises:
        ConfigurationError: One sentence with the keys and the figures.
    """
    if configuration.device != "cuda" or configuration.profile == "embedded":
        return
    services = configuration.services
    limit, needs = services.memory_limit_gib, _processes(configuration)
    largest = max(needs, key=lambda need: need.total)
    if limit and largest.total > limit:
        raise ConfigurationError(
            f"services.memory_limit_gib: {limit:g} GiB cannot hold {_named(configuration, largest)}"
        )
    total = sum(need.total * _workers(configuration, need) for need in needs)
    if total > gpu_bytes / GIB:
        shown = "; ".join(_named(configuration, need) for need in needs)
        raise ConfigurationError(
            f"services.shared, turns, workers: the GPU's {gpu_bytes / GIB:.1f} GiB cannot hold {shown}"
        )


def _processes(configuration: Configuration) -> list[Need]:
    shared = configuration.services.shared
    alone = [(stage,) for stage in NAMES if stage not in shared]
    return [_need(configuration, stages) for stages in ([tuple(shared)] if shared else []) + alone]


def _need(configuration: Configuration, stages: Sequence[StageName]) -> Need:
    work = [_work(configuration, stage) for stage in stages]
    in_turns = configuration.services.turns and len(stages) > 1
    weights = sum(_weights(configuration, stage) for stage in stages)
    return Need(stages=tuple(stages), weights=weights, work=max(work) if in_turns else sum(work))


def _weights(configuration: Configuration, stage: StageName) -> float:
    if stage == "text_to_image":
        return _text_to_image_weights(configuration)
    if stage == "image_to_3d" and configuration.image_to_3d.small_model:
        return SMALL_MODEL
    return entry_of(stage).weights_gib


def _text_to_image_weights(configuration: Configuration) -> float:
    options = configuration.text_to_image
    schemes = options.transformer_quantization, options.text_encoder_quantization
    bits = [BITS[options.precision if scheme == "none" else scheme] for scheme in schemes]
    counts = TEXT_TO_IMAGE[options.backend]
    return sum(count * BILLION * size / 8 for count, size in zip(counts, bits, strict=True)) / GIB


def _work(configuration: Configuration, stage: StageName) -> float:
    if stage == "image_to_3d" and configuration.image_to_3d.small_model:
        return SMALL_MODEL
    options = getattr(configuration, stage, None)
    recorded = getattr(options, "fast_paths", True)  # a stage without that key has nothing to record
    return entry_of(stage).work_gib * (1.0 if recorded else UNRECORDED)


def _workers(configuration: Configuration, need: Need) -> int:
    return configuration.services.of(need.stages[0]).workers


def _named(configuration: Configuration, need: Need) -> str:
    """A process's stages, what they need, and why so much."""
    figures = f"at least {need.total:.1f} GiB ({need.weights:.1f} of weights, {need.work:.1f} in work"
    several = len(need.stages) > 1
    reason = f" with services.turns: {str(configuration.services.turns).lower()}" if several else ""
    times = f", {workers} workers" if (workers := _workers(configuration, need)) > 1 else ""
    return f"{' + '.join(need.stages)}: {figures}{reason}{times})"
