"""Patches of colour for training: any colours, except that no kind takes on a main colour held out for it."""

import torch

from training.objects.colors import COLORS
from training.patchwork import nearest_name, patchwork

BATCH, POINTS = 64, 600
NAMED = torch.tensor([color.srgb for color in COLORS])
BROWN = next(i for i, color in enumerate(COLORS) if color.name == "brown")


def painted(*, share: float, forbidden: list[int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Former colours, new ones, and parts: two thirds of the points are the body."""
    generator = torch.Generator().manual_seed(3)
    positions = torch.rand(BATCH, POINTS, 3, generator=generator) - 0.5
    parts = (torch.arange(POINTS) >= POINTS * 2 // 3).long().expand(BATCH, POINTS)
    flat = torch.full((BATCH, POINTS, 3), 0.123)
    allowed = torch.ones(BATCH, len(COLORS), dtype=torch.bool)
    allowed[:, forbidden] = False
    return flat, patchwork(positions, parts, flat, allowed, generator, share=share), parts


def test_each_object_gets_a_few_colours_and_some_keep_their_other_parts() -> None:
    flat, new, parts = painted(share=1.0, forbidden=[])
    assert all(2 <= len(object_.unique(dim=0)) <= 7 for object_ in new)
    kept = (new == flat).all(-1)
    body_only = kept[parts == 1].view(BATCH, -1).all(1)
    assert not kept[parts == 0].any()
    assert 0.3 < body_only.float().mean() < 0.7


def test_patches_are_compact() -> None:
    """A point's nearest neighbour nearly always has its colour (with mixed colours: in one of six)."""
    generator = torch.Generator().manual_seed(0)
    positions = torch.rand(1, 2000, 3, generator=generator) - 0.5
    parts, flat = torch.zeros(1, 2000, dtype=torch.long), torch.zeros(1, 2000, 3)
    allowed = torch.ones(1, len(COLORS), dtype=torch.bool)
    new = patchwork(positions, parts, flat, allowed, generator, share=1.0)[0]
    neighbour = torch.cdist(positions[0], positions[0]).fill_diagonal_(torch.inf).argmin(1)
    assert (new == new[neighbour]).all(-1).float().mean() > 0.8


def test_no_share_changes_nothing() -> None:
    flat, new, _ = painted(share=0.0, forbidden=[])
    assert torch.equal(new, flat)


def test_a_held_out_colour_never_covers_half_of_a_body() -> None:
    flat, new, parts = painted(share=1.0, forbidden=[BROWN])
    body = new[parts == 0].view(BATCH, -1, 3)
    looks_brown = (nearest_name(body) == BROWN) & (body != flat[:, :1]).any(-1)
    assert looks_brown.float().mean(1).max() <= 0.4
    assert looks_brown.any(), "patches that are small enough stay"


def test_objects_of_kinds_without_allowed_colours_stay() -> None:
    flat, new, _ = painted(share=1.0, forbidden=list(range(len(COLORS))))
    assert torch.equal(new, flat)


def test_named_colours_are_nearest_to_themselves() -> None:
    assert nearest_name(NAMED).tolist() == list(range(len(COLORS)))
