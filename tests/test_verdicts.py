"""Means, paired gains and verdicts from a Scores table: what they hold, and how often."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sportsml_lite.errors import UserError
from sportsml_lite.evaluate import (
    Interval,
    athlete_values,
    compare,
    gains,
    holm,
    lowest_tenth,
    mean,
    verdict,
)
from sportsml_lite.evaluate.verdicts import interval, noninferior
from sportsml_lite.protocol import margin

LEVELS = ["athlete", "partition", "fold", "seed"]


def table(arms, athletes=6, partitions=2, folds=3, metric="macro_f1"):
    """Scores in which arm, athlete and partition give the value: arms are functions of them."""
    rows = []
    for partition in range(partitions):
        for i in range(athletes):
            fold = (i + partition) % folds
            for arm, value in arms.items():
                rows.append(("s", "d", arm, partition, fold, fold, f"a{i}", metric,
                             value(i, partition), 9.0))  # fmt: skip
    columns = ["study", "dataset", "arm", "partition", "fold", "seed", "athlete", "metric",
               "value", "n"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def drawn(rng, athletes, partitions, fold_sd, noise, skewed=False):
    """Gains of which an athlete's own part, a fold's model's part and noise are known: mean 0."""
    own = rng.exponential(1, athletes) - 1 if skewed else rng.normal(0, 1, athletes)
    folds, values = [], []
    for _ in range(partitions):
        folds.append(rng.permutation(athletes) % 5)
        model = rng.normal(0, fold_sd, 5)
        values.append(own + model[folds[-1]] + rng.normal(0, noise, athletes))
    person, part = np.tile(np.arange(athletes), partitions), np.repeat(range(partitions), athletes)
    levels = [[str(i) for i in range(athletes)], range(partitions), range(5), range(partitions)]
    codes = [person, part, np.concatenate(folds), part]
    return pd.Series(np.concatenate(values), pd.MultiIndex(levels, codes, names=LEVELS))


@pytest.mark.parametrize(
    ("athletes", "partitions", "fold_sd", "skewed"),
    [(20, 2, 0.0, False), (20, 2, 0.5, False), (20, 2, 0.5, True), (60, 2, 0.5, False)],
)
def test_nineteen_of_twenty_intervals_hold_the_truth_with_a_fold_effect_too(
    athletes, partitions, fold_sd, skewed
):
    rng = np.random.default_rng(7)
    found = [interval(drawn(rng, athletes, partitions, fold_sd, 0.3, skewed)) for _ in range(400)]
    share = np.mean([i.low <= 0 <= i.high for i in found])
    # 93 % of 400, less two standard errors of counting 400 times.
    assert 0.93 - 2 * np.sqrt(0.95 * 0.05 / 400) <= share <= 0.99


def test_the_variance_is_that_of_athletes_and_models_less_that_of_cells():
    """The formula of the module's docstring, with sums that pandas makes."""
    cells = drawn(np.random.default_rng(3), 20, 3, 0.5, 0.3)
    pull = (cells - cells.mean()) / len(cells)
    parts = []
    for names in (["athlete"], ["partition", "fold"], ["athlete", "partition", "fold"]):
        sums = pull.groupby(level=names).sum()
        parts.append((sums**2).sum() * len(sums) / (len(sums) - 1))
    variance = parts[0] + parts[1] - parts[2]
    assert variance > max(parts)  # else another bound is taken
    freedom = (parts[0] + parts[1]) / (parts[0] / 19 + parts[1] / 14)
    half = stats.t.ppf(0.975, freedom) * np.sqrt(variance)
    found = interval(cells)
    assert (found.estimate, found.models, found.athletes) == (pytest.approx(cells.mean()), 15, 20)
    assert (found.low, found.high) == pytest.approx((cells.mean() - half, cells.mean() + half))


def test_athletes_alone_give_the_textbooks_t_interval():
    """Each athlete tested once by a model of its own: nothing is shared."""
    value = np.array([0.1, 0.4, -0.2, 0.3, 0.0])
    index = pd.MultiIndex.from_tuples([(str(i), 0, i, 0) for i in range(5)], names=LEVELS)
    found = interval(pd.Series(value, index))
    low, high = stats.t.interval(0.95, 4, value.mean(), stats.sem(value))
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)
    assert found.estimate == pytest.approx(0.12)
    assert f"{found:.2f}" == f"0.12 [{found.low:.2f}, {found.high:.2f}]"


def test_an_athlete_counts_once_however_often_tested():
    scores = table({"a": lambda i, p: float(i == 0)})
    more = scores[(scores["athlete"] == "a0") & (scores["partition"] == 0)]
    more = pd.concat([scores, more.assign(partition=2), more.assign(partition=3)])
    assert mean(more, "a").estimate == pytest.approx(1 / 6)


def test_gains_are_paired_by_athlete_and_model():
    """The reference varies wildly, the arm is always 0.1 above it: only pairs can see that."""
    rng = np.random.default_rng(0)
    level = rng.normal(0, 5, (6, 2))
    scores = table(
        {"plain": lambda i, p: level[i, p], "arm": lambda i, p: level[i, p] + 0.1 + i / 1e3}
    )
    found = compare(scores, "arm", "plain")
    assert found.gain.estimate == pytest.approx(0.1025)
    assert found.gain.high - found.gain.low < 0.02 and found.verdict == "better"
    shuffled = scores.sample(frac=1, random_state=1)
    assert compare(shuffled, "arm", "plain").gain == found.gain
    pd.testing.assert_series_equal(
        gains(shuffled, "arm", "plain"),
        pd.Series([0.1 + i / 1e3 for i in range(6)], [f"a{i}" for i in range(6)]),
        check_names=False,
    )


def test_an_error_gains_by_being_lower():
    arms = {"plain": lambda i, p: 0.5 + i, "arm": lambda i, p: 0.2 + i + p / 100}
    scores = table(arms, metric="rmse")
    assert compare(scores, "arm", "plain", "rmse", "effect").verdict == "better"
    assert gains(scores, "arm", "plain", "rmse").iloc[0] == pytest.approx(0.295)


def test_the_harmed_are_athletes_beyond_the_margin_on_average():
    lost = {0: -0.05, 1: -0.021, 2: -0.019, 3: 0.3, 4: 0.0, 5: 0.021}
    swing = [0.2, -0.2]  # an athlete harmed by one model and helped by another is not harmed
    arms = {"plain": lambda i, p: 0.5, "arm": lambda i, p: 0.5 + lost[i] + swing[p]}
    found = compare(table(arms), "arm", "plain")
    assert (found.harmed, found.helped, found.athletes) == (2, 2, 6)
    assert found.worst_tenth == pytest.approx(-0.05)
    assert athlete_values(table(arms), "arm")["a3"] == pytest.approx(0.8)


def test_the_lowest_tenth_are_those_of_another_seed_at_least_three():
    level = {i: 0.4 + i / 100 for i in range(40)}
    gain = {i: 0.3 - i / 100 for i in range(40)}  # who is lowest gains most
    arms = {
        # An unlucky training of athlete 39 is no reason to count them among the lowest.
        "plain": lambda i, p: level[i] - 0.7 * (i == 39),
        "again": lambda i, p: level[i],
        "arm": lambda i, p: level[i] + gain[i],
    }
    found = lowest_tenth(table(arms, athletes=40), "arm", "plain", "again")
    assert found.athletes == 4
    assert found.estimate == pytest.approx(np.mean([0.3, 0.29, 0.28, 0.27]))
    few = table(arms, athletes=6)
    assert lowest_tenth(few, "arm", "plain", "again").athletes == 3
    errors = table({n: (lambda i, p, f=f: -f(i, p)) for n, f in arms.items()}, metric="rmse")
    found = lowest_tenth(errors[errors["athlete"] != "a0"], "arm", "plain", "again", "rmse")
    assert found.estimate == pytest.approx(np.mean([0.29, 0.28, 0.27]))


def test_what_does_not_pair_is_refused():
    scores = table({"plain": lambda i, p: 0.5, "arm": lambda i, p: 0.6})
    fewer = scores[~((scores["arm"] == "arm") & (scores["athlete"] == "a1"))]
    with pytest.raises(UserError, match="same athletes, folds and seeds"):
        compare(fewer, "arm", "plain")
    with pytest.raises(UserError, match="no row of arm 'x'.*arms: arm, plain"):
        compare(scores, "x", "plain")
    twice = pd.concat([scores, scores])
    with pytest.raises(UserError, match="filter by data set and settings"):
        mean(twice, "arm")
    with pytest.raises(UserError, match="two or more"):
        mean(scores[scores["athlete"] == "a0"], "arm")
    gap = scores.assign(value=scores["value"].where(scores["athlete"] != "a2"))
    with pytest.raises(UserError, match="'a2' has no value"):
        mean(gap, "arm")


@pytest.mark.parametrize(
    ("low", "estimate", "high", "said", "good_enough"),
    [
        (0.01, 0.03, 0.05, "better", True),
        (0.001, 0.009, 0.02, "undecided", True),
        (-0.02, 0.03, 0.08, "undecided", False),
        (-0.08, -0.03, -0.001, "worse", False),
        (-0.009, 0.0, 0.009, "no difference", True),
    ],
)
def test_a_verdict_claims_no_more_than_the_interval(low, estimate, high, said, good_enough):
    found = Interval(estimate, low, high, 0.95, 20, 10, 0.05)
    assert verdict(found, margin("macro_f1")) == said
    assert noninferior(found, margin("macro_f1")) == good_enough


def test_holm_is_harder_the_more_is_asked():
    class Asked:
        def __init__(self, p):
            self.p = p

    p = {"a": 0.001, "b": 0.02, "c": 0.024, "d": 0.5}
    assert holm({n: Asked(v) for n, v in p.items()}) == {
        "a": True, "b": False, "c": False, "d": False,
    }  # fmt: skip
    assert holm({"b": Asked(0.02)}) == {"b": True}
    assert list(holm({"z": Asked(0.9), "a": Asked(0.001)})) == ["z", "a"]


@pytest.mark.parametrize(
    ("spec", "said"), [("+.2f", "+0.00 [-0.50, +0.50]"), (".1f", "0.0 [-0.5, 0.5]")]
)
def test_an_interval_never_says_minus_zero(spec, said):
    assert f"{Interval(-0.001, -0.5, 0.5, 0.95, 20, 5, 1.0):{spec}}" == said
