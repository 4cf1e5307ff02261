"""The grid of a sweep: what a reader types becomes values, and every mistake one line."""

import itertools
import shlex

import numpy as np
import pytest
import small_project

from sportsml_lite.errors import UserError
from sportsml_lite.publish import grid
from sportsml_lite.publish.chapters import Chapter, find


@pytest.fixture
def chapter(tmp_path):
    path = tmp_path / "03_try.py"
    path.write_text(small_project.CHAPTER)
    return Chapter(path)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("seed=0:3", (0, 1, 2)),
        ("seed= 5 : 7 ", (5, 6)),
        ("seed=4,2,4", (4, 2)),
        ("rate=0,0.3,1e-1,0.30", (0.0, 0.3, 0.1)),
        ("kind=odd,plain", ("odd", "plain")),
        ("depths=[1],[2, 3]", ([1], [2, 3])),
    ],
)
def test_values_are_read_with_the_parameters_type(chapter, text, values):
    found = grid.parse(chapter, [text]).varied[text.partition("=")[0]]
    assert found == values
    assert [type(v) for v in found] == [type(v) for v in values]


def test_every_combination_is_a_run_and_the_last_changes_fastest(chapter):
    asked = grid.parse(chapter, ["seed=0:2", "rate=1,2"], [("kind", "odd")])
    assert len(asked) == 4
    assert [(p["seed"], p["rate"]) for p in asked.points()] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert all(point["kind"] == "odd" for point in asked.points())


def test_the_command_that_a_report_prints_asks_for_the_same(chapter):
    varied = ["seed=3:7", "rate=0.5,1", "depths=[1],[2, 3]"]
    asked = grid.parse(chapter, varied, [("kind", "odd"), ("data_dir", "")])
    words = shlex.split(asked.command("03_try"))
    assert words[:3] == ["sportsml", "sweep", "03_try"]
    pairs = [(words[i + 1], words[i + 2]) for i, word in enumerate(words) if word == "-p"]
    again = grid.parse(chapter, [words[i + 1] for i, w in enumerate(words) if w == "-g"], pairs)
    assert again == asked and again.name("03_try") == asked.name("03_try")
    assert grid.parse(chapter, varied[:1]).name("03_try") not in (
        grid.parse(chapter, ["seed=3:8"]).name("03_try"),
        grid.parse(chapter, varied[:1]).name("04_try"),
    )


@pytest.mark.parametrize(
    ("varied", "fixed", "what"),
    [
        ([], [], "needs a parameter that varies"),
        (["sede=1,2"], [], "did you mean 'seed'"),
        (["seed=1,x"], [], "'x' is no whole number"),
        (["rate=0:3"], [], "'0:3' is no number"),
        (["rate=1,11"], [], "outside 0 to 10"),
        (["seed="], [], "no value to try"),
        (["seed=3:3"], [], "no value to try"),
        (["seed=1,,2"], [], "'' is no whole number"),
        (["seed"], [], "write a name and its values"),
        (["=1,2"], [], "write a name and its values"),
        (["seed=1", "seed=2"], [], "'seed' is given twice"),
        (["seed=1,2"], [("seed", "3")], "'seed' is given twice"),
        (["seed=1,2"], [("rate", "1"), ("rate", "2")], "'rate' is given twice"),
        (["seed=1,2"], [("rate", "fast")], "'fast' is no number"),
        (["kind=plain,od"], [], "did you mean 'odd'"),
        (["depths=[1],[2"], [], "no row of lists"),
        (["data_dir=no/such"], [], "does not exist"),
        (["seed=0:1000", "rate=" + ",".join(f"{i / 100}" for i in range(200))], [], "200,000 runs"),
        (["seed=0:999999999"], [], "more than 100,000 values"),
    ],
)
def test_a_mistake_is_one_line(chapter, varied, fixed, what):
    with pytest.raises(UserError, match=what) as caught:
        grid.parse(chapter, varied, fixed)
    assert "\n" not in str(caught.value)


def test_python_asks_with_values(chapter):
    asked = grid.of(chapter, {"seed": range(2), "rate": np.array([0.5, 1.0])}, {"depths": [3]})
    assert asked == grid.parse(chapter, ["seed=0:2", "rate=0.5,1"], [("depths", "[3]")])


@pytest.mark.parametrize(
    ("varied", "what"),
    [
        ({}, "needs a parameter that varies"),
        ({"seed": []}, "no value to try"),
        ({"seed": 3}, "no list of values"),
        ({"kind": "odd"}, "no list of values"),
        ({"seed": [0.5]}, "no whole number"),
        ({"sed": [1]}, "did you mean 'seed'"),
    ],
)
def test_a_mistake_in_python_too(chapter, varied, what):
    with pytest.raises(UserError, match=what):
        grid.of(chapter, varied, {})


def test_every_sweep_that_the_book_shows_can_be_started(root):
    """The chapter is there, and so is each parameter, with values in its range."""
    pages = [root / "README.md", root / "book" / "rerun_at_scale.md"]
    lines = [line for page in pages for line in page.read_text().splitlines()]
    shown = [
        shlex.split(line, comments=True) for line in lines if line.startswith("sportsml sweep")
    ]
    assert len(shown) >= 5
    for _, _, name, *words in shown:
        pairs = list(itertools.pairwise(words))
        varied = [word for flag, word in pairs if flag == "-g"]
        fixed = [(words[i + 1], words[i + 2]) for i, word in enumerate(words) if word == "-p"]
        assert grid.parse(find(name), varied, fixed)
