"""What a batch holds so many of: images, sequences of tokens, or samples of another kind."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from costmodel.tensor import Tensor

PICTURE = 3
"""The axes of an image: channels, height and width."""

_ONE = {"image": "an image", "sample": "a sample"}


@dataclass(frozen=True)
class Sample:
    """One of a batch, as its network's input is: an "image", a "sequence" of so many tokens, or another "sample"."""

    noun: str
    tokens: Any = None

    @property
    def counted(self) -> str:
        """What people count of them: a sequence is a sample there, and its tokens are counted apart."""
        return "image" if self.noun == "image" else "sample"

    @property
    def each(self) -> str:
        """One of them in words: ``a sample of 1,024 tokens``."""
        return f"a sample of {self.tokens:,} tokens" if self.tokens is not None else _ONE[self.noun]

    @property
    def rate(self) -> str:
        """The unit of what people are told is done in a second: of sequences their tokens."""
        return "tokens/s" if self.tokens is not None else f"{self.counted}s/s"

    def said(self, words: str) -> str:
        """Return words about samples, such as a unit, in the network's own: ``images/s``."""
        return words.replace("a sample", "an image").replace("samples", "images") if self.noun == "image" else words

    def rate_of(self, samples_per_s: Any) -> Any:
        """Return how many of that unit are done where so many samples are."""
        return samples_per_s * (1 if self.tokens is None else self.tokens)

    def as_data(self) -> dict[str, Any]:
        """Return what it is as plain data."""
        return {"sample": self.noun, **({"tokens": self.tokens} if self.tokens is not None else {})}


def sample_of(inputs: Mapping[str, Tensor]) -> Sample:
    """Return what a network reads one of for each of a batch.

    Its first input says so: three axes of numbers are a picture, a line of indices is a sequence of tokens, if no other
    input is a line of another length.
    """
    first, *more = inputs.values()
    if _is_line(first):
        lengths = {math.prod(one.shape) for one in (first, *more) if _is_line(one)}
        return Sample("sequence", lengths.pop()) if len(lengths) == 1 else Sample("sample")
    return Sample("image" if len(first.shape) == PICTURE and first.dtype != "bool" else "sample")


def _is_line(tensor: Tensor) -> bool:
    """Say whether a tensor is a line of indices; one that holds its batch has that axis before."""
    return tensor.dtype not in (None, "bool") and len(tensor.shape) == (1 if tensor.batched else 2)
