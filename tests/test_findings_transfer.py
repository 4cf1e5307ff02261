"""What chapter 9 says of its study: sentences, tables and figures follow the scores."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from sportsml_lite.findings import transfer as findings
from sportsml_lite.plots import transfer as figures
from sportsml_lite.studies import transfer as study


def made_up(shrink, masked=0.0, lot=0.1):
    """Scores of twenty athletes: each arm is the population's value and a gain."""
    rng = np.random.default_rng(0)
    level = rng.uniform(0.6, 0.9, 20)
    gain = {"masked": masked, "shrink": masked + shrink, "guarded": masked + shrink, "means": 0.0,
            "head": masked, "head_random": lot, "head_earliest": 0.0}  # fmt: skip
    rows = []
    for fold, k, arm in ((f, k, a) for f in range(5) for k in (1, 5) for a in study.ARMS):
        for i in range(4 * fold, 4 * fold + 4):
            value = level[i] + gain.get(arm, 0.0) * (1 + 0.1 * (i % 2))
            for metric in ("macro_f1", "accuracy", "moved"):
                rows.append((arm, k, 0, fold, fold, f"s{i}", metric, value, 10, None, None))
            if arm in ("population", "masked", "guarded"):
                for truth in ("free", "fly"):
                    rows.append((arm, k, 0, fold, fold, f"s{i}", "count", 5.0, 5, truth, "free"))
    columns = ["arm", "k", "partition", "fold", "seed", "athlete", "metric", "value", "n", "truth",
               "predicted"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    return table[(table["k"] == 5) | (table["metric"] != "count")]


def three(**options):
    windows = made_up(**options)
    heart = windows[(windows["k"] == 5) & windows["arm"].isin(["population", "population_again"])]
    reserve = windows[(windows["k"] == 5) & (windows["arm"] == "shrink")].assign(arm="reserve")
    windows = windows[windows["arm"] != "reserve"]
    return {"swimming": windows, "simulated": windows,
            "actes": pd.concat([heart, reserve]).assign(k=np.nan)}  # fmt: skip


@pytest.mark.parametrize(
    ("shrink", "stands"), [(0.05, "better"), (-0.05, "worse"), (0.001, "no difference")]
)
def test_the_sentence_follows_the_verdict(shrink, stands):
    told = findings.findings(three(shrink=shrink, masked=0.01))
    assert told["stands"] == findings.STANDS[stands]
    assert f"{shrink * 1.05:+.3f} for learning" in told["in_short"]
    assert told["people"] == "20"
    assert "On average it makes no difference" in told["guard"]  # it moves all alike here
    assert findings.STANDS[stands] in told["runners"] and "seed alone 0" in told["runners"]
    harder = findings.findings(three(shrink=0.05, lot=-0.1))
    assert harder["kinder"] != told["kinder"]


def test_whom_the_mask_harms_loses_no_right_answer():
    """Ten windows of free; three read as back, of which the mask gives one to free, two to fly."""
    rows = [
        ("population", "free", "free", 7.0), ("population", "free", "back", 3.0),
        ("population", "fly", "fly", 4.0), ("masked", "free", "free", 8.0),
        ("masked", "free", "fly", 2.0), ("masked", "fly", "fly", 4.0),
    ]  # fmt: skip
    cells = pd.DataFrame(rows, columns=["arm", "truth", "predicted", "value"])
    cells = cells.assign(metric="count", n=cells["value"])
    f1 = pd.DataFrame({"arm": ["population", "masked"], "metric": "macro_f1",
                       "value": [0.9, 0.85], "n": 14})  # fmt: skip
    keys = {"athlete": "a", "k": 5.0, "partition": 0, "fold": 0, "seed": 0}
    found = findings.mask_effect(pd.concat([cells, f1]).assign(**keys)).loc["a"]
    assert found["gain"] == pytest.approx(-0.05)
    assert found[["lost", "ruled_out", "turned_right"]].tolist() == [0, 3 / 14, 1 / 3]


def test_every_question_is_asked_once_of_every_data_set():
    verdicts = study.judge(three(shrink=0.05))
    asked = {d: [key for key in verdicts if key[0] == d] for d in ("swimming", "actes")}
    assert len(asked["swimming"]) == 2 * len(study.QUESTIONS) + 2
    assert len(asked["actes"]) == 1
    gain = verdicts["swimming", "shrink", "masked", 5].gain
    assert gain.estimate == pytest.approx(0.0525)


def test_figures_are_drawn_and_name_who_they_show():
    tables = three(shrink=0.05)
    swimmers = tables["swimming"]
    athlete = study.most_helped(swimmers)
    right = findings.read_rightly(swimmers, athlete)
    assert right.loc["free", "after"] == 1.0
    assert right.loc["fly", "before"] == 0.0
    texts = figures.before_and_after(swimmers).findobj(Text)
    assert any(athlete in text.get_text() for text in texts)
    assert len(figures.gain_against_k(swimmers).axes[0].get_xticks()) == 2
    assert len(figures.exams(swimmers).axes[0].get_yticks()) == 3
    assert "20" in figures.method_table(swimmers).to_html()
    assert "0 of 20" in figures.lowest_table({"swimming": swimmers}).to_html()
    assert "harmed: 0" in figures.mask_table({"swimming": swimmers}).to_html()
    verdicts = study.judge(tables)
    table = figures.judged_table(verdicts, dict.fromkeys(verdicts, True), findings.nulls(tables))
    assert table.to_html().count("<tr>") == len(verdicts) + 1
    assert "k = 5" in figures.count_table({"swimming": swimmers}).to_html()
    assert "shrunken" in figures.level_table({"swimming": swimmers}).to_html()
