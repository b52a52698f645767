"""The latent decoders' trunk with its rows kept in window order, so that attention needs no gathering.

Between two blocks the rows move from one window order to the other, once instead of four times a block.
Everything else in a block treats rows alone, so this is exact.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.fast.kernels import normed, normed_sum
from models.fast.kernels.parameters import Norm
from models.layers.blocks import PlainBlock
from models.layers.norms import BLOCK_EPS
from models.layers.varlen import varlen_attn


class Windows(Protocol):
    """Rows by window.

    Attributes:
        order: Rows sorted by window; None where they are already.
        inverse: Where each row stands among them.
    """

    @property
    def order(self) -> Tensor | None: ...

    @property
    def inverse(self) -> Tensor | None: ...


W = TypeVar("W", bound=Windows)
WindowedBlock = Callable[[PlainBlock, Tensor, Tensor, int], Tensor]


def windowed_block(
    block: PlainBlock,
    x: Float[Tensor, "voxels channels"],
    offsets: Int[Tensor, " windows_and_end"],
    longest: int,
) -> Float[Tensor, "voxels channels"]:
    """A plain block on rows sorted by window, half precision on a CUDA device."""
    layer, norm = block.attn, Norm(eps=BLOCK_EPS)
    q, k, v = layer.to_qkv(normed(x, norm)).unflatten(1, (3, layer.num_heads, -1)).unbind(dim=1)
    if layer.q_rms_norm is not None and layer.k_rms_norm is not None:
        q, k = layer.q_rms_norm(q), layer.k_rms_norm(k)
    attended = varlen_attn(q, k, v, offsets, offsets, longest, longest)
    x, h = normed_sum(x[None], layer.to_out(attended.flatten(1))[None], norm)
    out: Tensor = x[0] + block.mlp(h[0])
    return out


def in_window_order(
    run_sorted: Callable[[PlainBlock, Tensor, W], Tensor],
    blocks: Sequence[PlainBlock],
    x: Float[Tensor, "voxels channels"],
    segments: Sequence[W],
) -> Float[Tensor, "voxels channels"]:
    """Runs blocks on rows sorted by each block's own windows; the result has the order of `x`."""
    place = torch.arange(len(x), device=x.device)  # original row of each current row
    moves: dict[tuple[int, int], Tensor] = {}
    current: W | None = None
    for block, windows in zip(blocks, segments, strict=True):
        if windows is not current:
            key = (id(current), id(windows))
            if key not in moves:
                moves[key] = _move(current, windows, place)
            x, current = x.index_select(0, moves[key]), windows
        x = run_sorted(block, x, windows)
    return x if current is None or current.inverse is None else x.index_select(0, current.inverse)


def _move(source: Windows | None, target: Windows, identity: Tensor) -> Tensor:
    """Current row of each row of the target order."""
    wanted = identity if target.order is None else target.order
    inverse = None if source is None else source.inverse
    return wanted if inverse is None else inverse[wanted]
