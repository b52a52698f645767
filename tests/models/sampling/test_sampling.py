"""Samplers against closed forms."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from models.sampling import MultiImage, SamplerSettings, request_generator, sample, schedule, stacked_noise


class ConstantField:
    """A velocity per image, and the guidance calls that were made."""

    def __init__(self, velocities: Sequence[float], unconditional: float = 0.0) -> None:
        self.velocities, self.unconditional = velocities, unconditional
        self.guided_steps: list[int] = []
        self.images: list[int] = []

    @property
    def num_images(self) -> int:
        return len(self.velocities)

    def conditional(self, x: Tensor, step: int, image: int) -> Tensor:
        self.images.append(image)
        return torch.full_like(x, self.velocities[image])

    def guided(self, x: Tensor, step: int, image: int) -> tuple[Tensor, Tensor]:
        self.guided_steps.append(step)
        return self.conditional(x, step, image), torch.full_like(x, self.unconditional)


@pytest.mark.parametrize("rescale_t", [1.0, 3.0])
@pytest.mark.parametrize("steps", [1, 7])
def test_a_constant_velocity_is_integrated_exactly(steps: int, rescale_t: float) -> None:
    x = sample(ConstantField([2.5]), torch.zeros(3), SamplerSettings(steps=steps, rescale_t=rescale_t))
    torch.testing.assert_close(x, torch.full((3,), -2.5))


def test_a_smaller_deviation_shrinks_the_noise_and_nothing_else() -> None:
    noise = torch.tensor([1.0, -2.0, 3.0])
    x = sample(ConstantField([2.5]), noise, SamplerSettings(steps=3, noise_scale=0.5))
    torch.testing.assert_close(x, 0.5 * noise - 2.5)
    plain = sample(ConstantField([2.5]), noise, SamplerSettings(steps=3))
    torch.testing.assert_close(plain, noise - 2.5)


def test_times_are_warped_towards_the_noise() -> None:
    steps = schedule(SamplerSettings(steps=4, rescale_t=3))
    assert [step.time for step in steps] == pytest.approx([1, 0.9, 0.75, 0.5])
    assert steps[-1].next_time == 0


def test_guidance_acts_inside_its_interval_only() -> None:
    field = ConstantField([1.0], unconditional=0.5)
    settings = SamplerSettings(steps=4, cfg_strength=2, cfg_interval=(0.5, 1))
    x = sample(field, torch.zeros(1), settings)
    assert field.guided_steps == [0, 1, 2]  # times 1, 0.75, 0.5, and not 0.25
    torch.testing.assert_close(x, torch.tensor([-(0.75 * (3 * 1.0 - 2 * 0.5) + 0.25 * 1.0)]))


def test_without_strength_the_unconditional_branch_is_not_evaluated() -> None:
    field = ConstantField([1.0])
    sample(field, torch.zeros(1), SamplerSettings(steps=3))
    assert field.guided_steps == []


def test_stochastic_images_take_turns() -> None:
    field = ConstantField([1.0, 2.0, 4.0])
    x = sample(field, torch.zeros(1), SamplerSettings(steps=4), MultiImage.STOCHASTIC)
    assert field.images == [0, 1, 2, 0]
    torch.testing.assert_close(x, torch.tensor([-2.0]))


def test_multidiffusion_averages_the_images_and_guides_once() -> None:
    field = ConstantField([1.0, 2.0, 6.0], unconditional=1.0)
    x = sample(field, torch.zeros(1), SamplerSettings(steps=2, cfg_strength=1), MultiImage.MULTIDIFFUSION)
    assert field.guided_steps == [0, 1]
    torch.testing.assert_close(x, torch.tensor([-(2 * 3.0 - 1.0)]))


def test_noise_belongs_to_the_request_and_not_to_its_place_in_a_batch() -> None:
    device = torch.device("cpu")
    alone = stacked_noise([request_generator(7)], (2, 3), device)
    together = stacked_noise([request_generator(5), request_generator(7)], (2, 3), device)
    assert torch.equal(alone[0], together[1])
    assert not torch.equal(together[0], together[1])


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"steps": 2, "rescale_t": 0.0},
        {"steps": 2, "noise_scale": 0.0},
        {"steps": 2, "cfg_interval": (0.8, 0.2)},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="required"):
        SamplerSettings(**wrong)  # type: ignore[arg-type]
