"""`Device`: the fitted, linear time model of one machine, runtime and dtype, as a document with the error it has
earned.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    ValidationError,
    field_validator,
    model_validator,
)

from costmodel.documents.faults import Fault, complain
from costmodel.documents.text import Places, parse, read_text
from costmodel.errors import CostModelError, known_or_suggest, suggest
from costmodel.latency.features import FEATURES
from costmodel.latency.lowering import Lowering
from costmodel.spec.library import folders
from costmodel.units import DTYPES

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Conditions(_Part):
    """Under which circumstances the measurements were taken; the model speaks of these and no others."""

    hardware: StrictStr
    runtime: StrictStr
    threads: int | None = Field(None, ge=1)
    dtype: StrictStr
    batch: Annotated[list[int], Field(min_length=2, max_length=2)]
    """Smallest and largest batch measured."""
    shortest_s: Annotated[float, Field(gt=0)] | None = None
    """The shortest time measured: below it, what a run costs besides its layers may matter."""
    date: StrictStr = ""
    notes: StrictStr = ""

    @field_validator("dtype")
    @classmethod
    def _dtype_is_known(cls, dtype: str) -> str:
        if dtype not in DTYPES:
            raise ValueError(f"unknown dtype {dtype!r}; {known_or_suggest(dtype, DTYPES)}")
        return dtype


class TermModel(_Part):
    """One coefficient: seconds for each unit of the sum of some features."""

    of: Annotated[list[StrictStr], Field(min_length=1)]
    seconds: float = Field(ge=0, allow_inf_nan=False)
    largest_share: float = Field(1.0, ge=0, le=1)
    """The largest part of any measured network's time that this term has: beyond it the model extrapolates."""

    @property
    def unit(self) -> str:
        """What is counted: mult-add, byte or kernel."""
        return FEATURES[self.of[0]].unit

    @property
    def bound(self) -> str:
        """What it means if this term dominates: compute, memory or overhead."""
        return FEATURES[self.of[0]].bound

    @model_validator(mode="after")
    def _features_agree(self) -> TermModel:
        for name in self.of:
            if name not in FEATURES:
                raise ValueError(f"unknown feature {name!r}; {known_or_suggest(name, FEATURES)}")
        if len({FEATURES[name].unit for name in self.of}) > 1:
            raise ValueError("the features of one coefficient must have one unit")
        return self


class Model(_Part):
    """How the time of a kernel follows from its features; see `costmodel.latency.forms`."""

    form: StrictStr = ""
    fuses: StrictBool
    """Whether the runtime computes norms and activations within the convolution before them."""
    lanes: int = Field(1, ge=1)
    """Channels that it keeps side by side in memory; see `costmodel.latency.blocked`."""
    combine: Literal["sum", "max"] = "sum"
    terms: Annotated[list[TermModel], Field(min_length=1)]

    @property
    def lowering(self) -> Lowering:
        """How the runtime turns layers into kernels."""
        return Lowering(self.fuses, self.lanes)


class Errors(_Part):
    """How far predictions are off, in percent, on networks of families that were left out of the fit."""

    networks: int = Field(ge=0)
    families: int = Field(ge=0)
    mape_percent: float = Field(ge=0)
    within_10_percent: float = Field(ge=0, le=100)
    spearman: float = Field(ge=-1, le=1)
    mape_choice_percent: float | None = None
    """The same, where the form too was chosen without the family: what choosing may have flattered."""
    mape_prior_percent: float | None = None
    """The same, where the family was left out here but not on the devices that the prior comes from."""
    operations_only: Operations | None = None
    others: dict[str, float] = {}
    """MAPE of the forms that were not chosen."""


class Operations(_Part):
    """The baseline: time proportional to mult-adds."""

    seconds: float = Field(ge=0)
    mape_percent: float = Field(ge=0)
    within_10_percent: float = Field(ge=0, le=100)
    spearman: float = Field(ge=-1, le=1)


class Interval(_Part):
    """The interval of a prediction: t * exp(-half_width) .. t * exp(half_width)."""

    level_percent: float = Field(90.0, gt=0, lt=100)
    half_width: float = Field(ge=0, allow_inf_nan=False)
    coverage_percent: float | None = None
    """Share of networks that it held, where neither model nor interval saw their family."""
    repeatability_percent: float | None = None
    """How far two measurements of one network differ; the interval is never narrower."""
    why: StrictStr = ""


class Device(_Part):
    """A machine with a runtime and a dtype, and what it takes to predict time on it."""

    name: StrictStr
    title: StrictStr
    made_by: StrictStr
    """The command that wrote this file."""
    source: StrictStr = ""
    conditions: Conditions
    model: Model
    error: Errors | None = None
    """None where nobody measured enough to tell."""
    interval: Interval
    peaks: dict[str, float] = {}
    """Datasheet figures: flops_per_s and bytes_per_s."""
    power_w: float | None = Field(None, gt=0)
    """What the device draws under load above idle, where somebody measured it."""
    power_source: StrictStr = ""
    residuals: list[list[Any]] = []
    """Network, batch, family, error in percent of the prediction made without its family."""


def read_device(path: Path) -> Device:
    """Return the device that a file describes.

    Raises:
        CostModelError: if the file cannot be read.
        SpecError: with everything that is wrong in it.
    """
    text = read_text(path, "device file")
    data = parse(text, str(path))
    if not isinstance(data, dict):
        raise complain(
            str(path), text, [Fault((), "a device is a map with name, conditions, model, error and interval")]
        )
    try:
        return Device.model_validate(data)
    except ValidationError as error:
        places = Places()
        parse(text, str(path), places)
        raise complain(str(path), text, [_fault(entry, places) for entry in error.errors()]) from None


def _fault(entry: Mapping[str, Any], places: Places) -> Fault:
    """Turn one complaint of the validator's into one of ours."""
    path = tuple(step for step in entry["loc"])
    name = str(path[-1]) if path else ""
    if entry["type"] == "missing":
        return Fault(path, f"{name!r} is missing", on_key=True)
    if entry["type"] == "extra_forbidden":
        known = {
            field for part in (Device, Conditions, Model, TermModel, Errors, Interval) for field in part.model_fields
        }
        return Fault(path, f"unknown key {name!r}", suggest(name, known), on_key=True)
    if name == "seconds" and entry["type"] == "greater_than_equal":
        return Fault(path, f"a coefficient is {entry['input']}; time does not pass backwards, so it must be 0 or more")
    said = _SAID.get(entry["type"], "{message}")
    message = said.format(
        message=entry["msg"].removeprefix("Value error, "), input=entry["input"], **entry.get("ctx", {})
    )
    where = ".".join(map(str, path))
    return Fault(path, f"{where}: {message}" if where else message)


_SAID = {
    "greater_than_equal": "{input} is too small; it must be at least {ge}",
    "less_than_equal": "{input} is too large; it must be at most {le}",
    "float_type": "{input!r} is no number",
    "float_parsing": "{input!r} is no number",
    "int_parsing": "{input!r} is no whole number",
    "too_short": "{actual_length} value(s) where there must be {min_length}",
    "too_long": "{actual_length} values where there must be {max_length}",
}


def device_folders() -> list[Path]:
    """Return the folders in which devices are looked for by name, first come first served."""
    return [folder / "devices" for folder in folders()]


def device_files() -> dict[str, Path]:
    """Return the file of every device that has a name."""
    found: dict[str, Path] = {}
    for folder in device_folders():
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found


def find_device(device: str | Path | Device) -> Device:
    """Return the device of a name or of the path of a file.

    Raises:
        CostModelError: if there is none, with the nearest names.
        SpecError: if its file is wrong.
    """
    if isinstance(device, Device):
        return device
    text = str(device)
    if isinstance(device, Path) or text.endswith((".yaml", ".yml")) or "/" in text:
        return read_device(Path(device))
    files = device_files()
    if text not in files:
        raise CostModelError(
            f"no device {text!r}; {known_or_suggest(text, files)}\n"
            "`costmodel devices` shows all, `costmodel calibrate --name NAME` makes one of this machine"
        )
    return read_device(files[text])


def check_name(name: str) -> str:
    """Return `name` if it can be the name of a device and of its file.

    Raises:
        CostModelError: if it cannot.
    """
    if not NAME.match(name):
        raise CostModelError(f"{name!r} is no name of a device; use small letters, digits, - and _, as in my-laptop")
    return name


def to_yaml(device: Device) -> str:
    """Return the document as YAML: sections in reading order, one residual a line."""
    import yaml

    data = device.model_dump(exclude_none=True, exclude_defaults=True)
    residuals = data.pop("residuals", [])
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)
    if residuals:
        rows = "".join(
            f"  - {yaml.safe_dump(row, default_flow_style=True, width=10**6).strip()}\n" for row in residuals
        )
        text += f"residuals:  # network, batch, family, error in percent when its family was left out\n{rows}"
    return text
