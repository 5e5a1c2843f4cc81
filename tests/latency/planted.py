"""Machines whose coefficients are known, to see whether they are found again."""

import numpy as np

import costmodel as cm
from costmodel.bench.fit import Sample
from costmodel.bench.tables import kernels_of, sample_of
from costmodel.bench.unseen import seen_in
from costmodel.latency.device import Conditions, Device, Interval, Model, TermModel
from costmodel.latency.features import FEATURES
from costmodel.latency.forms import FORMS
from costmodel.latency.lowering import Lowering, table_kernels

SIZES = {"mult-add": 1e9, "byte": 1e8, "element": 1e7, "kernel": 1.0}
SECONDS = {"mult-add": 1e-11, "byte": 1e-10, "element": 1e-9, "kernel": 5e-3}


def total_counts(table, lowering):
    """Return what a whole network counts, every feature present."""
    total = dict.fromkeys(FEATURES, 0)
    for _, counts in table_kernels(table, lowering):
        for name, count in counts.items():
            total[name] = total[name] + count
    return total


def random_kernels(rng, count):
    """Return kernels that each have some of every feature, spread over a factor of a hundred."""
    return tuple(
        {name: (SIZES[f.unit] * 10 ** rng.uniform(-2, 0) if f.unit != "kernel" else 1) for name, f in FEATURES.items()}
        for _ in range(count)
    )


def machine(form, rng):
    """Return one coefficient a term."""
    return [SECONDS[FEATURES[term[0]].unit] * rng.uniform(0.5, 2) for term in form.terms]


def seconds(form, coefficients, kernels):
    """Return what a planted machine takes, kernel by kernel, in plain arithmetic."""
    total = 0.0
    for counts in kernels:
        spent = {"compute": 0.0, "memory": 0.0, "overhead": 0.0}
        for term, coefficient in zip(form.terms, coefficients, strict=True):
            for name in term:
                spent[FEATURES[name].bound] += coefficient * counts.get(name, 0)
        if form.combine == "max":
            total += max(spent["compute"], spent["memory"]) + spent["overhead"]
        else:
            total += sum(spent.values())
    return total


def samples(form, coefficients, rng, families=8, each=3, noise=0.0, family_noise=0.0):
    """Return measured random networks. `noise` is each network's own, `family_noise` that of all of a family."""
    found = []
    for family in range(families):
        shared = rng.normal(0, family_noise)
        for _ in range(each):
            kernels = random_kernels(rng, int(rng.integers(3, 12)))
            factor = np.exp(shared + rng.normal(0, noise))
            took = seconds(form, coefficients, kernels) * factor
            found.append(Sample(f"net{len(found)}", f"family{family}", 1, took, kernels))
    return found


REAL = (
    "alexnet",
    "squeezenet1_1",
    "mobilenet_v1",
    "mobilenet_v2",
    "resnet18",
    "shufflenet_v2_x0_5",
    "nin",
    "mnasnet0_5",
)
"""Bundled networks of eight families that are quick to build."""


def real_samples(form, coefficients, batches=(1, 8), names=REAL):
    """Return bundled networks as a planted machine runs them."""
    found = []
    for name in names:
        graph = cm.load(name)
        for batch in batches:
            took = seconds(form, coefficients, kernels_of(graph, batch, "float32", Lowering()))
            found.append(sample_of(graph, name, name, batch, took, "float32", Lowering()))
    return found


DEAR = (1e-11, 1e-10)
"""What a planted machine takes for a mult-add and for a byte."""


def dear_device(**interval):
    """Return a machine that measured the bundled networks of `REAL` at batch 1 and 8, to be asked of others."""
    form = FORMS[0]
    terms = [TermModel(of=list(term), seconds=each) for term, each in zip(form.terms, DEAR, strict=True)]
    return Device(
        name="planted",
        title="A planted machine",
        made_by="a test",
        conditions=Conditions(hardware="none", runtime="none", dtype="float32", batch=[1, 8]),
        model=Model(form=form.name, fuses=True, terms=terms),
        seen=seen_in(real_samples(form, DEAR)),
        interval=Interval(half_width=0.1, **interval),
    )


def dear_seconds(graph, op, times):
    """Return what that machine takes where each layer of an operator takes so many times what its bytes say, besides
    what it takes within the kernel that it is computed in.
    """
    moved = sum(row["input_bytes"] + row["output_bytes"] for row in cm.price(graph) if row["op"] == op)
    return seconds(FORMS[0], DEAR, kernels_of(graph, 1, "float32", Lowering())) + times * DEAR[1] * moved
