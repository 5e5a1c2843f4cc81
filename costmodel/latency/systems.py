"""Where each system says what its processor is. Facts that it does not tell are left out, or None."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

Facts: TypeAlias = dict[str, Any]
"""What a `costmodel.latency.machine.Machine` is made of."""

VENDORS = {
    "AuthenticAMD": "AMD",
    "GenuineIntel": "Intel",
    "HygonGenuine": "Hygon",
    "CentaurHauls": "Centaur",
    "0x41": "ARM",
    "0x42": "Broadcom",
    "0x43": "Cavium",
    "0x46": "Fujitsu",
    "0x48": "HiSilicon",
    "0x4e": "NVIDIA",
    "0x51": "Qualcomm",
    "0x53": "Samsung",
    "0x61": "Apple",
    "0x6d": "Microsoft",
    "0xc0": "Ampere",
}
"""Vendors by what processors call them; ARM's numbers are of the register MIDR_EL1 (ARM DDI 0487)."""
ARM_PARTS = {
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0a": "Cortex-A75",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd0d": "Cortex-A77",
    "0xd40": "Neoverse-V1",
    "0xd41": "Cortex-A78",
    "0xd42": "Cortex-A78AE",
    "0xd44": "Cortex-X1",
    "0xd46": "Cortex-A510",
    "0xd47": "Cortex-A710",
    "0xd48": "Cortex-X2",
    "0xd49": "Neoverse-N2",
    "0xd4b": "Cortex-A78C",
    "0xd4d": "Cortex-A715",
    "0xd4e": "Cortex-X3",
    "0xd4f": "Neoverse-V2",
    "0xd80": "Cortex-A520",
    "0xd81": "Cortex-A720",
    "0xd82": "Cortex-X4",
}
"""ARM's own cores by the part number of MIDR_EL1, as each one's reference manual states it."""
WIDEST = (
    ("avx512", "avx512f"),
    ("avx2", "avx2"),
    ("avx", "avx"),
    ("sse2", "sse2"),
    ("sve2", "sve2"),
    ("sve", "sve"),
    ("neon", "asimd"),
    ("neon", "neon"),
)
"""Vector instructions, the widest first, and the flag by which Linux says that they are there."""
SIZES = {"K": 2**10, "M": 2**20, "G": 2**30}
CPU = Path("/sys/devices/system/cpu/cpu0/cache")


def _linux() -> Facts:
    """Return what /proc and /sys say here."""
    found = {(_text(entry / "level"), _text(entry / "type")): _text(entry / "size") for entry in CPU.glob("index*")}
    return linux(_text(Path("/proc/cpuinfo")), found, _text(Path("/proc/meminfo")))


def linux(cpuinfo: str, caches: Mapping[tuple[str, str], str], meminfo: str) -> Facts:
    """Return what the texts of /proc/cpuinfo, of the first core's caches ((level, type): size, as ``("2", "Unified"):
    "1024K"``) and of /proc/meminfo say.
    """
    cores = [dict(_pairs(part)) for part in re.split(r"\n\s*\n", cpuinfo) if re.search(r"^processor\s*:", part, re.M)]
    first = cores[0] if cores else {}
    memory = re.search(r"^MemTotal:\s*(\d+) kB", meminfo, re.M)
    return {
        **(_arm(cores) if "CPU implementer" in first else _x86(first)),
        "vectors": _widest((first.get("flags") or first.get("Features") or "").split()),
        "cores": len(cores) or os.cpu_count(),
        "caches_bytes": {
            name: size
            for name, keys in _LEVELS.items()
            if (size := next((_size(caches[key]) for key in keys if key in caches), None))
        },
        "memory_bytes": int(memory[1]) * SIZES["K"] if memory else None,
    }


_LEVELS = {"L1d": [("1", "Data"), ("1", "Unified")], "L2": [("2", "Unified")], "L3": [("3", "Unified")]}


def _x86(core: Mapping[str, str]) -> Facts:
    vendor = core.get("vendor_id")
    return {
        "processor": _spaced(core.get("model name")),
        "vendor": VENDORS.get(vendor or "", vendor),
        "family": _whole(core.get("cpu family")),
        "model": _whole(core.get("model")),
    }


def _arm(cores: list[dict[str, str]]) -> Facts:
    """Return the parts of all cores; where there are large and small ones, with how many there are of each."""
    parts = Counter((core.get("CPU implementer", ""), core.get("CPU part", "")) for core in cores)
    vendors = {maker for maker, _ in parts}
    names = [(ARM_PARTS.get(part) if maker == "0x41" else None) for maker, part in parts]
    several = len(parts) > 1
    counts = [f"{name} x {count}" if several else name for name, count in zip(names, parts.values(), strict=True)]
    maker, part = next(iter(parts))
    return {
        "processor": " + ".join(map(str, counts)) if all(names) else _spaced(cores[0].get("model name")),
        "vendor": VENDORS.get(maker, maker) if len(vendors) == 1 else None,
        "family": _whole(cores[0].get("CPU architecture")),
        "model": None if several else _whole(part),
    }


SYSCTL = (
    "machdep.cpu.brand_string",
    "machdep.cpu.vendor",
    "machdep.cpu.family",
    "machdep.cpu.model",
    "hw.logicalcpu",
    "hw.memsize",
    "hw.l1dcachesize",
    "hw.l2cachesize",
    "hw.l3cachesize",
    "hw.optional.avx512f",
    "hw.optional.avx2_0",
    "hw.optional.arm64",
)


def _macos() -> Facts:
    """Return what sysctl says here; it skips what there is not."""
    try:
        ran = subprocess.run(["sysctl", *SYSCTL], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return {}
    return macos(ran.stdout)


def macos(said: str) -> Facts:
    """Return what ``name: value`` lines of sysctl say."""
    found = dict(_pairs(said))
    name = _spaced(found.get("machdep.cpu.brand_string"))
    flags = {"avx512f": "hw.optional.avx512f", "avx2": "hw.optional.avx2_0", "neon": "hw.optional.arm64"}
    levels = {"L1d": "hw.l1dcachesize", "L2": "hw.l2cachesize", "L3": "hw.l3cachesize"}
    vendor = found.get("machdep.cpu.vendor")
    return {
        "processor": name,
        "vendor": VENDORS.get(vendor or "", vendor) or ("Apple" if name and name.startswith("Apple ") else None),
        "family": _whole(found.get("machdep.cpu.family")),
        "model": _whole(found.get("machdep.cpu.model")),
        "vectors": _widest([flag for flag, key in flags.items() if found.get(key) == "1"]),
        "cores": _whole(found.get("hw.logicalcpu")),
        "caches_bytes": {level: size for level, key in levels.items() if (size := _whole(found.get(key)))},
        "memory_bytes": _whole(found.get("hw.memsize")),
    }


def _windows() -> Facts:
    """Return what Python knows here of its own."""
    return {**windows(platform.processor()), "cores": os.cpu_count()}


def windows(identifier: str) -> Facts:
    """Return what a text like ``Intel64 Family 6 Model 154 Stepping 3, GenuineIntel`` says; it names no processor, and
    no vector instructions.
    """
    found = re.fullmatch(r".*?Family (\d+) Model (\d+)[^,]*, (.+)", identifier.strip())
    if not found:
        return {}
    return {"vendor": VENDORS.get(found[3], found[3]), "family": int(found[1]), "model": int(found[2])}


SYSTEMS: Mapping[str, Callable[[], Facts]] = {"Linux": _linux, "Darwin": _macos, "Windows": _windows}
"""How each system is asked, by the name that Python has for it."""


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace").strip()
    except OSError:
        return ""


def _pairs(text: str) -> list[tuple[str, str]]:
    """Return the names and values of lines ``name : value``."""
    lines = (line.partition(":") for line in text.splitlines() if ":" in line)
    return [(name.strip(), value.strip()) for name, _, value in lines]


def _widest(flags: list[str]) -> str | None:
    return next((name for name, flag in WIDEST if flag in flags), None)


def _whole(text: str | None) -> int | None:
    """Return a whole number as systems write it, in tens or with 0x before it; None where it is none."""
    found = re.fullmatch(r"0x([0-9a-fA-F]{1,15})|([0-9]{1,18})", text or "")
    return found and (int(found[1], 16) if found[1] else int(found[2]))


def _size(text: str) -> int | None:
    found = re.fullmatch(r"(\d{1,9})([KMG]?)", text)
    return int(found[1]) * SIZES.get(found[2], 1) if found else None


def _spaced(text: str | None) -> str | None:
    """Return a name with single spaces, or None for none."""
    return " ".join(text.split()) or None if text else None
