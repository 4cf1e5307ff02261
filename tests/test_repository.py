"""The files around the code agree with each other, and the code is tidy."""

import json
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from rattler import MatchSpec

ASKED_FOR = {
    "jupyterlab", "jupytext", "papermill", "torch", "lightning",
    "pandas", "seaborn", "jupyter-book", "nbval",
}  # fmt: skip


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def conda(root):
    return yaml.safe_load((root / "environment.yml").read_text())["dependencies"]


def _names(requirements):
    names = {re.split(r"[<>=~\[; ]", one)[0] for one in requirements}
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}


def test_environment_says_the_same_as_pyproject(project, conda):
    specs = [MatchSpec(one, strict=True) for one in conda if isinstance(one, str)]
    python = next(spec for spec in specs if spec.name.normalized == "python")
    assert str(python.version) == project["requires-python"]
    (pip,) = [one["pip"] for one in conda if isinstance(one, dict)]
    assert "-c constraints.txt" in pip
    (install,) = [one for one in pip if one.startswith("-e .")]
    extras = re.search(r"\[(.*)\]", install)[1].split(",")
    assert set(extras) <= set(project["optional-dependencies"])
    installed = _names(project["dependencies"])
    for extra in extras:
        installed |= _names(project["optional-dependencies"][extra])
    assert installed >= ASKED_FOR


def test_every_command_installs_the_same_extras(root):
    said = [
        re.findall(r"\.\[([a-z,]+)\]", (root / name).read_text())
        for name in (
            "environment.yml",
            "Makefile",
            "README.md",
            "book/how_to_use.md",
            "binder/requirements.txt",
        )
    ]
    # An extra alone is for who asks for what it holds.
    assert {one for found in said for one in found if "," in one} == {"book,lab,test"}
    assert all(said)


def test_the_container_is_made_by_the_makefile(root, project):
    """It has no list of its own: Python, the Makefile's environment, the command of its reader."""
    steps = [
        line.split(maxsplit=1)
        for line in (root / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
        if line and not line.startswith("#")
    ]
    (base,) = [rest for step, rest in steps if step == "FROM"]
    version = re.fullmatch(r"python:(\d+\.\d+)-slim", base)[1]
    assert project["requires-python"] == f">={version}"
    assert (root / "binder/runtime.txt").read_text() == f"python-{version}\n"
    runs = " ".join(rest for step, rest in steps if step == "RUN")
    assert not re.search(r"\bpip\b|\bconda\b|-m venv", runs)
    (target,) = re.findall(r"make (\S*ready)", runs)
    said = subprocess.run(["make", "-n", "-B", target], cwd=root, capture_output=True, text=True)
    assert "-c constraints.txt" in said.stdout and "-e '.[book,lab,test]'" in said.stdout
    (command,) = [json.loads(rest) for step, rest in steps if step == "CMD"]
    assert command[0].startswith(f"{target.rpartition('/')[0]}/bin/")
    (port,) = [rest for step, rest in steps if step == "EXPOSE"]
    assert f"docker run -p {port}:{port} sportsml_lite" in (root / "README.md").read_text()


def test_binder_installs_what_the_makefile_installs(root):
    lines = (root / "binder/requirements.txt").read_text().splitlines()
    pins, install = (line for line in lines if not line.startswith("#"))
    assert (root / "binder" / pins.removeprefix("-c ")).samefile(root / "constraints.txt")
    makefile = (root / "Makefile").read_text()
    assert install.removeprefix("-e ") in re.findall(r"-e '(.*)'", makefile)


def test_an_image_holds_nothing_that_was_made_here(root):
    left_out = set((root / ".dockerignore").read_text().split())
    made = {name for name in (root / ".gitignore").read_text().split() if "*" not in name}
    assert made <= left_out


def test_every_dependency_is_pinned(root, project):
    text = (root / "constraints.txt").read_text()
    assert "://" not in text
    assert "--hash" not in text
    pinned = _names(re.findall(r"^[\w.-]+==\S+$", text, re.M))
    wanted = _names(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted |= _names(extra)
    assert wanted <= pinned


def test_versions_agree(root, project):
    import sportsml_lite

    cff = yaml.safe_load((root / "CITATION.cff").read_text())
    assert project["version"] == sportsml_lite.__version__ == cff["version"]


def test_import_loads_nothing_heavy():
    code = "import sportsml_lite, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pandas", "torch", "matplotlib"} & set(done.stdout.split())


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_lint(root, command):
    ruff = [sys.executable, "-m", "ruff", *command, "."]
    done = subprocess.run(ruff, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_references_are_cited_and_complete(root):
    entries = re.findall(r"@\w+\{(\w+),(.*?)\n\}", (root / "book/references.bib").read_text(), re.S)
    assert len({key for key, _ in entries}) == len(entries)
    for key, body in entries:
        for field in ("author", "title", "year"):
            assert re.search(rf"\b{field}\s*=", body), f"{key} has no {field}"


# A module imports what stands on its own line or on one above.
WINGS = """
errors paths schema intensity fingerprint
cluster
protocol
evaluate
collect
simulate
prepare regression
models losses
training
transfer baselines
teachers
soft
tune recommend ensemble
deploy
studies
findings
plots
publish
cli
""".strip().splitlines()


def test_imports_point_one_way(root):
    package = root / "sportsml_lite"
    place = {wing: i for i, line in enumerate(WINGS) for wing in line.split()}
    for path in package.glob("*[!_]*/**/*.py"):
        wing = path.relative_to(package).parts[0]
        text = path.read_text()
        used = re.findall(r"from sportsml_lite\.(\w+)", text)
        used += re.findall(r"\w+", " ".join(re.findall(r"from sportsml_lite import (.*)", text)))
        wrong = [name for name in used if place[name] > place[wing]]
        assert not wrong, f"{path.relative_to(root)} imports {wrong}"
