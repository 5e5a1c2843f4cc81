"""`Device`: the fitted, linear time model of one machine, runtime and dtype, as a document with the error it has
earned.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from costmodel.documents.faults import MAX_FAULTS, Fault, complain
from costmodel.documents.text import parse, read_text
from costmodel.errors import CostModelError, known_or_suggest, quote
from costmodel.latency.complaints import faults_of
from costmodel.latency.features import FEATURES
from costmodel.latency.lowering import Lowering
from costmodel.spec.library import folders
from costmodel.units import DTYPES, MOST_IMAGES

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")

WAYS = (
    "`costmodel devices` shows all",
    "`costmodel calibrate --name NAME` makes one of this machine",
    "`costmodel device-from DEVICE --peak 165TFLOP/s --bandwidth 1008GB/s --name NAME` makes one of a datasheet",
)
"""How to come by a device, a line each, for those who name one that is not there."""

LEVEL = 0.9
"""The share of networks of unseen families that an interval is to hold."""
LEAST_SECONDS = 1e-30
"""The smallest coefficient that is more than 0."""

# Wide bounds, beyond which no machine lies: what passes them is a slip, and would only overflow later.
Images: TypeAlias = Annotated[int, Field(ge=1, le=MOST_IMAGES)]
Seconds: TypeAlias = Annotated[float, Field(ge=1e-12, le=1e9)]
Percent: TypeAlias = Annotated[float, Field(ge=0, le=100)]
Error: TypeAlias = Annotated[float, Field(ge=0, le=1e60)]
"""A mean error in percent. A fit on few networks may be off by many powers of ten where it has not looked."""
RATES = (1e6, 1e24)
Rate: TypeAlias = Annotated[float, Field(ge=RATES[0], le=RATES[1])]
"""FLOP/s or B/s, without a prefix."""
Peak: TypeAlias = Literal["flops_per_s", "bytes_per_s"]
Correlation: TypeAlias = Annotated[float, Field(ge=-1, le=1)]
Threads: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000)]
Lanes: TypeAlias = Annotated[int, Field(ge=1, le=1024)]
Residual: TypeAlias = Annotated[tuple[str, Images, str, Annotated[float, Field(ge=-100, le=1e60)]], Field(strict=False)]
"""Network, batch, family, error in percent of the prediction made without its family; a list in the file."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Conditions(_Part):
    """Under which circumstances the measurements were taken; the model speaks of these and no others."""

    hardware: str
    runtime: str
    threads: Threads | None = None
    dtype: str
    batch: Annotated[list[Images], Field(min_length=2, max_length=2)]
    """Smallest and largest batch measured."""
    shortest_s: Seconds | None = None
    """The shortest time measured: below it, what a run costs besides its layers may matter."""
    date: str = ""
    notes: str = ""

    @field_validator("dtype")
    @classmethod
    def _dtype_is_known(cls, dtype: str) -> str:
        if dtype not in DTYPES:
            raise ValueError(f"unknown dtype {quote(dtype)}; {known_or_suggest(dtype, DTYPES)}")
        return dtype

    @field_validator("batch")
    @classmethod
    def _batch_is_a_span(cls, batch: list[int]) -> list[int]:
        if batch[0] > batch[1]:
            raise ValueError(f"{batch[0]} is more than {batch[1]}; write the smallest batch first, then the largest")
        return batch


class TermModel(_Part):
    """One coefficient: seconds for each unit of the sum of some features."""

    of: Annotated[list[str], Field(min_length=1)]
    seconds: float = Field(ge=0, le=1e9)
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
                raise ValueError(f"unknown feature {quote(name)}; {known_or_suggest(name, FEATURES)}")
        if 0 < self.seconds < LEAST_SECONDS:
            raise ValueError(
                f"a coefficient of {self.seconds} s is that of no machine; it is 0 or at least {LEAST_SECONDS}"
            )
        if len({FEATURES[name].unit for name in self.of}) > 1:
            raise ValueError("the features of one coefficient must have one unit")
        return self


class Model(_Part):
    """How the time of a kernel follows from its features; see `costmodel.latency.forms`."""

    form: str = ""
    fuses: bool
    """Whether the runtime computes norms and activations within the convolution before them."""
    lanes: Lanes = 1
    """Channels that it keeps side by side in memory; see `costmodel.latency.blocked`."""
    combine: Literal["sum", "max"] = "sum"
    terms: Annotated[list[TermModel], Field(min_length=1)]

    @property
    def lowering(self) -> Lowering:
        """How the runtime turns layers into kernels."""
        return Lowering(self.fuses, self.lanes)

    @field_validator("terms")
    @classmethod
    def _something_takes_time_and_once(cls, terms: list[TermModel]) -> list[TermModel]:
        named = [name for term in terms for name in term.of]
        for name in named:
            if named.count(name) > 1:
                raise ValueError(f"{name!r} stands here {named.count(name)} times; a feature has one coefficient")
        if not any(term.seconds for term in terms):
            raise ValueError("all coefficients are 0, so nothing would take any time; at least one must be more")
        return terms


class Errors(_Part):
    """How far predictions are off, in percent, on networks of families that were left out of the fit."""

    networks: int = Field(ge=0, le=MOST_IMAGES)
    families: int = Field(ge=0, le=MOST_IMAGES)
    mape_percent: Error
    within_10_percent: Percent
    spearman: Correlation
    mape_choice_percent: Error | None = None
    """The same, where the form too was chosen without the family: what choosing may have flattered."""
    mape_prior_percent: Error | None = None
    """The same, where the family was left out here but not on the devices that the prior comes from."""
    operations_only: Operations | None = None
    others: dict[str, Error] = {}
    """MAPE of the forms that were not chosen."""


class Operations(_Part):
    """The baseline: time proportional to mult-adds."""

    seconds: float = Field(ge=0, le=1e9)
    mape_percent: Error
    within_10_percent: Percent
    spearman: Correlation


class Interval(_Part):
    """The interval of a prediction: t * exp(-half_width) .. t * exp(half_width)."""

    level_percent: float = Field(90.0, gt=0, lt=100)
    half_width: float = Field(ge=0, le=100)
    coverage_percent: Percent | None = None
    """Share of networks that it held, where neither model nor interval saw their family."""
    repeatability_percent: Percent | None = None
    """How far two measurements of one network differ; the interval is never narrower."""
    why: str = ""


class Device(_Part):
    """A machine with a runtime and a dtype, and what it takes to predict time on it."""

    name: str
    title: str
    made_by: str
    """The command that wrote this file."""
    source: str = ""
    conditions: Conditions
    model: Model
    error: Errors | None = None
    """None where nobody measured enough to tell."""
    interval: Interval
    peaks: dict[Peak, Rate] = {}
    """Datasheet figures."""
    power_w: Annotated[float, Field(gt=0, le=1e9)] | None = None
    """What the device draws under load above idle, where somebody measured it."""
    power_source: str = ""
    residuals: list[Residual] = []

    @field_validator("name")
    @classmethod
    def _name_can_be_a_file(cls, name: str) -> str:
        if not NAME.match(name):
            raise ValueError(_no_name(name))
        return name

    def dtype_for(self, asked: str | None) -> str:
        """Return the dtype at which a question is priced here: the one that was measured, whether asked for or not.

        Raises:
            CostModelError: if it asks for another.
        """
        own = self.conditions.dtype
        if asked not in (None, own):
            raise CostModelError(f"{self.name} was measured at {own}, so ask for --dtype {own}, not {asked}")
        return own


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
        parts = (Device, Conditions, Model, TermModel, Errors, Operations, Interval)
        known = {field for part in parts for field in part.model_fields}
        raise complain(str(path), text, faults_of(error.errors()[:MAX_FAULTS], known)) from None


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
        raise CostModelError("\n".join([f"no device {text!r}; {known_or_suggest(text, files)}", *WAYS]))
    return read_device(files[text])


def check_name(name: str) -> str:
    """Return `name` if it can be the name of a device and of its file.

    Raises:
        CostModelError: if it cannot.
    """
    if not NAME.match(name):
        raise CostModelError(_no_name(name))
    return name


def _no_name(name: str) -> str:
    return f"{quote(name)} is no name of a device; use small letters, digits, - and _, as in my-laptop"


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
