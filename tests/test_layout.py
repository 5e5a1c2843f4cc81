"""Who may import whom: the house has one direction, and one door for text."""

import ast
from pathlib import Path

import networkx as nx

PACKAGE = Path(__file__).parent.parent / "costmodel"
FLOORS = [
    {"errors", "units", "numbers", "documents", "measures", "tensor"},
    {"ops"},
    {"graph"},
    {"weights"},
    {"spec", "reading", "execute", "pricing"},
    {"onnx", "modules"},
    {"sources"},
    {"api"},
    {"latency"},
    {"bench", "sweeps"},
    {"edits", "judging", "gallery"},
    {"render"},
    {"tasks"},
    {"cli", "notebook"},
]
FLOOR = {name: height for height, names in enumerate(FLOORS) for name in names}
FRONT = {"sweeps/store.py", "__main__.py"}
"""Who may ask the package's own front, for its version."""
SLOW = {"onnx", "onnxruntime", "pandas", "matplotlib", "sympy", "scipy", "pyarrow", "dask"}
NO_NUMPY = {
    "errors",
    "units",
    "numbers",
    "documents",
    "measures",
    "graph",
    "spec",
    "reading",
    "pricing",
    "sources",
    "api",
    "render",
    "tasks",
    "cli",
    "notebook",
}
"""What `costmodel report` goes through: it needs no array, so numpy stands at the top of none of these."""
ARRAYS = PACKAGE / "numbers" / "exact.py"
"""The one file there that is imported only where an array has come in."""


def imports(file, top_only=False):
    """Yield the module of each import in a file, of those within functions too; those for type checkers only are left
    out.
    """
    tree = ast.parse(file.read_text())
    checked = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]
    skip = {inner for node in checked for inner in ast.walk(node)}
    for node in tree.body if top_only else ast.walk(tree):
        if node in skip:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            inner = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            yield from dict.fromkeys(whole if module_at(whole) else node.module for whole in inner.values())


def module_at(name):
    """Return the file of a module of the package, or None."""
    place = PACKAGE.parent.joinpath(*name.split("."))
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.exists()), None)


def room(file):
    """Return the module or folder of the package that a file belongs to."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def floor_of(module):
    return FLOOR[module.split(".")[1]]


def files():
    return [file for file in sorted(PACKAGE.rglob("*.py")) if file.parent != PACKAGE or file.stem in FLOOR]


def test_every_module_stands_on_a_floor():
    rooms = {
        path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py")))
    }
    assert rooms - {"__init__", "__main__"} == set(FLOOR)


def test_nothing_imports_upwards():
    wrong = []
    for file in files():
        mine = FLOOR[room(file)]
        for module in imports(file):
            if module == "costmodel" and str(file.relative_to(PACKAGE)) not in FRONT:
                wrong.append(f"{file.relative_to(PACKAGE)} imports the package's front")
            elif module.startswith("costmodel.") and floor_of(module) > mine:
                wrong.append(f"{file.relative_to(PACKAGE)} imports {module}")
    assert not wrong


def test_no_modules_import_one_another_in_a_circle():
    arrows = nx.DiGraph()
    for file in sorted(PACKAGE.rglob("*.py")):
        known = {module_at(module) for module in imports(file) if module.split(".")[0] == "costmodel"}
        arrows.add_edges_from((file, other) for other in known - {None, file, PACKAGE / "__init__.py"})
    circles = [circle for circle in nx.strongly_connected_components(arrows) if len(circle) > 1]
    assert not [sorted(str(file.relative_to(PACKAGE)) for file in circle) for circle in circles]


def test_render_never_hears_of_operators_or_graphs_and_operators_of_no_format():
    for file in (PACKAGE / "render").rglob("*.py"):
        assert not [m for m in imports(file) if m.startswith(("costmodel.ops", "costmodel.graph"))], file
    for file in (PACKAGE / "ops").rglob("*.py"):
        assert not [m for m in imports(file) if m.split(".")[0] in ("yaml", "onnx", "pandas", "pydantic")], file


DOORS = {
    "click.echo": {"cli/streams.py"},
    "click.secho": set(),
    "click.progressbar": set(),
    "click.style": {"cli/streams.py"},
    "print": set(),
    "sys.stdout.write": set(),
    "sys.stderr.write": set(),
    "csv.writer": {"render/data.py", "bench/log.py"},  # the second is a log that is read again
    "csv.DictWriter": set(),
}
"""What writes text, and the only files that call it: elsewhere it would go around what makes text safe."""


def test_text_leaves_by_one_door():
    around = [
        f"{file.relative_to(PACKAGE)}:{node.lineno} calls {ast.unparse(node.func)}"
        for file in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and str(file.relative_to(PACKAGE)) not in DOORS.get(ast.unparse(node.func), {str(file.relative_to(PACKAGE))})
    ]
    assert not around


def test_slow_libraries_are_imported_only_where_used():
    slow = [
        f"{file.relative_to(PACKAGE)} imports {module} at its top"
        for file in sorted(PACKAGE.rglob("*.py"))
        for module in imports(file, top_only=True)
        if module.split(".")[0] in SLOW | ({"numpy"} if room(file) in NO_NUMPY and file != ARRAYS else set())
    ]
    assert not slow
