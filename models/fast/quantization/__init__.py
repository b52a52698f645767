"""Linear layers whose weights take less memory than bf16."""

from models.fast.quantization.linear import QuantizedLinear
from models.fast.quantization.schemes import SCHEMES, scheme_named

__all__ = ["SCHEMES", "QuantizedLinear", "scheme_named"]
