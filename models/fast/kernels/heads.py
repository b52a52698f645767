"""Queries and keys between the product that makes them and attention: RMS norm, and fillers of padded groups.

`models.fast.trellis.attention` has the theory of the fillers. The tensors are [groups, length, 3 * channels]
as `to_qkv` gives them, heads of equal width side by side; they are changed in place where a GPU runs this.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from models.fast.kernels.devices import runs_kernels
from models.fast.kernels.parameters import MEAN_OF, NORM_EPS

Qkv = Float[Tensor, "groups length three_channels"]
Gamma = Float[Tensor, "heads depth"]
Mean = Float[Tensor, "groups heads depth"]


def normed_heads(qkv: Qkv, q_gamma: Gamma, k_gamma: Gamma) -> Qkv:
    """Queries and keys normalised head by head, q / |q| * gamma * sqrt(depth); values as they are."""
    if runs_kernels(qkv):
        from models.fast.kernels.heads_triton import norm_heads

        return norm_heads(qkv, q_gamma, k_gamma, len(q_gamma), None, None)
    q, k, v = qkv.chunk(3, dim=2)
    return torch.cat([_normed(q, q_gamma), _normed(k, k_gamma), v], dim=2)


def fill_up(
    qkv: Qkv,
    lengths: Int[Tensor, " groups"],
    num_heads: int,
    q_gamma: Gamma | None = None,
    k_gamma: Gamma | None = None,
) -> tuple[Qkv, Mean]:
    """Normalised heads if there are gammas; rows past a group's length get a mean key and no value.

    Returns:
        The tensor, and the mean of the first `MEAN_OF` of each group's own keys.
    """
    if runs_kernels(qkv):
        from models.fast.kernels.heads_triton import mean_keys, norm_heads

        mean = mean_keys(qkv, k_gamma, num_heads, lengths)
        return norm_heads(qkv, q_gamma, k_gamma, num_heads, mean, lengths), mean
    if q_gamma is not None and k_gamma is not None:
        qkv = normed_heads(qkv, q_gamma, k_gamma)
    q, k, v = qkv.chunk(3, dim=2)
    own = (torch.arange(qkv.shape[1], device=qkv.device) < lengths[:, None])[..., None]
    some = torch.where(own[:, :MEAN_OF], k[:, :MEAN_OF], 0).float()
    mean = (some.sum(dim=1) / lengths.clamp(max=MEAN_OF)[:, None]).to(k.dtype)
    filled = torch.cat([q, torch.where(own, k, mean[:, None]), torch.where(own, v, 0)], dim=2)
    return filled, mean.unflatten(1, (num_heads, -1))


def without_fillers(
    out: Float[Tensor, "groups length heads depth"],
    q: Float[Tensor, "groups length heads depth"],
    log_sum: Float[Tensor, "groups heads length"],
    mean: Mean,
    lengths: Int[Tensor, " groups"],
) -> Float[Tensor, "groups length heads depth"]:
    """Attention over the groups' own tokens, from attention over all and the log of its weights' sum."""
    if runs_kernels(out):
        from models.fast.kernels.heads_triton import remove_fillers

        return remove_fillers(out, q, log_sum, mean, lengths)
    score = (q.float() * mean.float()[:, None]).sum(dim=3) * q.shape[3] ** -0.5
    fillers = (out.shape[1] - lengths)[:, None, None]
    share = fillers * torch.exp(score - log_sum.transpose(1, 2).float())
    return (out.float() / (1 - share)[..., None]).to(out.dtype)


def _normed(x: Float[Tensor, "groups length channels"], gamma: Gamma) -> Tensor:
    heads = x.unflatten(2, (len(gamma), -1))
    scaled = F.normalize(heads.float(), dim=3, eps=NORM_EPS) * (gamma * gamma.shape[1] ** 0.5)
    out: Tensor = scaled.to(x.dtype).flatten(2)
    return out
