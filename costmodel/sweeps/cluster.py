"""A sweep on an existing Dask cluster: the same chunks, in the same order, whatever workers come and go."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from costmodel.errors import CostModelError
from costmodel.sweeps.question import Chunk, Question

AHEAD = 4
PATIENCE = 10.0
"""Seconds to wait for the scheduler to answer."""
TRIES = 5
"""How often a chunk is started again where it failed for a reason of the cluster's."""


def clustered(question: Question, start: int, address: str) -> Iterator[Chunk]:
    """Yield the chunks of a question in order, from the one at index `start`, priced by the workers of a scheduler.

    A worker that dies takes nothing with it: the scheduler gives its chunks to others, and no chunk depends on another.

    Raises:
        CostModelError: if Dask is not installed, the scheduler does not answer, or a chunk cannot be priced.
    """
    try:
        from distributed import Client
        from distributed.scheduler import KilledWorker
    except ImportError:
        raise CostModelError("--cluster needs Dask: pip install 'nn-costmodel[cluster]'") from None
    connect: Any = Client
    try:
        client = connect(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise CostModelError(f"no Dask scheduler answers at {address}: {error}") from None
    with client:
        workers = max(1, sum(client.nthreads().values()))
        waiting: deque[Any] = deque()
        try:
            for index in range(start, question.points.chunks):
                waiting.append(client.submit(_answer, question, index, pure=False, retries=TRIES))
                if len(waiting) >= workers * AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except KilledWorker as error:
            raise CostModelError(f"one chunk killed every worker it was given to: {error}") from None
        finally:
            client.cancel(list(waiting))


def _answer(question: Question, index: int) -> Chunk:
    return question.chunk(index)
