"""Which text fits which picture, near misses, spoiling, and the rating head."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.clip_data import claims_tensor, color_indices, fits, near_miss, weaker
from training.clip_family import fit_head
from training.degrade import CLEAN_SCORE, WORST_SCORE, Degrader, quality_of
from training.objects.catalog import KINDS
from training.text.specs import Spec, draw_spec

seeds = st.integers(0, 2**32 - 1)


def fit(picture: Spec, text: Spec) -> bool:
    index = next(i for i, kind in enumerate(KINDS) if kind.name == picture.kind)
    colors = torch.tensor([color_indices(KINDS[index], picture)])
    return bool(fits(torch.tensor([index]), colors, claims_tensor([text], KINDS))[0, 0])


@settings(deadline=None)
@given(seed=seeds)
def test_a_picture_fits_its_own_spec_and_a_weaker_one_and_no_near_miss(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kind = KINDS[int(rng.integers(len(KINDS)))]
    spec = draw_spec(kind, rng)
    assert fit(spec, spec)
    assert fit(spec, weaker(spec, rng))
    assert not fit(spec, near_miss(kind, spec, KINDS, rng))


def test_a_text_without_color_fits_every_color() -> None:
    assert fit(Spec(kind="chair", color="teal"), Spec(kind="chair"))
    assert not fit(Spec(kind="chair", color="teal"), Spec(kind="table"))


def splats(batch: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return (
        torch.rand(batch, 500, 3, generator=generator) - 0.5,
        torch.full((batch, 500, 3), 0.01),
        torch.full((batch, 500), 0.99),
        torch.rand(batch, 500, 3, generator=generator),
    )


def test_severity_zero_leaves_splats_untouched() -> None:
    before = splats(4)
    for ours, theirs in zip(before, Degrader(torch.zeros(4), 0).spoil(*before), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_any_severity_spoils_something_and_keeps_values_sound() -> None:
    before = splats(32)
    after = Degrader(torch.full((32,), 0.8), 0).spoil(*before)
    changed = [(a != b).flatten(1).any(1) for a, b in zip(before, after, strict=True)]
    assert bool(torch.stack(changed).any(0).all())
    assert all(bool(torch.isfinite(field).all()) for field in after)
    assert bool((after[2] >= 0).all())
    assert bool((after[2] <= 1).all())
    assert bool((after[1] > 0).all())


def test_quality_falls_with_severity() -> None:
    quality = quality_of(torch.linspace(0, 1, 11))
    assert float(quality[0]) == CLEAN_SCORE
    assert float(quality[-1]) == WORST_SCORE
    assert bool((quality.diff() < 0).all())


def test_the_head_recovers_a_linear_rating() -> None:
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.nn.functional.normalize(torch.randn(500, 8, generator=generator), dim=-1)
    truth = torch.randn(8, generator=generator)
    weight, bias = fit_head(embeddings, embeddings @ truth + 5, ridge=1e-9)
    torch.testing.assert_close(weight[0], truth, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(bias, torch.tensor([5.0]), atol=1e-4, rtol=1e-4)
