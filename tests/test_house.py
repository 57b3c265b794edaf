"""The order of the rooms: who may import whom, and that nothing private crosses."""

import ast
import re
from pathlib import Path

import vsrnn

ROOT = Path(__file__).parent.parent
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
    "estimators": GROUND | {"design", "models", "tasks", "training", "forecast"},
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


BRITISH = re.compile(
    r"""\b(
    (penal|regular|optim|normal|initial|standard|summar|recogn|organ|general|minim|maxim
    |visual|util|character|special|vector|serial|random|quant|discret|parallel
    |synchron|categor|memor|local|equal|stabil|token|factor)is(ed?|es|ing|ations?)\b
    |(mod|lab|trav|canc)ell(ed|ing)\b|analys(ed?|ing)\b|learnt\b|whilst|amongst
    |neighbour|colour|favour|behaviour|honour|centre|grey|licence|catalogue|artefact)""",
    re.IGNORECASE | re.VERBOSE,
)


def test_there_is_one_spelling():
    folders = ("book", "notebooks", "vsrnn/plot", "vsrnn/cli", "vsrnn/tasks")
    ends = {".py", ".md", ".ipynb", ".js", ".css", ".csv"}
    paths = [path for name in folders for path in (ROOT / name).rglob("*")]
    found = []
    for path in sorted([*ROOT.glob("*.md"), *paths]):
        if path.suffix in ends and path != Path(__file__):
            text = re.sub('"(test_)?centre"', "", path.read_text("utf-8"))  # stored so
            found += [f"{path}: {match[0]}" for match in BRITISH.finditer(text)]
    assert not found, "\n".join(found)
