"""The pipeline on recorded weights and a tiny random image encoder."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

from command_line.places import ROOT
from models.clock import StageClock
from models.errors import EmptyMatteError, EmptyStructureError, WeightsError
from models.fast.plan import Switches
from models.fast.trellis.networks import accelerate
from models.gaussians.gaussians import Gaussians
from models.trellis.image_to_3d import ImageTo3D, Made, SamplerSettings

SETTINGS = SamplerSettings(steps=2, cfg_strength=3, cfg_interval=(0.5, 1), rescale_t=3)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> ImageTo3D:
    folder = tmp_path_factory.mktemp("image_cond_model")
    torch.manual_seed(0)
    config = Dinov2WithRegistersConfig(
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=42,
        patch_size=14,
        num_register_tokens=4,
    )
    Dinov2WithRegistersModel(config).save_pretrained(folder)
    goldens = ROOT / "tests/goldens/pipeline"
    return ImageTo3D.load(goldens, device="cpu", image_encoder=folder)


def picture(seed: int, alpha: int = 255) -> np.ndarray:
    image = np.random.default_rng(seed).integers(0, 255, (50, 70, 4), dtype=np.uint8)
    image[..., 3] = 0
    image[10:40, 20:50, 3] = alpha
    return image


def generate(pipeline: ImageTo3D, images: list[np.ndarray], seeds: list[int]) -> list[object]:
    made = pipeline.generate(images, seeds, structure=SETTINGS, latents=SETTINGS)
    return [one.gaussians if isinstance(one, Made) else one for one in made]


def test_recorded_steps_are_prepared_as_far_as_they_can_be_before_the_host_waits_for_voxels(
    pipeline: ImageTo3D,
) -> None:
    order, fast = list[str](), accelerate(pipeline.networks, Switches(graphs=True))

    def noted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            order.append(name)
            return function(*arguments)

        return call

    watched = replace(
        fast, occupied=noted("voxels", fast.occupied), latent_field=noted("field", fast.latent_field)
    )
    (expected,), (actual,) = (generate(model, [picture(1)], [5]) for model in (pipeline, ImageTo3D(watched)))
    assert order == ["field", "voxels"]
    assert isinstance(expected, Gaussians)
    assert isinstance(actual, Gaussians)
    torch.testing.assert_close(actual.means, expected.means, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(actual.colors, expected.colors, rtol=1e-4, atol=1e-4)


def test_accelerated_networks_leave_the_plain_ones_as_they_are(pipeline: ImageTo3D) -> None:
    before = generate(pipeline, [picture(1)], [5])[0]
    fast = ImageTo3D(accelerate(pipeline.networks, Switches.all_on()))
    generate(fast, [picture(1)], [5])
    after = generate(pipeline, [picture(1)], [5])[0]
    assert isinstance(before, Gaussians)
    assert isinstance(after, Gaussians)
    assert torch.equal(before.means, after.means)
    parameters = [list(model.networks.modules.latent_flow.parameters()) for model in (pipeline, fast)]
    assert [id(one) for one in parameters[0]] == [id(one) for one in parameters[1]]


def test_the_same_seed_and_image_give_the_same_bits(pipeline: ImageTo3D) -> None:
    first, second = (generate(pipeline, [picture(1)], [5])[0] for _ in range(2))
    assert isinstance(first, Gaussians)
    assert isinstance(second, Gaussians)
    assert torch.equal(first.means, second.means)
    assert torch.equal(first.colors, second.colors)


def test_another_seed_gives_another_object(pipeline: ImageTo3D) -> None:
    first, second = generate(pipeline, [picture(1), picture(1)], [5, 6])
    assert isinstance(first, Gaussians)
    assert isinstance(second, Gaussians)
    assert first.means.shape != second.means.shape or not torch.equal(first.means, second.means)


@pytest.mark.slow
def test_batch_mates_change_nothing_but_rounding(pipeline: ImageTo3D) -> None:
    images, seeds = [picture(1), picture(2), picture(3)], [5, 6, 7]
    together = generate(pipeline, images, seeds)
    for result, image, seed in zip(together, images, seeds, strict=True):
        alone = generate(pipeline, [image], [seed])[0]
        assert isinstance(result, Gaussians)
        assert isinstance(alone, Gaussians)
        torch.testing.assert_close(result.means, alone.means, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(result.opacities, alone.opacities, rtol=1e-4, atol=1e-5)


def test_an_item_that_fails_fails_alone(pipeline: ImageTo3D) -> None:
    empty, whole = generate(pipeline, [picture(1, alpha=100), picture(2)], [5, 6])
    assert isinstance(empty, EmptyMatteError)
    assert isinstance(whole, Gaussians)
    assert isinstance(generate(pipeline, [picture(1, alpha=0)], [1])[0], EmptyMatteError)


def test_an_object_without_voxels_fails_alone(pipeline: ImageTo3D) -> None:
    def only_the_second(logits: torch.Tensor) -> torch.Tensor:
        return torch.tensor([[1, 3, 4, 5], [1, 3, 4, 6]], dtype=torch.int32)

    model = ImageTo3D(replace(pipeline.networks, occupied=only_the_second))
    empty, whole = generate(model, [picture(1), picture(2)], [5, 6])
    assert isinstance(empty, EmptyStructureError)
    assert isinstance(whole, Gaussians)
    assert whole.num_splats == 2 * 8


def test_stages_are_timed_and_defaults_come_from_the_weights(pipeline: ImageTo3D) -> None:
    clock = StageClock(pipeline.device)
    pipeline.generate([picture(1)], [5], structure=SETTINGS, latents=SETTINGS, clock=clock)
    assert list(clock.read()) == ["preprocess", "encode_image", "structure", "latents", "gaussians"]
    assert pipeline.defaults.structure.steps == 4


def test_the_number_of_splats_is_told_for_each_object_that_gets_some(pipeline: ImageTo3D) -> None:
    told: dict[int, int] = {}
    images = [picture(1), picture(1, alpha=0), picture(2)]
    first, _, last = pipeline.generate(
        images, [5, 6, 7], structure=SETTINGS, latents=SETTINGS, on_placed=told.__setitem__
    )
    assert isinstance(first, Made)
    assert isinstance(last, Made)
    assert told == {0: first.gaussians.num_splats, 2: last.gaussians.num_splats}
    again = pipeline.decode_gaussians(last.latents.as_batch(pipeline.device))[0]
    torch.testing.assert_close(again.means, last.gaussians.means, rtol=1e-5, atol=1e-5)


def test_missing_parts_are_weights_errors(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"pipeline\.json"):
        ImageTo3D.load(tmp_path, device="cpu")
    (tmp_path / "pipeline.json").write_text('{"args": {"models": {}}}')
    with pytest.raises(WeightsError, match="lacks"):
        ImageTo3D.load(tmp_path, device="cpu")
