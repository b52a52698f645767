"""Objects painted in patches that ignore their parts: colour must be copied from the image, place by place.

A network that has only seen parts in one colour each learns lists: which colours an object has, and which
part usually takes which. Of an unseen pair (a brown pineapple with green leaves) it then makes the nearest
list it knows (a green one with brown leaves). Patches have no such list.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from training.objects.colors import COLORS

MAX_PATCHES = 6
NAMED_SHARE = 0.5
BODY_SHARE = 0.5
NAMED_JITTER = 0.06
MOST_HELD_OUT = 0.4
"""No more of the body than this may look like one of the kind's held-out colours."""


def patchwork(
    positions: Float[Tensor, "batch points 3"],
    parts: Int[Tensor, "batch points"],
    flat: Float[Tensor, "batch points 3"],
    allowed: Bool[Tensor, "batch names"],
    generator: torch.Generator,
    *,
    share: float,
) -> Float[Tensor, "batch points 3"]:
    """Unshaded point colours where a share of the objects is covered with two to six patches of any colour.

    Half of these are painted on the body (the part with the main colour) alone. An object keeps its colours
    when the patches would give its kind a main colour that is held out.

    Args:
        allowed: Which of `COLORS` the kind of each object is trained in.
    """
    batch, device = flat.shape[0], flat.device
    patch = nearest_center(positions, generator)
    colors = patch_colors(batch, device, generator)
    body_only = random(batch, device, generator) < BODY_SHARE
    body = parts == 0
    painted = body | ~body_only[:, None]
    held_out = (~allowed.gather(1, nearest_name(colors))).gather(1, patch)
    held_out_share = (held_out & body).sum(1) / body.sum(1).clamp_min(1)
    chosen = (random(batch, device, generator) < share) & (held_out_share <= MOST_HELD_OUT)
    new = colors.gather(1, patch[..., None].expand(-1, -1, 3))
    return torch.where((chosen[:, None] & painted)[..., None], new, flat)


def nearest_center(
    positions: Float[Tensor, "batch points 3"], generator: torch.Generator
) -> Int[Tensor, "batch points"]:
    """Which of two to six random points of its object each point is nearest to."""
    batch, count, _ = positions.shape
    device = positions.device
    index = torch.randint(count, (batch, MAX_PATCHES), device=device, generator=generator)
    centers = positions.float().gather(1, index[..., None].expand(-1, -1, 3))
    used = torch.randint(2, MAX_PATCHES + 1, (batch, 1), device=device, generator=generator)
    absent = torch.arange(MAX_PATCHES, device=device) >= used
    distance = torch.cdist(positions.float(), centers).masked_fill(absent[:, None], torch.inf)
    return distance.argmin(-1)


def patch_colors(
    batch: int, device: torch.device, generator: torch.Generator
) -> Float[Tensor, "batch patches 3"]:
    """Any colours at all, or nearly named ones."""
    named = torch.tensor([color.srgb for color in COLORS], device=device)
    shape = (batch, MAX_PATCHES)
    anything = torch.rand(*shape, 3, device=device, generator=generator)
    index = torch.randint(len(COLORS), shape, device=device, generator=generator)
    jitter = NAMED_JITTER * (2 * torch.rand(*shape, 3, device=device, generator=generator) - 1)
    is_named = torch.rand(*shape, 1, device=device, generator=generator) < NAMED_SHARE
    return torch.where(is_named, (named[index] + jitter).clamp(0, 1), anything)


def nearest_name(colors: Float[Tensor, "*batch 3"]) -> Int[Tensor, "*batch"]:
    """Index of the named colour that is nearest in sRGB."""
    named = torch.tensor([color.srgb for color in COLORS], device=colors.device)
    return (colors[..., None, :] - named).square().sum(-1).argmin(-1)


def random(count: int, device: torch.device, generator: torch.Generator) -> Float[Tensor, "count"]:
    return torch.rand(count, device=device, generator=generator)
