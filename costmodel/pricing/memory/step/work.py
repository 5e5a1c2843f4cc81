"""What one layer does in a training step."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.pricing.memory.step.types import CONVERTED, WIDE
from costmodel.units import DTYPES


@dataclass(frozen=True, slots=True)
class Work:
    """What one layer does in a step.

    path: whose moment it is. node: what it makes, and `size` of how many bytes; `root`: the node in whose memory that
    lies, its own unless it is a view. inputs: the nodes that it reads, `roots` where they lie, and `sizes` of how many
    bytes each. keeps: the roots that its backward pass reads. own: bytes that it makes for its backward pass. wanted:
    places of the inputs that get gradients. hands: those of them whose gradients lie in the memory of its output's.
    scratch: bytes that its backward pass makes and drops. arrays: its trained arrays, each with its bytes. copies:
    bytes of its matrices and kernels at bfloat16 under autocast. number: the layer's place in the network. late: bytes
    of pieces of its input's gradient that have grown while what it kept was freed, 0 where all gradients are made at
    one moment. drops: bytes that it makes and drops going forward. call: the number of the call that made it with
    others, pieces of one input whose gradients become one at once; 0 where it stands alone. frees: nodes of a branch
    that leads to no output, which ends here: what they made for their backward passes goes.
    """

    path: str
    number: int
    node: str
    root: str
    size: int
    inputs: tuple[str, ...]
    roots: tuple[str, ...]
    sizes: tuple[int, ...]
    keeps: tuple[str, ...]
    own: int
    wanted: tuple[int, ...]
    hands: tuple[int, ...]
    scratch: int
    arrays: tuple[tuple[str, int], ...]
    copies: int
    late: int = 0
    drops: int = 0
    call: int = 0
    frees: tuple[str, ...] = ()

    @property
    def narrow(self) -> int:
        """Bytes of the gradients of its weights at bfloat16."""
        return sum(size for _, size in self.arrays) * DTYPES[CONVERTED] // DTYPES[WIDE]

    @property
    def active(self) -> bool:
        """Whether anything goes back through it."""
        return bool(self.arrays or self.wanted)
