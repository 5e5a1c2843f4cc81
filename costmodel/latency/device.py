"""`Device`: the fitted, linear time model of one machine, runtime and dtype, as a document with the error it has
earned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from costmodel.documents.faults import MAX_FAULTS, Fault, complain
from costmodel.documents.safe_text import one_line
from costmodel.documents.text import parse, read_text
from costmodel.errors import CostModelError, known_or_suggest, quote
from costmodel.latency.complaints import faults_of
from costmodel.latency.features import FEATURES
from costmodel.latency.lowering import Lowering
from costmodel.latency.machine import Machine, this_machine, told_apart
from costmodel.latency.part import STRICT
from costmodel.latency.seen import Seen
from costmodel.units import DTYPES, MOST_IMAGES

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")

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
Residual: TypeAlias = Annotated[
    tuple[str, Images, str, Seconds, Annotated[float, Field(ge=-100, le=1e60)]], Field(strict=False)
]
"""Network, batch, family, seconds measured, error in percent of the prediction made without its family; a list in the
file.
"""
LARGEST_UNSEEN = 22.7
"""The largest `Interval.unseen_factor` that a device of this project has earned: that of those that cannot tell."""
KEPT = 8
"""Devices that are kept as they were read."""


class _Part(BaseModel):
    model_config = STRICT


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
    options: str = ""
    """How the runtime was set, in words."""
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
    unseen_factor: Annotated[float, Field(ge=1, le=1e6)] | None = None
    """How many times longer or shorter what was never measured may take than predicted: what leaving operators and
    kinds out of the fit has cost. None where too few were measured to tell.
    """
    transferred: Annotated[float, Field(ge=0, le=100)] | None = None
    """What scaling by datasheets added to the half width, as an independent error."""
    why: str = ""

    @property
    def unseen(self) -> float:
        """The factor for what was never measured: its own, or else the largest that a device has earned."""
        return self.unseen_factor or LARGEST_UNSEEN


class LayerClass(_Part):
    """A class of layers (`costmodel.latency.layers`) that was measured layer by layer."""

    name: str
    layers: int = Field(ge=1, le=MOST_IMAGES)
    """How many were measured."""
    extra_s: float = Field(default=0.0, ge=0, le=1)
    """Seconds that a layer by itself takes beside what is predicted of it."""
    low: float = Field(ge=0, le=1e9)
    """The lower end of measured over predicted and extra_s, of 90 % of the layers of a network that was left out."""
    high: float = Field(ge=0, le=1e9)
    """The upper end."""

    @model_validator(mode="after")
    def _low_is_not_above_high(self) -> LayerClass:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is more than high {self.high}")
        return self


class Device(_Part):
    """A machine with a runtime and a dtype, and what it takes to predict time on it."""

    name: str
    title: str
    made_by: str
    """The command that wrote this file."""
    source: str = ""
    transferred_from: str = ""
    """The measured device that datasheets scaled into this one, which nobody measured."""
    scaled: str = ""
    """How a few measurements turned another device's coefficients into these."""
    conditions: Conditions
    machine: Machine | None = None
    """What it was measured on, as the machine itself told it; None where somebody else measured, or a GPU did the work.
    """
    model: Model
    seen: Seen | None = None
    """What was measured; None where the file does not say."""
    error: Errors | None = None
    """None where nobody measured enough to tell."""
    interval: Interval
    peaks: dict[Peak, Rate] = {}
    """Datasheet figures at the dtype measured."""
    peaks_source: str = ""
    """Where they are from, and why one is left out."""
    power_w: Annotated[float, Field(gt=0, le=1e9)] | None = None
    """What the device draws under load above idle, where somebody measured it."""
    power_source: str = ""
    layers: list[LayerClass] = []
    """How far the time of a single layer is off, by class; none where no layer was measured by itself."""
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

    def elsewhere(self, here: Machine | None = None) -> str:
        """Return a line that names both machines where `here` (this machine) is visibly another than the one that was
        measured, and what to do; an empty text where it may be the same, or the device does not say.
        """
        told = told_apart(self.machine, here or this_machine()) if self.machine else None
        if told is None:
            return ""
        return one_line(
            f"{self.name} was measured on another machine ({told[0]}; this is {told[1]}), so its times may be far off "
            f"here: costmodel calibrate --like {self.name} --name NAME --minutes 1 makes a device of this one"
        )


def read_device(path: Path) -> Device:
    """Return the device that a file describes.

    Raises:
        CostModelError: if the file cannot be read.
        SpecError: with everything that is wrong in it.
    """
    return _device(read_text(path, "device file"), str(path))


@lru_cache(maxsize=KEPT)
def _device(text: str, file: str) -> Device:
    """Return the device that the text of a file describes: a command asks for it where its option is read, and again
    where it is used.
    """
    data = parse(text, file)
    if not isinstance(data, dict):
        raise complain(file, text, [Fault((), "a device is a map with name, conditions, model, error and interval")])
    try:
        return Device.model_validate(data)
    except ValidationError as error:
        parts = (Device, Conditions, Machine, Model, TermModel, Seen, Errors, Operations, Interval, LayerClass)
        known = {field for part in parts for field in part.model_fields}
        raise complain(file, text, faults_of(error.errors()[:MAX_FAULTS], known)) from None


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
    """Return the document as YAML: sections in reading order; what was seen, classes of layers and residuals a line
    each.
    """
    import yaml

    data = device.model_dump(exclude_none=True, exclude_defaults=True)
    seen, layers, residuals = data.pop("seen", {}), data.pop("layers", []), data.pop("residuals", [])
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)
    measured = "network, batch, family, seconds, error in percent when its family was left out"
    told = {
        "seen": ("by how many networks and chains; inputs are the smallest and the largest", _keyed(seen)),
        "layers": ("by class, of 90 % of a network left out: measured over predicted and extra_s", _listed(layers)),
        "residuals": (measured, _listed(residuals)),
    }
    for name, (meaning, lines) in told.items():
        text += f"{name}:  # {meaning}\n" + "".join(f"  {line}\n" for line in lines) if lines else ""
    return text


def _keyed(values: Mapping[str, Any]) -> list[str]:
    return [f"{name}: {_in_line(value)}" for name, value in values.items()]


def _listed(values: Iterable[Any]) -> list[str]:
    return [f"- {_in_line(value)}" for value in values]


def _in_line(value: Any) -> str:
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6)
    return text.strip()
