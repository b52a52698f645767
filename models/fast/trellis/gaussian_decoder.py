"""The Gaussian decoder by recorded kernels on padded grids: the formula of its `forward`, rows by window."""

from collections.abc import Callable
from functools import partial

from jaxtyping import Float
from torch import Tensor

from models.fast.graphs import GraphRecorder
from models.fast.trellis.padding import MAX_VOXELS, PaddedGrid, pad
from models.fast.trellis.trunk import WindowedBlock, in_window_order
from models.fast.trellis.windows import PaddedWindows, padded_windows
from models.gaussians.decoder import GaussianDecoder
from models.layers import FINAL_EPS, layer_norm, voxel_position_embedding
from models.sparse import SparseTensor

GROUP = "gaussian_decoder"

Raw = Float[Tensor, "voxels 14*n"]


def graphed_decoder(
    decoder: GaussianDecoder, recorder: GraphRecorder, block: WindowedBlock, max_voxels: int = MAX_VOXELS
) -> Callable[[SparseTensor], Raw | None]:
    """Raw splats by replaying kernels; None for a grid that is too large.

    Raises:
        ValueError: The decoder's attention has no windows.
    """
    config = decoder.trunk_config
    if config.attn_mode != "swin":
        raise ValueError("recorded decoders attend in windows")
    shifts, longest = (0, config.window_size // 2), config.window_size**3

    def windows_of(padded: PaddedGrid) -> list[PaddedWindows]:
        return [
            padded_windows(padded, resolution=config.resolution, size=config.window_size, shift=shift)
            for shift in shifts
        ]

    def decode(
        x: Tensor, positions: Tensor, *tables: Tensor, depth: int = config.num_blocks
    ) -> tuple[Tensor, ...]:
        pair = [
            PaddedWindows(order=order, inverse=inverse, offsets=offsets)
            for order, inverse, offsets in (tables[:3], tables[3:])
        ]
        h = (decoder.input_layer(x) + positions).to(decoder.torso_dtype)
        h = in_window_order(
            lambda part, rows, windows: block(part, rows, windows.offsets, longest),
            list(decoder.blocks)[:depth],
            h,
            [pair[i % 2] for i in range(depth)],
        )
        return (decoder.out_layer(layer_norm(h.float(), FINAL_EPS)),)

    def run(x: SparseTensor) -> Raw | None:
        padded = pad(x.grid, max_voxels)
        if padded is None:
            return None
        pair = x.grid.memo("padded windows", lambda: windows_of(padded))
        tables = [tensor for w in pair for tensor in (w.order, w.inverse, w.offsets)]
        positions = padded.padded(voxel_position_embedding(x.grid, config.model_channels))
        inputs = [padded.padded(x.feats), positions, *tables]
        raw = recorder.run(GROUP, "decode", decode, inputs, short=partial(decode, depth=len(shifts)))[0]
        return raw.index_select(0, padded.rows)

    return run
