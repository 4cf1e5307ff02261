"""What chapter 10 says of its study: sentences, tables and figures follow the scores."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sportsml_lite.findings import pipeline as findings
from sportsml_lite.findings.hedge import LUCK, UNCORRECTED, doubt, hedge
from sportsml_lite.plots import pipeline as figures
from sportsml_lite.studies import pipeline as study


def made_up(whole=0.1, rival=0.1, only_personal=0.09):
    rng = np.random.default_rng(1)
    level = rng.uniform(0.6, 0.8, 20)
    gain = {"whole": whole, "guarded": whole, "minirocket_ridge": rival, "rocket_layers": 0.1,
            "only_personal": only_personal}  # fmt: skip
    rows = [
        (arm, 5.0, 0, i // 4, i // 4, f"s{i}", "macro_f1",
         level[i] + gain.get(arm, 0.0) * (1 + 0.1 * (i % 2)), 10)
        for arm in study.ARMS for i in range(20)
    ]  # fmt: skip
    columns = ["arm", "k", "partition", "fold", "seed", "athlete", "metric", "value", "n"]
    return pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize(
    ("rival", "verdict"), [(0.0, "better"), (0.2, "worse"), (0.1, "no difference")]
)
def test_the_sentence_tells_how_the_rival_did(rival, verdict):
    told = findings.findings(dict.fromkeys(findings.PEOPLE, made_up(rival=rival)))
    assert told["rival"] == findings.RIVALS[verdict].format(f"{(0.1 - rival) * 1.05:+.3f}")
    assert told["rival"] in told["in_short"]
    assert told["wrist"] == findings.WRISTS[verdict].format(f"{(0.1 - rival) * 1.05:+.3f}")
    effect, _, advice = told["without_personal"].partition(": ")
    assert effect.startswith("-0.105 [-0.1") and advice.startswith(findings.ADVICE["better"])
    low, high = map(float, effect.partition("[")[2].strip("]").split(", "))
    assert low < -0.105 < high
    assert any(text in told["in_short"] for text in findings.COUNTED)
    assert "0 of 20 swimmers" in told["swimming_harm"]


def test_a_question_without_its_arms_is_not_asked():
    scores = made_up()
    heart = scores[
        ~scores["arm"].isin(
            [
                a
                for a, arm in study.ARMS.items()
                if arm.guarded or arm.ridge or ((arm.masked or arm.kappa) and not arm.personal)
            ]
        )
    ]
    verdicts = study.judge({"swimming": scores, "actes": heart})
    asked = {d: {q for dataset, q in verdicts if dataset == d} for d in ("swimming", "actes")}
    assert asked["swimming"] == set(study.QUESTIONS) == set(figures.ASKED)
    assert asked["swimming"] - asked["actes"] == {
        "mask",
        "beyond_mask",
        "own_windows",
        "guard",
        "better_teacher",
        "rival_ridge",
        "wide_wrist",
        "wrist",
    }
    html = figures.step_table({"swimming": scores, "actes": heart}).to_html()
    assert html.count("<tr>") == 1 + len(figures.LESSON)
    assert "–" in html


def test_figures_show_every_athlete_and_every_rung():
    scores = made_up()
    fig = figures.for_whom({"swimming": scores, "actes": scores})
    assert [ax.get_title() for ax in fig.axes] == ["swimmers", "young riders"]
    rungs = figures.ladder(scores).axes[0].get_yticklabels()
    assert len(rungs) == len(figures.LADDER)
    fig = figures.on_the_wrist(scores, 6, 5)
    assert {t.get_text() for t in fig.axes[0].texts} == set(figures.SIZED.values())
    assert figures.kilobytes("guarded", 6, 5) == pytest.approx(4 * 2437 / 1000)
    assert figures.kilobytes("minirocket_ridge", 6, 5) == pytest.approx(4 * 9996 * 6 / 1000)
    assert len(figures.you_are_here().axes[0].texts) >= 7
    verdicts = study.judge({"swimming": scores})
    table = figures.judged_table(verdicts, dict.fromkeys(verdicts, True), {"swimming": 3})
    assert "0 of 20 (3)" in table.to_html()
    assert "MiniRocket, shrunken ridge" in figures.level_table({"swimming": scores}).to_html()


@pytest.mark.parametrize(
    ("verdict", "stands", "said"),
    [("better", True, ""), ("better", False, UNCORRECTED), ("worse", False, UNCORRECTED),
     ("undecided", False, ""), ("no difference", False, "")],
)  # fmt: skip
def test_a_difference_is_hedged_where_it_is_called_one_and_does_not_stand(verdict, stands, said):
    """Of what no interval shows, nobody says that it falls with the correction."""
    found = SimpleNamespace(verdict=verdict)
    assert hedge(found, stands) == said
    assert doubt(found, stands) == (LUCK if verdict == "undecided" else said)
