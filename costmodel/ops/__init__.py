"""The operators, one page each. Importing this package fills the registry."""

from costmodel.ops import activation, conv, linear, merge, norm, pool, reshape
from costmodel.ops.base import OPERATORS, Cost, Operator, find_operator

__all__ = [
    "OPERATORS",
    "Cost",
    "Operator",
    "activation",
    "conv",
    "find_operator",
    "linear",
    "merge",
    "norm",
    "pool",
    "reshape",
]
