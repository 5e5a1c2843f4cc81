"""What people call from Python: price many networks as a frame, and find the best of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel import sources
from costmodel.errors import CostModelError
from costmodel.pricing.memory.asked import Runtime, Training, levels_of
from costmodel.sources import Question as Network
from costmodel.sweeps.chunks import answers
from costmodel.sweeps.conditions import parse_condition
from costmodel.sweeps.pareto import goal_of
from costmodel.sweeps.question import Reasons, add_reasons, ask
from costmodel.sweeps.ranges import axis_of
from costmodel.sweeps.solve import Solution, Solver, row_of

if TYPE_CHECKING:
    import pandas as pd

    from costmodel.latency.device import Device


def sweep(
    network: Network,
    /,
    *,
    dtype: str | None = None,
    measures: Iterable[str] | None = None,
    where: str | None = None,
    paired: bool = False,
    workers: int = 1,
    device: str | None = None,
    memory: str | Runtime | None = None,
    training: bool | str | Training | None = None,
    **values: Any,
) -> pd.DataFrame:
    """Return a pandas frame with a row for each combination of parameters' values, the last one varying fastest.

    Args:
        network: an architecture or its name, or an ONNX file that leaves sizes open.
        dtype: of weights and activations; by default the device's, or else the network's own.
        measures: the columns wanted besides the parameters, as `costmodel.measures` lists them.
        where: keep only the rows that meet this condition: ``"mult_adds < 300e6"``.
        paired: take the i-th of each list as the i-th point, instead of all combinations.
        workers: processes to spread the work over.
        device: the name of a device, whose latency may then be asked for.
        memory: the runtime whose plan is meant, "onnxruntime", and
        training: how a step trains, as for `price`.
        values: lists of values, by parameter; ``batch`` may be one.

    Points that are no network (a size that is not whole, a picture too small) are left out;
    ``frame.attrs["left_out"]`` says how many, by the reason; ``frame.attrs["notes"]`` what has to be known of the
    first network, as of an ONNX file's. Parameters that shape the network vary slowest; all open sizes of a file do.

    Raises:
        CostModelError: if a parameter, column or value cannot be.
    """
    import pandas as pd

    axes = values if paired else [axis_of(name, given) for name, given in values.items()]
    varied, at = sources.open(network).parametric(), _device(device)
    question = ask(
        varied, axes, dtype=dtype, measures=measures, where=where, device=at, levels=levels_of(memory, training)
    )
    reasons: Reasons = {}
    chunks = []
    for chunk in answers(question, workers=workers):
        chunks.append(chunk)
        add_reasons(reasons, chunk.left_out)
    columns = {name: np.concatenate([chunk.columns[name] for chunk in chunks]) for name in question.columns}
    frame = pd.DataFrame(columns)
    frame.attrs["left_out"] = {entry.reason: entry.count for entry in reasons.values()}
    frame.attrs["notes"] = question.notes(row_of(columns, 0)) if len(frame) else []
    return frame


def solve(
    network: Network,
    /,
    *,
    maximize: str | None = None,
    minimize: str | None = None,
    subject_to: str | Iterable[str],
    dtype: str | None = None,
    workers: int = 1,
    device: str | None = None,
    memory: str | Runtime | None = None,
    training: bool | str | Training | None = None,
    **values: Any,
) -> Solution:
    """Return the best network of a grid under constraints; every point is priced, so it is the best there is.

    Args:
        network: an architecture or its name, or an ONNX file that leaves sizes open.
        maximize: the measure or parameter that is to be large; or
        minimize: the one that is to be small.
        subject_to: a condition that the network must meet, or several: ``"params < 5M"``.
        dtype: of weights and activations; by default the device's, or else the network's own.
        workers: processes to spread the work over.
        device: the name of a device, whose latency may then be asked for.
        memory: the runtime whose plan is meant, "onnxruntime", and
        training: how a step trains, as for `price`.
        values: lists of values, by parameter; ``batch`` may be one.

    ``answer.best`` holds the best points (all equally good), none where nothing meets the constraints;
    ``answer.nearest`` is the nearest then.

    Raises:
        CostModelError: if not one goal is given, or a parameter, measure, condition or value cannot be.
    """
    if (maximize is None) == (minimize is None):
        raise CostModelError("say what to maximize or what to minimize")
    wanted = maximize or minimize or ""
    constraints = (subject_to,) if isinstance(subject_to, str) else tuple(subject_to)
    axes = [axis_of(name, given) for name, given in values.items()]
    varied, at = sources.open(network).parametric(), _device(device)
    question = ask(
        varied,
        axes,
        dtype=dtype,
        device=at,
        levels=levels_of(memory, training),
        goals=[wanted],
        constraints=constraints,
    )
    goal = goal_of(wanted, question.columns, largest=maximize is not None)
    return Solver(question, goal, [parse_condition(text, question.columns) for text in constraints]).run(workers)


def _device(name: str | None) -> Device | None:
    if name is None:
        return None
    from costmodel.latency.find import find_device

    return find_device(name)
