"""The protocol: nobody stands on two sides, nothing measured decides who stands where."""

from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sportsml_lite import protocol
from sportsml_lite.errors import UserError
from sportsml_lite.schema import Windows

names = st.lists(st.text("abc123", min_size=1, max_size=6), min_size=7, max_size=40, unique=True)


def athletes(n):
    return [f"a{i:03d}" for i in range(n)]


def test_the_rules_are_frozen_and_print_with_their_reasons():
    with pytest.raises(FrozenInstanceError):
        protocol.PROTOCOL.k = (0, 3)
    table = protocol.PROTOCOL.table()
    assert table.loc["k", "value"] == "(0, 1, 2, 5, 10, 20)"
    assert (table["meaning"].str.len() > 10).all()


FIXED = {  # before any model was trained: whoever changes one changes what the book says
    "macro_f1": ("higher", 0.01, 0.02),
    "accuracy": ("higher", 0.01, 0.02),
    "effect": ("lower", 0.03, 0.10),
    "rpe": ("lower", 0.10, 0.25),
    "srpe": ("lower", 5.0, 15.0),
    "hr_bpm": ("lower", 0.5, 1.0),
    "change": ("lower", 0.20, 0.50),
    "vo2_ml_kg_min": ("lower", 0.5, 1.0),
}


def test_the_margins_are_those_that_were_fixed():
    found = {name: protocol.margin(name) for name in protocol.MARGINS}
    assert {n: (m.better, m.smallest_effect, m.harm) for n, m in found.items()} == FIXED
    assert all(m.quantity == name for name, m in found.items())
    with pytest.raises(UserError, match="no margin for 'f1'"):
        protocol.margin("f1")


def test_two_hundred_athletes_split_70_15_15():
    split = protocol.split_athletes(athletes(200))
    assert [len(split.train), len(split.validation), len(split.test)] == [140, 30, 30]


@given(names, st.integers(0, 5), st.randoms())
@settings(max_examples=50, deadline=None)
def test_a_split_is_a_partition_that_the_order_of_rows_cannot_change(athlete, seed, random):
    split = protocol.split_athletes(athlete, seed)
    assert sorted((*split.train, *split.validation, *split.test)) == sorted(athlete)
    assert split.train and split.validation and split.test
    rows = athlete * 3
    random.shuffle(rows)
    assert protocol.split_athletes(rows, seed) == split
    parts = split.parts(rows)
    assert all(parts[i] == parts[rows.index(name)] for i, name in enumerate(rows))


def test_another_seed_is_another_split():
    assert protocol.split_athletes(athletes(50), 0) != protocol.split_athletes(athletes(50), 1)


@given(names, st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_folds_test_everybody_once_and_never_train_on_them(athlete, seed):
    splits = protocol.fold_athletes(athlete, seed=seed)
    assert sorted(a for s in splits for a in s.test) == sorted(athlete)
    for s in splits:
        assert set(s.train) | set(s.validation) | set(s.test) == set(athlete)
        assert s.train and s.validation
    sizes = [len(s.test) for s in splits]
    assert max(sizes) - min(sizes) <= 1


def test_of_the_athletes_that_a_fold_does_not_test_fifteen_in_eighty_five_validate():
    for split in protocol.fold_athletes(athletes(100)):
        assert (len(split.train), len(split.validation), len(split.test)) == (66, 14, 20)


def test_leave_one_out_tests_each_alone():
    splits = protocol.leave_one_out(athletes(12))
    assert sorted(s.test[0] for s in splits) == athletes(12)
    assert {(len(s.train), len(s.validation), len(s.test)) for s in splits} == {(9, 2, 1)}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: protocol.split_athletes(athletes(6)), "needs 7 athletes, found 6"),
        (lambda: protocol.fold_athletes(athletes(4)), "5 folds needs 5 athletes, found 4"),
        (lambda: protocol.fold_athletes(athletes(9), folds=2), "at least 3"),
        (lambda: protocol.leave_one_out(athletes(2)), "needs 3 athletes, found 2"),
        (lambda: protocol.split_athletes(["a", None, "b"]), "row 1 has no athlete"),
        (lambda: protocol.Split(("a", "b"), (), ("b",)), "'b' stands in train and in test"),
        (lambda: protocol.Split(("a",), ("b",), ()), "no athlete in test"),
        (lambda: protocol.split_athletes(athletes(9)).parts(["zz"]), "'zz' was not there"),
        (lambda: protocol.split_athletes(athletes(9)).rows(athletes(9), "dev"), "no part 'dev'"),
    ],
)
def test_mistakes_are_named_in_one_line(call, message):
    with pytest.raises(UserError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


def test_few_shot_takes_the_earliest_and_leaves_a_gap():
    """Ten 10 s windows of one class, a window a 5 s: five to use, the test from 35 s on."""
    start = np.arange(10) * 5.0
    shot = protocol.few_shot(["a"] * 10, start, start + 10, gap_s=5, y=np.zeros(10))
    assert shot.rank.tolist() == [1, 2, 3, 4, 5, 0, 0, 0, 0, 0]
    assert start[shot.test].tolist() == [35.0, 40.0, 45.0]  # the last usable one ends at 30 s
    assert shot.support(2).tolist() == [True, True] + [False] * 8
    assert not shot.support(0).any()
    mixed = np.array([7, 2, 9, 0, 4, 1, 8, 3, 6, 5])
    again = protocol.few_shot(["a"] * 10, start[mixed], start[mixed] + 10, 5, np.zeros(10))
    assert again.rank.tolist() == shot.rank[mixed].tolist()
    assert again.test.tolist() == shot.test[mixed].tolist()


def test_few_shot_counts_by_class_and_asks_every_class_for_k():
    athlete = ["a"] * 12 + ["b"] * 4
    y = [0] * 8 + [1] * 4 + [0] * 4
    start = np.arange(16.0) * 100
    shot = protocol.few_shot(athlete, start, start + 1, gap_s=0, y=y)
    assert shot.athletes(2).tolist() == ["a", "b"]  # b performs one class, which is enough
    assert np.flatnonzero(shot.support(2)).tolist() == [0, 1, 8, 9, 12, 13]
    assert shot.rank[:8].max() == 4  # a could give four of class 0, but only two of class 1
    assert shot.counts()["athletes"].tolist() == [2, 2, 2, 0, 0, 0]
    with pytest.raises(UserError, match="k = 5: no athlete has so much; the largest possible is 2"):
        shot.support(5)
    for k in (-1, 21, 1.5):
        with pytest.raises(UserError, match="whole number from 0 to 20"):
            shot.support(k)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"), st.sampled_from("rs"), st.integers(0, 60), st.integers(0, 2)
        ),
        min_size=2,
        max_size=60,
    ),
    st.integers(0, 8),
)
@settings(max_examples=50, deadline=None)
def test_no_tested_second_was_calibrated_on(rows, gap):
    table = pd.DataFrame(rows, columns=["athlete", "recording", "start", "y"])
    stop = table["start"] + 4
    shot = protocol.few_shot(
        table["athlete"], table["start"], stop, gap, table["y"], table["recording"]
    )
    used = (shot.rank > 0) & (shot.max_k >= 0)
    for i in np.flatnonzero(shot.test):
        same = used & (table["athlete"] == table["athlete"][i]).to_numpy()
        same &= (table["recording"] == table["recording"][i]).to_numpy()
        apart = (table["start"][i] >= stop[same] + gap) | (stop[i] + gap <= table["start"][same])
        assert apart.all()
    assert not (shot.test & (shot.rank > 0)).any()
    for k in (1, 2):
        if (shot.max_k >= k).any():
            held = shot.test_rows(0) & (shot.max_k >= k)
            assert (shot.test_rows(k) == held).all()
            assert (shot.support(k - 1) <= shot.support(k) | (shot.max_k < k)).all()


def windows(y, recording, classes):
    n = len(y)
    return Windows(
        X=np.zeros((n, 1, 4), np.float32),
        mask=np.ones((n, 4), bool),
        y=np.asarray(y),
        athlete=np.array(["a"] * n, dtype=object),
        recording=np.array(recording, dtype=object),
        t0_s=np.arange(n, dtype=float) * 4,
        channels=("hr_bpm",),
        classes=classes,
        rate_hz=1.0,
    )


def test_windows_count_by_class_or_else_by_recording():
    shot = protocol.few_shot_windows(windows(np.zeros(8, int), ["r"] * 8, ("low", "high")))
    assert shot.rank.tolist() == [1, 2, 3, 4, 0, 0, 0, 0]
    assert shot.test.tolist() == [False] * 5 + [True] * 3  # one window length stays free
    regression = windows(np.zeros(8), ["r1"] * 2 + ["r2"] * 2 + ["r3"] * 2 + ["r4"] * 2, ())
    shot = protocol.few_shot_windows(regression)
    assert np.flatnonzero(shot.support(2)).tolist() == [0, 1, 2, 3]
    assert np.flatnonzero(shot.test).tolist() == [4, 5, 6, 7]


def test_rows_without_a_class_are_refused():
    with pytest.raises(UserError, match="lacks its time, class or recording"):
        protocol.few_shot(["a", "a"], [0, 1], [1, 2], 0, y=[0, np.nan])


def test_who_is_held_out_by_name_tests_and_nobody_else():
    names = [f"a{i}" for i in range(10)]
    split = protocol.hold_out(np.repeat(names, 3), ["a7", "a2"])
    assert split.test == ("a2", "a7")
    assert len(split.validation) == 1 and len(split.train) == 7
    others = {protocol.hold_out(names, ["a7", "a2"], seed).validation for seed in range(9)}
    assert len(others) > 1, "another seed, others validate"
    with pytest.raises(UserError, match="needs 2 athletes, found 1; give more athletes to learn"):
        protocol.hold_out(["a", "b"], ["b"])
