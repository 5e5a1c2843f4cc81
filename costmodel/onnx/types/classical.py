"""Models of ONNX's vocabulary for classical machine learning, which are no networks: trees, support vectors."""

from __future__ import annotations

from collections.abc import Iterable

from costmodel.errors import CostModelError
from costmodel.onnx.model import Node

CLASSICAL = "ai.onnx.ml"
MODELS = {
    "LinearClassifier": "a linear model",
    "LinearRegressor": "a linear model",
    "SVMClassifier": "a support vector machine",
    "SVMRegressor": "a support vector machine",
    "TreeEnsemble": "decision trees",
    "TreeEnsembleClassifier": "decision trees",
    "TreeEnsembleRegressor": "decision trees",
}
"""What nodes of that vocabulary are that hold a model whole."""


def require_network(nodes: Iterable[Node], file: str) -> None:
    """Raise a CostModelError that says what a file is, if it holds a classical model."""
    for node in nodes:
        if node.domain == CLASSICAL and node.op_type in MODELS:
            raise CostModelError(
                f"{file}: it holds {MODELS[node.op_type]} ({node.op_type}), and is no neural network\n"
                "  networks of layers are priced here; what such a model takes depends on the numbers it is given"
            )
