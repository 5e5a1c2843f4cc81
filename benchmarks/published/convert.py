"""Turn a published table of latencies into the CSV that `costmodel calibrate --from` reads, and print the command to
fit it.

    python benchmarks/published/convert.py rtx3090 PATH/benchmark-infer-amp-nchw-pt240-cu124-rtx3090.csv --to
    rtx3090.csv
    python benchmarks/published/convert.py pi5 PATH/ncnn.csv --to pi5.csv          # with pi5-prior.csv beside it
    python benchmarks/published/convert.py rtx4090 benchmarks/published/throughputs.csv --to rtx4090.csv
    python benchmarks/published/convert.py all FOLDER --run                        # every device, converted and fitted

The tables are not part of this repository, but for throughputs.csv; devices.yaml names where each comes from. Table
formats:

timm       model, infer_img_size, infer_samples_per_sec, infer_batch_size, param_count: results/*.csv of pytorch-image-
models, as they are.
throughputs device, architecture, parameters, batch, throughput: the rows of timm's tables that names.yaml knows.
ncnn       device, run, loops, threads, powersave, gpu, model, min_ms, ...: one row a network of benchmark/README.md;
gpu -1 is the CPU.
jcjohnson  dir, gpu, cudnn, use_cudnn, model, batch, res, fwd_min_ms, ...: one row an output file of cnn-benchmarks.

The prior of an ncnn CPU is the typical one: for each network the median over all other CPUs of its latency relative to
the CPU's own geometric mean, of those that ran every network.
"""

from __future__ import annotations

import argparse
import csv
import math
import shlex
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import costmodel as cm
from costmodel.documents.quantity import quantity
from costmodel.documents.text import parse
from costmodel.latency.datasheets import sheets

HERE = Path(__file__).parent
SAME_PARAMS = 0.012
"""How far a published parameter count, printed with two decimals of a million, may be off ours."""
FILES = {"ncnn": "ncnn_devices.csv", "jcjohnson": "jcjohnson_forward.csv"}
THROUGHPUTS = HERE / "throughputs.csv"
TIMM_FILES = {"rtx3090": "timm_rtx3090_amp_nchw_pt240.csv", "i9-10940x": "timm_i9_10940x_fp32_pt240.csv"}
SOURCES = {
    "ncnn": "github.com/Tencent/ncnn, benchmark/README.md",
    "jcjohnson": "github.com/jcjohnson/cnn-benchmarks, raw outputs",
}


def read(name: str) -> Any:
    """Return what one of the two YAML files beside this script says."""
    return parse((HERE / name).read_text("utf-8"), name)


def device_of(name: str) -> dict[str, Any]:
    """Return what is known of a device beside its table; a datasheet of its name says what devices.yaml does not."""
    device = {"name": name, **read("devices.yaml")[name]}
    if name not in sheets() or "peaks_source" in device:
        return device
    sheet = sheets()[name]
    stated = {"peak": f"{sheet.flops_per_s[device['dtype']] / 1e12:.10g}TFLOP/s"}
    stated["bandwidth"] = f"{sheet.bytes_per_s / 1e9:.10g}GB/s"
    return {**stated, "peaks_source": sheet.source, **device}


def path_of(name: str, device: dict[str, Any], folder: Path) -> Path:
    """Return where a device's table lies, among those that were downloaded into a folder or here."""
    if device["table"] == "throughputs":
        return THROUGHPUTS
    return folder / (FILES.get(device["table"]) or TIMM_FILES[name])


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def split(ours: str) -> tuple[str, list[str]]:
    architecture, *parameters = ours.split()
    return architecture, parameters


def timm(table: list[dict[str, str]], device: dict[str, Any]) -> Iterator[list[Any]]:
    names, left_out = read("names.yaml")["timm"], device.get("leave_out", {})
    for row in table:
        size, batch = row["infer_img_size"], int(row["infer_batch_size"])
        if row["model"] not in names:
            continue
        here = f"{row['model']} {size}"
        if here in left_out:
            print(f"left out {here}: {left_out[here]}", file=sys.stderr)
            continue
        architecture, parameters = split(names[row["model"]])
        values = dict(part.split("=") for part in parameters)
        graph = cm.load(architecture, **{key: float(v) if "." in v else int(v) for key, v in values.items()})
        params = cm.price(graph).totals.params / 1e6
        if "vit" not in architecture and abs(params / float(row["param_count"]) - 1) > SAME_PARAMS:
            print(f"left out {row['model']}: {row['param_count']} M params, ours {params:.2f} M", file=sys.stderr)
            continue
        yield [
            architecture,
            " ".join([*parameters, f"resolution={size}"]),
            batch,
            batch / float(row["infer_samples_per_sec"]),
            "",
        ]


def chosen(table: list[dict[str, str]], rows: dict[str, str]) -> list[dict[str, str]]:
    return [row for row in table if all(row[key] == value for key, value in rows.items())]


def ncnn(table: list[dict[str, str]], device: dict[str, Any]) -> Iterator[list[Any]]:
    yield from _ncnn(chosen(table, device["rows"]))


def _ncnn(table: list[dict[str, str]]) -> Iterator[list[Any]]:
    names, kin, seen = read("names.yaml")["ncnn"], read("names.yaml")["kin"], set()
    for row in table:
        if row["model"] in names and row["model"] not in seen and float(row["min_ms"]) > 0:
            seen.add(row["model"])
            architecture, parameters = split(names[row["model"]])
            yield [architecture, " ".join(parameters), 1, float(row["min_ms"]) / 1e3, kin.get(architecture, "")]


def ncnn_prior(
    table: list[dict[str, str]], device: dict[str, Any], common: float = 0.0, one_vote: bool = False
) -> Iterator[list[Any]]:
    """Yield the rows of the typical CPU of all others.

    A run counts that has every network, or every one that a share `common` of the runs have; their geometric mean is
    its level. With `one_vote` a device counts once, not each of its runs. What either gains is in forms.md: nothing.
    """
    names, kin, runs = read("names.yaml")["ncnn"], read("names.yaml")["kin"], defaultdict(dict)
    for row in table:
        others = row["gpu"] == "-1" and row["device"] != device["rows"]["device"]
        if others and row["model"] in names and float(row["min_ms"]) > 0:
            runs[row["device"], row["run"]][row["model"]] = float(row["min_ms"]) / 1e3
    needed = [model for model in names if sum(model in run for run in runs.values()) >= common * len(runs)]
    votes: dict[str, dict[str, list[float]]] = {model: defaultdict(list) for model in names}
    for (owner, number), run in runs.items():
        if all(model in run for model in needed):
            level = math.exp(sum(math.log(run[model]) for model in needed) / len(needed))
            for model, time in run.items():
                votes[model][owner if one_vote else number].append(time / level)
    for model, ours in names.items():
        typical = median(median(each) for each in votes[model].values())
        architecture, parameters = split(ours)
        yield [architecture, " ".join(parameters), 1, 0.1 * typical, kin.get(architecture, "")]


def jcjohnson(table: list[dict[str, str]], device: dict[str, Any]) -> Iterator[list[Any]]:
    names = read("names.yaml")["jcjohnson"]
    for row in chosen(table, device["rows"]):
        if row["model"] in names:
            # nine networks of four families: each network is its own family, so that one is left out at a time
            yield [names[row["model"]], "", int(row["batch"]), float(row["fwd_min_ms"]) / 1e3, row["model"]]


def throughputs(table: list[dict[str, str]], device: dict[str, Any]) -> Iterator[list[Any]]:
    for row in chosen(table, {"device": device["name"]}):
        seconds = int(row["batch"]) / float(row["throughput"])
        yield [row["architecture"], row["parameters"], int(row["batch"]), seconds, ""]


def write(path: Path, rows: Iterator[list[Any]], comment: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# {comment}\n")
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["architecture", "parameters", "batch", "latency_s", "family"])
        out.writerows(rows)


def flops_per_s(device: dict[str, Any]) -> float | None:
    """Return the rate of a datasheet, or that of all cores: how many, at how many GHz, and FLOP a cycle."""
    if "peak" in device:
        return float(quantity(device["peak"], "FLOP/s"))
    return sum(1e9 * count * clock * each for count, clock, each in device["cores"]) if "cores" in device else None


def peak(device: dict[str, Any]) -> str | None:
    """Return the same as one writes it."""
    found = flops_per_s(device)
    return device.get("peak") or (f"{found / 1e9:.10g}GFLOP/s" if found else None)


def peaks_source(device: dict[str, Any]) -> str:
    """Return where the datasheet's figures are from, with the product that they are of a processor."""
    product = " + ".join(f"{count} x {clock} GHz x {each}" for count, clock, each in device.get("cores", []))
    return f"{product} FLOP a cycle; {device['peaks_source']}" if product else device["peaks_source"]


def command(name: str, device: dict[str, Any], table: Path) -> list[str]:
    """Return the command that fits the converted table."""
    hardware = device.get("hardware") or device["rows"].get("device", name)
    runtime = device.get("runtime", "ncnn")
    words = ["costmodel", "calibrate", "--from", table.name, "--name", name, "--title", device["title"]]
    words += ["--hardware", hardware, "--runtime", runtime, "--dtype", device["dtype"]]
    threads = device.get("threads") or device.get("rows", {}).get("threads")
    for option, value in (("--threads", threads), ("--date", device.get("date")), ("--peak", peak(device))):
        words += [option, str(value)] if value else []
    words += ["--bandwidth", device["bandwidth"]] if "bandwidth" in device else []
    words += ["--peaks-source", peaks_source(device)] if "peaks_source" in device else []
    words += ["--eager"] if device.get("eager") else []
    words += ["--like", f"{name}-prior.csv"] if device["table"] == "ncnn" else []
    source = device.get("source") or SOURCES[device["table"]]
    words += ["--source", f"{source}; converted by benchmarks/published/convert.py {name}"]
    notes = "; ".join(f"left out {row}: {why}" for row, why in device.get("leave_out", {}).items())
    if device["table"] == "jcjohnson":
        notes = "nine networks of four families, so one network is left out at a time, not one family"
    return words + (["--notes", notes] if notes else [])


READERS = {"timm": timm, "throughputs": throughputs, "ncnn": ncnn, "jcjohnson": jcjohnson}


def measured(table: list[dict[str, str]], device: dict[str, Any]) -> Iterator[list[Any]]:
    """Return the rows of a device in its table: architecture, parameters, batch, seconds, family."""
    return READERS[device["table"]](table, device)


def convert(name: str, path: Path, to: Path) -> list[str]:
    """Write the device's CSV (and its prior's) and return the command that fits it."""
    device, table = device_of(name), rows_of(path)
    write(to, measured(table, device), f"{name}: {device.get('source') or SOURCES[device['table']]}")
    if device["table"] == "ncnn":
        write(
            to.with_name(f"{name}-prior.csv"),
            ncnn_prior(table, device),
            f"the typical CPU of {SOURCES['ncnn']} without {name}",
        )
    return command(name, device, to)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("name", help="a device of devices.yaml, or all")
    options.add_argument("table", type=Path, help="the published table; with all, the folder that holds every table")
    options.add_argument("--to", type=Path, help="the CSV to write")
    options.add_argument("--run", action="store_true", help="fit it too, into specs/devices/")
    given = options.parse_args()
    devices = read("devices.yaml")
    with tempfile.TemporaryDirectory() as scratch:
        for name in devices if given.name == "all" else [given.name]:
            path = path_of(name, devices[name], given.table) if given.name == "all" else given.table
            to = given.to or Path(scratch) / f"{name}.csv"
            words = convert(name, path, to)
            print(shlex.join(words), flush=True)
            if given.run:
                output = Path("specs/devices").resolve() / f"{name}.yaml"
                words = [sys.executable, "-m", *words, "--output", str(output), "--force"]
                subprocess.run(words, cwd=to.parent, check=True)


if __name__ == "__main__":
    main()
