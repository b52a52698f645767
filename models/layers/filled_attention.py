"""Full attention inside groups of different lengths, by a kernel that knows no masks.

Tokens that only fill a group up take the mean of some of the group's own keys, and no value. The kernel's
result is then too small by their share of the weights, which is known:

    out = filled / (1 - n exp(q . mean - lse)),   n fillers, lse = log of the sum of all weights

The mean key's weight is at most the mean weight of the m keys that it is the mean of (Jensen), so n fillers
never have more than n / (m + n) of the sum: the division loses little as long as m is not far below n.

Measured on an H100, 2 groups of 4,096 tokens, 16 heads of 64: cuDNN 290 us, with a bias of minus infinity
478 us, a compiled block mask 357 us at fixed lengths and about as long as the bias at variable ones.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

Heads = Float[Tensor, "groups heads length depth"]
AttentionAndSum = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]

MEAN_OF = 512  # keys at most: enough beside the fillers of a padded object, cheaper than all of them
HOPPER = 9  # from here on cuDNN's kernel is faster than the flash kernel


def filled_attention(
    q: Heads, k: Heads, v: Heads, lengths: Int[Tensor, " groups"], attend: AttentionAndSum
) -> Heads:
    """Attention over the first `lengths` keys of each group; rows past them give nothing of meaning.

    Args:
        q, k, v: Queries, keys, values.
        lengths: Tokens of each group, at least one.
        attend: Gives attention over all keys, and the log of the sum of its weights [groups, heads, length].
    """
    length = k.shape[2]
    own = (torch.arange(length, device=k.device) < lengths[:, None])[:, None, :, None]
    some, count = k[:, :, :MEAN_OF], lengths.clamp(max=MEAN_OF)[:, None, None, None]
    mean = torch.where(own[:, :, :MEAN_OF], some, 0).float().sum(dim=2, keepdim=True) / count
    mean = mean.to(k.dtype)
    out, log_sum = attend(q, torch.where(own, k, mean), torch.where(own, v, 0))
    score = (q.float() * mean.float()).sum(dim=3, keepdim=True) * q.shape[3] ** -0.5
    share = (length - lengths)[:, None, None, None] * torch.exp(score - log_sum[..., None])
    return (out.float() / (1 - share)).to(q.dtype)


def attention_for(device: torch.device) -> AttentionAndSum:
    """The fastest kernel that also tells the sum."""
    if device.type != "cuda":
        return plain_attention
    return cudnn_attention if torch.cuda.get_device_capability(device)[0] >= HOPPER else flash_attention


def plain_attention(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """In three steps, for a CPU and as the reference."""
    scores = q @ k.transpose(2, 3) * q.shape[3] ** -0.5
    return scores.softmax(dim=3) @ v, scores.logsumexp(dim=3)


def cudnn_attention(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """cuDNN's, half precision on a card."""
    out = torch.ops.aten._scaled_dot_product_cudnn_attention(q, k, v, None, True)
    return out[0], out[1].reshape(q.shape[:3])


def flash_attention(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """The flash kernel, half precision on a card."""
    out = torch.ops.aten._scaled_dot_product_flash_attention(q, k, v)
    return out[0], out[1].reshape(q.shape[:3])
