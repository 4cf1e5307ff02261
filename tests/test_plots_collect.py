"""Figures of chapters 1 and 3: titles and marks are true for whatever is drawn."""

import numpy as np
import pandas as pd
import pytest

from sportsml_lite.collect import quality
from sportsml_lite.plots import descent, streams
from sportsml_lite.plots.style import ACCENT, HARM
from sportsml_lite.regression import closed_form, gradient_descent

T = np.arange(600.0)


def session(hr_bpm, **channels):
    return pd.DataFrame({"session_id": "s", "t_s": T[: len(hr_bpm)], "hr_bpm": hr_bpm, **channels})


def texts(fig):
    return [text.get_text() for ax in fig.axes for text in ax.texts]


def every(n, step):
    hr_bpm = np.full(n, np.nan)
    hr_bpm[::step] = 120 + np.arange(len(hr_bpm[::step])) % 5
    return hr_bpm


@pytest.mark.parametrize(("step", "says"), [(3, "67 % of the seconds"), (1, "Nothing is missing")])
def test_what_was_left_out_is_said_and_drawn(step, says):
    stream = session(every(600, step))
    fig = streams.left_out(stream, quality.gaps(stream, longest_ok_s=0))
    assert fig.get_suptitle().startswith(says)
    dots = next(line for line in fig.axes[1].lines if line.get_marker() == "o")
    assert len(dots.get_xdata()) == pytest.approx(60 / step, abs=1.5)


def test_the_close_look_holds_the_whole_of_a_long_gap():
    hr_bpm = every(600, 1)
    hr_bpm[200:400] = np.nan
    stream = session(hr_bpm)
    fig = streams.left_out(stream, quality.gaps(stream, longest_ok_s=0))
    left, right = fig.axes[1].get_xlim()
    assert left < 200 < 400 < right
    line = fig.axes[0].lines[0]
    assert np.isnan(line.get_ydata()).any(), "no line is drawn across a lost sensor"


@pytest.mark.parametrize("draw", ["left_out", "streams"])
def test_a_session_without_heart_rate_says_so_or_shows_the_rest(draw):
    stream = session(np.full(60, np.nan))
    found = quality.artefacts(stream)
    gaps = quality.gaps(stream, longest_ok_s=0)
    fig = streams.left_out(stream, gaps) if draw == "left_out" else streams.streams(stream, found)
    assert "no " in texts(fig)[0]


@pytest.mark.parametrize(
    ("zero", "title"), [(60.0, "Carelessly averaged: 120 bpm off"), (180.0, "All ways agree")]
)
def test_means_are_judged_by_the_farthest(zero, title):
    ways = {"time mean": 180.0, "mean over rows": 180.2, "missing taken for zero": zero}
    fig = streams.means(pd.DataFrame({"hr_mean_bpm": ways}))
    assert fig.get_suptitle() == title
    assert "180.2 (+0.2)" in texts(fig)
    nobody = pd.DataFrame({"hr_mean_bpm": dict.fromkeys(ways, np.nan)})
    assert "nothing to average" in texts(streams.means(nobody))[0]


def test_an_arrow_names_the_rule_at_the_channel_it_objects_to():
    calm = session(every(600, 1))
    steps = calm.assign(
        distance_m=np.where(T == 300, 10.0, T), altitude_m=np.where(T < 300, 0.0, 50.0)
    )
    fig = streams.streams(steps, quality.artefacts(steps))
    assert fig.get_suptitle() == "2 stretches to look at"
    assert texts(fig) == ["altitude step"]  # distance has no panel
    assert streams.streams(calm, quality.artefacts(calm)).get_suptitle() == "No rule objects"


def test_a_long_name_keeps_both_ends():
    assert streams.short("ride.fit") == "ride.fit"
    name = "18360138543_ACTIVITY_Osaka_Marathon_2025.fit"
    assert (streams.short(name), len(streams.short(name))) == ("18360138…_2025.fit", 18)


def test_cadence_figure_needs_ten_minutes():
    minutes = pd.DataFrame({"minute": range(12), "hr_bpm": 170.0 + np.arange(12) % 3,
                            "cadence_spm": 172.0 + np.arange(12) % 2})  # fmt: skip
    assert len(streams.heart_rate_against_cadence(minutes, 5).axes) == 2
    assert "Too few" in texts(streams.heart_rate_against_cadence(minutes[:9], 5))[0]


@pytest.fixture
def sessions():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2)) * [0.07, 0.34]
    X -= X.mean(axis=0)
    y = X @ [4.0, 1.0] + rng.normal(0, 0.3, 80)
    return X, y - y.mean()


def test_the_bowl_ends_one_path_at_the_star_and_one_at_the_cross(sessions):
    X, y = sessions
    right = gradient_descent(X, y, [-2, 3], 10.0, 600)
    trapped = gradient_descent(X, 0 * y, [-2, 3], 10.0, 600)
    ax = descent.trap_on_bowl(X, y, right, trapped).axes[0]
    ends = {
        line.get_color(): line.get_xydata()[-1] for line in ax.lines if len(line.get_xdata()) > 1
    }
    assert ends[ACCENT] == pytest.approx(closed_form(X, y), abs=0.1)
    assert ends[HARM] == pytest.approx([0, 0], abs=0.1)
    for point in (closed_form(X, y), [0, 0]):
        assert (ax.get_xlim()[0] < point[0] < ax.get_xlim()[1]) and (
            ax.get_ylim()[0] < point[1] < ax.get_ylim()[1]
        )


def test_the_whole_mse_is_drawn_twice_as_high_and_steps_twice_as_far(sessions):
    X, y = sessions
    hours = X[:, 1]
    ax = descent.half_and_whole(hours, y, 3.0, 0.6 / np.mean(hours**2)).axes[0]
    half, whole = (line for line in ax.lines if len(line.get_xdata()) > 100)
    assert whole.get_ydata() == pytest.approx(2 * half.get_ydata())
    steps = [np.ptp(line.get_xdata()) for line in ax.lines if line.get_linestyle() == ":"]
    assert steps[1] == pytest.approx(2 * steps[0])
    assert {"½·MSE", "whole MSE"} <= set(texts(ax.figure))


def test_three_rates_on_two_bowls_each_with_its_own_kappa(sessions):
    X, y = sessions
    fig = descent.rates(X, y, np.array([-2.0, 3.0]), (0.1, 0.9, 1.02))
    kappas = [float((ax.get_title("left") or ax.get_title()).split("= ")[1]) for ax in fig.axes]
    assert kappas[0] > 10 > kappas[1] >= 1
    assert [t.get_text() for t in fig.legends[0].texts] == [
        "0.1 × limit", "0.9 × limit", "1.02 × limit"
    ]  # fmt: skip
