"""`Machine`: what a processor says of itself, so that a device knows which machine it was measured on, and a prediction
whether this is another.
"""

from __future__ import annotations

import platform
from functools import lru_cache
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, Field, ValidationError

from costmodel.latency.part import STRICT
from costmodel.latency.systems import SYSTEMS
from costmodel.units import counted, short

Number: TypeAlias = Annotated[int, Field(ge=0, le=2**63)]
Cache: TypeAlias = Literal["L1d", "L2", "L3"]

TELLING = ("processor", "vendor", "family", "model", "vectors")
"""The facts by which two machines are told apart. Others are told and no more: a rented machine sees as many cores, as
much memory and as large a share of the last cache as was paid for.
"""


class Machine(BaseModel):
    """What a machine says of its processor and memory. None is what it does not say: nothing is guessed."""

    model_config = STRICT

    processor: str | None = None
    """Its name."""
    vendor: str | None = None
    family: Number | None = None
    """The number that the vendor gives a generation; on ARM the architecture's."""
    model: Number | None = None
    """The number within it; on ARM the part's, where all cores are of one part."""
    vectors: str | None = None
    """Its widest vector instructions: avx512, avx2, avx, sse2, sve2, sve or neon."""
    cores: Annotated[int, Field(ge=1, le=10**6)] | None = None
    """Processors that the system shows; hardware threads count."""
    caches_bytes: dict[Cache, Number] = {}
    """Of the first core: data, second and third level."""
    memory_bytes: Number | None = None

    def __str__(self) -> str:
        """The machine in words: ``AMD EPYC, AVX-512, 2 cores, L2 1.049 MB``."""
        name = self.processor or self.vendor
        numbers = [f"{kind} {value}" for kind in ("family", "model") if (value := getattr(self, kind)) is not None]
        caches = [f"{level} {short(size, 'B')}" for level, size in self.caches_bytes.items()]
        return ", ".join(
            [
                *([name] if name else []),
                *([" ".join(numbers)] if numbers else []),
                *([vectors_text(self.vectors)] if self.vectors else []),
                *([counted(self.cores, "core")] if self.cores else []),
                *caches,
                *([f"{short(self.memory_bytes, 'B')} of memory"] if self.memory_bytes else []),
            ]
        )


def vectors_text(vectors: str) -> str:
    """Write vector instructions as people do: ``AVX-512``."""
    return {"avx512": "AVX-512"}.get(vectors, vectors.upper())


def differences(one: Machine, other: Machine) -> tuple[str, ...]:
    """Return the facts of `TELLING` that both machines state, and differently; none where they may be the same."""
    return tuple(
        name
        for name in TELLING
        if None not in (found := (getattr(one, name), getattr(other, name))) and found[0] != found[1]
    )


def told_apart(one: Machine, other: Machine) -> tuple[str, str] | None:
    """Return both machines in words, as far as they differ and by their names, or None where they may be the same."""
    found = differences(one, other)
    return (_told(one, found), _told(other, found)) if found else None


def _told(machine: Machine, by: tuple[str, ...]) -> str:
    name = machine.processor or machine.vendor or "a processor without a name"
    numbers = [f"{kind} {getattr(machine, kind)}" for kind in ("family", "model") if kind in by]
    vectors = [vectors_text(machine.vectors)] if machine.vectors and "vectors" in by else []
    return ", ".join([name, *vectors, *([" ".join(numbers)] if numbers else [])])


@lru_cache(maxsize=1)
def this_machine() -> Machine:
    """Return what this machine says of itself; what it does not say, or not in a way that is understood, is None."""
    facts = SYSTEMS.get(platform.system(), dict)()
    try:
        return Machine(**{name: value for name, value in facts.items() if value not in (None, "", {})})
    except ValidationError:  # a system that tells nonsense tells nothing
        return Machine()
