"""The configuration file: what it gives, and what it refuses, naming key and place."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from command_line.places import ROOT
from configuration import Configuration, ConfigurationError, read_configuration
from configuration.bounds import MAX_VIDEO_PIXELS, MIN_VIDEO_PIXELS
from configuration.profiles import GIB, REQUIRED_FILES, choose_profile

FILE = ROOT / "configuration.yaml"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder with every required file, empty."""
    folder = tmp_path / "weights"
    fill(folder)
    return folder


def fill(folder: Path) -> None:
    for name in (*REQUIRED_FILES, "validation/aesthetics.safetensors"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def read(
    weights: Path, *, edit: tuple[str, str] | None = None, env: dict[str, str] | None = None
) -> Configuration:
    """The project's own file, with one text in it replaced and variables set."""
    text = FILE.read_text()
    if edit is not None:
        assert text.count(edit[0]) >= 1, f"{edit[0]!r} is not in the file"
        text = text.replace(*edit, 1)
    path = weights.parent / "configuration.yaml"
    path.write_text(text)
    return read_configuration(path, {"WEIGHTS_DIR": str(weights), **(env or {})}, lambda: 0)


def line_of(text: str) -> int:
    return next(n for n, line in enumerate(FILE.read_text().splitlines(), 1) if text in line)


def test_auto_takes_the_profiles_preset_and_a_value_wins(weights: Path) -> None:
    assert read(weights).render.resolution == 512
    edited = read(weights, edit=("  resolution: auto\n  # radius", "  resolution: 256\n  # radius"))
    assert edited.render.resolution == 256


def test_a_variable_overrides_the_file(weights: Path) -> None:
    configuration = read(weights, env={"MINER__RENDER__FPS": "30", "MINER__RENDER__CAMERA__RADIUS": "3"})
    assert configuration.render.fps == 30
    assert configuration.render.camera.radius == 3.0


def test_the_mode_chooses_the_samplers(weights: Path) -> None:
    options = read(weights, env={"MINER__IMAGE_TO_3D__MODE": "quality"}).image_to_3d
    assert options.stages == options.quality != options.fast


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (("fps: 24", "fps: 0"), "render.fps: .* greater .*line {fps}"),
        (("fps: 24", "fps: '24'"), "render.fps: .* integer .*line {fps}"),
        (("fps: 24", "fps: 24.5"), "render.fps: .* integer .*line {fps}"),
        (("fps: 24", "fps: true"), "render.fps: .* integer .*line {fps}"),
        (("fps: 24", "fpz: 24"), "render.fpz: no such key .*line {fps}"),
        (("texture: 1024", "unwrap_seconds: 0.0"), "mesh.unwrap_seconds: no such key .*line"),
        (
            ("  finishing: *runner", "  video: *runner"),
            "services.video.*: services.video is called .*line",
        ),
        (
            ("      finishing: {", "      video: {"),
            "presets.embedded.services.video.concurrency: .* is called services.finishing .*line",
        ),
        (("fps: 24", "seconds: 24"), "render.seconds is set twice .*line {fps}"),
        (("mode: fast", "mode: slow"), "image_to_3d.mode: .*'fast' or 'quality'"),
        (("preset: orbit", "preset: spiral"), "render.preset: .*'orbit' or 'upstream'"),
        (("frame: validator", "frame: [validator"), "not valid YAML"),
        (("frame: validator", ""), "frame: the key is missing"),
        (("fov_y_degrees: 49.1, ", ""), "render.camera.fov_y_degrees: the key is missing .*line"),
        (("presets:\n", "presets: 3\nother:\n"), "presets: must hold one section per profile"),
        (("  24gb:\n", "  48gb:\n"), "presets.48gb: no such profile .*line"),
        (
            ("{video_deadline_seconds: 120}", "{deadline: 120}"),
            "presets.embedded.services.gateway.deadline: no such key .*line",
        ),
    ],
)
def test_a_mistake_in_the_file_is_refused_with_its_line(
    weights: Path, edit: tuple[str, str], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message.format(fps=line_of("fps: 24"))):
        read(weights, edit=edit)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("MINER__RENDER__FPS", "0", "render.fps"),
        ("MINER__RENDER__FRAMES", "1", "render.frames: no such key"),
        ("MINER__MESH__UNWRAP_SECONDS", "5", "mesh.unwrap_seconds: no such key"),
        ("MINER__TEXT_TO_IMAGE__TRANSFORMER_QUANTIZATION", "int8", "quantization: .*'none', 'fp8' or 'nf4'"),
        ("MINER__SERVICES__FINISHING__CONCURRENCY", "99", "at most 2 x max_batch_size"),
        ("MINER__IMAGE_TO_3D__FAST__LATENTS__CFG_INTERVAL", "[0.5, 2]", "cfg_interval"),
        (
            "MINER__SERVICES__VIDEO__WORKERS",
            "2",
            r"services.video.workers: .* called services.finishing .*variable",
        ),
        ("MINER__SERVICES__SHARED", "[matting, video]", "services.shared.1: video is called finishing now"),
        ("MINER__PROFILE", "48gb", "profile: must be"),
        ("MINER__DEVICE", "tpu", "device: must be"),
        ("MINER__DEVICE", "cuda", "no GPU"),
    ],
)
def test_a_mistake_in_the_environment_is_refused_with_its_variable(
    weights: Path, variable: str, value: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read(weights, env={variable: value})


def test_every_key_is_documented_beside_it() -> None:
    text = FILE.read_text()
    keys = list(keys_of(yaml.compose(text), ()))
    assert len(keys) > 120
    assert [".".join(path) for path, line in keys if not is_explained(path[-1], line, text)] == []
    assert set(yaml.safe_load(text)["presets"]) == {"embedded", "24gb", "80gb"}


def keys_of(node: yaml.Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Every key with its line from 0; an alias is explained once, a preset where the file says `auto`."""
    for key, value in node.value:
        where = (*path, str(key.value))
        yield where, key.start_mark.line
        is_alias = value.start_mark.line < key.start_mark.line
        if isinstance(value, yaml.MappingNode) and not is_alias and where != ("presets",):
            yield from keys_of(value, where)


def is_explained(key: str, line: int, text: str) -> bool:
    """Whether the comment above a key is directly above it, or speaks of it by name."""
    above = text.splitlines()[: line + 1]
    own = above.pop()
    is_first = own.split(":")[0].strip() == key and above[-1:] != [] and above[-1].lstrip().startswith("#")
    while above and above[-1].strip() and not above[-1].lstrip().startswith("#"):
        above.pop()
    comment: list[str] = []
    while above and above[-1].lstrip().startswith("#"):
        comment.append(above.pop())
    return is_first or re.search(rf"\b{key}\b", "\n".join(comment)) is not None


def test_films_may_be_as_large_as_they_can_be_encoded_and_as_the_file_says() -> None:
    from export import ffmpeg

    assert (MIN_VIDEO_PIXELS, MAX_VIDEO_PIXELS) == (ffmpeg.MIN_SIZE, ffmpeg.MAX_SIZE)
    assert f"{MIN_VIDEO_PIXELS} to {MAX_VIDEO_PIXELS}" in FILE.read_text()


def test_a_key_without_its_explanation_is_found() -> None:
    text = "# Of a: one, and more of two.\na: {one: 1, three: 3}\n\nb:\n  # Four.\n  four: 4\n  five: 5\n"
    keys = keys_of(yaml.compose(text), ())
    assert [path[-1] for path, line in keys if not is_explained(path[-1], line, text)] == [
        "three",
        "b",
        "five",
    ]


def test_auto_takes_the_largest_profile_that_fits(tmp_path: Path) -> None:
    for folder in ("models/embedded", "weights/24gb"):
        fill(tmp_path / folder)
    chosen = [
        choose_profile(profile="auto", weights="auto", device="auto", base=tmp_path, gpu_bytes=gib * GIB)
        for gib in (0, 16, 24, 80)
    ]
    assert [choice.profile for choice in chosen] == ["embedded", "embedded", "24gb", "24gb"]
    assert [choice.device for choice in chosen] == ["cpu", "cuda", "cuda", "cuda"]


def test_a_profile_asked_for_by_name_must_be_able_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"24gb: no weights in weights/24gb"):
        choose_profile(profile="24gb", weights="auto", device="auto", base=tmp_path, gpu_bytes=24 * GIB)
    (tmp_path / "weights/24gb/matte").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=r"24gb: weights in weights/24gb lack .*pipeline.json"):
        choose_profile(profile="24gb", weights="auto", device="auto", base=tmp_path, gpu_bytes=24 * GIB)
    (tmp_path / "weights/24gb/matte").rmdir()
    fill(tmp_path / "weights/24gb")
    with pytest.raises(ConfigurationError, match="24gb: needs a GPU with 22 GiB"):
        choose_profile(profile="24gb", weights="auto", device="cpu", base=tmp_path, gpu_bytes=24 * GIB)
