"""Arrangements of the published models that no GPU's memory can hold are refused before the start."""

import pytest

from command_line.places import ROOT
from configuration import ConfigurationError, read_configuration
from configuration.profiles import GIB

FILE = ROOT / "configuration.yaml"
H200 = 140.0


def start(gpu_gib: float, profile: str, **keys: str) -> None:
    environment = {f"MINER__{key.upper()}": value for key, value in keys.items()}
    environment |= {"WEIGHTS": "random", "MINER__PROFILE": profile}
    read_configuration(FILE, environment, lambda: int(gpu_gib * GIB))


@pytest.mark.parametrize(
    ("gpu_gib", "profile", "keys"),
    [
        (24.0, "24gb", {}),
        (48.0, "80gb", {}),
        (H200, "24gb", {"services__turns": "false", "services__memory_limit_gib": "0.0"}),  # measured: works
        (
            H200,
            "24gb",
            {"text_to_image__text_encoder_quantization": "fp8", "services__memory_limit_gib": "0.0"},
        ),
        (H200, "80gb", {"services__image_to_3d__workers": "2", "services__shared": "[]"}),
    ],
)
def test_what_was_measured_to_work_may_start(gpu_gib: float, profile: str, keys: dict[str, str]) -> None:
    start(gpu_gib, profile, **keys)


@pytest.mark.parametrize(
    ("gpu_gib", "profile", "keys", "said"),
    [
        (H200, "24gb", {"services__turns": "false"}, ["memory_limit_gib: 21.4", "services.turns: false"]),
        (24.0, "24gb", {"services__turns": "false"}, ["memory_limit_gib: 21.4", "services.turns: false"]),
        (24.0, "24gb", {"services__memory_limit_gib": "12.0"}, ["memory_limit_gib: 12", "turns: true"]),
        (H200, "80gb", {"services__memory_limit_gib": "21.4"}, ["memory_limit_gib: 21.4", "text_to_image"]),
        (48.0, "80gb", {"services__text_to_image__workers": "2"}, ["48.0 GiB cannot hold", "2 workers"]),
    ],
)
def test_what_cannot_fit_is_refused_in_one_sentence(
    gpu_gib: float, profile: str, keys: dict[str, str], said: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        start(gpu_gib, profile, **keys)
    sentence = str(raised.value)
    assert all(part in sentence for part in said), sentence
    assert "\n" not in sentence
