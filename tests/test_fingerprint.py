"""What a result rests on: everything that its code reaches, and nothing else."""

import pytest

from sportsml_lite import fingerprint


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A small package of its own: ``put(module, text)`` writes it, ``digest()`` reads it anew."""
    home = tmp_path / "sportsml_lite"
    home.mkdir()
    (home / "__init__.py").write_text("")
    monkeypatch.setattr(fingerprint, "HOME", tmp_path)

    def put(module, text):
        path = home / f"{module}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        fingerprint._scope.cache_clear()

    return put


MAIN = """
from sportsml_lite import helper
from sportsml_lite.wing import passed
import numpy as np

LIMIT = 3
UNUSED = 4

def start(x):
    return helper.inner(x, LIMIT) + passed(x)
"""


@pytest.fixture
def written(project):
    project("main", MAIN)
    project("helper", "def inner(x, n):\n    return deep(x) * n\n\ndef deep(x):\n    return x\n")
    project("wing/__init__", "from sportsml_lite.wing.own import passed\n")
    project("wing/own", "class Base:\n    a = 1\n\nclass passed(Base):\n    pass\n")
    return project


def digest():
    return fingerprint.of("sportsml_lite.main:start").digest


def test_it_follows_names_through_modules_packages_and_base_classes(written):
    found = fingerprint.of("sportsml_lite.main:start")
    assert set(found.code) == {
        "sportsml_lite.main:start",
        "sportsml_lite.main:LIMIT",
        "sportsml_lite.helper:inner",
        "sportsml_lite.helper:deep",
        "sportsml_lite.wing.own:passed",
        "sportsml_lite.wing.own:Base",
    }
    assert "numpy" in found.libraries


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("helper", "def inner(x, n):\n    return deep(x) * n\n\ndef deep(x):\n    return -x\n"),
        ("wing/own", "class Base:\n    a = 2\n\nclass passed(Base):\n    pass\n"),
        ("main", MAIN.replace("LIMIT = 3", "LIMIT = 5")),
    ],
)
def test_what_is_reached_counts(written, module, text):
    before = digest()
    written(module, text)
    assert digest() != before


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("main", MAIN.replace("UNUSED = 4", "UNUSED = 5")),
        ("main", MAIN.replace("def start(x):", 'def start(x):\n    """Words."""')),
        ("main", "# a comment\n" + MAIN),
        ("unrelated", "x = 1"),
    ],
)
def test_what_is_not_reached_and_words_do_not_count(written, module, text):
    before = digest()
    written(module, text)
    assert digest() == before


def test_imports_inside_functions_are_followed(written):
    before = fingerprint.of("sportsml_lite.main:start")
    written(
        "main",
        MAIN + "\ndef late(x):\n    from sportsml_lite.helper import deep\n    return deep(x)\n",
    )
    found = fingerprint.of("sportsml_lite.main:late")
    assert "sportsml_lite.helper:deep" in found.code and before.digest != found.digest


def test_a_notebooks_code_counts_with_what_it_reaches(written):
    one = fingerprint.of_code("import aeon\nfrom sportsml_lite.main import start\nstart(1)\n")
    assert "sportsml_lite.helper:deep" in one.code and "aeon" in one.libraries
    two = fingerprint.of_code("import aeon\nfrom sportsml_lite.main import start\nstart(2)\n")
    assert one.digest != two.digest


def test_what_was_asked_before_changes_nothing(written):
    late = "\ndef late(x):\n    import scipy\n    return scipy\n"
    written("main", MAIN + late)
    before = fingerprint.of("sportsml_lite.main:start")
    assert "scipy" in fingerprint.of("sportsml_lite.main:late").libraries
    assert fingerprint.of("sportsml_lite.main:start") == before
    assert "scipy" not in before.libraries


def test_an_unknown_module_is_an_error():
    with pytest.raises(KeyError, match="no module sportsml_lite"):
        fingerprint.of("sportsml_lite.nothing:x")


def test_the_training_of_a_student_rests_on_its_network_and_its_loss():
    found = fingerprint.of("sportsml_lite.training.networks:train_student")
    for name in (
        "models:Student",
        "models:ChannelNorm",
        "losses:hard_loss",
        "training.together:fit_students",
        "training.students:gradient",
        "training.trainer:Batches",
    ):
        assert f"sportsml_lite.{name}" in found.code
    assert not any("plots" in name or "publish" in name for name in found.code)
    assert {"torch", "lightning"} <= set(found.libraries)


def test_a_module_that_is_known_not_to_run_is_left_out(written):
    found = fingerprint.of("sportsml_lite.main:start", without={"sportsml_lite.helper"})
    assert {name.partition(":")[0] for name in found.code} == {
        "sportsml_lite.main",
        "sportsml_lite.wing.own",
    }


def test_the_words_of_an_error_do_not_count_and_its_condition_does(written):
    text = "def inner(x, n):\n    if x > 3:\n        raise ValueError({})\n    return x\n"
    written("helper", text.format("'too large'"))
    before = digest()
    written("helper", text.format("f'{x} is too large; give less'"))
    assert digest() == before
    written("helper", text.format("'too large'").replace("> 3", "> 4"))
    assert digest() != before
