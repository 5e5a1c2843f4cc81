"""All claims in the order of the page, and what comes out of each."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.gallery.claims import accuracy, inception, memory, mobilenet, points, power, resnet, small, time, vgg
from costmodel.gallery.claims.claim import Claim, Finding, Theme
from costmodel.gallery.facts import Facts

MODULES = (time, accuracy, points, memory, power, vgg, resnet, inception, mobilenet, small)
THEMES: tuple[Theme, ...] = tuple(module.THEME for module in MODULES)


def findings(facts: Facts) -> Iterator[tuple[Theme, Claim, Finding]]:
    """Yield every claim with its theme and with what came out."""
    return ((theme, claim, claim.compute(facts)) for theme in THEMES for claim in theme.claims)
