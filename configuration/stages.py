"""THE table of stages: whoever needs all of them, or a trait of one, asks here.

Each stage is a BentoML service of its own, or shares a process (`services.shared`). What it runs is named as
`module:Name` and looked up by `runners.stages`, because this layer imports no runner. The order is that of a
request. CONTRIBUTING.md says how a stage is added.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One kind of work of a stage: a type of jobs, and the one method that takes them.

    Attributes:
        job: What travels to it, a `runners.jobs.Job`.
        result: What comes back, a `runners.jobs.Result`.
        method: Of the runner; it makes a list of `result` of a list of `job`.
        overlaps: The next batch may begin while the last one is finished, if the section's `overlap` says so.
    """

    job: str
    result: str
    method: str = "generate"
    overlaps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEntry:
    """What holds for one stage.

    Attributes:
        name: Of its sections in `configuration.yaml`, of its service and in `Server-Timing`.
        runner: The BentoML service.
        operations: What it does.
        weights: Its folder inside the weights folder; None if it loads none.
        files: What a folder of weights must hold, as patterns inside `weights`; `a|b` is one of both.
        weights_gib: GiB that they take in half precision; for stages whose options decide, see `fitting`.
        work_gib: GiB that its work takes beside them on a GPU, with recorded kernels.
        makes_plys: No PLY can be made without it; of the others only further formats have need.
        fills_gpu: Its kernels come after those of other stages that have a stream beside it.
        imports: Modules that take long to import; a process that holds several stages reads them ahead.
        works_beside: It does not take turns with the other stages of a shared process.
    """

    name: str
    runner: str
    operations: tuple[Operation, ...]
    weights: str | None = None
    files: tuple[str, ...] = ()
    weights_gib: float = 0.0
    work_gib: float = 0.0
    makes_plys: bool = True
    fills_gpu: bool = False
    imports: tuple[str, ...] = ()
    works_beside: bool = False


STAGES = (
    StageEntry(
        name="text_to_image",
        runner="runners.text_to_image:TextToImageRunner",
        operations=(Operation(job="runners.messages:ImageJob", result="runners.messages:ImageResult"),),
        weights="text_to_image",
        files=("model_index.json",),
        work_gib=1.4,
    ),
    StageEntry(
        name="matting",
        runner="runners.matting:MattingRunner",
        operations=(Operation(job="runners.messages:MatteJob", result="runners.messages:MatteResult"),),
        weights="matte",
        weights_gib=0.08,
        work_gib=0.4,
    ),
    StageEntry(
        name="image_to_3d",
        runner="runners.image_to_3d:ImageTo3DRunner",
        operations=(
            Operation(job="runners.messages:SplatJob", result="runners.messages:SplatResult", overlaps=True),
            Operation(
                job="runners.messages:MeshJob", result="runners.messages:MeshResult", method="decode_mesh"
            ),
        ),
        weights="image_to_3d",
        files=("pipeline.json", "image_cond_model/config.json"),
        weights_gib=3.0,
        work_gib=2.5,
        fills_gpu=True,
    ),
    StageEntry(
        name="validation",
        runner="runners.validation:ValidationRunner",
        operations=(Operation(job="runners.messages:JudgeJob", result="runners.messages:JudgeResult"),),
        weights="validation",
        files=("clip/open_clip_config.json", "*.safetensors|*.pth"),
        weights_gib=0.8,
        work_gib=1.3,
        imports=("validation.scorer", "rendering.renderer"),
    ),
    StageEntry(
        name="finishing",
        runner="runners.finishing:FinishingRunner",
        operations=(
            Operation(
                job="runners.messages:SplatFileJob", result="runners.messages:FileResult", method="write"
            ),
            Operation(job="runners.messages:FilmJob", result="runners.messages:FileResult", method="film"),
            Operation(job="runners.messages:ViewJob", result="runners.messages:FileResult", method="draw"),
            Operation(job="runners.messages:GlbJob", result="runners.messages:GlbResult", method="make_glb"),
        ),
        work_gib=0.6,
        makes_plys=False,
        works_beside=True,
    ),
)
NAMES = tuple(stage.name for stage in STAGES)
WEIGHTS_FOLDERS = tuple(stage.weights for stage in STAGES if stage.weights is not None)

if TYPE_CHECKING:
    StageName = str
else:  # what the reader accepts, and lists in its message, is this table
    StageName = Literal[NAMES]


def entry_of(name: StageName) -> StageEntry:
    """A stage's line in the table.

    Raises:
        KeyError: There is no such stage.
    """
    for stage in STAGES:
        if stage.name == name:
            return stage
    raise KeyError(f"no stage is called {name!r}: there are {', '.join(NAMES)}")


def required_files() -> tuple[tuple[str, ...], ...]:
    """Patterns in a weights folder, of each group of which something must be there."""
    groups: list[tuple[str, ...]] = []
    for stage in STAGES:
        if stage.weights is not None:
            inside = [file.split("|") for file in stage.files]
            groups += [tuple(f"{stage.weights}/{one}" for one in group) for group in inside]
            groups += [] if inside else [(stage.weights,)]
    return tuple(groups)
