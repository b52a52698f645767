"""The schemes by the names that the configuration uses."""

from collections.abc import Callable, Mapping

from torch import Tensor

from models.fast.quantization.float8 import Float8Linear
from models.fast.quantization.linear import QuantizedLinear
from models.fast.quantization.nf4 import Nf4Linear
from models.weights.loading import Scheme

SCHEMES: Mapping[str, Callable[[Tensor], QuantizedLinear]] = {"fp8": Float8Linear, "nf4": Nf4Linear}


def scheme_named(name: str) -> Scheme | None:
    """The scheme, None for `none`.

    Raises:
        ValueError: There is no such scheme.
    """
    if name == "none":
        return None
    if name not in SCHEMES:
        raise ValueError(f"no quantisation {name!r}; there are none, {', '.join(SCHEMES)}")
    return SCHEMES[name]
