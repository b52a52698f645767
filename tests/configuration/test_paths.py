"""Paths and empty variables: what a person writes for the configuration means what they mean."""

from pathlib import Path

import pytest

from configuration import ConfigurationError, read_configuration
from configuration.profiles import REQUIRED_FILES
from configuration.reader import DEFAULT_FILE, absolute_paths, configuration_file
from runners.handover import handover_root

EMBEDDED = {"MINER__PROFILE": "embedded", "MINER__DEVICE": "cpu"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with weights in it, in which one stands."""
    for name in (*REQUIRED_FILES, "validation/aesthetics.safetensors"):
        file = tmp_path / "mine" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("variable", ["WEIGHTS_DIR", "WEIGHTS", "MINER__WEIGHTS"])
@pytest.mark.parametrize("text", ["~/mine", "mine", "./mine/", " ~/mine\n", "{home}/mine"])
def test_weights_are_found_from_the_environment(variable: str, text: str, home: Path) -> None:
    configuration = read_configuration(DEFAULT_FILE, EMBEDDED | {variable: text.format(home=home)}, lambda: 0)
    assert Path(configuration.weights) == home / "mine"


@pytest.mark.parametrize("text", ["~/mine", "../mine"])
def test_weights_of_the_file_start_at_the_file(text: str, home: Path) -> None:
    file = home / "below/configuration.yaml"
    file.parent.mkdir()
    file.write_text(DEFAULT_FILE.read_text().replace("\nweights: auto", f"\nweights: {text}"))
    configuration = read_configuration(file, EMBEDDED, lambda: 0)
    assert Path(configuration.weights).resolve() == home / "mine"


def test_other_paths_know_the_home(home: Path) -> None:
    text = DEFAULT_FILE.read_text().replace("handover_folder: auto", "handover_folder: ~/memory")
    file = home / "configuration.yaml"
    file.write_text(text.replace("structure_flow: auto", "structure_flow: ~/distilled", 1))
    configuration = read_configuration(file, EMBEDDED | {"WEIGHTS_DIR": "mine"}, lambda: 0)
    assert handover_root(configuration.services.gateway.handover_folder) == home / "memory"
    assert configuration.image_to_3d.weights.structure_flow == f"{home}/distilled"


@pytest.mark.parametrize("text", ["~/other.yaml", "other.yaml", " other.yaml ", "{home}/other.yaml"])
def test_another_file_is_found(text: str, home: Path) -> None:
    assert (
        configuration_file({"MINER_CONFIGURATION": text.format(home=home)}).absolute() == home / "other.yaml"
    )


def test_empty_variables_override_nothing() -> None:
    names = ("WEIGHTS_DIR", "WEIGHTS", "MINER__RENDER__FPS", "MINER__WEIGHTS", "MINER__SERVICES__SHARED")
    for empty in ("", "  "):
        overridden = read_configuration(DEFAULT_FILE, EMBEDDED | dict.fromkeys(names, empty), lambda: 0)
        assert overridden == read_configuration(DEFAULT_FILE, EMBEDDED, lambda: 0)
        assert configuration_file({"MINER_CONFIGURATION": empty}) == DEFAULT_FILE


def test_an_unknown_key_is_told_though_it_is_empty() -> None:
    with pytest.raises(ConfigurationError, match="no such key"):
        read_configuration(DEFAULT_FILE, EMBEDDED | {"MINER__RENDER__SPEED": ""}, lambda: 0)


@pytest.mark.parametrize("variable", ["WEIGHTS_DIR", "MINER_CONFIGURATION", "MINER__WEIGHTS"])
def test_the_home_of_nobody_is_told(variable: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"~no-such-user.*{variable}"):
        absolute_paths({variable: "~no-such-user/x"})


def test_processes_that_stand_elsewhere_get_absolute_paths(home: Path) -> None:
    found = absolute_paths(
        {"WEIGHTS_DIR": "mine", "WEIGHTS": "random:100", "MINER__WEIGHTS": "auto", "HOME": "x"}
    )
    assert found == {"WEIGHTS_DIR": str(home / "mine")}
