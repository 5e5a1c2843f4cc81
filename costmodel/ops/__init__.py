"""The operators, one page each. Importing this package fills the registry."""

from costmodel.ops import (
    activation,
    arithmetic,
    conv,
    function,
    group_norm,
    linear,
    magnitude,
    merge,
    norm,
    pool,
    rectifier,
    reduce,
    reshape,
    smooth,
    softmax,
)
from costmodel.ops.base import OPERATORS, Cost, Operator, find_operator

__all__ = [
    "OPERATORS",
    "Cost",
    "Operator",
    "activation",
    "arithmetic",
    "conv",
    "find_operator",
    "function",
    "group_norm",
    "linear",
    "magnitude",
    "merge",
    "norm",
    "pool",
    "rectifier",
    "reduce",
    "reshape",
    "smooth",
    "softmax",
]
