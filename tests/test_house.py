"""The order of the rooms: who may import whom, and that nothing private crosses."""

import ast
from pathlib import Path

import vsrnn

PACKAGE = Path(vsrnn.__file__).parent
GROUND = {"errors", "files"}
MAY_IMPORT = {
    "errors": set(),
    "files": {"errors"},
    "design": GROUND,
    "stats": GROUND | {"design"},
    "plot": GROUND | {"design", "stats"},
    "models": GROUND | {"design"},
    "tasks": GROUND | {"design"},
    "methods": GROUND | {"design", "models"},
    "training": GROUND | {"models", "tasks", "methods"},
    "runs": GROUND | {"design", "models", "tasks", "methods", "training"},
    "estimators": GROUND | {"design", "models", "tasks", "training"},
    "forecast": GROUND | {"design", "models", "tasks", "training", "runs", "stats"},
}
MAY_IMPORT["studies"] = set(MAY_IMPORT)
MAY_IMPORT["cli"] = {*MAY_IMPORT, "studies"}


def imports():
    """Every import of the package's own modules: from which file, and what."""
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            for name in names:
                if name.startswith("vsrnn."):
                    yield file, name.split(".")[1:]


def room(file):
    return file.parts[0].removesuffix(".py")


def test_rooms_import_only_what_stands_below_them():
    wrong = [
        f"{file} imports {'.'.join(name)}"
        for file, name in imports()
        if room(file) != "__init__" and name[0] != room(file)
        if name[0] not in MAY_IMPORT[room(file)]
    ]
    assert not wrong, "\n".join(wrong)


def test_every_room_has_its_place():
    rooms = {room(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")}
    assert rooms - {"__init__"} == set(MAY_IMPORT)


def test_nothing_private_crosses_a_room():
    wrong = [
        f"{file} imports {'.'.join(name)}"
        for file, name in imports()
        if room(file) not in ("__init__", name[0])
        if any(part.startswith("_") for part in name)
    ]
    assert not wrong, "\n".join(wrong)
