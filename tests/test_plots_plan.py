"""The picture of the best weeks: bars as high as the sessions, reasons that are readable."""

import numpy as np
import pytest

from sportsml_lite.plots import plan as figures
from sportsml_lite.recommend.rank import rank
from sportsml_lite.recommend.week import PlannedSession, Week

WEEKS = [
    Week("as usual", (PlannedSession(1, "easy", 40), PlannedSession(5, "long", 60))),
    Week("more", (PlannedSession(1, "easy", 60), PlannedSession(5, "long", 70))),
    Week("harder", (PlannedSession(1, "intervals", 50), PlannedSession(5, "long", 50))),
    Week("costs $5 & more", (PlannedSession(2, "easy", 90),)),
    Week("rest", ()),
]
MEAN = [0.0, 1.0, 1.4, 2.0, -1.0]


def ranking(refused, count=5):
    return rank(WEEKS[:count], MEAN[:count], 0.1 * np.eye(count), refused)


def test_bars_are_the_minutes_of_each_day():
    found = ranking({"costs $5 & more": ("It is too long. " * 30,)})
    fig = figures.best_weeks(found)
    left = fig.axes[::2]
    assert [ax.get_title(loc="left") for ax in left] == [
        *(f"{week.name}, {week.minutes} min" for week in found.weeks[:3]),
        r"costs \$5 & more, 90 min",
    ]
    for ax, week in zip(left, [*found.weeks[:3], WEEKS[3]], strict=True):
        heights = np.array([bar.get_height() for bar in ax.patches]).reshape(2, 7)
        expected = np.zeros(7)
        for session in week.sessions:
            expected[session.day] = session.minutes
        np.testing.assert_allclose(heights.sum(axis=0), expected)
    text = fig.axes[-1].texts[0].get_text()
    assert text.startswith("Refused: It is too long") and text.endswith(" …")
    fig.canvas.draw()


def test_the_weeks_share_one_scale_that_holds_every_interval():
    found = ranking({})
    fig = figures.best_weeks(found, "no change")
    right = fig.axes[1::2]
    assert len(right) == 3 and len({ax.get_xlim() for ax in right}) == 1
    low, high = right[0].get_xlim()
    assert low < found.low[:3].min() and found.high[:3].max() < high
    assert "no change" in right[-1].get_xlabel()


@pytest.mark.parametrize("count", [1, 2])
def test_few_weeks_and_a_week_of_rest_are_drawn(count):
    fig = figures.best_weeks(ranking({}, count))
    assert len(fig.axes) == 2 * count
    figures.best_weeks(rank([WEEKS[4]], [0.0], np.zeros((1, 1)))).canvas.draw()


def test_words_say_what_the_picture_shows():
    said = figures.spoken(ranking({"more": ("It takes 130 minutes; you have 100.",)}))
    assert "refused: more. It takes 130 minutes; you have 100." in said
    assert "as usual, 100 min" in said and "costs $5" in said
