"""Linear layers whose weights take less memory than bf16."""

from models.fast.quantization.linear import QuantizedLinear
from models.fast.quantization.schemes import SCHEMES, Scheme, scheme_named

__all__ = ["SCHEMES", "QuantizedLinear", "Scheme", "scheme_named"]
