"""Reading an ONNX file's bytes: what is read is what ONNX's own library reads, and wrong bytes are refused in words."""

from __future__ import annotations

import json
import mmap
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import costmodel as cm
from costmodel.onnx import messages, wire
from costmodel.onnx.messages import model_of, read_model
from costmodel.onnx.model import Graph, Info, Node, Ref, short
from costmodel.onnx.stored import DTYPES, Stored

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
DAMAGED = "net.onnx: this is not an ONNX file, or not all of one"
FAULTS = pytest.raises(cm.CostModelError)


@pytest.fixture(scope="module")
def node_tests():
    """The models of ONNX's own tests of nodes, one of each in a dozen."""
    from onnx.backend.test.case.node import collect_testcases

    with np.errstate(all="ignore"):
        return [case.model for case in collect_testcases(None)[::12] if case.model is not None]


def same(model, read):
    """Hold what was read against ONNX's own message, field by field."""
    assert read.opsets == {entry.domain.replace("ai.onnx", "") if entry.domain == "ai.onnx" else entry.domain:
                           entry.version for entry in model.opset_import}  # fmt: skip
    assert read.producer == f"{model.producer_name} {model.producer_version}".strip()
    assert read.ir_version == model.ir_version
    assert read.metadata == {entry.key: entry.value for entry in model.metadata_props}
    same_graph(model.graph, read.graph)
    assert len(read.functions) == len(model.functions)
    for proto in model.functions:
        function = read.functions[proto.domain, proto.name, proto.overload]
        assert (function.inputs, function.outputs) == (list(proto.input), list(proto.output))
        assert function.attributes == list(proto.attribute)
        assert function.defaults.keys() == {entry.name for entry in proto.attribute_proto}
        for entry in proto.attribute_proto:
            same_attribute(entry, function.defaults[entry.name])
        same_nodes(proto.node, function.nodes)
        assert all(node.opset == function.opsets.get(node.domain, 0) for node in function.nodes)


def same_graph(proto, graph):
    assert graph.name == proto.name
    same_nodes(proto.node, graph.nodes)
    assert list(graph.arrays) == [array.name for array in proto.initializer] + [
        array.values.name for array in proto.sparse_initializer
    ]
    for array in proto.initializer:
        same_array(array, graph.arrays[array.name])
    for array in proto.sparse_initializer:
        assert graph.arrays[array.values.name].shape == tuple(array.dims)
    assert len(graph.infos) == len({info.name for info in proto.value_info})
    protos = [*proto.input, *proto.output, *proto.value_info]
    for info, read in zip(protos, [*graph.inputs, *graph.outputs, *graph.infos.values()], strict=True):
        same_info(info, read)


def same_info(proto, info):
    assert info.name == proto.name
    same_type(proto.type, info)


def same_type(proto, info):
    kind = proto.WhichOneof("value")
    assert info.kind == (kind or "").removesuffix("_type")
    while kind in ("sequence_type", "optional_type"):
        proto = getattr(proto, kind).elem_type
        kind = proto.WhichOneof("value")
    if kind in ("tensor_type", "sparse_tensor_type"):
        tensor = getattr(proto, kind)
        assert info.dtype == (onnx_name(tensor.elem_type) if tensor.elem_type else None)
        if not tensor.HasField("shape"):
            assert info.shape is None
        else:
            told = [size.WhichOneof("value") and getattr(size, size.WhichOneof("value")) for size in tensor.shape.dim]
            assert info.shape == tuple(None if size in ("", None) else size for size in told)


def same_nodes(protos, nodes):
    for proto, node in zip(protos, nodes, strict=True):
        assert (node.op_type, node.overload) == (proto.op_type, proto.overload)
        assert node.domain == ("" if proto.domain == "ai.onnx" else proto.domain)
        assert node.name == (proto.name or next(filter(None, proto.output), ""))
        assert (node.inputs, node.outputs) == (list(proto.input), list(proto.output))
        assert node.metadata == {entry.key: entry.value for entry in proto.metadata_props}
        assert node.attributes.keys() == {attribute.name for attribute in proto.attribute}
        for attribute in proto.attribute:
            same_attribute(attribute, node.attributes[attribute.name])


def same_attribute(proto, value):
    if proto.ref_attr_name:
        assert value == Ref(proto.ref_attr_name)
        return
    wanted = helper.get_attribute_value(proto)
    if isinstance(wanted, (list, tuple)) or not isinstance(wanted, (int, float, bytes)):
        listed = list(wanted) if proto.type >= proto.FLOATS and proto.type not in (11, 13) else [wanted]
        values = value if proto.type >= proto.FLOATS and proto.type not in (11, 13) else [value]
        for one, other in zip(listed, values, strict=True):
            same_value(one, other)
    else:
        same_value(wanted, value)


def same_value(wanted, value):
    if isinstance(wanted, onnx.TensorProto):
        same_array(wanted, value)
    elif isinstance(wanted, onnx.GraphProto):
        assert isinstance(value, Graph)
        same_graph(wanted, value)
    elif isinstance(wanted, onnx.SparseTensorProto):
        assert value.shape == tuple(wanted.dims)
    elif isinstance(wanted, onnx.TypeProto):
        assert isinstance(value, Info)
        same_type(wanted, value)
    elif isinstance(wanted, bytes):
        assert value == wanted.decode("utf-8", "backslashreplace")
    elif isinstance(wanted, float):
        assert type(value) is float
        assert np.float32(value) == np.float32(wanted) or np.isnan(wanted)
    else:
        assert (type(value), value) == (int, wanted)


def onnx_name(kind):
    name = TensorProto.DataType.Name(kind).lower()
    return {"float": "float32", "double": "float64"}.get(name, name)


def same_array(proto, stored):
    assert isinstance(stored, Stored)
    assert (stored.name, stored.shape) == (proto.name, tuple(proto.dims))
    assert stored.dtype == onnx_name(proto.data_type)
    if proto.data_type == TensorProto.STRING or proto.data_location == proto.EXTERNAL:
        assert stored.values() is None
        return
    wanted, values = numpy_helper.to_array(proto), stored.values()
    assert values is not None
    assert values.shape == wanted.shape
    kind = "c" if wanted.dtype.kind == "c" else values.dtype
    assert np.array_equal(values, wanted.astype(wanted.dtype if kind == "c" else kind), equal_nan=kind != "c")


def test_models_of_onnx_itself_read_the_same():
    files = sorted(DATA.rglob("*.onnx"))
    assert len(files) > 100
    for file in files:
        same(onnx.load(file), read_model(file))


def test_every_nodes_own_tests_read_the_same(node_tests):
    assert len(node_tests) > 100
    for model in node_tests:
        same(model, model_of(model.SerializeToString(), "net.onnx"))


def network(*nodes, arrays=(), **more):
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, None])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        arrays,
    )
    return helper.make_model(graph, **more)


def held(array, size=None):
    """Return what is read of an array."""
    model = network(helper.make_node("Relu", ["x"], ["y"]), arrays=[array])
    (stored,) = model_of(model.SerializeToString(), "net.onnx").graph.arrays.values()
    return stored.values() if size is None else stored.values(size)


ALL = [name for name in DTYPES if name != "string"]


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("name", ALL)
def test_an_array_of_every_type_has_the_numbers_that_onnx_reads(name, raw):
    """All codes of the small types; of the others some, with what is special."""
    kind = DTYPES.index(name) + 1
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    if dtype.itemsize == 1 and name != "bool":
        bits = {"4": 4, "2": 2, "6": 6}.get(name[-1] if name[-1] in "42" else "", 8)
        bits = 4 if name == "float4e2m1" else 6 if name.startswith("float6") else 8 if "float8" in name else bits
        numbers = np.arange(2 ** (8 if name in ("int8", "uint8") else bits)).astype(np.uint8).view(dtype)
        if name in ("int4", "int2"):
            numbers = np.arange(-(2 ** (bits - 1)), 2 ** (bits - 1)).astype(dtype)
        numbers = numbers[: len(numbers) // 2 * 2 - 1]  # an odd count leaves half a byte over
    else:
        numbers = np.array([0, 1, 2, 100, 3], dtype)
        if dtype.kind in "fc":
            numbers = np.append(numbers, np.array([np.inf, -0.0, 1e-3], dtype))
        if dtype.kind == "i":
            numbers = np.append(numbers, np.array([-1, np.iinfo(dtype).min, np.iinfo(dtype).max], dtype))
    listed = numbers.tolist() if dtype.kind != "V" else numbers
    proto = numpy_helper.from_array(numbers, "w")
    if not raw:
        proto = helper.make_tensor("w", kind, numbers.shape, listed)
    wanted = numpy_helper.to_array(proto)
    got = held(proto)
    assert got.shape == wanted.shape
    as_kind = wanted.astype(np.complex128 if wanted.dtype.kind == "c" else np.float64)
    assert np.array_equal(got.astype(as_kind.dtype), as_kind, equal_nan=True)
    assert np.array_equal(np.signbit(got.real.astype(float)), np.signbit(as_kind.real)) or np.isnan(as_kind.real).any()


def test_values_are_not_looked_at_where_there_are_none_or_more_than_asked():
    whole = numpy_helper.from_array(np.arange(6, dtype=np.int64), "w")
    assert held(whole, 6).tolist() == [0, 1, 2, 3, 4, 5]
    assert held(whole, 5) is None
    short_one = TensorProto.FromString(whole.SerializeToString())
    short_one.raw_data = short_one.raw_data[:-1]
    assert held(short_one) is None
    assert held(TensorProto(name="w", dims=[2**40, 2**40], data_type=1)) is None
    assert held(TensorProto(name="w", dims=[-1], data_type=1)) is None
    assert held(TensorProto(name="w", dims=[1], data_type=99)) is None
    assert held(helper.make_tensor("w", TensorProto.STRING, [1], [b"text"])) is None
    many = TensorProto(name="w", dims=[1], data_type=TensorProto.INT64)
    many.int64_data.extend([1, 2])
    assert held(many) is None


def test_more_bytes_than_an_array_has_are_not_looked_at():
    import tracemalloc

    halves = TensorProto(name="w", dims=[3], data_type=TensorProto.UINT4, raw_data=b"\x21\x03")
    assert held(halves).tolist() == [1, 2, 3]
    halves.raw_data = b"\x21\x03\x04"
    assert held(halves) is None
    many = b"\x01" * 10**6
    stored = Stored("w", (1,), "int64", data=many, parts=[(7 << 3 | 2, 0, len(many))])
    tracemalloc.start()
    try:
        assert stored.values() is None
        assert tracemalloc.get_traced_memory()[1] < 10**5
    finally:
        tracemalloc.stop()


def test_lists_that_are_written_alike_are_lists_of_their_own():
    nodes = [helper.make_node("MaxPool", ["x"], [name], kernel_shape=[2, 2]) for name in "ab"]
    one, other = model_of(network(*nodes).SerializeToString(), "net.onnx").graph.nodes
    assert one.attributes == other.attributes
    assert one.attributes["kernel_shape"] is not other.attributes["kernel_shape"]


def test_sizes_below_none_are_open():
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, [-1, 0, 3])
    model = helper.make_model(helper.make_graph([], "net", [info], []))
    (read,) = model_of(model.SerializeToString(), "net.onnx").graph.inputs
    assert read.shape == (None, 0, 3)


def test_bytes_beside_the_file_are_said_to_be_there():
    array = TensorProto(name="w", dims=[4], data_type=1, data_location=TensorProto.EXTERNAL)
    array.external_data.add(key="location", value="net.onnx.data")
    model = network(helper.make_node("Relu", ["x"], ["y"]), arrays=[array])
    stored = model_of(model.SerializeToString(), "net.onnx").graph.arrays["w"]
    assert (stored.is_external, stored.external, stored.size) == (True, {"location": "net.onnx.data"}, 4)


def test_numbers_of_a_list_are_read_packed_or_not():
    """ONNX writes the numbers of an attribute each by itself; others write them packed, and readers must take both."""
    loose = helper.make_attribute("ints", [1, -2, 300]).SerializeToString()
    packed = b"\x0a\x04ints" + b"\x42\x0d\x01" + b"\xfe" + b"\xff" * 8 + b"\x01" + b"\xac\x02" + b"\xa0\x01\x07"
    floats = b"\x0a\x06floats" + b"\x3a\x08" + struct.pack("<2f", 1.5, -2) + b"\xa0\x01\x06"
    node = b"\x12\x01y" + b"".join(b"\x2a" + bytes([len(one)]) + one for one in (loose, packed, floats))
    graph = b"\x0a" + bytes([len(node)]) + node
    read = model_of(b"\x3a" + bytes([len(graph)]) + graph, "net.onnx").graph.nodes[0]
    assert read.attributes == {"ints": [1, -2, 300], "floats": [1.5, -2.0]}


def test_a_large_file_is_read_past_its_weights(tmp_path, monkeypatch):
    """A file of which more is looked at than fits is a view of it; the test's is larger than what is read whole."""
    from costmodel.documents import files

    monkeypatch.setattr(files, "READ_WHOLE", 1000)
    array = numpy_helper.from_array(np.arange(100_000, dtype=np.float32), "w")
    model = network(helper.make_node("Relu", ["x"], ["y"]), arrays=[array])
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    stored = read_model(path).graph.arrays["w"]
    assert isinstance(stored.data, memoryview)
    assert stored.values()[-1] == 99_999


def test_of_a_large_file_what_was_looked_at_is_let_go(tmp_path):
    from costmodel.documents.files import let_go

    class Watched(mmap.mmap):
        gone = 0

        def madvise(self, option, start, length):
            self.gone = start + length
            super().madvise(option, start, length)

    with (tmp_path / "large").open("w+b") as file:
        file.write(b"x" * 3 * mmap.PAGESIZE)
        file.flush()
        view = Watched(file.fileno(), 0, access=mmap.ACCESS_READ)
        let_go(memoryview(view), 2 * mmap.PAGESIZE + 1)
    assert view.gone == 2 * mmap.PAGESIZE
    assert view[0] == ord("x")


# -- what a node is called

SCOPES = "pkg.torch.onnx.name_scopes"


@pytest.mark.parametrize(
    ("name", "metadata", "path"),
    [
        ("/layer1/layer1.0/conv1/Conv", {}, "layer1.0.conv1.Conv"),
        ("Conv_12", {}, "Conv_12"),
        ("fc/3", {}, "fc"),
        ("", {}, "Gemm"),
        ("node_linear", {SCOPES: "['', 'layers', 'layers.0', 'layers.0.fc', 'linear']"}, "layers.0.fc.Gemm"),
        ("node_mean", {SCOPES: "['', 'mean']"}, "Gemm"),
        ("node_x", {SCOPES: "nonsense"}, "node_x"),
        ("a\x1b[0m", {}, "a\\x1b[0m"),
    ],
)
def test_a_layer_is_called_after_the_modules_around_it(name, metadata, path):
    assert Node("Gemm", name, [], [], metadata=metadata).path == path


def test_a_name_without_end_takes_no_time():
    assert len(Node("Gemm", "a/" * 10**6, [], []).path) <= 2000
    assert len(Node("Gemm", "", [], [], metadata={SCOPES: "'a'" * 10**6}).path) <= 2000


# -- wrong bytes


def said(data, file="net.onnx"):
    with FAULTS as error:
        model_of(data, file)
    return str(error.value)


WHOLE = network(
    helper.make_node("Conv", ["x", "w"], ["c"], kernel_shape=[3, 3], auto_pad="SAME_UPPER"),
    helper.make_node("LeakyRelu", ["c"], ["y"], alpha=0.1),
    arrays=[numpy_helper.from_array(np.ones((2, 3, 3, 3), np.float32), "w")],
).SerializeToString()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "net.onnx: this is not an ONNX file, or one without a graph"),
        (b"\x08\x07", "net.onnx: this is not an ONNX file, or one without a graph"),
        (b"\x3a\x00", "net.onnx: this is not an ONNX file, or one without a graph"),
        (WHOLE[:-1], DAMAGED),
        (WHOLE + b"\x3a", DAMAGED),
        (b"\x0b\x0c", DAMAGED),  # a group
        (b"\x08" + b"\xff" * 10 + b"\x01", DAMAGED),  # a number of more than 64 bits
        (b"\x00\x01", DAMAGED),  # a field 0
        (WHOLE + WHOLE, DAMAGED),  # two graphs
    ],
)
def test_wrong_bytes_are_refused(data, message):
    assert said(data) == message


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_changed_bytes_are_read_or_refused_but_never_end_in_anything_else(data):
    changed = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed) - 1))
        changed[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    try:
        model = model_of(bytes(changed), "net.onnx")
    except cm.CostModelError:
        return
    for node in model.graph.nodes:
        assert isinstance(node.path, str)
    for array in model.graph.arrays.values():
        array.values()


def test_graphs_in_graphs_without_end():
    graph = b"\x12\x01g"
    for _ in range(40):
        attribute = b"\x0a\x01g" + field(6, graph)
        graph = field(1, b"\x12\x01y" + field(5, attribute))
    assert said(field(7, graph)) == DAMAGED


def field(number, content):
    size, length = len(content), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def test_types_in_types_without_end():
    kind = b""
    for _ in range(200):
        kind = field(4, field(1, kind))
    assert said(field(7, field(11, b"\x0a\x01x" + field(2, kind)))) == DAMAGED


def test_counts_are_bounded(monkeypatch):
    relus = [helper.make_node("Relu", ["x"], ["y"]) for _ in range(5)]
    monkeypatch.setattr(messages, "MOST_NODES", 4)
    assert said(network(*relus).SerializeToString()) == "net.onnx: more than 4 nodes, its functions' among them"
    axes = TensorProto(name="w", dims=[1] * 65, data_type=1)
    assert said(network(arrays=[axes]).SerializeToString()) == (
        "net.onnx: one of its arrays has 65 axes; at most 64 are read"
    )
    twice = [numpy_helper.from_array(np.ones(2, np.float32), "w")] * 2
    assert said(network(arrays=twice).SerializeToString()) == "net.onnx: two of its arrays are called 'w'"


@pytest.mark.parametrize("data", [b"\x0a\x05a", b"\x0d\x00\x00", b"\x09\x00", b"\x08", b"\x08\x80", b"\x80"])
def test_a_field_that_ends_behind_its_message_is_damage(data):
    """Whether the file ends there, or goes on with what belongs to another message."""
    for behind in (b"", bytes(10)):
        with pytest.raises(wire.DamagedError):
            wire.Wire().fields(data + behind, 0, len(data))


def test_fields_are_counted_before_they_are_lists():
    many = b"\x08\x01" * 100
    for most in (100, 99):
        reader = wire.Wire(most)
        if most == 100:
            assert len(reader.fields(many, 0, len(many))) == 100
        else:
            with pytest.raises(wire.TooManyFieldsError):
                reader.fields(many, 0, len(many))
    with pytest.raises(wire.TooManyFieldsError):
        wire.Wire(3).floats(bytes(16), 0, 16)
    with pytest.raises(wire.TooManyFieldsError):
        wire.Wire(3).numbers(bytes(4), 0, 4)


def test_names_that_are_no_text_stay_apart():
    nodes = [field(1, field(1, b"\xff") + field(2, b"\xfe")), field(1, field(1, b"\xfe") + field(2, b"\xff"))]
    read = model_of(field(7, b"".join(nodes)), "net.onnx").graph.nodes
    assert [(node.inputs, node.outputs) for node in read] == [(["\\xff"], ["\\xfe"]), (["\\xfe"], ["\\xff"])]


# -- files of other kinds


def zipped(*names):
    import io

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, b"0" * 50_000)
    return out.getvalue()


@pytest.mark.parametrize(
    ("file", "data", "start"),
    [
        ("net.pt", zipped("net/data.pkl", "net/byteorder", "net/data/0"), "this is a PyTorch checkpoint: export it"),
        ("net.pt", zipped("net/data.pkl", "net/code/__torch__.py"), "this is a TorchScript file"),
        ("net.pt2", zipped("net/archive_format", "net/models/model.json"), "this is a program of torch.export"),
        ("net.pth", pickle.dumps({"a": 1}, 2), "this is a PyTorch checkpoint"),
        ("net.keras", zipped("metadata.json", "config.json", "model.weights.h5"), "this is a Keras file"),
        ("net.h5", b"\x89HDF\r\n\x1a\n" + bytes(100), "this is an HDF5 file"),
        ("net.tflite", b"\x1c\x00\x00\x00TFL3" + bytes(100), "this is a TensorFlow Lite file"),
        ("net.ort", b"\x1c\x00\x00\x00ORTM" + bytes(100), "this is ONNX Runtime's own form"),
        ("net.safetensors", struct.pack("<Q", 20) + b'{"w": {"dtype": 1}}  ', "this is a safetensors file"),
        ("net.gguf", b"GGUF\x03\x00\x00\x00", "this is a GGUF file"),
        ("config.json", json.dumps({"a": 1}).encode(), "this is a JSON file"),
        ("net.onnx", b"version https://git-lfs.github.com/spec/v1\noid", "this is a pointer of git-lfs"),
        ("net.onnx", b"<!DOCTYPE html><html>", "this is a web page"),
        ("net.xml", b'<?xml version="1.0"?><net/>', "this is an XML file"),
        ("net.npz", zipped("arr_0.npy"), "these are NumPy arrays"),
        ("net.npy", b"\x93NUMPY\x01\x00", "these are NumPy arrays"),
        ("net.zip", zipped("net.onnx"), "this is a zip archive"),
        ("net.onnx.gz", b"\x1f\x8b\x08\x00", "this is compressed"),
    ],
)  # fmt: skip
def test_files_of_other_kinds_are_told_apart(file, data, start):
    assert said(data, file).startswith(f"{file}: {start}")


def test_a_pickle_is_not_opened():
    class Bomb:
        def __reduce__(self):
            return exec, ("raise SystemExit",)

    assert "PyTorch checkpoint" in said(pickle.dumps(Bomb(), 2), "net.pt")


def test_a_float_of_32_bits_is_read_as_it_was_written():
    assert short(float(np.float32(1e-5))) == 1e-5
    assert short(float(np.float32(1.0000001))) == 1.0000001
    assert short(float(np.float32(16777217 / 3))) == float(np.float32(16777217 / 3))
