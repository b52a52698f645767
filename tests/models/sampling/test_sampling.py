"""Samplers against closed forms."""

import pytest
import torch
from torch import Tensor

from models.conformance.multi_image import MultiImage, MultiImageField
from models.sampling import SamplerSettings, request_generator, sample, schedule, stacked_noise


class ConstantField:
    """The same velocity at every state and time."""

    def __init__(self, velocity: float, unconditional: float = 0.0) -> None:
        self.velocity = velocity
        self.unconditional = unconditional
        self.steps: list[int] = []
        self.guided_steps: list[int] = []

    def conditional(self, x: Tensor, step: int) -> Tensor:
        self.steps.append(step)
        return torch.full_like(x, self.velocity)

    def guided(self, x: Tensor, step: int) -> tuple[Tensor, Tensor]:
        self.guided_steps.append(step)
        return torch.full_like(x, self.velocity), torch.full_like(x, self.unconditional)


@pytest.mark.parametrize("rescale_t", [1.0, 3.0])
@pytest.mark.parametrize("steps", [1, 7])
def test_a_constant_velocity_is_integrated_exactly(steps: int, rescale_t: float) -> None:
    x = sample(ConstantField(2.5), torch.zeros(3), SamplerSettings(steps=steps, rescale_t=rescale_t))
    torch.testing.assert_close(x, torch.full((3,), -2.5))


def test_a_smaller_deviation_shrinks_the_noise_and_nothing_else() -> None:
    noise = torch.tensor([1.0, -2.0, 3.0])
    x = sample(ConstantField(2.5), noise, SamplerSettings(steps=3, noise_scale=0.5))
    torch.testing.assert_close(x, 0.5 * noise - 2.5)
    plain = sample(ConstantField(2.5), noise, SamplerSettings(steps=3))
    torch.testing.assert_close(plain, noise - 2.5)


def test_times_are_warped_towards_the_noise() -> None:
    steps = schedule(SamplerSettings(steps=4, rescale_t=3))
    assert [step.time for step in steps] == pytest.approx([1, 0.9, 0.75, 0.5])
    assert steps[-1].next_time == 0


def test_guidance_acts_inside_its_interval_only() -> None:
    field = ConstantField(1.0, unconditional=0.5)
    settings = SamplerSettings(steps=4, cfg_strength=2, cfg_interval=(0.5, 1))
    x = sample(field, torch.zeros(1), settings)
    assert field.guided_steps == [0, 1, 2]  # times 1, 0.75, 0.5, and not 0.25
    torch.testing.assert_close(x, torch.tensor([-(0.75 * (3 * 1.0 - 2 * 0.5) + 0.25 * 1.0)]))


def test_without_strength_the_unconditional_branch_is_not_evaluated() -> None:
    field = ConstantField(1.0)
    sample(field, torch.zeros(1), SamplerSettings(steps=3))
    assert field.guided_steps == []


def test_stochastic_images_take_turns() -> None:
    fields = [ConstantField(velocity) for velocity in (1.0, 2.0, 4.0)]
    x = sample(MultiImageField(fields, MultiImage.STOCHASTIC), torch.zeros(1), SamplerSettings(steps=4))
    assert [field.steps for field in fields] == [[0, 3], [1], [2]]
    torch.testing.assert_close(x, torch.tensor([-2.0]))


def test_multidiffusion_averages_the_images_and_guides_once() -> None:
    fields = [ConstantField(velocity, unconditional=1.0) for velocity in (1.0, 2.0, 6.0)]
    field = MultiImageField(fields, MultiImage.MULTIDIFFUSION)
    x = sample(field, torch.zeros(1), SamplerSettings(steps=2, cfg_strength=1))
    assert [field.guided_steps for field in fields] == [[0, 1], [], []]
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
