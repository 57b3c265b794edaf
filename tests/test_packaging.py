"""The files around the package agree with each other and with the package."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata, resources
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from vsrnn.runs.results import FOLDERS

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
EXTRA_LINES = [line for lines in EXTRAS.values() for line in lines]
IMPORT_NAMES = {"sklearn": "scikit-learn"}
CORE = {"filelock", "networkx", "numpy", "platformdirs", "safetensors", "torch", "tqdm"}


def requirements(lines: list[str]) -> dict[str, Requirement]:
    """Requirements by canonical name, without the package itself."""
    parsed = [Requirement(line) for line in lines]
    named = {canonicalize_name(one.name): one for one in parsed}
    return {name: one for name, one in named.items() if name != PROJECT["name"]}


def import_names(lines: list[str]) -> set[str]:
    """What requirements are called where they are imported."""
    known = {distribution: name for name, distribution in IMPORT_NAMES.items()}
    return {known.get(name, name.replace("-", "_")) for name in requirements(lines)}


def without_comments(path: Path) -> list[str]:
    lines = path.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def code_blocks(name: str, language: str) -> list[str]:
    text = (ROOT / name).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def make_targets(text: str) -> set[str]:
    """Names that follow the word make in commands."""
    return set(re.findall(r"(?:^|`|&& )make ([a-z]+)", text, re.MULTILINE))


def test_environment_file_uses_the_lock_and_a_supported_python():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python = Requirement(environment["dependencies"][0].replace("=", "=="))
    (version,) = (one.version for one in python.specifier)
    assert version in SpecifierSet(PROJECT["requires-python"])
    (pip,) = (d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    assert "-c requirements.lock" in pip
    (package,) = (line for line in pip if line.startswith("-e "))
    extras = re.fullmatch(r"-e \.\[([a-z,]+)\]", package)
    wanted = {"adroit", "book", "fast", "lab", "text"}
    assert extras and set(extras[1].split(",")) == wanted
    assert set(extras[1].split(",")) <= set(EXTRAS)


def test_lock_satisfies_every_requirement():
    locked: dict[str, list[Requirement]] = {}
    for line in without_comments(ROOT / "requirements.lock"):
        one = Requirement(line)
        locked.setdefault(canonicalize_name(one.name), []).append(one)
    wanted = requirements(PROJECT["dependencies"] + EXTRA_LINES)
    for name, requirement in wanted.items():
        assert name in locked, f"run `make lock`: {name} is not in the lock"
        for one in locked[name]:
            (pin,) = one.specifier
            assert pin.operator == "=="
            assert requirement.specifier.contains(pin.version), f"{one} in the lock"


def test_lock_is_free_of_places_and_of_the_choice_of_cuda():
    for line in without_comments(ROOT / "requirements.lock"):
        requirement = Requirement(line)  # an option or a path would not parse
        assert requirement.url is None
        assert not requirement.name.startswith(("nvidia-", "cuda-", "triton"))


def test_every_import_of_the_package_is_declared():
    declared = set(requirements(PROJECT["dependencies"] + EXTRA_LINES))
    used = set()
    for path in (ROOT / "vsrnn").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                used |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                used.add(node.module.split(".")[0])
    outside = used - set(sys.stdlib_module_names) - {"vsrnn"}
    names = {canonicalize_name(IMPORT_NAMES.get(name, name)) for name in outside}
    assert names <= declared


def test_citation_file_names_this_version_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == PROJECT["version"] == metadata.version("vsrnn")
    assert citation["license"] == PROJECT["license"]
    paper = citation["preferred-citation"]
    families = [author["family-names"] for author in paper["authors"]]
    assert families == ["Hershey", "Paffenroth"]
    assert paper["doi"].endswith("2509.15057")


@pytest.mark.parametrize(
    "name", ["design/published.csv", "py.typed", "plot/vsrnn.mplstyle", "__init__.py"]
)
def test_package_carries_its_data(name: str):
    assert resources.files("vsrnn").joinpath(name).is_file()


def test_a_wheel_carries_the_packed_results_and_no_working_files():
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    wheel = tool["hatch"]["build"]["targets"]["wheel"]
    assert "results" in wheel["only-include"]
    assert wheel["sources"] == {"results": f"vsrnn/{FOLDERS[0].name}"}
    packs = [path.relative_to(ROOT) for path in ROOT.glob("results/*/runs.jsonl.gz")]
    assert len(packs) > 10
    other = [Path("results/rad_100k/0.json"), Path("results/rad_100k/designs")]
    for path, left_out in [(p, False) for p in packs] + [(p, True) for p in other]:
        patterns = [pattern.removeprefix("/") for pattern in wheel["exclude"]]
        assert any(map(path.match, patterns)) == left_out


# As where only the core is installed: any other package is said to be missing.
ALONE = """
import sys
sys.modules.update(dict.fromkeys({extras!r}))
import torch, vsrnn
model = vsrnn.BlockRNN(vsrnn.Geometry.for_budget(500, 3, 2, 0.5))
model(torch.zeros(4, 5, 3))[0].sum().backward()
class Repeat(vsrnn.Task):
    inputs, outputs, steps = 3, 3, 5
    def data(self):
        x = torch.randn(60, 5, 3)
        return dict.fromkeys(("train", "val", "test"), (x, x))
vsrnn.evaluate(vsrnn.PlainRNN(3, 4, 3), Repeat(), "val")
vsrnn.get_design("rad", "balanced_0")
asked = {{
    "list_designs": lambda: vsrnn.list_designs("rad"),
    "read_designs": lambda: vsrnn.read_designs("designs.csv"),
    "get_results": lambda: vsrnn.get_results("rad_quick"),
    "verify": lambda: vsrnn.verify("rad_quick"),
    "sweep": lambda: vsrnn.sweep([], vsrnn.Store("none")),
    "estimator": lambda: vsrnn.SparseRNNClassifier,
    "plot": lambda: __import__("vsrnn.plot.axes"),
    "studies": lambda: __import__("vsrnn.studies"),
    "forecast": lambda: __import__("vsrnn.forecast"),
    "stats": lambda: __import__("vsrnn.stats"),
}}
for name, ask in asked.items():
    try:
        ask()
    except vsrnn.VsrnnError as problem:
        print(name, problem)
import vsrnn.cli
sys.exit(vsrnn.cli.main(["designs"]))
"""


def test_the_core_is_enough_for_networks_and_says_which_extra_the_rest_needs():
    assert set(requirements(PROJECT["dependencies"])) == CORE
    extras = import_names(EXTRA_LINES) - CORE
    assert {"joblib", "pandas", "scipy", "sklearn"} <= extras
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", ALONE.format(extras=extras)],
        capture_output=True,
        text=True,
        check=False,
    )
    asked = re.findall('"(\\w+)": lambda', ALONE)
    said = [*ran.stdout.splitlines(), ran.stderr]
    for name, line in zip([*asked, "vsrnn:"], said, strict=True):
        assert line.startswith(name), ran.stderr
        extra = "sklearn" if name == "estimator" else "experiments"
        assert "not installed; install it with: " in line
        assert line.strip().endswith(f"pip install 'vsrnn[{extra}]'")
    assert ran.returncode == 2


def test_import_stays_light():
    program = (
        "import sys, vsrnn; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "vsrnn" in loaded.stdout.split()
    heavy = import_names(EXTRA_LINES) - CORE
    assert not heavy & set(loaded.stdout.split())


def test_command_is_installed_and_says_how_to_use_it():
    (command,) = metadata.entry_points(group="console_scripts", name="vsrnn")
    assert command.value == PROJECT["scripts"]["vsrnn"]
    answer = subprocess.run(
        [Path(sys.executable).parent / "vsrnn", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0
    assert "usage: vsrnn" in answer.stdout
    assert not answer.stderr


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_documented_make_targets_exist(name: str):
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    mentioned = make_targets((ROOT / name).read_text())
    assert {"book", "test"} <= mentioned <= targets


def test_readme_starts_with_the_two_commands():
    (first, *_) = code_blocks("README.md", "console")
    assert [line.split("#")[0].split() for line in first.splitlines()][-2:] == [
        ["make", "book"],
        ["make", "test"],
    ]
    assert (ROOT / "README.md").read_text().index(first) < 500


def test_readme_example_runs(capsys: pytest.CaptureFixture[str]):
    (example,) = code_blocks("README.md", "python")
    exec(compile(example, "README.md", "exec"), {})
    assert capsys.readouterr().out


def test_contributing_needs_at_most_six_commands():
    lines = [
        line
        for block in code_blocks("CONTRIBUTING.md", "console")
        for line in block.splitlines()
        if line.strip()
    ]
    commands = [part for line in lines for part in line.split("#")[0].split("&&")]
    assert 1 <= len(commands) <= 6


@pytest.mark.parametrize(
    "path",
    [
        *(ROOT / ".github" / "workflows").glob("*.yml"),
        ROOT / ".pre-commit-config.yaml",
        ROOT / "_config.yml",
        ROOT / "_toc.yml",
    ],
    ids=lambda path: path.name,
)
def test_yaml_files_parse(path: Path):
    assert isinstance(yaml.safe_load(path.read_text()), dict)


def test_workflows_test_every_supported_python_and_publish_the_book():
    folder = ROOT / ".github" / "workflows"
    tests = yaml.safe_load((folder / "test.yml").read_text())["jobs"]
    for job in ("test", "package"):
        matrix = tests[job]["strategy"]["matrix"]
        assert matrix["python"] == ["3.11", "3.12", "3.13"]
    book = yaml.safe_load((folder / "book.yml").read_text())["jobs"]
    assert any(step.get("run") == ".ci/run" for step in book["build"]["steps"])
    assert book["publish"]["needs"] == "build"


@pytest.mark.skipif(sys.platform == "win32", reason="the workflow runs on Linux")
@pytest.mark.parametrize("heading, found", [("1.2.0", True), ("Unreleased", False)])
def test_a_release_is_of_a_version_with_a_section(heading, found, tmp_path):
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    steps = yaml.safe_load(text)["jobs"]["release"]["steps"]
    assert any(step.get("run") == "make wheel" for step in steps)
    (cut,) = (step["run"] for step in steps if "CHANGELOG.md" in step.get("run", ""))
    (tmp_path / "pyproject.toml").write_text('version = "1.2.0"\n')
    log = f"# Log\n\n## {heading}\n\nNew.\n\n### More\n\n## 1.1.0\n\nOld.\n"
    (tmp_path / "CHANGELOG.md").write_text(log)
    how = {"cwd": tmp_path, "env": {**os.environ, "GITHUB_REF_NAME": "v1.2.0"}}
    ran = subprocess.run(["bash", "-ec", cut], **how, check=False)
    assert (ran.returncode == 0) == found
    notes = (tmp_path / "notes.md").read_text()
    assert notes.split() == (["New.", "###", "More"] if found else [])


def test_licenses_of_code_and_of_the_rest():
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    rest = (ROOT / "LICENSE-CC-BY-4.0.md").read_text()
    assert "creativecommons.org/licenses/by/4.0" in rest
