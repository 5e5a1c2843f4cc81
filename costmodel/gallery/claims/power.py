"""What was said of power and energy, which only a meter decides."""

from __future__ import annotations

from costmodel.gallery.claims.claim import OPEN, Finding, Theme
from costmodel.gallery.claims.sources import CANZIANI
from costmodel.gallery.facts import Facts
from costmodel.units import FLOPS_PER_MULT_ADD

THEME = Theme("Power and energy")
BOARD = "jetson-tx1"
"""The device whose power somebody measured."""


@THEME.claim("Power consumption is independent of batch size and architecture.", f"{CANZIANI}, abstract, key finding 1")
def power_is_constant(facts: Facts) -> Finding:
    device = facts.device(BOARD)
    power = device.power_w if device else None
    known = f"The one figure there is, {power:g} W above idle for every network, is theirs. " if power else ""
    words = f"{known}Nothing here meters power, and no model of time says what a device draws, so that this is neither borne out nor refuted."
    return Finding(OPEN, words, {"power_w": power})


@THEME.claim(
    "The energy constraint is an upper bound on the achievable accuracy and model complexity.",
    f"{CANZIANI}, abstract, key finding 3",
)
def energy_is_a_bound(facts: Facts) -> Finding:
    device = facts.device(BOARD)
    power = device.power_w if device else None
    words = "It rests on power that does not change, which is not recomputed: energy is then time under another name, and bounds what time bounds."
    if device and power:
        from costmodel.latency.predict import time

        image = float(time(facts.table("vgg16", batch=16), device).totals.latency_s) / 16
        words += (
            f" At {power:g} W a joule would be {1 / power:.3f} s; by the profile of that board, whose interval is wide, VGG-16 takes {power * image:.2f} J an image, "
            f"{FLOPS_PER_MULT_ADD * facts.giga('vgg16') / (power * image):.0f} G operations a joule."
        )
    return Finding(OPEN, words, {"power_w": power})
