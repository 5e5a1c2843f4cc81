"""How operators of PyTorch's are read, a module for each kind; importing it fills the rules."""

from costmodel.modules.rules import (  # noqa: F401
    attention,
    elementwise,
    lookups,
    moves,
    norms,
    products,
    recurrent,
    reductions,
    windows,
)
