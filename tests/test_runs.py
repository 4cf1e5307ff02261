"""What a run depends on: the modules it really uses, its parameters, its data."""

import pytest

from sportsml_lite.publish import runs
from sportsml_lite.publish.chapters import find


@pytest.fixture
def package(tmp_path):
    root = tmp_path / "sportsml_lite"
    (root / "collect").mkdir(parents=True)
    for name, code in {
        "__init__": "",
        "a": "from sportsml_lite import b",
        "b": "def f():\n    from sportsml_lite.collect.d import g",
        "c": "",
        "collect/__init__": "",
        "collect/d": "import numpy",
    }.items():
        (root / f"{name}.py").write_text(code)
    return root


@pytest.mark.parametrize(
    ("code", "used"),
    [
        ("import numpy", set()),
        ("from sportsml_lite import c", {"__init__", "c"}),
        ("import sportsml_lite.c as c", {"__init__", "c"}),
        ("from sportsml_lite.b import f", {"__init__", "b", "collect/__init__", "collect/d"}),
        ("from sportsml_lite import a", {"__init__", "a", "b", "collect/__init__", "collect/d"}),
    ],
)
def test_package_files_follow_imports(package, code, used):
    found = runs.package_files(code, package)
    assert {p.relative_to(package).with_suffix("").as_posix() for p in found} == used


def test_key_changes_with_parameters_and_data(tmp_path):
    chapter = find("01")
    (tmp_path / "ride.csv").write_text("t_s,hr_bpm\n0,100\n")
    keys = {
        runs.key(runs.dependencies(chapter, values))
        for values in ({}, {"seed": 1}, {"data_dir": str(tmp_path)})
    }
    (tmp_path / "ride.csv").write_text("t_s,hr_bpm\n0,101\n")
    keys.add(runs.key(runs.dependencies(chapter, {"data_dir": str(tmp_path)})))
    assert len(keys) == 4
    again = runs.key(runs.dependencies(chapter, {"data_dir": str(tmp_path)}))
    assert again in keys


def test_chapters_depend_on_what_they_import_only():
    collect = set(runs.dependencies(find("01"), {}))
    mse = set(runs.dependencies(find("03"), {}))
    assert "module collect/devices.py" in collect - mse
    assert "module regression.py" in mse - collect
    assert not {"module cli.py", "module book.py"} & (collect | mse)
