"""Ranking by what is sure: order, abstention, reasons; and the curse against its closed form."""

import numpy as np
import pytest

from sportsml_lite.errors import UserError
from sportsml_lite.recommend.rank import curse, lower_bounds, rank
from sportsml_lite.recommend.week import PlannedSession, Week

NAMES = ("as usual", "more", "much more", "rest")


def weeks(names=NAMES):
    return [Week(n, (PlannedSession(0, "easy", 30 + i),)) for i, n in enumerate(names)]


def test_the_lower_bound_decides_and_not_the_mean():
    found = rank(weeks(), [0.5, 1.5, 3.0, -4.0], np.diag([0, 0.1, 9, 0.1]))
    assert [w.name for w in found.weeks] == ["more", "as usual", "much more", "rest"]
    assert not found.abstained
    z = 1.6448536
    assert found.mean == pytest.approx([1.0, 0, 2.5, -4.5])
    assert found.low[0] == pytest.approx(1.0 - z * np.sqrt(0.1))
    assert found.high[2] == pytest.approx(2.5 + z * 3)
    assert found.sentence.startswith("Take 'more': +1.0 % of VO2max in four weeks")
    assert lower_bounds(NAMES, [0.5, 1.5, 3.0, -4.0], np.diag([0, 0.1, 9, 0.1])).argmax() == 1


def test_what_is_known_of_both_weeks_is_known_of_their_difference():
    """Two weeks that are surely alike differ by nothing, however unsure both are."""
    covariance = np.full((2, 2), 4.0)
    found = rank(weeks(NAMES[:2]), [0, 0.2], covariance)
    assert found.low[0] == found.high[0] == pytest.approx(0.2) and not found.abstained
    apart = rank(weeks(NAMES[:2]), [0, 0.2], np.diag([4.0, 4.0]))
    assert apart.abstained and apart.low[1] == pytest.approx(0.2 - 1.6448536 * np.sqrt(8))


def test_unsure_it_recommends_to_go_on():
    found = rank(weeks(), [0, 0.5, 1, -1], np.eye(4))
    assert found.abstained and found.weeks[0].name == "as usual"
    assert "Go on as usual: no week is surely better" in found.sentence
    assert "'much more' comes nearest" in found.sentence
    alone = rank(weeks(NAMES[:1]), [0.0], np.eye(1))
    assert alone.abstained and alone.sentence.endswith("no other week keeps to the rules.")


def test_a_wider_interval_abstains_sooner():
    given = weeks(NAMES[:2]), [0, 1.0], np.diag([0, 0.3])
    assert not rank(*given, level=0.8).abstained and rank(*given, level=0.95).abstained


def test_refused_weeks_keep_their_reasons_and_are_never_taken():
    why = ("Too long.", "Too hard.")
    found = rank(weeks(), [0, 1, 5, -1], 0.01 * np.eye(4), {"much more": why, "rest": ("Less.",)})
    assert [w.name for w in found.weeks] == ["more", "as usual"]
    assert [r.week.name for r in found.refused] == ["much more", "rest"]
    assert found.refused[0].reasons == why and found.refused[0].mean == pytest.approx(5)


def test_where_as_usual_is_refused_another_week_is_taken():
    found = rank(weeks(), [0, -1, -2, -3], np.eye(4), {"as usual": ("You are injured.",)})
    assert found.abstained and [w.name for w in found.weeks] == ["more", "much more", "rest"]
    assert found.sentence.startswith("Take 'more', as the rules ask: no week is surely better")
    assert found.mean[0] == pytest.approx(-1)


def test_without_a_usual_week_effects_are_held_against_no_change():
    found = rank(weeks(("gentle", "gentler")), [2.0, 1.0], np.diag([1, 0.04]))
    assert [w.name for w in found.weeks] == ["gentler", "gentle"] and not found.abstained
    assert found.mean == pytest.approx([1, 2])


# Means of the largest of K standard normal numbers.
LARGEST = {2: 1 / np.sqrt(np.pi), 3: 1.5 / np.sqrt(np.pi), 10: 1.538753}


@pytest.mark.parametrize("count", LARGEST)
def test_the_curse_of_equal_errors_has_its_closed_form(count):
    found = curse([1.5] * count, spread=1.0, repeats=100_000)
    expected = 1.5**2 / np.sqrt(1 + 1.5**2) * LARGEST[count]
    assert found.loc["by prediction", "disappointment"] == pytest.approx(expected, abs=0.02)
    # Of equal errors the bound only moves all predictions alike; shrinking promises what it keeps.
    assert found.loc["by lower bound", "true"] == found.loc["by prediction", "true"]
    assert found.loc["shrunk", "disappointment"] == pytest.approx(0, abs=0.02)


def test_of_unequal_errors_the_bound_disappoints_less_and_brings_more():
    found = curse([0.3, 0.3, 0.3, 3.0], spread=1.0)
    assert (
        found.loc["by lower bound", "disappointment"]
        < 0.5 * found.loc["by prediction", "disappointment"]
    )
    assert found.loc["by lower bound", "true"] > found.loc["by prediction", "true"]
    assert found["true"].idxmax() == "shrunk"


def test_nobody_is_disappointed_without_a_choice():
    found = curse([2.0], spread=1.0, repeats=100_000)
    assert found["disappointment"].to_numpy() == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: rank(weeks(), [0, 1], np.eye(4)), r"4 weeks with means of shape \(2,\)"),
        (lambda: rank(weeks(), [0] * 4, np.eye(3)), r"shape \(3, 3\)"),
        (lambda: rank(weeks(("a", "a")), [0, 1], np.eye(2)), "two weeks are called 'a'"),
        (lambda: rank(weeks(), [0] * 4, np.eye(4), level=1), "level = 1"),
        (lambda: rank(weeks(("a",)), [0], np.eye(1), {"a": ("No.",)}), "every week is refused"),
        (lambda: curse([], 1.0), "give candidates"),
        (lambda: curse([-1.0], 1.0), "give candidates"),
        (lambda: curse([0.0], 0.0), "spread above 0"),
    ],
)
def test_odd_input_is_named(call, says):
    with pytest.raises(UserError, match=says):
        call()
