"""The validator's gates and our thresholds."""

import dataclasses
import math

import pytest
import torch
from torch.nn.functional import normalize

from models.gaussians.gaussians import Gaussians
from validation.gates import failed_gate
from validation.geometry import Geometry, measure, num_pieces
from validation.scores import Scores
from validation.verdict import Thresholds, judge

GOOD = Geometry(
    num_splats=7000,
    faint_share=0.8,
    all_rotations_identity=False,
    all_finite=True,
    extent=1.5,
    farthest=0.75,
)
SCORES = Scores(alignment=0.5, aesthetics=6.0)
THRESHOLDS = Thresholds(alignment=0.5, aesthetics=6.0)


def splats(count: int = 100) -> Gaussians:
    generator = torch.Generator().manual_seed(0)
    return Gaussians(
        means=torch.rand(count, 3, generator=generator),
        scales=torch.full((count, 3), 0.01),
        quats_wxyz=normalize(torch.randn(count, 4, generator=generator), dim=-1),
        opacities=torch.full((count,), 0.9),
        colors=torch.rand(count, 3, generator=generator),
    )


def test_values_at_every_limit_pass() -> None:
    assert judge(SCORES, THRESHOLDS, GOOD).passed


@pytest.mark.parametrize(
    ("change", "gate", "reason"),
    [
        ({"num_splats": 6999}, "count", "6999 splats"),
        ({"num_splats": 10_000_001}, "count", "10000001 splats, at most 10000000"),
        ({"faint_share": 0.81}, "opacity", "81% of the splats are transparent"),
        ({"all_rotations_identity": True}, "rotations", "no splat is rotated"),
        ({"has_null_rotation": True}, "rotations", "quaternion is zero"),
        ({"all_finite": False}, "finite", "finite"),
        ({"extent": 0.09}, "extent", "largest side is 0.09"),
        ({"farthest": 2048.0}, "extent", "lies at 2048"),
    ],
)
def test_each_gate_rejects_with_its_name_and_reason(
    change: dict[str, object], gate: str, reason: str
) -> None:
    geometry = dataclasses.replace(GOOD, **change)  # type: ignore[arg-type]
    verdict = judge(SCORES, THRESHOLDS, geometry)
    assert not verdict.passed
    assert verdict.gate == gate
    assert verdict.reason is not None
    assert verdict.reason.startswith(f"{gate}: ")
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("alignment", "pieces", "retry_below", "convincing"),
    [
        (0.6, 1, 0.6, True),
        (0.59, 1, 0.6, False),
        (0.6, 2, 0.6, False),
        (0.6, None, 0.6, True),  # nobody counted
        (0.5, 2, -1.0, True),  # switched off
        (0.49, 1, -1.0, False),  # does not even pass
    ],
)
def test_what_passes_poorly_or_in_pieces_does_not_convince(
    alignment: float, pieces: int | None, retry_below: float, convincing: bool
) -> None:
    thresholds = dataclasses.replace(THRESHOLDS, retry_below=retry_below)
    scores = dataclasses.replace(SCORES, alignment=alignment)
    verdict = judge(scores, thresholds, dataclasses.replace(GOOD, num_pieces=pieces))
    assert verdict.convincing == convincing
    assert verdict.passed == (alignment >= 0.5)


@pytest.mark.parametrize("name", ["alignment", "aesthetics"])
@pytest.mark.parametrize("value", [-1.0, math.nan])
def test_a_low_or_undefined_score_rejects_with_its_name(name: str, value: float) -> None:
    scores = Scores(**{"alignment": 0.5, "aesthetics": 6.0, name: value})  # type: ignore[arg-type]
    verdict = judge(scores, THRESHOLDS, GOOD)
    assert not verdict.passed
    assert verdict.reason is not None
    assert verdict.reason.startswith(name)
    assert verdict.gate == name


def test_a_verdict_carries_the_scores() -> None:
    verdict = judge(SCORES, THRESHOLDS, GOOD)
    assert (verdict.alignment, verdict.aesthetics, verdict.num_splats, verdict.reason) == (
        0.5,
        6.0,
        7000,
        None,
    )


def test_a_sound_object_measures_as_sound() -> None:
    sound = splats()
    low, high = sound.means.min(dim=0).values, sound.means.max(dim=0).values
    assert measure(sound) == Geometry(
        num_splats=100,
        faint_share=0.0,
        all_rotations_identity=False,
        all_finite=True,
        extent=float((high - low).max()),
        farthest=float(sound.means.abs().max()),
    )


def test_opacities_below_a_thousandth_count_as_faint() -> None:
    object_ = dataclasses.replace(
        splats(), opacities=torch.cat([torch.full((25,), 9e-4), torch.full((75,), 1.1e-3)])
    )
    assert measure(object_).faint_share == 0.25


def test_rotations_are_identity_only_when_all_are() -> None:
    identity = torch.tensor([1.0, 0, 0, 0]).repeat(100, 1)
    assert measure(dataclasses.replace(splats(), quats_wxyz=identity)).all_rotations_identity
    turned = identity.clone()
    turned[3] = torch.tensor([0.0, 1, 0, 0])
    assert not measure(dataclasses.replace(splats(), quats_wxyz=turned)).all_rotations_identity


@pytest.mark.parametrize("field", ["means", "scales", "quats_wxyz", "opacities", "colors"])
def test_a_value_that_is_no_number_is_seen_in_any_field(field: str) -> None:
    broken = getattr(splats(), field).clone()
    broken.view(-1)[7] = math.nan
    assert not measure(dataclasses.replace(splats(), **{field: broken})).all_finite


def test_an_empty_object_fails_the_first_gate() -> None:
    assert str(failed_gate(measure(splats(0)), min_splats=0)) == "count: 0 splats, at least 1 are wanted"


@pytest.mark.parametrize(("gap", "pieces"), [(0.0, 1), (0.02, 1), (0.2, 2)])
def test_parts_that_do_not_touch_are_pieces_and_crumbs_are_not(gap: float, pieces: int) -> None:
    body, handle, crumb = splats(4000).means, splats(400).means * 0.3, splats(20).means * 0.01
    means = torch.cat([body, handle + torch.tensor([1.0 + gap, 0.0, 0.0]), crumb + 3.0])
    filler = splats(len(means))
    assert num_pieces(dataclasses.replace(filler, means=means)) == pieces


def test_an_object_unlike_its_picture_fails_and_what_was_not_asked_counts_not() -> None:
    wanted = dataclasses.replace(THRESHOLDS, similarity=0.8)
    for similarity, passed in ((0.8, True), (0.79, False), (math.nan, False)):
        verdict = judge(Scores(alignment=None, aesthetics=6.0, similarity=similarity), wanted, GOOD)
        assert verdict.passed is passed
        assert passed or "similarity" in (verdict.reason or "")
    assert judge(SCORES, wanted, GOOD).passed
