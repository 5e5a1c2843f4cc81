"""Nodes whose work no count here speaks of."""

from __future__ import annotations

from costmodel.onnx.model import Node
from costmodel.onnx.reader import Reader, rule
from costmodel.reading.value import UnreadError, Value


@rule("StringConcat", "StringNormalizer", "StringSplit", "RegexFullMatch")
def _text(read: Reader, node: Node) -> Value:
    raise UnreadError("it computes on text, and only numbers are counted")


@rule("TfIdfVectorizer")
def _words(read: Reader, node: Node) -> Value:
    raise UnreadError("it looks runs of words up in a list, and what that takes depends on them")


@rule("ImageDecoder")
def _picture(read: Reader, node: Node) -> Value:
    raise UnreadError("it reads the bytes of a packed picture: what that takes depends on them")
