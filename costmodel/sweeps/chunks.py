"""Who prices the chunks of a sweep: this process, several, or a cluster. All answer in the same order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from costmodel.sweeps.question import AHEAD, Chunk, LostError, Question


def answers(question: Question, start: int = 0, *, workers: int = 1, cluster: str | None = None) -> Iterator[Chunk]:
    """Yield the chunks of a question in order, from the one at index `start`.

    Args:
        question: the sweep.
        start: the first chunk wanted.
        workers: processes on this machine.
        cluster: address of a Dask scheduler to use instead.

    Raises:
        CostModelError: if a chunk cannot be priced or the cluster cannot be reached; `LostError` if a process or the
            cluster's scheduler dies.
    """
    if cluster is not None:
        from costmodel.sweeps.cluster import clustered

        return clustered(question, start, cluster)
    if workers > 1 and question.points.chunks - start > 1:
        return _in_processes(question, start, workers)
    return (question.chunk(index) for index in range(start, question.points.chunks))


_question: Question | None = None


def _begin(question: Question) -> None:
    """Keep the question in a worker process, so that it is sent once. Ctrl-C is the reader's to act on."""
    global _question
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _question = question


def _end_with_parent() -> None:
    """End this worker when the process that it works for has ended, however that ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # nobody is left to answer, and other ways to end wait for one


def _answer(index: int) -> Chunk:
    assert _question is not None
    return _question.chunk(index)


def _pool(question: Question, workers: int) -> ProcessPoolExecutor:
    """Return a pool whose processes hold the question; they are forked, at once, where one thread makes that safe."""
    fork = sys.platform == "linux" and threading.active_count() == 1
    context = multiprocessing.get_context("fork" if fork else "spawn")
    return ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(question,))


def _submit(pool: ProcessPoolExecutor, index: int) -> Future[Chunk]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 counts NumPy's sleeping threads too
        return pool.submit(_answer, index)


def _in_processes(question: Question, start: int, workers: int) -> Iterator[Chunk]:
    with _pool(question, workers) as pool:
        waiting: deque[Future[Chunk]] = deque()
        try:
            for index in range(start, question.points.chunks):
                waiting.append(_submit(pool, index))
                if len(waiting) >= workers * AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise LostError("a worker process died, perhaps for want of memory") from None
        finally:
            for future in waiting:
                future.cancel()
