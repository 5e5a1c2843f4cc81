"""Files of other kinds that are taken for ONNX files: what each is, and the way from there to what is read here.

They are told by their first bytes and by how their names end. Nothing in them is run or unpickled.
"""

from __future__ import annotations

ENDINGS_OF_TORCH = (".pt", ".pth", ".ckpt", ".pkl", ".bin", ".t7")
OTHER_ENDINGS = (".pt2", ".safetensors", ".gguf", ".tflite", ".h5", ".hdf5", ".keras", ".ort", ".npy", ".npz", ".xml")
ENDINGS = (*ENDINGS_OF_TORCH, *OTHER_ENDINGS, ".zip", ".onnx.gz")
"""How files end that are taken for networks and are none that is read here."""
CONFIGURATIONS = ("config.json", "generation_config.json", "model_index.json")
"""What lies beside weights. Other files in JSON may be specs."""
FROM_TORCH = "export it with torch.onnx.export(model, example, 'net.onnx'), or give the module itself to costmodel"
FROM_KERAS = "export it with model.export('net.onnx', format='onnx'), or with tf2onnx"
WEIGHTS_ONLY = "it holds weights by name, not what is done with them; build the network that they belong to, and"

CHECKPOINT = f"this is a PyTorch checkpoint: {FROM_TORCH}"
SCRIPT = f"this is a TorchScript file: torch.jit.load opens it; {FROM_TORCH}"
EXPORTED = f"this is a program of torch.export: torch.export.load opens it; {FROM_TORCH}"
SAFETENSORS = f"this is a safetensors file: {WEIGHTS_ONLY} {FROM_TORCH}"
GGUF = f"this is a GGUF file: {WEIGHTS_ONLY} {FROM_TORCH}"
TFLITE = "this is a TensorFlow Lite file: convert it with tf2onnx (python -m tf2onnx.convert --tflite FILE)"
KERAS = f"this is a Keras file: load it with keras.models.load_model and {FROM_KERAS}"
HDF5 = f"this is an HDF5 file, as Keras writes it: load it with keras.models.load_model and {FROM_KERAS}"
ORT = "this is ONNX Runtime's own form of a network (.ort): give the ONNX file that it was made from"
NUMPY = "these are NumPy arrays: a network is an ONNX file or a spec"
JSON = "this is a JSON file, as they lie beside weights: a network is an ONNX file or a spec"
XML = "this is an XML file, as OpenVINO writes it: give the ONNX file that it was made from"
ZIP = "this is a zip archive: unpack it, and name the ONNX file in it"
GZIP = "this is compressed: unpack it first (gunzip)"
POINTER = "this is a pointer of git-lfs, not the file itself: fetch it with git lfs pull"
PAGE = "this is a web page, not the file itself: download the file"

STARTS = {
    b"\x89HDF\r\n\x1a\n": HDF5,
    b"\x93NUMPY": NUMPY,
    b"GGUF": GGUF,
    b"\x1f\x8b": GZIP,
    b"version https://git-lfs": POINTER,
    b"<?xml": XML,
    b"<net": XML,
    b"<!DOCTYPE html": PAGE,
    b"<!doctype html": PAGE,
    b"<html": PAGE,
}
MARKS = {b"TFL3": TFLITE, b"ORTM": ORT}
"""What stands behind the first four bytes."""
IN_ZIPS = {
    b"code/__torch__": SCRIPT,
    b"constants.pkl": SCRIPT,
    b"archive_format": EXPORTED,
    b"serialized_exported_program": EXPORTED,
    b"data.pkl": CHECKPOINT,
    b"byteorder": CHECKPOINT,
    b"metadata.json": KERAS,
    b"config.json": KERAS,
    b".npy": NUMPY,
}
"""Names within zip archives, the more telling first."""


def stranger(file: str, head: bytes, tail: bytes) -> str:
    """Return what a file is and what to do with it; empty where it may be an ONNX file.

    `head` and `tail` are its first and last bytes, a few thousand each.
    """
    if head.startswith(b"PK\x03\x04"):  # a zip archive lists its files at its end
        return next((kind for name, kind in IN_ZIPS.items() if name in head + tail), "") or _by_name(file) or ZIP
    told = next((kind for start, kind in STARTS.items() if head.startswith(start)), "") or MARKS.get(head[4:8], "")
    if told:
        return told
    if _is_pickle(head):
        return _by_name(file) or CHECKPOINT
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**31 and (b'"' in head[8:] or b"}" in head[8:]):
        return SAFETENSORS
    return JSON if _is_json(file, head) else ""


def _by_name(file: str) -> str:
    """Return what a file is that only its name tells."""
    lower = file.lower()
    if lower.endswith(".keras"):
        return KERAS
    return CHECKPOINT if lower.endswith(ENDINGS_OF_TORCH) else ""


def _is_pickle(head: bytes) -> bool:
    """Say whether bytes begin as pickles do: the protocol's number, and then a frame, a collection or a long number."""
    return head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


def _is_json(file: str, head: bytes) -> bool:
    start = head.lstrip()
    return start.startswith(b"{") and (file.lower().endswith(".json") or start[1:].lstrip()[:1] in (b'"', b"}"))
