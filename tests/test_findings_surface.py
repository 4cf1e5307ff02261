"""What chapter 8 says of labels, strangers and steps is true for whatever the table holds."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from sportsml_lite.findings import surface as findings
from sportsml_lite.plots import surface as figures
from sportsml_lite.studies.surface import ARMS, QUESTIONS

mpl.use("agg")


def scores(gains=(), spread=0.002, arms=ARMS):
    """Twenty athletes in five folds; ``gains``: what some arms gain over their neighbours."""
    random, rows = np.random.default_rng(0), []
    for a in range(20):
        own = {"partition": 0, "fold": a % 5, "seed": a % 5, "athlete": f"a{a:02}", "n": 9.0}
        for arm in arms:
            value = 0.6 + dict(gains).get(arm, 0.0) + spread * random.normal()
            rows.append(own | {"arm": arm, "metric": "macro_f1", "value": value})
    return pd.DataFrame(rows)


BEST, WORST = "taught_8_2000_x5", "taught_all_0_x1"


@pytest.mark.parametrize(
    ("gains", "spread", "says"),
    [
        ({}, 0.002, ("shown to pay in none of 19 cells", "largest gain", "another seed")),
        ({BEST: 0.05}, 0.002, ("pays in 1 of 19 cells, most with 8 athletes labelled, 2,000 "
                               "strangers and 5 times the steps: +0.05",)),
        ({BEST: 0.05, WORST: -0.05}, 0.002, ("pays in 1 of 19", "; in 1 it costs")),
        ({WORST: -0.05}, 0.002, ("none of 19", "; in 1 it costs")),
        ({BEST: 0.05}, 0.3, ("none of 19",)),
        ({BEST: 0.004}, 0.0005, ("none of 19",)),  # shown, and too small to name
    ],
)  # fmt: skip
def test_the_sentence_follows_the_cells(gains, spread, says):
    said = findings.sentence(scores(gains, spread))
    for text in says:
        assert text in said
    assert ("costs" in said) == any("costs" in text for text in says)


def test_without_another_seed_nothing_is_said_of_one():
    table = scores()
    assert "another seed" not in findings.sentence(table[table["arm"] != findings.AGAIN])


def test_the_best_cell_is_the_best_of_those_that_stand():
    """A larger gain that does not stand is not the one that is named."""
    table = scores({BEST: 0.05, "taught_40_0_x1": 0.09})
    shaky = table["arm"].eq("taught_40_0_x1") & table["fold"].eq(0)
    table.loc[shaky, "value"] += 1.5
    table.loc[table["arm"].eq("taught_40_0_x1") & ~shaky, "value"] -= 0.3
    assert "with 8 athletes labelled" in findings.sentence(table)


def test_cells_are_the_questions():
    table = findings.cells(scores())
    assert len(table) == len(QUESTIONS)
    assert not table.duplicated(["labelled", "strangers", "times"]).any()


def test_levels_hold_what_was_run():
    rows = findings.levels(scores({"teacher_8": 0.1}))
    assert [row["labelled"] for row in rows] == ["8", "40", "all"]
    assert rows[0]["teacher"].estimate == pytest.approx(0.7, abs=0.01)
    assert "student, 10 × steps" not in rows[1]
    assert "student, 10 × steps" in rows[2]


def test_a_run_without_the_study_says_so():
    assert findings.sentence(None) == findings.ABSENT
    assert findings.levels(None) == []
    assert "Not part" in figures.surface(None).axes[0].texts[0].get_text()


def test_the_figure_prints_every_gain_and_stars_what_stands():
    fig = figures.surface(scores({BEST: 0.05}))
    assert [ax.get_title() for ax in fig.axes] == [
        "The usual steps", "5 × the steps", "10 × the steps",
    ]  # fmt: skip
    texts = [[t.get_text() for t in ax.texts] for ax in fig.axes]
    assert sum(text.startswith("[") for some in texts for text in some) == len(QUESTIONS)
    starred = [text for some in texts for text in some if text.endswith("*")]
    assert len(starred) == 1
    assert starred[0].startswith("+0.05")
    assert starred[0] in texts[1]
    assert texts[1].count("–") == 3  # 200 strangers were not tried with more steps


def test_a_gain_is_blue_and_a_loss_orange():
    low, middle, high = figures._colours()([0.0, 0.5, 1.0])
    assert low[0] > low[2]
    assert high[2] > high[0]
    assert min(middle[:3]) > 0.98
