"""A stream says what the batch says, bridges what drops out, and refuses what cannot be."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_deploy_network import a_student

from sportsml_lite.deploy.network import describe
from sportsml_lite.deploy.stream import Stream, latency, push_seconds
from sportsml_lite.errors import UserError
from sportsml_lite.prepare import fill_windows


def a_recording(card, length, seed=0):
    """(C, T) measured samples around the card's means."""
    noise = np.random.default_rng(seed).normal(size=(len(card.channels), length))
    return np.array(card.mean)[:, None] + noise


def batch(network, X):
    """Answers (steps, K) to a recording (C, T): all states at once, then a sliding mean."""
    X = X[:, : X.shape[1] // network.stride * network.stride]
    states = network.states(network.scale(X[None]))[0]
    means = [states[:, max(0, i + 1 - network.steps) : i + 1].mean(1)
             for i in range(states.shape[1])]  # fmt: skip
    return (
        np.array(means) @ network.head_mean.T + states.T @ network.head_last.T + (network.head_bias)
    )


def read(stream, X, kept=None):
    """Answers by step; samples that are not ``kept`` never come."""
    found = {}
    for i in range(X.shape[1]):
        if kept is None or kept[i]:
            answer = stream.push(X[:, i], 7.0 + i / stream.rate_hz)
            if answer is not None:
                found[i // stream.network.stride] = answer
    return found


def assert_same(found, wanted):
    for step, answer in found.items():
        bound = 1e-5 * max(1, np.abs(wanted[step]).max())
        np.testing.assert_allclose(answer.logits, wanted[step], rtol=0, atol=bound)


@pytest.mark.parametrize(
    "sizes",
    [{}, {"width": 16, "channels": 10, "samples": 180}, {"kernel": 5, "stride": 5}, {"stride": 1}],
)
def test_a_window_from_its_start_gives_what_the_batch_gives(sizes):
    for seed in range(3):
        student, card = a_student(**sizes, seed=seed)
        network = describe(student, card)
        X = a_recording(card, card.samples, seed)
        found = read(Stream(network, card.rate_hz), X)
        assert sorted(found) == list(range(network.steps))
        assert_same({0: found[network.steps - 1]}, network.logits(network.scale(X[None])))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_student_any_recording_any_gap(data):
    """Held as fill_windows holds; a sample that never came is one without a value."""
    kernel = data.draw(st.integers(1, 9))
    stride = data.draw(st.integers(1, kernel))
    steps = data.draw(st.integers(1, 8))
    student, card = a_student(kernel=kernel, stride=stride, samples=stride * steps, width=4,
                              channels=data.draw(st.integers(2, 4)))  # fmt: skip
    network = describe(student, card)
    X = a_recording(card, data.draw(st.integers(12, 60)), seed=data.draw(st.integers(0, 99)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    X[rng.random(X.shape) < 0.3] = np.nan
    kept = ~np.isnan(X).all(0) & (rng.random(X.shape[1]) < 0.8)
    X[0, 0], kept[0] = card.mean[0] + 1, True
    X[:, ~kept] = np.nan
    # A clock that runs as it should, seen late or early by up to a third of a period.
    stream, found = Stream(network, card.rate_hz, hold_s=99.0), {}
    late = rng.uniform(-0.15, 0.15, X.shape[1]) / card.rate_hz
    for i in np.flatnonzero(kept):
        stream._intervals.clear()  # many missing samples would be another rate: tested below
        answer = stream.push(X[:, i], 7.0 + i / card.rate_hz + late[i])
        if answer is not None:
            found[i // stride] = answer
    steps_done = np.flatnonzero(kept[stride - 1 :: stride])
    assert sorted(found) == steps_done.tolist()
    filled = fill_windows(X[None], network.mean.astype(float))[0]
    assert_same(found, batch(network, filled))


def test_answers_carry_time_steps_and_probabilities():
    student, card = a_student(samples=12)
    stream = Stream(describe(student, card), card.rate_hz)
    found = read(stream, a_recording(card, 30))
    assert [a.steps for a in found.values()] == [1, 2, 3, 4, 4, 4, 4, 4, 4, 4]
    assert found[3].t_s == pytest.approx(7 + 11 / 30)
    logits = found[9].logits.astype(float)
    np.testing.assert_allclose(found[9].probability, np.exp(logits) / np.exp(logits).sum())
    stream.reset()
    again = stream.push(a_recording(card, 1)[:, 0], 0.0)
    assert again is None and stream.push(a_recording(card, 1)[:, 0], 1 / 30) is None


# --- what drops out ------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_away_too_long_makes_it_silent_and_begin_anew(whole):
    """``whole``: no sample came; else one channel had no value."""
    student, card = a_student(samples=60, stride=3)
    network = describe(student, card)
    X = a_recording(card, 120)
    kept = np.ones(120, bool)
    for hold, silent in ((6, False), (5, True)):
        X[1, 30:36] = np.nan
        if whole:
            kept[30:36] = False
        found = read(Stream(network, card.rate_hz, hold_s=hold / 30), X, kept)
        held = fill_windows(X[None], network.mean.astype(float))[0]
        if whole:
            held[:, 30:36] = X[:, 29:30]
        if not silent:
            assert_same(found, batch(network, held))
            continue
        anew = batch(network, X[:, 36:])
        after = {step - 12: answer for step, answer in found.items() if step >= 12}
        assert len(after) == len(anew)
        assert_same(after, anew)
        assert after[0].steps == 1
        # Step 11 ends with sample 35, the sixth without the value: it may not be held so long.
        assert 11 not in found and (10 in found) == (not whole)


def test_a_channel_that_was_never_there_is_its_mean_and_silences_nothing():
    student, card = a_student()
    network = describe(student, card)
    X = a_recording(card, 60)
    X[1] = np.nan
    found = read(Stream(network, card.rate_hz, hold_s=0.1), X)
    X[1] = card.mean[1]
    assert len(found) == 20
    assert_same(found, batch(network, X))


# --- what is refused -----------------------------------------------------------------------------


def at(X, i):
    return 7.0 + i / 30, X[:, i].copy()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t, x: (t - 1 / 30, x), "comes twice"),
        (lambda t, x: (t - 2, x), r"comes after \d.*give samples in order"),
        (lambda t, x: (t + 4000, x), r"comes 4000\.03 s after the last sample.*reset"),
        (lambda t, x: (math.nan, x), "t_s = nan"),
        (lambda t, x: (t, x * np.nan), "without any value"),
        (lambda t, x: (t, np.where(np.arange(3) == 1, np.inf, x)), "infinite"),
        (lambda t, x: (t, x[:2]), r"shape \(2,\): give \(3,\)"),
        (lambda t, x: (t, x[None]), r"shape \(1, 3\)"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(spoil, message):
    student, card = a_student()
    network = describe(student, card)
    X = a_recording(card, 60)
    stream, found = Stream(network, card.rate_hz), {}
    for i in range(60):
        t, x = at(X, i)
        if i in (10, 31):
            bad_t, bad_x = spoil(t, x.copy())
            with pytest.raises(UserError, match=message):
                stream.push(bad_x, bad_t)
        if (answer := stream.push(x, t)) is not None:
            found[i // 3] = answer
    assert len(found) == 20
    assert_same(found, batch(network, X))


@pytest.mark.parametrize("rate_hz", [15.0, 25.0, 36.0, 60.0])
def test_another_rate_is_noticed_within_a_second_or_two(rate_hz):
    student, card = a_student()
    stream = Stream(describe(student, card), card.rate_hz)
    X = a_recording(card, 40)
    with pytest.raises(UserError, match=f"come at about {rate_hz:g} Hz; .* reads 30 Hz"):
        for i, x in enumerate(X.T):
            stream.push(x, i / rate_hz)
    core = stream._core.read_so_far
    with pytest.raises(UserError, match="about"):
        stream.push(X[:, 0], 40 / rate_hz)
    assert stream._core.read_so_far == core


def test_a_clock_that_runs_a_little_fast_and_drops_some_samples_is_no_other_rate():
    student, card = a_student()
    stream = Stream(describe(student, card), card.rate_hz)
    X, rng = a_recording(card, 600), np.random.default_rng(0)
    kept = rng.random(600) > 0.15
    kept[0] = True
    for i in np.flatnonzero(kept):
        stream.push(X[:, i], 1.02 * i / 30 + rng.uniform(-0.1, 0.1) / 30)
    assert stream._core.read_so_far == np.flatnonzero(kept)[-1] + 1


@pytest.mark.parametrize(
    ("given", "message"),
    [({"rate_hz": 0}, "rate_hz = 0"), ({"rate_hz": 1.0, "hold_s": -1}, "hold_s = -1")],
)
def test_settings_of_a_stream(given, message):
    with pytest.raises(UserError, match=message):
        Stream(describe(*a_student()), **given)


# --- speed ---------------------------------------------------------------------------------------


def test_it_is_far_faster_than_real_time():
    for rate, sizes, least in (
        (1.0, {"samples": 120, "stride": 2, "width": 16}, 1000),
        (30.0, {"samples": 180, "width": 16, "channels": 10}, 50),
    ):
        student, card = a_student(**sizes)
        seconds = push_seconds(Stream(describe(student, card), rate), a_recording(card, 600))
        # The median of a busy computer: a third or half of the samples make a step.
        step = np.percentile(seconds, 90)
        assert 1 / (rate * step) > least
    told = latency(np.array([1.0] * 98 + [2.0, 2.0]), 2.0)
    assert told["median_s"] == 1 and 1 < told["p99_s"] <= 2
    assert told["times_real_time"] == pytest.approx(100 / 2 / 102)
