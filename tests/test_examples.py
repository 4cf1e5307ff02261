"""The examples of book/examples: a reader's model, data and study, by the commands of the page."""

import re
import runpy

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from sportsml_lite.cli import main
from sportsml_lite.errors import UserError
from sportsml_lite.studies import accepted, effect, plugged, runner
from sportsml_lite.studies.runner import Options

SMALL = """
from dataclasses import replace
from sportsml_lite.studies import effect
STUDY = replace(effect.STUDY, name="mine", arms={"mean": effect.ARMS["mean"]}, titles={},
                reference="mean", quick=("mean",), cheap=("mean",))
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Runs and finished jobs of these tests lie apart."""
    for module in (runner, plugged):
        monkeypatch.setattr(module, "project_root", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def diary(tmp_path):
    """Simulated: ten people, whose rating follows from minutes and pulse."""
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"who": np.repeat([f"p{i}" for i in range(10)], 15)})
    rows["when"] = pd.date_range("2026-01-01", periods=len(rows), freq="D", tz="UTC")
    rows["minutes"] = random.integers(20, 90, len(rows))
    rows["pulse"] = random.integers(110, 170, len(rows))
    rows["borg"] = (0.04 * rows["minutes"] + 0.05 * (rows["pulse"] - 100)).clip(0, 10).round(1)
    rows["sex"] = np.where(rows["who"] < "p5", "f", "m")
    rows = rows.assign(resting=55, highest=190)
    rows.to_csv(tmp_path / "diary.csv", index=False)
    return tmp_path / "diary.csv"


def command(*arguments):
    done = CliRunner().invoke(main, ["results", "redo", *map(str, arguments)])
    return done.exit_code, done.output


def test_your_model_stands_beside_the_books_on_your_data(root, diary, home):
    before = sorted((root / "results").iterdir())
    example = runpy.run_path(str(root / "book/examples/own_data.py"))
    example["convert"](diary, home / "mine")
    code, said = command(root / "book/examples/own_model.py", home / "mine")
    assert code == 0, said
    for arm in ("mean", "ridge", "neighbours_5", "neighbours_50"):
        assert re.search(rf"^ *{arm} ", said, re.M), said
    found = accepted.read(home / "runs/studies/own_model-mine/scores.parquet")
    assert found.command.startswith("sportsml results redo /") and found.command.endswith("mine")
    assert sorted((root / "results").iterdir()) == before
    # The same rows of the same athletes as the book's own study has for its arm.
    book = runner.run(effect.STUDY, Options(str(home / "mine")), arms=("ridge",)).scores
    pairs = [
        scores[(scores["arm"] == "ridge") & (scores["metric"] == "rmse")].set_index(
            ["target", "partition", "fold", "athlete"]
        )["value"]
        for scores in (book, found.scores)
    ]
    pd.testing.assert_series_equal(*pairs)
    yours = found.scores[(found.scores["arm"] == "neighbours_5")].set_index(pairs[0].index.names)
    assert set(yours.index) == set(pairs[0].index)


def test_your_study_runs_resumes_and_says_what_it_rests_on(root, home):
    file = root / "book/examples/own_study.py"
    code, said = command(file)
    assert code == 0, said
    assert "5 of 5 jobs" in said and "How many athletes must a model have seen?" in said
    found = accepted.read(home / "runs/studies/own_study-simulated/scores.parquet")
    assert set(found.scores["arm"]) == {"athletes_5", "athletes_10", "athletes_20"}
    assert found.scores.groupby("arm")["athlete"].nunique().eq(40).all()
    assert any("own_study" in name for name in found.inputs["code"])
    assert "sportsml_lite.simulate.simulation:simulate" in found.inputs["code"]
    code, again = command(file, "simulated")
    assert "jobs" not in again and again.splitlines()[-3:] == said.splitlines()[-3:]


def test_another_text_of_the_file_is_another_result(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(SMALL + "def load(options):\n    return 1\nSTUDY = replace(STUDY, load=load)\n")
    one = runner.depends_on(plugged.load_study(file), Options())
    file.write_text(file.read_text().replace("return 1", "return 23"))
    assert runner.depends_on(plugged.load_study(file), Options()) != one


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, r"mine\.py: no such file; give one that defines STUDY"),
        ("x = 1\n", r"mine\.py: defines no STUDY; make one as in book/examples/own_study\.py"),
        ("x = 1\ny = 1 / 0\n", r"mine\.py, line 2: ZeroDivisionError"),
        ("x = (\n", r"mine\.py, line 1: SyntaxError"),
        (SMALL.replace('reference="mean"', 'reference="men"'), "study mine: no arm 'men'"),
    ],
)
def test_a_file_that_is_no_study_is_one_clear_line(tmp_path, text, said):
    file = tmp_path / "mine.py"
    if text is not None:
        file.write_text(text)
    code, output = command(file)
    assert code == 2 and re.search(said, output) and "Traceback" not in output
    with pytest.raises(UserError):
        plugged.load_study(file)
