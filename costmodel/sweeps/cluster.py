"""A sweep on an existing Dask cluster: the same chunks, in the same order, whatever workers come and go."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any, cast

from costmodel.errors import CostModelError
from costmodel.sweeps.question import AHEAD, Chunk, LostError, Question

PATIENCE = 10.0
"""Seconds to wait for the scheduler to answer."""
IDLE = 30.0
"""Seconds without an answer after which it is looked whether there are workers at all."""
TRIES = 5
"""How often a chunk is started again where it failed for a reason of the cluster's."""
ENCRYPTED = ("tls://", "wss://")


def clustered(question: Question, start: int, address: str) -> Iterator[Chunk]:
    """Yield the chunks of a question in order, from the one at index `start`, priced by the workers of a scheduler.

    A worker that dies takes nothing with it: the scheduler gives its chunks to others, and no chunk depends on another.

    Raises:
        CostModelError: if Dask is not installed, the scheduler does not answer, or a chunk cannot be priced.
        LostError: if the scheduler ends, or workers die of a chunk.
    """
    try:
        from distributed import Client
        from distributed import TimeoutError as Late
        from distributed.scheduler import KilledWorker
    except ImportError:
        raise CostModelError("--cluster needs Dask: pip install 'nn-costmodel[cluster]'") from None
    _reach(address)
    connect: Any = Client
    with _silent(), connect(address, timeout=PATIENCE, set_as_default=False) as client:
        workers = max(1, sum(client.nthreads().values()))
        waiting: deque[Any] = deque()

        def answer() -> Chunk:
            while True:
                try:
                    chunk: Chunk = waiting[0].result(timeout=IDLE)
                except Late:
                    if not client.nthreads():
                        raise LostError(f"the Dask scheduler at {address} has no workers; {_WORKERS}") from None
                else:
                    waiting.popleft()
                    return chunk

        try:
            for index in range(start, question.points.chunks):
                waiting.append(client.submit(_answer, question, index, pure=False, retries=TRIES))
                if len(waiting) >= workers * AHEAD:
                    yield answer()
            while waiting:
                yield answer()
        except KilledWorker as error:
            raise LostError(f"one chunk killed every worker it was given to: {error}") from None
        except (CancelledError, OSError):
            raise LostError(f"the Dask scheduler at {address} is gone") from None
        finally:
            client.cancel(list(waiting))


def _reach(address: str) -> None:
    """Raise unless a scheduler answers: a `Client` that cannot connect takes 20 s and tracebacks to say so."""
    from distributed.comm.core import connect
    from distributed.core import send_recv

    arguments, dial = _security(address), cast("Any", connect)

    async def knock() -> bool:
        comm = await dial(address, timeout=PATIENCE, **arguments)
        try:
            return "workers" in await send_recv(comm, op="identity")
        finally:
            comm.abort()

    try:
        if not asyncio.run(knock()):
            raise CostModelError(f"what answers at {address} is no Dask scheduler, but perhaps one of its workers")
    except OSError as error:
        raise CostModelError(f"no Dask scheduler answers at {address}: {error}") from None
    except (ValueError, TypeError) as error:
        hint = "write HOST:PORT, as in tcp://127.0.0.1:8786"
        raise CostModelError(f"{address!r} is no address of a Dask scheduler: {error}; {hint}") from None


def _security(address: str) -> dict[str, Any]:
    """Return what Dask's own configuration says of encryption, for a connection."""
    from distributed.security import Security

    try:
        arguments: dict[str, Any] = cast("Any", Security)().get_connection_args("client")
    except OSError as error:
        raise CostModelError(f"{address}: the certificates that Dask is to use cannot be read: {error}") from None
    if address.startswith(ENCRYPTED) and arguments["ssl_context"] is None:
        raise CostModelError(f"{address}: {_NO_CERTIFICATES}")
    return arguments


_WORKERS = "start some with `dask worker`, where this version of costmodel is installed too"
_NO_CERTIFICATES = """TLS needs certificates, which Dask reads from its own configuration
  name them in the environment: DASK_DISTRIBUTED__COMM__TLS__CA_FILE=ca.pem,
  DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT=cert.pem and DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY=key.pem"""


@contextmanager
def _silent() -> Iterator[None]:
    """Keep Dask from logging tracebacks of a connection that is lost; it is told in our own words."""
    log = logging.getLogger("distributed.client")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def _answer(question: Question, index: int) -> Chunk:
    return question.chunk(index)
