"""What a GPU runs as one kernel of our own; anywhere else it is the same formula in plain operations."""

from models.fast.kernels.float8 import few_rows_product, float8_rows
from models.fast.kernels.groups import biased_sum, group_normed
from models.fast.kernels.heads import fill_up, normed_heads, without_fillers
from models.fast.kernels.neighbours import gathered_columns, tap_sum
from models.fast.kernels.nf4 import widened_nf4
from models.fast.kernels.rotary import rotated
from models.fast.kernels.rows import normed, normed_sum

__all__ = [
    "biased_sum",
    "few_rows_product",
    "fill_up",
    "float8_rows",
    "gathered_columns",
    "group_normed",
    "normed",
    "normed_heads",
    "normed_sum",
    "rotated",
    "tap_sum",
    "widened_nf4",
    "without_fillers",
]
