"""Fillers change nothing: attention is that over a group's own tokens."""

import pytest
import torch
from torch.nn import functional as F

from models.fast.trellis.attention import attention_for, filled_attention

DEVICES = ["cpu", pytest.param("cuda", marks=[
    pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
])]  # fmt: skip
LENGTH = 384


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("offset", [0.0, 3.0, -3.0], ids=["centred", "drawn", "repelled"])
@pytest.mark.parametrize("lengths", [(32, 384), (200, 255), (383, 129)])
def test_rows_past_a_groups_tokens_are_never_read(
    device: str, offset: float, lengths: tuple[int, int]
) -> None:
    """`offset` moves all queries along or against the keys, so that all scores are high, or all low."""
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 2, LENGTH, 64, generator=generator) for _ in range(3))
    q, k = q + offset, k + 1.0
    dtype = torch.float16 if device == "cuda" else torch.float32
    q, k, v = (x.to(device, dtype) for x in (q, k, v))
    counts = torch.tensor(lengths, device=device)
    qkv = torch.cat([x.transpose(1, 2).flatten(2) for x in (q, k, v)], dim=2)
    filled = filled_attention(qkv, counts, 2, None, None, attention_for(torch.device(device)))
    filled = filled.unflatten(2, (2, -1)).transpose(1, 2)
    for i, count in enumerate(lengths):
        queries, keys, values = (x[i, :, :count].double().cpu() for x in (q, k, v))
        alone = F.scaled_dot_product_attention(queries, keys, values)
        error = (filled[i, :, :count].double().cpu() - alone).norm() / alone.norm()
        assert error < (3e-3 if device == "cuda" else 1e-5)
