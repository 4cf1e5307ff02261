"""What chapter 8 says of its study: sentences, tables and figures follow the scores."""

import numpy as np
import pandas as pd
import pytest
import torch

from sportsml_lite.errors import UserError
from sportsml_lite.findings import distil as findings
from sportsml_lite.plots import distil as figures
from sportsml_lite.prepare.tasks import STROKES
from sportsml_lite.studies.distil import ARMS, QUESTIONS


def scores(gain=0.05, spread=0.004, athletes=20, teacher=0.02):
    """Scores in which every arm with a teacher gains so much."""
    random = np.random.default_rng(1)
    rows = []
    for a in range(athletes):
        base = {"partition": 0, "fold": a % 5, "seed": a % 5, "athlete": f"s{a:02d}", "n": 9.0}
        for name, arm in ARMS.items():
            step = teacher if arm.itself else gain if arm.teacher or arm.pretrained else 0.0
            noise = spread * random.normal()
            rows.append(base | {"arm": name, "metric": "macro_f1", "value": 0.8 + step + noise})
            for metric in ("fidelity", "confidence", "confidence_train"):
                rows.append(base | {"arm": name, "metric": metric, "value": 0.9})
            rows.append(base | {"arm": name, "metric": "entropy", "value": 0.4})
            rows.append(base | {"arm": name, "metric": "cross_entropy", "value": 0.5})
        if a < 5:
            rows.append(base | {"arm": "teacher", "metric": "chosen", "value": 1.0, "n": 1.0,
                                "answer": "blend" if a else "lstm"})  # fmt: skip
        for answer, value in zip(STROKES, (0.0, 2.0, 1.9 - 0.01 * a, 0.0, 0.0), strict=True):
            rows.append(base | {"arm": "teacher", "metric": "logit", "value": value,
                                "truth": "freestyle", "answer": answer})  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("gain", "spread", "said"),
    [
        (0.05, 0.004, "better: +0.0"),
        (-0.05, 0.004, "worse: -0.0"),
        (0.0, 0.001, "nothing worth naming"),
        (0.0, 0.05, "too few to tell: "),
    ],
)
def test_the_sentence_on_top_follows_the_verdict(gain, spread, said):
    tables = dict.fromkeys(findings.PEOPLE, scores(gain, spread))
    found = findings.findings(tables)
    assert said in found["in_short"]
    assert found["asked"] == str(3 * len(QUESTIONS))
    assert found["trap"].startswith("in sample ")
    assert found["label"] == "freestyle"
    assert found["second"] == "breaststroke"
    assert found["claim"].startswith(
        "A teacher pays for the swimmers" if gain > 0 else "No teacher"
    )
    assert ("swimmers" in found["lost"]) == (gain < 0)
    assert found["chosen"] == "the weighted mean in 4 of 5 models, the LSTMs in 1"
    assert all(isinstance(text, str) and text for text in found.values())


def test_the_claim_names_where_and_how_a_teacher_pays():
    """Pretraining is no teacher; where nothing stands, the page says for whom."""
    better, none = scores(0.02), scores(0.0)
    best = better["arm"].eq("others_8") & better["metric"].eq("macro_f1")
    better.loc[best, "value"] += 0.03
    tables = {"swimming": none, "actes": none, "simulated": better}
    claim = findings.findings(tables)["claim"]
    assert claim.startswith("A teacher pays for the simulated runners (most with “8 labelled: ")
    assert "”: +0.05" in claim
    assert claim.endswith("For the swimmers and the riders no gain stands.")
    only = none["arm"].str.startswith("pretrained") & none["metric"].eq("macro_f1")
    none.loc[only, "value"] += 0.05
    said = findings.findings(dict.fromkeys(findings.PEOPLE, none))["claim"]
    assert said.startswith("No teacher is shown to pay")


def test_the_teachers_sentence_follows_its_verdict():
    for step, said in ((0.1, "is better"), (-0.1, "even worse")):
        lead = findings.findings(dict.fromkeys(findings.PEOPLE, scores(teacher=step)))["lead"]
        assert lead.count(said) == len(findings.PEOPLE)
        assert ("need not be better" in lead) == (step < 0)


def test_a_dull_class_is_no_telling_window():
    table = scores()
    label, logits = findings.telling_window(table, "transition")
    assert label == "freestyle"
    assert logits.nlargest(2).tolist() == [2.0, 1.9]
    with pytest.raises(UserError, match="no window"):
        findings.telling_window(table, "breaststroke")


def test_by_labels_goes_from_eight_to_all():
    table = findings.by_labels(scores())
    assert list(table.columns) == ["8 labelled", "all labelled"]
    assert table.loc["others' windows too", "all labelled"] == pytest.approx(
        table.loc["labels and teacher", "all labelled"]
    )
    assert findings.by_labels(scores().query("arm == 'plain'")).empty


def test_sureness_is_of_the_arms_that_are_there():
    found = findings.sureness(scores())
    assert found["constant"] == pytest.approx(0.8)
    assert found["sure, in sample"] == pytest.approx(0.9)
    quick = findings.sureness(scores().query("arm in ('plain', 'distilled', 'by_in_sample')"))
    assert "sure, in sample" in quick
    assert "sure, out of fold" not in quick


def test_figures_show_what_the_table_holds():
    table = scores(gain=-0.05)
    top, low = figures.answer_and_gain(table).axes
    assert any("20 of 20 harmed" in text.get_text() for text in low.texts)
    assert top.get_yticklabels()[-1].get_text() == "freestyle"
    assert "the others" in " ".join(
        t.get_text()
        for t in figures.temperature(table, *torch.randn(2, 9, 3).double()).axes[0].texts
    )
    assert figures.budget({"here": findings.by_labels(table)}).axes
    assert "Too few" in figures.budget({"x": pd.DataFrame()}).axes[0].texts[0].get_text()
    html = figures.gain_table(dict.fromkeys(findings.PEOPLE, table)).to_html()
    assert "only another seed" in html
    assert html.count(" *") >= 12
    html = figures.question_table({"here": table}).to_html()
    worse = [a for a in QUESTIONS if not ARMS[a].itself]
    assert html.count("worse *") == len(worse)
    assert "20 (0) of 20" in html
    assert figures.arm_table({"here": table}).to_html().count("<tr") == 1 + len(ARMS)
