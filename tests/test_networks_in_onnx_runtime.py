"""Every bundled family, at the smallest picture or the few tokens that it takes, computes layer by layer what ONNX
Runtime computes.
"""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from small import Slices, smallest

from costmodel.execute import random_inputs, run
from costmodel.onnx.export import model
from costmodel.spec.library import files

TOLERANCE = 1e-5
"""Of the largest value of a layer: what float32 sums of thousands of terms differ by when they are taken in another
order.
"""


@pytest.mark.parametrize("name", [path.stem for path in files()])
def test_every_layer_agrees_with_onnx_runtime(name: str) -> None:
    graph = smallest(name)
    paths = [layer.path for layer in graph.layers]
    exported = model(graph.name, graph.layers, graph.inputs, paths, weights=Slices())
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # so that every layer is run
    options.intra_op_num_threads = 1  # the tests run side by side
    session = onnxruntime.InferenceSession(exported.SerializeToString(), options, providers=["CPUExecutionProvider"])

    given = random_inputs(graph)
    ours = run(graph, given, weights=Slices(), keep=paths)
    apart = {}
    for path, theirs in zip(paths, session.run(paths, given), strict=True):
        assert theirs.shape[1:] == graph.shape(path)
        difference = float(np.abs(np.subtract(theirs, ours[path], dtype=float)).max()) / max(
            float(np.abs(ours[path]).max()), 1e-30
        )
        if not difference <= TOLERANCE:
            apart[path] = difference
    assert not apart
