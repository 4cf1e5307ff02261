"""The frame of a lab: which tables it reads, and what it counts."""

from dataclasses import replace

import pandas as pd
import pytest

from sportsml_lite import studies
from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import compare
from sportsml_lite.findings import lab
from sportsml_lite.studies import teacher as study

# Two folds of three athletes each; by athlete, what every arm but the reference gains.
GAINS = {"a": 0.1, "b": 0.1, "c": 0.1, "d": 0.1, "e": 0.1, "f": -0.2}


def scores():
    rows = []
    for i, (athlete, gain) in enumerate(GAINS.items()):
        row = {"partition": 0, "fold": i // 3, "seed": i // 3, "athlete": athlete, "n": 9.0}
        for arm in ("single", "single_again", "ensemble"):
            value = 0.7 + i / 100 + gain * (arm != "single")
            rows.append(row | {"arm": arm, "metric": "macro_f1", "value": value})
        # Somebody whose test windows count for nothing.
        rows.append(row | {"arm": "ensemble", "metric": "count", "athlete": "z", "value": 1.0})
    return pd.DataFrame(rows)


@pytest.fixture
def asked(monkeypatch):
    """What the runner is asked for."""
    seen = []

    def table(study, options, workers):
        seen.append((options.name, options.seed, dict(options.settings), workers))
        return scores()

    monkeypatch.setattr(lab.runner, "table", table)
    return seen


def test_accepted_shows_every_data_set_and_other_profiles_the_one_asked_for(asked):
    found = lab.read(study.STUDY, study.judge, "simulated", "", 3, "accepted")
    assert list(found.tables) == list(study.STUDY.datasets) == [name for name, *_ in asked]
    asked.clear()
    lab.read(study.STUDY, study.judge, "actes", "", 3, "quick", {"k": 2})
    lab.read(study.STUDY, study.judge, "actes", "", 3, "full")
    assert asked == [("actes", 3, {"k": 2}, 1), ("actes", 3, {}, 2)]


@pytest.mark.parametrize(("dataset", "data_dir"), [("./mine", ""), ("swimming", "./mine")])
def test_accepted_tables_know_no_folder_of_the_reader(dataset, data_dir):
    with pytest.raises(UserError, match=r"mine: profile = 'accepted'.*choose 'quick' or 'full'"):
        lab.read(study.STUDY, study.judge, dataset, data_dir, 0, "accepted")
    with pytest.raises(UserError, match="runners"):
        lab.read(study.STUDY, study.judge, "runners", "", 0, "accepted")


def test_questions_harmed_and_sizes_are_those_of_the_tables(asked):
    found = lab.read(study.STUDY, study.judge, "actes", "", 0, "quick")
    assert list(found.verdicts) == list(found.survives) == [("actes", "ensemble")]
    assert found.sizes == {"actes": (6, 2)}
    assert found.said["tested"] == "actes: 6 athletes, 2 models an arm"
    assert found.said["asked"] == "1 question"
    gain = found.verdicts["actes", "ensemble"].gain.estimate
    sides = f" (better: {int(gain > 0)}, worse: {int(gain <= 0)})"
    for survives, said in ((True, f"1{sides}"), (False, "0")):
        known = replace(found, survives={("actes", "ensemble"): survives})
        assert known.said["stand"] == said
    assert found.by_seed["actes"].harmed == 1
    assert found.by_seed["actes"].gain == compare(scores(), "ensemble", "single").gain


@pytest.mark.parametrize("name", studies.NAMES)
def test_every_study_has_its_reference_from_another_seed(name):
    asked = studies.find(name)
    assert f"{asked.reference}_again" in asked.arms
