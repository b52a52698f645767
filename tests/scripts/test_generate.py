"""`python -m scripts.generate` against a stand-in for the service: what is sent, written and told."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.generate import main
from tests.scripts.stand_in import Service, served

Generate = Callable[..., None]
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def service() -> Service:
    """How the stand-in answers."""
    return Service()


@pytest.fixture
def generate(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Generate]:
    """Runs the command line; what it writes lies in `out`."""
    with served(service) as port:

        def command(*arguments: str) -> None:
            options = ["--port", str(port), "--formats", "spz", "--out", str(tmp_path / "out")]
            monkeypatch.setattr(sys, "argv", ["generate", *options, *arguments])
            main()

        yield command


def written(folder: Path) -> set[str]:
    return {path.name for path in (folder / "out").iterdir()}


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("proxy", [NOBODY, "socks5://127.0.0.1:9", "nonsense://", "http://:bad", "[::1"])
@pytest.mark.parametrize("exempt", ["", "[::1]", "*,10.0.0.0/8"])
def test_no_proxy_stands_between_it_and_a_service_on_this_machine(
    variable: str,
    proxy: str,
    exempt: str,
    generate: Generate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, proxy)
    monkeypatch.setenv("NO_PROXY", exempt)
    generate("pink bicycle")
    assert written(tmp_path) == {"pink-bicycle.spz"}


@pytest.mark.parametrize(
    "prompts",
    [
        ("红色的自行车", "синий стул"),
        ("Chair", "chair", "chair!"),
        ("a " * 100 + "chair", "a " * 100 + "table"),
        ("🚲", "🚗", "?", "!"),
    ],
)
def test_other_prompts_are_other_files(prompts: tuple[str, ...], generate: Generate, tmp_path: Path) -> None:
    for prompt in prompts:
        generate(prompt)
    assert len({name.casefold() for name in written(tmp_path)}) == len(prompts)


def test_another_seed_is_another_file(generate: Generate, service: Service, tmp_path: Path) -> None:
    for seed in ("7", "8"):
        service.seed = seed
        generate("chair", "--seed", seed)
    assert written(tmp_path) == {"chair.spz", "chair-seed-8.spz"}


def test_the_same_again_is_one_file(
    generate: Generate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate("chair")
    generate("chair")
    assert written(tmp_path) == {"chair.spz"}
    assert "there already" in capsys.readouterr().out


def test_files_are_written_over_where_one_asks_for_it(
    generate: Generate, service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate("chair")
    service.body = b"new"
    generate("chair", "--replace")
    assert (tmp_path / "out/chair.spz").read_bytes() == b"new"
    assert "replaced" in capsys.readouterr().out


def test_what_was_made_is_kept_when_its_picture_cannot_be(
    generate: Generate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(ply: bytes) -> bytes:
        raise MemoryError

    monkeypatch.setattr("scripts.generate.contact_sheet", fail)
    with pytest.raises(MemoryError):
        generate("chair", "--formats", "ply")
    assert written(tmp_path) == {"chair.ply"}


def test_a_prompt_that_looks_like_an_option_is_sent(generate: Generate, service: Service) -> None:
    generate("--", "--serve")
    assert service.asked[0]["prompt"] == ["--serve"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["chair", "--port", "abc"], "'abc' is not a whole number from 1 to 65535"),
        (["chair", "--port", "70000"], "70000 is not a whole number from 1 to 65535"),
        (["chair", "--out", "{file}"], "cannot write to {file}"),
        (["chair", "--out", "{file}/below"], "cannot write to {file}/below"),
        (["chair", "--out", "/proc/none"], "cannot write to /proc/none"),
        (["chair", "--out", "~no-such-user/out"], "no home folder of ~no-such-user is known"),
        (["chair", "--out", ""], "a path is missing"),
        (["chair", "--formats", "ply,obj"], "'obj': not one of ply, spz, sog, "),
        (["chair", "--formats", ""], "'': not one of"),
        (["chair", "--seed", "-2"], "-2 is not a whole number from -1 to"),
        (["chair", "--attempts", "0"], "0 is not a whole number from 1"),
        ([" "], "the prompt is empty"),
        (["\udcff"], "the prompt is not UTF-8"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(
    arguments: list[str],
    complaint: str,
    generate: Generate,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SystemExit) as ended:
        generate(*[argument.format(file=file) for argument in arguments])
    assert ended.value.code == 2
    assert complaint.format(file=file) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "seed", "code"),
    [(204, "7", 3), (200, None, "names no seed"), (503, "7", "answered 503"), (404, None, "answered 404")],
)
def test_other_answers_are_told(
    status: int, seed: str | None, code: int | str, generate: Generate, service: Service
) -> None:
    service.status, service.seed = status, seed
    with pytest.raises(SystemExit) as ended:
        generate("chair")
    assert ended.value.code == code if isinstance(code, int) else code in str(ended.value.code)


def test_several_formats_that_do_not_come_as_a_zip_are_told(generate: Generate) -> None:
    with pytest.raises(SystemExit, match="not a ZIP of glb, spz"):
        generate("chair", "--formats", "glb,spz")


def test_an_absent_service_is_told(generate: Generate) -> None:
    with pytest.raises(SystemExit, match="no service at"):
        generate("chair", "--port", "9")
