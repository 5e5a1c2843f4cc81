"""The spec language: from a YAML file to a `Spec`, and from that to a `LayerGraph`."""

from costmodel.spec.document import Spec
from costmodel.spec.expand import expand
from costmodel.spec.library import find, names, specs

__all__ = ["Spec", "expand", "find", "names", "specs"]
