"""Networks made smaller by ONNX Runtime's own tools: counts stay, and bytes are those that the file stores."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization

import costmodel as cm
from costmodel.graph import LayerGraph
from costmodel.onnx.read import read_onnx
from costmodel.pricing.sums import sums
from costmodel.render.data import as_dict
from costmodel.render.report import page

CONV, LINEAR = 8 * 3 * 9, 10 * 512
MULT_ADDS = 64 * CONV + LINEAR


def small(path: Path, batch: Any = 1) -> Path:
    """Write a network of a convolution and a linear layer."""
    draw = np.random.default_rng(0)

    def array(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(draw.standard_normal(shape, np.float32), name)

    nodes = [
        helper.make_node("Conv", ["x", "conv.w", "conv.b"], ["c"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], "relu"),
        helper.make_node("Flatten", ["r"], ["f"], "flatten"),
        helper.make_node("MatMul", ["f", "fc.w"], ["m"], "fc"),
        helper.make_node("Add", ["m", "fc.b"], ["y"], "bias"),
    ]
    arrays = [array("conv.w", 8, 3, 3, 3), array("conv.b", 8), array("fc.w", 512, 10), array("fc.b", 10)]
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 8, 8])]
    gives = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 10])]
    graph = helper.make_graph(nodes, "small", given, gives, arrays)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


class Images(quantization.CalibrationDataReader):  # type: ignore[misc]
    """A few images that ranges are found from."""

    def __init__(self) -> None:
        draw = np.random.default_rng(1)
        self.left = [{"x": draw.standard_normal((1, 3, 8, 8), np.float32)} for _ in range(2)]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self.left.pop() if self.left else None


def static(folder: Path, form: Any, batch: Any = 1, **how: Any) -> LayerGraph:
    """Return the small network, quantised beforehand."""
    logging.disable(logging.WARNING)
    quantization.quantize_static(
        str(small(folder / "small.onnx", batch)), str(folder / "q.onnx"), Images(), quant_format=form, **how
    )
    logging.disable(logging.NOTSET)
    return read_onnx(folder / "q.onnx")


def bytes_of(path: Path, *suffixes: str) -> int:
    """Return the bytes of the arrays of a file whose names end so."""
    arrays = onnx.load(path).graph.initializer
    return sum(
        len(array.raw_data) or numpy_helper.to_array(array).nbytes for array in arrays if array.name.endswith(suffixes)
    )


@pytest.mark.parametrize("each_channel", [False, True])
@pytest.mark.parametrize("batch", [1, "batch"])
def test_qdq_files_keep_their_counts_and_are_priced_as_they_are_stored(
    tmp_path: Path, each_channel: bool, batch: Any
) -> None:
    graph = static(tmp_path, quantization.QuantFormat.QDQ, batch, per_channel=each_channel)
    table = cm.price(graph)
    assert table.totals.mult_adds == MULT_ADDS
    assert table.totals.params == CONV + 8 + LINEAR + 10
    # Weights of 1 byte; the convolution's bias is stored in 4, and the one that is added by itself in 1.
    assert table.totals.weight_bytes == bytes_of(tmp_path / "q.onnx", "w_quantized", "b_quantized")
    assert table.totals.weight_bytes == CONV + LINEAR + 4 * 8 + 10
    assert table.widths == {"int8": MULT_ADDS}
    assert not table.partial
    assert graph.batch == 1
    assert not graph.whole
    assert cm.price(graph, 3).totals.mult_adds == 3 * MULT_ADDS


def test_every_scale_of_a_qdq_file_is_a_number_in_a_buffer_once(tmp_path: Path) -> None:
    graph = static(tmp_path, quantization.QuantFormat.QDQ)
    arrays = onnx.load(tmp_path / "q.onnx").graph.initializer
    beside = sum(numpy_helper.to_array(one).size for one in arrays if one.name.endswith(("_scale", "_zero_point")))
    assert cm.price(graph).totals.buffers == beside


def test_qoperator_files_are_priced_as_they_are_stored(tmp_path: Path) -> None:
    graph = static(tmp_path, quantization.QuantFormat.QOperator)
    table = cm.price(graph)
    assert table.totals.mult_adds == MULT_ADDS
    assert table.widths == {"int8": MULT_ADDS}
    assert table.totals.params == CONV + 8 + LINEAR + 10
    assert table.totals.weight_bytes == CONV + LINEAR + 4 * 8 + 10
    assert not table.partial


def test_weights_quantised_alone_are_multiplied_by_what_is_quantised_on_the_way(tmp_path: Path) -> None:
    logging.disable(logging.WARNING)
    quantization.quantize_dynamic(str(small(tmp_path / "small.onnx", "batch")), str(tmp_path / "q.onnx"))
    logging.disable(logging.NOTSET)
    graph = read_onnx(tmp_path / "q.onnx")
    assert not graph.whole
    assert cm.price(graph, 3).totals.mult_adds == 3 * MULT_ADDS
    table = cm.price(graph)
    assert table.totals.mult_adds == MULT_ADDS
    assert table.totals.params == CONV + 8 + LINEAR + 10
    assert table.totals.weight_bytes == CONV + LINEAR + 4 * (8 + 10)
    assert table.widths == {"int8": MULT_ADDS}
    assert not table.partial


def test_weights_of_four_bits_take_half_a_byte_and_are_multiplied_as_real_numbers(tmp_path: Path) -> None:
    made = onnx.load(small(tmp_path / "small.onnx", "batch"))
    fc = made.graph.node[3]
    made.graph.initializer.pop(2)
    made.graph.initializer.append(numpy_helper.from_array(np.zeros((10, 16, 16), np.uint8), "fc.packed"))
    made.graph.initializer.append(numpy_helper.from_array(np.ones(160, np.float32), "fc.scales"))
    how = {"K": 512, "N": 10, "bits": 4, "block_size": 32}
    made.graph.node[3].CopyFrom(
        helper.make_node("MatMulNBits", ["f", "fc.packed", "fc.scales"], fc.output, "fc", domain="com.microsoft", **how)
    )
    made.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    onnx.save(made, tmp_path / "q.onnx")
    graph = read_onnx(tmp_path / "q.onnx")
    table = cm.price(graph)
    assert table.totals.mult_adds == MULT_ADDS
    assert table.totals.params == CONV + 8 + LINEAR + 10
    assert table.totals.weight_bytes == 4 * (CONV + 8 + 10) + LINEAR // 2
    assert table.widths == {}
    # A dtype that is asked for is that of the real numbers alone.
    assert cm.price(graph, dtype="float16").totals.weight_bytes == 2 * (CONV + 8 + 10) + LINEAR // 2


def test_sums_and_tables_agree_on_stored_widths(tmp_path: Path) -> None:
    for form in (quantization.QuantFormat.QDQ, quantization.QuantFormat.QOperator):
        graph = static(tmp_path, form, per_channel=True)
        for batch in (1, 3):
            for dtype in (None, "float16", "int8"):
                table = cm.price(graph, batch, dtype)
                assert sums(graph, batch, dtype) == dict(table.totals.values)
                assert sum(table.values("weight_bytes")) == table.totals.weight_bytes


def test_a_report_says_what_is_multiplied_and_that_weights_are_as_stored(tmp_path: Path) -> None:
    graph = static(tmp_path, quantization.QuantFormat.QDQ)
    table = cm.price(graph)
    facts = {fact.label: (fact.value, fact.note) for fact in page(table).facts}
    assert facts["of these"] == ("100 % int8", "by what is multiplied")
    assert facts["weights"][1] == "each array as the file stores it"
    assert as_dict(table)["mult_adds_by_dtype"] == {"int8": MULT_ADDS}
