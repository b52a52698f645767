"""The Gaussian decoder with its rows in window order, and by recorded kernels on padded grids."""

from collections.abc import Callable
from functools import partial

from jaxtyping import Float
from torch import Tensor

from models.fast.graphs import GraphRecorder
from models.fast.plan import MAX_VOXELS, Switches
from models.fast.trellis.padding import PaddedGrid, pad
from models.fast.trellis.trunk import WindowedBlock, in_window_order, windowed_block
from models.fast.trellis.windows import PaddedWindows, padded_windows
from models.gaussians.decoder import GaussianDecoder
from models.layers import voxel_position_embedding
from models.layers.attention import suits_varlen
from models.sparse import SparseTensor

GROUP = "gaussian_decoder"

Raw = Float[Tensor, "voxels parameters"]
RawSplats = Callable[[SparseTensor], Raw]


def raw_splats(decoder: GaussianDecoder, plan: Switches, recorder: GraphRecorder | None = None) -> RawSplats:
    """The decoder as planned, where its parameters suit the variable-length kernel; else as it is."""
    if not suits_varlen(next(decoder.blocks.parameters())):
        return decoder
    sparse = partial(windowed_decoder, decoder, windowed_block) if plan.decoder else decoder
    if not plan.graphs:
        return sparse
    assert recorder is not None
    return RecordedGaussianDecoder(decoder, recorder, windowed_block, sparse, plan.recorded_voxels)


def windowed_decoder(decoder: GaussianDecoder, block: WindowedBlock, x: SparseTensor) -> Raw:
    """The decoder's `forward` with rows in window order."""
    h = in_window_order(
        lambda part, rows, windows: block(part, rows, windows.offsets, max(windows.counts)),
        list(decoder.blocks),
        decoder.embedded(x),
        decoder.segments(x.grid),
    )
    return decoder.head(h)


class RecordedGaussianDecoder:
    """Runs a decoder through a recorder, rows by window."""

    def __init__(
        self,
        decoder: GaussianDecoder,
        recorder: GraphRecorder,
        block: WindowedBlock,
        otherwise: RawSplats,
        max_voxels: int = MAX_VOXELS,
    ) -> None:
        """Takes the decoder, whose parameters must stay where they are, and its block.

        Args:
            decoder: Whose formula it is.
            recorder: Holds the kernels.
            block: Of rows sorted by window.
            otherwise: Decodes objects that are too large to be recorded.
            max_voxels: Of a surface; larger ones are.

        Raises:
            ValueError: The decoder's attention has no windows.
        """
        if decoder.trunk_config.attn_mode != "swin":
            raise ValueError("recorded decoders attend in windows")
        self._decoder = decoder
        self._recorder = recorder
        self._block = block
        self._otherwise = otherwise
        self._max_voxels = max_voxels
        self._shifts = (0, decoder.trunk_config.window_size // 2)

    def __call__(self, x: SparseTensor) -> Raw:
        """Raw splats by replaying kernels."""
        padded = pad(x.grid, self._max_voxels)
        if padded is None:
            return self._otherwise(x)
        pair = x.grid.memo("padded windows", lambda: self._windows_of(padded))
        tables = [tensor for w in pair for tensor in (w.order, w.inverse, w.offsets)]
        channels = self._decoder.trunk_config.model_channels
        positions = padded.padded(voxel_position_embedding(x.grid, channels))
        short = partial(self._decode, depth=len(self._shifts))
        inputs = [padded.padded(x.feats), positions, *tables]
        raw = self._recorder.run(GROUP, "decode", self._decode, inputs, short=short)[0]
        return raw.index_select(0, padded.rows)

    def _windows_of(self, padded: PaddedGrid) -> list[PaddedWindows]:
        config = self._decoder.trunk_config
        return [
            padded_windows(padded, resolution=config.resolution, size=config.window_size, shift=shift)
            for shift in self._shifts
        ]

    def _decode(
        self, x: Tensor, positions: Tensor, *tables: Tensor, depth: int | None = None
    ) -> tuple[Tensor, ...]:
        """Through the first `depth` blocks, by default all."""
        decoder, longest = self._decoder, self._decoder.trunk_config.window_size**3
        blocks = list(decoder.blocks)[:depth]
        pair = [
            PaddedWindows(order=order, inverse=inverse, offsets=offsets)
            for order, inverse, offsets in (tables[:3], tables[3:])
        ]
        h = in_window_order(
            lambda part, rows, windows: self._block(part, rows, windows.offsets, longest),
            blocks,
            (decoder.input_layer(x) + positions).to(decoder.torso_dtype),
            [pair[i % 2] for i in range(len(blocks))],
        )
        return (decoder.head(h),)
