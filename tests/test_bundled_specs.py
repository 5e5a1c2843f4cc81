"""The specs that come with the package: an installed one is taken as it stands, since it was validated here."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli.command import SPECS, run

import costmodel as cm
from costmodel.documents.text import parse
from costmodel.spec import library
from costmodel.spec.form import validated
from costmodel.spec.parts import Document, built

PACKAGE = Path(cm.__file__).parent


@pytest.mark.parametrize("file", sorted(SPECS.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_bundled_spec_is_valid_and_built_as_it_is_validated(file):
    data = {"name": file.stem} | parse(file.read_text("utf-8"), str(file))
    document, wrong = validated(data)
    assert not wrong
    assert repr(built(Document, data)) == repr(document)  # with the type of every value


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return a folder with the package as it is installed, its specs within it."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(PACKAGE, folder / "costmodel")
    shutil.copytree(SPECS, folder / "costmodel" / "specs")
    return folder


@pytest.mark.parametrize(
    "words",
    [
        "report mobilenet_v1",
        "report vgg11 --format json",
        "diff nin nin_cifar10",
        "list nin",
        "sweep nin --vary classes=9",
    ],
)
def test_no_validator_is_imported_for_an_installed_spec(site, words):
    program = "import sys; from costmodel.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", program, *words.split()]
    ran = subprocess.run(command, cwd=site, env={"PYTHONPATH": str(site)}, capture_output=True, text=True, check=True)
    loaded = set(ran.stderr.split())
    assert "costmodel.spec.document" in loaded
    assert not {"pydantic", "pydantic_core"} & loaded


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a spec that counts as installed."""
    monkeypatch.setattr(library, "INSTALLED", tmp_path)
    return Path(shutil.copy(SPECS / "nin.yaml", tmp_path))


def read_without_validator(monkeypatch, file):
    """Return the spec in a file where asking the validator would fail."""
    with monkeypatch.context() as blocked:
        blocked.setitem(sys.modules, "pydantic", None)
        return library.read_file(file)


def test_an_installed_spec_is_what_it_is_elsewhere(installed, monkeypatch, tmp_path_factory):
    elsewhere = Path(shutil.copy(installed, tmp_path_factory.mktemp("elsewhere")))
    taken, checked = read_without_validator(monkeypatch, installed), library.read_file(elsewhere)
    assert repr(taken) == repr(checked).replace(str(elsewhere), str(installed))
    assert taken.text == checked.text
    with pytest.raises(ImportError):
        read_without_validator(monkeypatch, elsewhere)


@pytest.mark.parametrize(
    "name", ["inputs_and_input", "list_not_map", "several", "unknown_key", "wrong_types", "wrong_types_of_maps"]
)
def test_an_installed_spec_that_somebody_broke_says_what_it_says_elsewhere(installed, name):
    bad = Path(__file__).parent / "bad" / f"{name}.yaml"
    broken = Path(shutil.copy(bad, installed.parent))
    with pytest.raises(cm.SpecError) as error:
        library.read_file(broken)
    assert f"{error.value}\n".replace(str(broken), bad.name) == bad.with_suffix(".txt").read_text("utf-8")


def test_what_only_the_validator_sees_is_seen_by_check(installed, capsys):
    installed.write_text(installed.read_text("utf-8").replace("year: 2013", 'year: "2013"'))
    code, out, _ = run(capsys, "check", installed)
    assert code == 1
    assert "a whole number belongs here, not '2013'" in out


def test_a_spec_in_a_checkout_is_validated(monkeypatch):
    with pytest.raises(ImportError):
        read_without_validator(monkeypatch, SPECS / "nin.yaml")
