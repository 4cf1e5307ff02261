"""What chapter 7 says of its study: sentences follow verdicts, wrists and counts the table."""

import numpy as np
import pandas as pd
import pytest

from sportsml_lite.findings import teacher as findings
from sportsml_lite.studies import teacher as study
from sportsml_lite.studies.teacher import ARMS, QUESTIONS


def scores(teacher=0.03, mirror=0.05, turn=0.04, spread=0.003, sided=True, people=20):
    """Scores in which the networks, the mirror and the turned sensor gain so much."""
    random = np.random.default_rng(1)
    rows = []
    base = {"majority": 0.3, "boosting": 0.7, "forest": 0.7, "minirocket": 0.8, "single": 0.8,
            "single_again": 0.8, "ensemble": 0.8 + teacher, "teacher": 0.8 + teacher}  # fmt: skip
    if sided:
        base |= {"minirocket_mirrored": 0.8, "mirrored": 0.8 - turn,
                 "unmirrored": 0.8 - turn - mirror, "student": 0.7, "student_gain": 0.7,
                 "student_rotation": 0.7 + turn}  # fmt: skip
    else:
        base |= {"zone": 0.6}
    for a in range(people):
        key = {"partition": 0, "fold": a % 5, "seed": a % 5, "athlete": f"s{a:02d}", "n": 9.0}
        for arm, value in base.items():
            noise = spread * random.normal()
            kind = {"chosen": "blend" if a % 5 else "lstm"} if arm == "teacher" else {}
            rows.append(key | kind | {"arm": arm, "metric": "macro_f1", "value": value + noise})
        side = 8.0 if a < 2 else -8.0
        rows.append(key | {"arm": study.RECORDING, "metric": "level", "value": side,
                           "truth": "freestyle"})  # fmt: skip
    return pd.DataFrame(rows)


def all_tables(**given):
    return {d: scores(sided=d == "swimming", **given) for d in findings.PEOPLE}


@pytest.mark.parametrize(
    ("teacher", "spread", "said", "answer"),
    [
        (0.03, 0.003, "the networks beat MiniRocket", "Yes"),
        (-0.03, 0.003, "beats the networks", "That is not"),
        (0.0, 0.001, "no better", "That is not"),
        (0.0, 0.08, "do not tell whether the networks or MiniRocket", "That is not"),
    ],
)
def test_the_sentence_on_top_follows_the_verdict(teacher, spread, said, answer):
    found = findings.findings(all_tables(teacher=teacher, spread=spread))
    assert said in found["in_short"]
    assert found["answer"].startswith(answer)
    assert all(isinstance(text, str) and text for text in found.values())


def test_the_turned_sensors_sentence_follows_what_it_did():
    for turn, said in ((0.05, "lifts one LSTM by 0.05"), (-0.05, "costs one LSTM 0.0"),
                       (0.0, "may be chance")):  # fmt: skip
        assert said in findings.findings(all_tables(turn=turn, spread=0.001))["in_short"]


def test_invariances_are_ranked_and_those_that_pay_are_named():
    found = findings.invariances(scores())
    assert list(found) == ["rotation", "gain"]
    assert found["rotation"].gain.estimate == pytest.approx(0.04, abs=0.003)
    worth = findings.findings(all_tables())["worth"]
    assert worth.startswith("1 of 2 pay: rotation (+0.0")
    assert "none" in findings.findings(all_tables(turn=0.0))["worth"]


def test_choices_are_counted_by_model():
    said = findings.findings(all_tables())["chosen"]
    assert said == "the blend in 4 of 5 models, two LSTMs in 1"


def test_whose_wrist_is_unknown_is_a_group_of_its_own():
    table = scores()
    known = table["metric"].ne("level") | table["athlete"].ne("s19")
    groups = findings.mended(table[known])
    assert [len(part) for part in groups.values()] == [2, 17, 1]
    assert groups["no freestyle, wrist unknown"].index.tolist() == ["s19"]


def test_findings_count_wrists_and_questions():
    found = findings.findings(all_tables(spread=0.0005))
    assert (found["few"], found["shown"], found["swimmers"]) == ("2", "20", "20")
    assert (found["mended"], found["unmended"]) == ("+0.05", "+0.05")
    assert "swimmers over MiniRocket, mirrored" in found["won"]
    assert "riders over heart-rate zones" in found["won"]
    low = findings.findings(all_tables(teacher=-0.3))
    assert low["won"].startswith("none")
    assert "is better" in found["rule"]
    assert "are better than it" in low["rule"]


def test_the_rival_is_named_and_not_picked():
    assert study.rival(scores()) == "minirocket_mirrored"
    assert study.rival(scores(sided=False)) == "minirocket"
    assert {a for pair in QUESTIONS.values() for a in pair} <= set(ARMS)
    assert set(study.TITLES) == set(ARMS)
