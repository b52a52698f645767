"""Clean-up: what stays, what goes, and where it ends up."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from command_line.places import ROOT
from models.errors import GenerationError
from models.gaussians.cleanup import clean_up, clean_up_placed, connected_components
from models.gaussians.frames import Frame, rotate_frame
from models.gaussians.gaussians import Gaussians
from models.gaussians.placement import placement_of

MATRICES: dict[Frame, list[list[float]]] = {
    "trellis": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "validator": [[1, 0, 0], [0, 0, 1], [0, -1, 0]],  # (x, z, -y)
    "standard": [[1, 0, 0], [0, 0, -1], [0, 1, 0]],  # (x, -z, y)
}
HAMBURGER = ROOT.parent / "shared" / "data" / "splats" / "hamburger.ply"


def splats_at(means: torch.Tensor, *, opacity: float = 0.9, seed: int = 0) -> Gaussians:
    generator = torch.Generator().manual_seed(seed)
    num_splats = means.shape[0]
    quats = torch.randn(num_splats, 4, generator=generator)
    return Gaussians(
        means=means,
        scales=torch.rand(num_splats, 3, generator=generator) * 0.01 + 0.001,
        quats_wxyz=torch.nn.functional.normalize(quats, dim=-1),
        opacities=torch.full((num_splats,), opacity),
        colors=torch.rand(num_splats, 3, generator=generator),
    )


def joined(*parts: Gaussians) -> Gaussians:
    return Gaussians(
        means=torch.cat([part.means for part in parts]),
        scales=torch.cat([part.scales for part in parts]),
        quats_wxyz=torch.cat([part.quats_wxyz for part in parts]),
        opacities=torch.cat([part.opacities for part in parts]),
        colors=torch.cat([part.colors for part in parts]),
    )


def ball(
    num_splats: int = 4000, *, radius: float = 0.4, centre: tuple[float, ...] = (0, 0, 0), seed: int = 1
) -> Gaussians:
    directions = torch.randn(num_splats, 3, generator=torch.Generator().manual_seed(seed))
    points = torch.nn.functional.normalize(directions, dim=-1) * radius
    return splats_at(points + torch.tensor(centre, dtype=torch.float32), seed=seed)


def covariances(splats: Gaussians) -> torch.Tensor:
    w, x, y, z = splats.quats_wxyz.double().unbind(-1)
    rotation = torch.stack(
        [
            1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
            2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
            2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
        ],
        dim=-1,
    ).reshape(-1, 3, 3)  # fmt: skip
    return rotation @ torch.diag_embed(splats.scales.double() ** 2) @ rotation.mT


@pytest.mark.parametrize("source", list(MATRICES))
@pytest.mark.parametrize("target", list(MATRICES))
def test_changing_frames_is_the_documented_rotation_of_means_and_covariances(
    source: Frame, target: Frame
) -> None:
    splats = ball(50)
    matrix = torch.tensor(MATRICES[target]).double() @ torch.tensor(MATRICES[source]).double().T
    turned = rotate_frame(splats, source=source, target=target)
    assert torch.equal(turned.means.double(), splats.means.double() @ matrix.T)
    expected = matrix @ covariances(splats) @ matrix.T
    torch.testing.assert_close(covariances(turned), expected, rtol=1e-5, atol=1e-10)


@given(
    offset=st.lists(st.floats(-3, 3), min_size=3, max_size=3),
    stretch=st.lists(st.floats(0.05, 20), min_size=3, max_size=3),
    seed=st.integers(0, 1000),
)
@settings(deadline=None, max_examples=30)
def test_the_box_is_centred_and_its_largest_side_exactly_one_and_a_half(
    offset: list[float], stretch: list[float], seed: int
) -> None:
    points = torch.rand(200, 3, generator=torch.Generator().manual_seed(seed))
    points = points * torch.tensor(stretch) + torch.tensor(offset)
    placed = placement_of(points, extent=1.5).applied(points).float()
    low, high = placed.amin(0), placed.amax(0)
    assert (high - low).amax().item() == pytest.approx(1.5, abs=1e-6)
    torch.testing.assert_close(low, -high, rtol=0, atol=1e-6)


def test_scales_grow_with_the_object_and_the_rest_is_untouched() -> None:
    splats = ball(3000, radius=0.25)
    result = clean_up(splats, frame="validator")
    factor = 1.5 / (splats.means.amax(0) - splats.means.amin(0)).amax()
    torch.testing.assert_close(result.scales, splats.scales * factor)
    assert torch.equal(result.opacities, splats.opacities)
    assert torch.equal(result.colors, splats.colors)
    torch.testing.assert_close(result.quats_wxyz.norm(dim=-1), torch.ones(3000))


def test_trellis_up_becomes_plus_y_and_its_front_plus_z() -> None:
    body = ball()
    top, front = ball(100, radius=0.03, centre=(0, 0, 0.42)), ball(100, radius=0.03, centre=(0, -0.42, 0))
    result = clean_up(joined(body, top, front), frame="validator")
    assert result.means[4000:4100, 1].mean() > 0.6
    assert result.means[4100:, 2].mean() > 0.6
    assert clean_up(joined(body, top), frame="standard").means[4000:, 1].mean() < -0.6


def test_floaters_go_and_the_object_fills_the_box_again() -> None:
    specks = [ball(4, radius=0.005, centre=centre) for centre in [(0.9, 0.9, 0.9), (-3, 0, 0), (0, 0, 500)]]
    result = clean_up(joined(*specks[:2], ball(), specks[2]))
    assert result.num_splats == 4000
    torch.testing.assert_close(result.means.norm(dim=-1), torch.full((4000,), 0.75), rtol=0, atol=2e-3)


def test_separate_parts_of_some_weight_stay() -> None:
    parts = [ball(), ball(200, radius=0.05, centre=(0.7, 0, 0)), ball(60, radius=0.02, centre=(-0.6, 0, 0))]
    assert clean_up(joined(*parts)).num_splats == 4260


def test_thin_spokes_between_hub_and_rim_stay() -> None:
    angle = torch.arange(2000) / 2000 * 2 * math.pi
    rim = torch.stack([0.45 * angle.cos(), torch.zeros(2000), 0.45 * angle.sin()], dim=-1)
    hub = ball(300, radius=0.02).means
    along = torch.linspace(0.02, 0.45, 25)[:, None]  # a splat every 1.8 % of the object
    spokes = [along * torch.tensor([math.cos(a), 0.0, math.sin(a)]) for a in torch.arange(8) * math.pi / 4]
    wheel = splats_at(torch.cat([rim, hub, *spokes]))
    assert clean_up(wheel).num_splats == wheel.num_splats


def test_a_dotted_line_with_gaps_of_three_percent_stays_whole() -> None:
    """Nine dots, too light to stay on their own, lead from the ball to a last one."""
    line = torch.tensor([[0.4 + 0.8 / 32 * step, 0.0, 0.0] for step in range(1, 10)])
    assert clean_up(joined(ball(), splats_at(line))).num_splats == 4009


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[(field, math.nan) for field in ("means", "scales", "quats_wxyz", "opacities", "colors")],
        *[(field, math.inf) for field in ("means", "scales", "quats_wxyz", "opacities", "colors")],
        *[(field, 0.0) for field in ("scales", "quats_wxyz", "opacities")],
    ],
)
def test_broken_and_transparent_splats_go(field: str, value: float) -> None:
    splats = ball()
    getattr(splats, field)[7] = value
    assert clean_up(splats).num_splats == 3999


def test_order_is_kept_and_clean_up_is_idempotent() -> None:
    splats = ball()
    once = clean_up(splats, frame="validator")
    torch.testing.assert_close(once.colors, splats.colors)
    twice = clean_up(rotate_frame(once, source="validator", target="trellis"), frame="validator")
    torch.testing.assert_close(twice.means, once.means, rtol=0, atol=1e-6)


@pytest.mark.parametrize("frame", ["validator", "standard"])
def test_the_placement_puts_other_points_where_clean_up_put_the_splats(frame: Frame) -> None:
    splats = joined(ball(), splats_at(torch.tensor([[0.49, 0.0, 0.0]])))  # the stray goes
    splats = replace(splats, means=splats.means * 0.7 + torch.tensor([0.1, -0.05, 0.02]))
    cleaned, placement = clean_up_placed(splats, frame=frame)
    kept = splats.means[: cleaned.num_splats]
    moved = replace(cleaned, means=placement.applied(kept).float())
    torch.testing.assert_close(
        rotate_frame(moved, source="trellis", target=frame).means, cleaned.means, rtol=0, atol=0
    )


@pytest.mark.parametrize(
    "splats", [ball(0), splats_at(torch.zeros(10, 3)), splats_at(torch.rand(10, 3), opacity=0.001)]
)
def test_nothing_left_is_a_generation_error(splats: Gaussians) -> None:
    with pytest.raises(GenerationError, match=r"no splat|one point"):
        clean_up(splats)


@given(seed=st.integers(0, 10_000), num_cells=st.integers(1, 120))
@settings(deadline=None, max_examples=40)
def test_components_agree_with_a_flood_fill(seed: int, num_cells: int) -> None:
    random = torch.randint(-4, 5, (num_cells, 3), generator=torch.Generator().manual_seed(seed))
    cells = torch.unique(random, dim=0)
    labels = connected_components(cells).tolist()
    touching = ((cells[:, None] - cells[None]).abs().amax(-1) <= 1).tolist()
    expected = [-1] * len(labels)
    for start in range(len(labels)):
        stack = [start] if expected[start] < 0 else []
        while stack:
            cell = stack.pop()
            expected[cell] = start
            stack += [other for other, near in enumerate(touching[cell]) if near and expected[other] < 0]
    assert labels == expected


@pytest.mark.skipif(not HAMBURGER.is_file(), reason="../shared/data/splats/hamburger.ply is not here")
def test_a_real_object_loses_a_few_strays_only() -> None:
    from export.ply import read_ply

    splats = rotate_frame(read_ply(HAMBURGER.read_bytes()), source="validator", target="trellis")
    visible = int((splats.opacities >= 0.02).sum())
    result = clean_up(splats)
    assert visible * 0.98 < result.num_splats <= visible
    assert (result.means.amax(0) - result.means.amin(0)).amax().item() == pytest.approx(1.5, abs=1e-6)
