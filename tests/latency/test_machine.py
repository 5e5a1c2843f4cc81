"""What a machine says of itself, and what is said where a device was measured on another one. No fact is of the
processor at hand: every text of a system is written here.
"""

from dataclasses import replace

import pytest
from cli.command import run

import costmodel as cm
from costmodel.bench.log import Setting, begin_log, read_log, read_setting
from costmodel.bench.measure import Course, measure
from costmodel.cli import COMMANDS, Lazy
from costmodel.latency import device as devices
from costmodel.latency import machine as machines
from costmodel.latency.device import read_device, to_yaml
from costmodel.latency.find import find_device
from costmodel.latency.machine import Machine, differences, this_machine
from costmodel.latency.systems import linux, macos, windows
from costmodel.latency.transfer import transfer
from latency.test_devices import LOGS
from latency.test_measure import Planted, jobs

X86 = """\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC 9R14   96-Core Processor
flags\t\t: fpu sse sse2 avx avx2 avx512f avx512_vnni

processor\t: 1
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC 9R14   96-Core Processor
flags\t\t: fpu sse sse2 avx avx2 avx512f avx512_vnni
"""
CORE = """\
processor\t: {}
Features\t: fp asimd evtstrm crc32 {}
CPU implementer\t: {}
CPU architecture: 8
CPU part\t: {}

"""
PI4 = (
    "".join(CORE.format(core, "", "0x41", "0xd08") for core in range(4))
    + "Hardware\t: BCM2835\nModel\t: Raspberry Pi 4\n"
)
RK3588 = "".join(CORE.format(core, "", "0x41", "0xd05" if core < 4 else "0xd0b") for core in range(8))
GRAVITON = "".join(CORE.format(core, "sve", "0x41", "0xd40") for core in range(2))
UNKNOWN = CORE.format(0, "", "0x99", "0xfff")
M1 = """\
machdep.cpu.brand_string: Apple M1
hw.logicalcpu: 8
hw.memsize: 17179869184
hw.l1dcachesize: 65536
hw.l2cachesize: 4194304
hw.optional.arm64: 1
"""
INTEL_MAC = """\
machdep.cpu.brand_string: Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz
machdep.cpu.vendor: GenuineIntel
machdep.cpu.family: 6
machdep.cpu.model: 158
hw.logicalcpu: 12
hw.optional.avx512f: 0
hw.optional.avx2_0: 1
"""
CACHES = {
    ("1", "Data"): "32K",
    ("1", "Instruction"): "64K",
    ("2", "Unified"): "1024K",
    ("3", "Unified"): "32M",
}
AVX512 = Machine(processor="AMD EPYC", vendor="AMD", family=25, model=17, vectors="avx512", cores=2)
ZEN5 = Machine(processor="AMD EPYC", vendor="AMD", family=26, vectors="avx512", cores=2)
AVX2 = Machine(processor="AMD EPYC", vendor="AMD", family=25, model=1, vectors="avx2", cores=2)


def known(facts):
    """Return a machine of facts, as `this_machine` makes it."""
    return Machine(**{name: value for name, value in facts.items() if value not in (None, "", {})})


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (
            linux(X86, CACHES, "MemTotal:       16000000 kB\nMemFree: 1 kB\n"),
            Machine(
                processor="AMD EPYC 9R14 96-Core Processor",
                vendor="AMD",
                family=25,
                model=17,
                vectors="avx512",
                cores=2,
                caches_bytes={"L1d": 32 * 1024, "L2": 1024 * 1024, "L3": 32 * 1024**2},
                memory_bytes=16_384_000_000,
            ),
        ),
        (
            linux(PI4, {}, ""),
            Machine(processor="Cortex-A72", vendor="ARM", family=8, model=0xD08, vectors="neon", cores=4),
        ),
        (
            linux(RK3588, {}, ""),
            Machine(processor="Cortex-A55 x 4 + Cortex-A76 x 4", vendor="ARM", family=8, vectors="neon", cores=8),
        ),
        (
            linux(GRAVITON, {}, ""),
            Machine(processor="Neoverse-V1", vendor="ARM", family=8, model=0xD40, vectors="sve", cores=2),
        ),
        (linux(UNKNOWN, {}, ""), Machine(vendor="0x99", family=8, model=0xFFF, vectors="neon", cores=1)),
        (
            macos(M1),
            Machine(
                processor="Apple M1",
                vendor="Apple",
                vectors="neon",
                cores=8,
                caches_bytes={"L1d": 65536, "L2": 4194304},
                memory_bytes=17179869184,
            ),
        ),
        (
            macos(INTEL_MAC),
            Machine(
                processor="Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz",
                vendor="Intel",
                family=6,
                model=158,
                vectors="avx2",
                cores=12,
            ),
        ),
        (
            windows("Intel64 Family 6 Model 154 Stepping 3, GenuineIntel"),
            Machine(vendor="Intel", family=6, model=154),
        ),
        (windows("ARMv8 (64-bit) Family 8 Model D4B Revision   0, Qualcomm"), Machine()),
        (macos("sysctl: no such thing\n"), Machine()),
        (windows(""), Machine()),
    ],
    ids=[
        "epyc",
        "pi4",
        "rk3588",
        "graviton",
        "unknown-arm",
        "m1",
        "intel-mac",
        "windows",
        "hex",
        "no-sysctl",
        "no-name",
    ],
)
def test_each_system_is_read_and_what_it_does_not_say_is_left_open(facts, found):
    assert known(facts) == found


@pytest.mark.parametrize("text", ["", "processor\n\n", "processor : x\ncpu family : many\nmodel : -1\n", "\x00:\x00"])
def test_a_system_that_tells_nonsense_tells_nothing(text):
    found = known(linux(text, {("1", "Data"): "much"}, "MemTotal: none"))
    assert (found.processor, found.family, found.model, found.vectors, found.memory_bytes) == (None,) * 5
    assert found.caches_bytes == {}
    assert known({**macos(text), **windows(text)}) == Machine()


def test_this_machine_can_be_asked_on_every_system(monkeypatch):
    for told in ({"cores": "many"}, {"family": -1}, {}):
        this_machine.cache_clear()
        monkeypatch.setattr(machines, "SYSTEMS", {"Linux": dict, "Plan 9": lambda told=told: told})
        monkeypatch.setattr(machines.platform, "system", lambda: "Plan 9")
        assert this_machine() == Machine()
    monkeypatch.setattr(machines.platform, "system", lambda: "Haiku")
    this_machine.cache_clear()
    assert this_machine() == Machine()
    this_machine.cache_clear()


def test_machines_are_told_apart_by_what_both_say():
    assert differences(AVX512, AVX2) == ("model", "vectors")
    assert differences(AVX512, AVX512) == ()
    assert differences(AVX512, Machine(vendor="Intel")) == ("vendor",)
    assert differences(AVX512, Machine()) == ()
    rented = AVX512.model_copy(update={"cores": 64, "memory_bytes": 10**12, "caches_bytes": {"L3": 1}})
    assert differences(AVX512, rented) == ()


def test_a_machine_reads_as_words():
    assert str(AVX512) == "AMD EPYC, family 25 model 17, AVX-512, 2 cores"
    assert str(known(macos(M1))) == "Apple M1, NEON, 8 cores, L1d 65.54 kB, L2 4.194 MB, 17.18 GB of memory"
    assert str(Machine()) == ""


def test_a_device_says_where_it_was_measured_if_that_is_elsewhere():
    device = find_device("epyc-1t").model_copy(update={"machine": AVX512})
    assert device.elsewhere(AVX512) == ""
    assert device.elsewhere(Machine()) == ""
    assert device.elsewhere(AVX2) == (
        "epyc-1t was measured on another machine (AMD EPYC, AVX-512, model 17; this is AMD EPYC, AVX2, model 1), "
        "so its times may be far off here: costmodel calibrate --like epyc-1t --name NAME --minutes 1 makes a device "
        "of this one"
    )
    assert find_device("pi4").elsewhere(AVX2) == ""  # somebody else measured, and not by this machine's names


@pytest.mark.parametrize("name", ["epyc-1t", "epyc-2t"])
def test_devices_of_this_project_say_their_machine(name):
    assert differences(find_device(name).machine, AVX2) == ("family", "vectors")
    assert find_device(name).machine.vectors == "avx512"


ASKED = {
    "report": "report nin_cifar10 --device epyc-1t",
    "latency": "latency nin_cifar10 --device epyc-1t",
    "sweep": "sweep mobilenet_v1 --vary width=0.25,0.5 --device epyc-1t",
    "solve": "solve mobilenet_v1 --vary width=0.25,0.5 --minimize params --subject-to latency_ms<99 --device epyc-1t",
    "suggest": "suggest nin_cifar10 --goal params<1M --device epyc-1t",
    "check": "check nin_cifar10 --max latency_ms=1e6 --device epyc-1t",
}
SAID = "note: epyc-1t was measured on another machine (AMD EPYC, AVX-512, family 26; this is AMD EPYC, AVX2, family 25)"


@pytest.fixture
def on(monkeypatch):
    """Puts the test on a machine."""
    return lambda machine: monkeypatch.setattr(devices, "this_machine", lambda: machine)


@pytest.mark.parametrize("command", ASKED)
def test_a_prediction_on_another_machine_says_so_first_and_is_the_same(command, on, capsys):
    on(ZEN5)
    here = run(capsys, *ASKED[command].split())
    on(AVX2)
    code, out, err = run(capsys, *ASKED[command].split())
    assert (code, out) == here[:2]
    assert code == 0
    first, _, rest = err.partition("\n")
    assert first.startswith(SAID)
    assert rest == here[2]
    assert "another machine" not in here[2]


def test_every_command_with_a_device_says_so():
    group = Lazy("costmodel")
    asked = set()
    for name in COMMANDS:
        for option in group.get_command(None, name).params:
            if "--device" in option.opts:
                assert option.callback is not None, name
                asked.add(name)
    assert asked >= set(ASKED)


def test_a_device_that_a_budget_names_says_so_too(on, tmp_path, capsys):
    budget = tmp_path / "budget.yaml"
    budget.write_text("device: epyc-1t\nmax: {latency_ms: 1000}\n", "utf-8")
    on(AVX2)
    code, _, err = run(capsys, "check", "nin_cifar10", "--budget", budget)
    assert (code, err.startswith(SAID)) == (0, True)
    on(ZEN5)
    assert run(capsys, "check", "nin_cifar10", "--budget", budget)[2] == ""


@pytest.mark.parametrize("words", ["report nin_cifar10 --device none-such", "device-report epyc-1t", "devices"])
def test_what_is_no_prediction_says_nothing_of_machines(words, on, capsys):
    on(AVX2)
    assert "another machine" not in run(capsys, *words.split())[2]


def test_what_a_machine_is_stands_in_the_devices_file_and_report(tmp_path, capsys):
    device = find_device("epyc-1t")
    conditions = device.conditions.model_copy(update={"options": "as it comes"})
    made = device.model_copy(update={"machine": known(macos(M1)), "conditions": conditions})
    path = tmp_path / "mine.yaml"
    path.write_text(to_yaml(made), "utf-8")
    assert read_device(path) == made
    out = run(capsys, "device-report", path)[1]
    assert "machine: Apple M1, NEON, 8 cores" in out
    assert "runtime: as it comes" in out


HERE = Setting("AMD EPYC", "none", 1, True, 16, "2026-01-01", "as it comes", AVX512)


def test_a_logs_first_line_says_the_machine_and_the_options(tmp_path):
    log = tmp_path / "log.csv"
    begin_log(log, False, HERE)
    assert read_setting(log) == HERE
    assert read_log(log) == []
    begin_log(log, True, HERE)
    assert read_setting(log) == HERE


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_older_logs_do_not_tell_and_are_read(log):
    assert read_setting(log).lanes == 16


def test_a_log_of_another_machine_is_another_log():
    assert HERE.same(replace(HERE, date="", options="otherwise"))
    assert HERE.same(replace(HERE, machine=None))
    assert not HERE.same(replace(HERE, machine=AVX2))
    assert HERE.told_apart(replace(HERE, machine=AVX2)) == ("AMD EPYC, AVX-512, model 17", "AMD EPYC, AVX2, model 1")


def test_a_log_of_another_machine_is_not_gone_on_with(tmp_path):
    """Though both have one name: it says what tells them apart. One that is complete may be fitted anywhere."""
    log, course = tmp_path / "log.csv", Course(jobs(), 2, 1e9)
    first = Planted()
    kept = measure(course, first, log, HERE, clock=first.clock)
    elsewhere = replace(HERE, machine=AVX2)
    says = r"log\.csv was measured on AMD EPYC, AVX-512, model 17, but this is AMD EPYC, AVX2, model 1; begin"
    with pytest.raises(cm.CostModelError, match=says):
        measure(replace(course, rounds=3), Planted(), log, elsewhere, resume=True)
    assert measure(course, Planted(), log, elsewhere, resume=True) == kept


def test_a_device_scaled_by_a_datasheet_was_measured_on_no_machine():
    peaks = {"flops_per_s": 1e12, "bytes_per_s": 1e11}
    measured = find_device("epyc-1t").model_copy(update={"peaks": peaks})
    assert transfer(measured, "faster", "Faster", peaks, "a test").machine is None
