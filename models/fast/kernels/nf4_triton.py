"""The kernel of `models.fast.kernels.nf4`: a program takes some bytes, whichever rows they belong to."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from models.fast.kernels.parameters import NF4_BLOCK

BYTES = 2048


@triton.jit
def _widen_kernel(  # type: ignore[no-untyped-def]
    codes, absmax, levels, out, count, BYTES: tl.constexpr, SHARED: tl.constexpr
):
    at = tl.program_id(0).to(tl.int64) * BYTES + tl.arange(0, BYTES)
    known = at < count
    code = tl.load(codes + at, mask=known, other=0).to(tl.int32)
    scale = tl.load(absmax + at // SHARED, mask=known, other=0.0).to(tl.float32)
    first = tl.load(levels + (code >> 4)).to(tl.float32) * scale
    second = tl.load(levels + (code & 15)).to(tl.float32) * scale
    place = 2 * at[:, None] + tl.arange(0, 2)[None, :]
    tl.store(out + place, tl.join(first, second).to(out.dtype.element_ty), mask=known[:, None])


def widen(codes: Tensor, absmax: Tensor, levels: Tensor) -> Tensor:
    """See `nf4.widened_nf4`."""
    rows, half = codes.shape
    out = torch.empty(rows, 2 * half, dtype=levels.dtype, device=codes.device)
    _widen_kernel[(triton.cdiv(codes.numel(), BYTES),)](
        codes, absmax, levels, out, codes.numel(), BYTES=BYTES, SHARED=NF4_BLOCK // 2, num_warps=4
    )
    return out
