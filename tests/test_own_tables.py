"""The reader's own tables: right values, every fault by its line, and no order that matters."""

import importlib.util

import numpy as np
import pandas as pd
import pytest

from sportsml_lite.collect.datasets import public
from sportsml_lite.errors import UserError
from sportsml_lite.prepare.tasks import load_task
from sportsml_lite.studies import distil, effect, prepare, teacher, transfer
from sportsml_lite.studies.runner import Options, table

SESSIONS = "session_id,athlete_id\ns1,a1\n"
STREAMS = "session_id,t_s,hr_bpm,label\ns1,0,120,easy\ns1,1,121,easy\ns1,2,122,easy\n"


def folder(tmp_path, **files):
    """``mine`` with the given texts; sessions and streams as above where none is given."""
    mine = tmp_path / "mine"
    mine.mkdir(exist_ok=True)
    for name, text in ({"sessions": SESSIONS, "streams": STREAMS} | files).items():
        data = text if isinstance(text, bytes) else text.encode()
        (mine / f"{name}.csv").write_bytes(data)
    return mine


def refused(tmp_path, **files) -> list[str]:
    """The faults that are told, each with the folder's path taken away."""
    mine = folder(tmp_path, **files)
    with pytest.raises(UserError) as error:
        public.load_tables(mine)
    return [line.replace(f"{mine}/", "") for line in str(error.value).splitlines()]


def told(data, words: str) -> list[int]:
    """Counts of what was left out or assumed, of the reasons with ``words``."""
    return data.dropped.loc[
        data.dropped["reason"].str.contains(words, regex=False), "rows"
    ].tolist()


# --- files ---------------------------------------------------------------------------------------


def test_a_decimal_comma_between_commas_is_refused_by_its_line(tmp_path):
    [fault] = refused(tmp_path, streams=STREAMS.replace("121,", "121,5,"))
    assert fault.startswith(
        "streams.csv, line 3: 5 fields where the header has 4; is a comma a dec"
    )


def test_semicolons_with_decimal_commas_are_read_right(tmp_path):
    text = STREAMS.replace(",", ";").replace("121", "121,5")
    for head in ("", "sep=;\r\n"):  # as Excel writes it
        streams = public.load_tables(folder(tmp_path, streams=head + text)).streams
    assert streams["hr_bpm"].tolist() == [120, 121.5, 122]
    assert streams["label"].tolist() == ["easy"] * 3


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (STREAMS.replace("s1,1,121,easy", "s1,1,121"), "line 3: 3 fields where the header has 4"),
        (STREAMS + "s1,3", "line 5: 2 fields where the header has 4; is the file cut off here?"),
        (STREAMS.replace("121", "inf"), "line 3: hr_bpm = 'inf' is no number"),
        (STREAMS.replace("121", '"121,5"'), "line 3: hr_bpm = '121,5' is no number"),
        (STREAMS.replace("121", "12\0"), "line 3: holds a NUL byte"),
        (STREAMS.replace("s1,1", "s1,"), "line 3: column 't_s' is empty"),
        (STREAMS.replace("s1,1", '"s1,1'), "line 4: unexpected end of data"),
        (STREAMS.encode().replace(b"121", b"\xff"), "line 3: is no UTF-8 text"),
        (STREAMS.replace("s1,1", "s1,-1"), "t_s = -1.0 s is outside 0 to ∞; correct it"),
        (STREAMS.replace("s1,1", "s1,1714546800"), "line 3: t_s = '1714546800.0' is over a week"),
        ("", "streams.csv: is empty"),
        ("session_id,t_s\n", "streams.csv: holds no rows; give a row a second"),
        (STREAMS.replace("\ns1,1", "\n\n# note\ns1,1"), "line 4: 1 fields"),
        (STREAMS.replace("\ns1,1", '\ns1,0.5,120,"a\nb"\ns1,x'), "line 5: t_s = 'x' is no number"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_by_its_line(tmp_path, text, fault):
    [line, *_] = refused(tmp_path, streams=text)
    assert fault in line


def test_a_column_without_a_name_says_where_it_comes_from(tmp_path):
    [fault] = refused(tmp_path, sessions=",session_id,athlete_id\n0,s1,a1\n")
    assert fault == (
        "sessions.csv: column 1 has no name; give it one, or leave out row numbers "
        "(pandas: to_csv(..., index=False))"
    )
    spare = "session_id,athlete_id,,\ns1,a1,,\n"  # as a spreadsheet leaves them
    assert len(public.load_tables(folder(tmp_path, sessions=spare)).sessions) == 1


def test_a_thousand_rows_of_an_unknown_session_are_one_line(tmp_path):
    rows = "".join(f"other,{t},100,easy\n" for t in range(1000))
    assert refused(tmp_path, streams=STREAMS + rows) == [
        "streams.csv, line 5: session_id = 'other' is not among the sessions; add it there "
        "(999 more such lines)"
    ]


def test_every_fault_of_a_folder_is_told_at_once_in_at_most_ten_lines(tmp_path):
    sessions = "session_id,athlete_id,start,rpe\ns1,a1,May,11\ns1,,2999-01-01T00:00:00Z,x\n"
    athletes = "athlete_id,age_y\na1,300\n"
    faults = refused(tmp_path, sessions=sessions, athletes=athletes, streams="session_id\ns9\n")
    for part in (
        "sessions.csv, line 2: start = 'May' is no time",
        "sessions.csv, line 3: start = '2999-01-01T00:00:00Z' is outside 1970 to 2100",
        "sessions.csv, line 3: rpe = 'x' is no number",
        "sessions.csv, line 2: rpe = 11.0 CR10 is outside 0 to 10",
        "sessions.csv, line 3: column 'athlete_id' is empty",
        "sessions.csv, line 3: session_id = 's1' stands twice",
        "athletes.csv, line 2: age_y = 300.0 years is outside 5 to 110",
        "streams.csv: column 't_s' is missing",
    ):
        assert sum(part in fault for fault in faults) == 1, part
    assert len(faults) == 8
    wide = ",".join(["start", "duration_s", "distance_m", "steps", "hr_mean_bpm", "rpe", "effect"])
    bad = SESSIONS.replace("\n", f",{wide}\n", 1).replace("a1", "a1,x,-1,-1,-1,-1,x,x")
    faults = refused(tmp_path, sessions=bad, athletes=athletes, streams="session_id\ns9\n")
    assert len(faults) == 9
    bad = bad.replace("effect", "effect,speed_mean_mps,power_mean_w").replace("x\n", "x,y,z\n")
    faults = refused(tmp_path, sessions=bad, athletes=athletes, streams="session_id\ns9\n")
    assert len(faults) == 11 and faults[-1] == "and 1 more"


# --- what the words mean -------------------------------------------------------------------------


def test_an_unknown_column_is_named_with_what_may_be_meant(tmp_path):
    data = public.load_tables(folder(tmp_path, streams=STREAMS.replace("hr_bpm", "speed_kmh")))
    assert told(data, "'speed_kmh' of streams.csv, ignored (known: speed_mps)") == [3]
    assert "speed_kmh" in data.streams


def test_a_heart_rate_of_0_is_missing_and_counted(tmp_path):
    sessions = "session_id,athlete_id,hr_mean_bpm\ns1,a1,0\n"
    data = public.load_tables(
        folder(tmp_path, sessions=sessions, streams=STREAMS.replace("121", "0"))
    )
    assert np.isnan(data.streams["hr_bpm"]).tolist() == [False, True, False]
    assert np.isnan(data.sessions["hr_mean_bpm"]).all()
    assert told(data, "hr_bpm of 0 in streams.csv (set to missing)") == [1]
    assert told(data, "hr_mean_bpm of 0 in sessions.csv (set to missing)") == [1]


def test_a_second_with_two_labels_is_refused_and_twice_the_same_is_averaged(tmp_path):
    [fault] = refused(tmp_path, streams=STREAMS + "s1,1,125,hard\n")
    assert fault == (
        "streams.csv, line 5: second 1 of session 's1' is labelled 'hard', and 'easy' before; "
        "keep one"
    )
    more = STREAMS + "s1,1,125,easy\n" + "".join(f"s1,{t},150,hard\n" for t in range(3, 200))
    task = load_task(str(folder(tmp_path, streams=more)), length_s=5.0, stride_s=5.0)
    assert "rows averaged with others of their second: 1" in task.left_out
    share = task.windows.X[0, 0]
    assert share[1] / share[0] == pytest.approx(123 / 120)


def test_labels_keep_the_order_of_an_ordered_category(tmp_path):
    pytest.importorskip("pyarrow")
    mine = folder(tmp_path)
    (mine / "streams.csv").unlink()
    levels = ["steady", "hard", "easy", "unused"]
    rows = pd.DataFrame({"session_id": "s1", "t_s": range(300), "hr_bpm": 120.0})
    names = np.repeat(["easy", "steady", "hard"], 100)
    rows["label"] = pd.Categorical(names, levels, ordered=True)
    rows.to_parquet(mine / "streams.parquet")
    size = {"length_s": 50.0, "stride_s": 50.0}
    windows = load_task(str(mine), **size).windows
    assert windows.classes == ("steady", "hard", "easy")
    assert windows.y.tolist() == [2, 2, 0, 0, 1, 1]
    rows.assign(label=names).to_parquet(mine / "streams.parquet")
    windows = load_task(str(mine), **size).windows
    assert windows.classes == ("easy", "hard", "steady")
    assert windows.y.tolist() == [0, 0, 2, 2, 1, 1]


@pytest.mark.skipif(not importlib.util.find_spec("pyarrow"), reason="reading Parquet needs pyarrow")
def test_a_parquet_file_counts_rows_from_1_and_keeps_a_named_index(tmp_path):
    mine = folder(tmp_path)
    (mine / "sessions.csv").unlink()
    frame = pd.DataFrame({"session_id": ["s1", "s2"], "athlete_id": "a1", "rpe": [3.0, np.inf]})
    frame.set_index("session_id").to_parquet(mine / "sessions.parquet")
    with pytest.raises(UserError, match=r"sessions\.parquet, row 2: rpe = 'inf' is no number"):
        public.load_tables(mine)
    (mine / "sessions.parquet").write_bytes(b"PAR1 cut")
    with pytest.raises(UserError, match=r"sessions\.parquet: no readable Parquet file"):
        public.load_tables(mine)


def test_pmdata_with_a_cut_workbook_names_it(tmp_path):
    (tmp_path / "p01" / "pmsys").mkdir(parents=True)
    (tmp_path / "participant-overview.xlsx").write_bytes(b"PK\x03\x04\x14\0\x06\x06cut here")
    with pytest.raises(UserError, match=r"participant-overview\.xlsx: no readable workbook"):
        public.load_pmdata(tmp_path)


# --- sessions ------------------------------------------------------------------------------------


def rated(people=6, each=4, **columns) -> pd.DataFrame:
    """Sessions with a rating: each athlete one a day."""
    rng = np.random.default_rng(0)
    n = people * each
    frame = pd.DataFrame(
        {
            "session_id": [f"s{i}" for i in range(n)],
            "athlete_id": np.repeat([f"a{a}" for a in range(people)], each),
            "start": [f"2024-05-{i % each + 1:02d}T06:00:00Z" for i in range(n)],
            "sport": "running",
            "duration_s": rng.integers(1000, 4000, n),
            "hr_mean_bpm": rng.integers(110, 170, n),
            "rpe": rng.integers(1, 10, n),
        }
    )
    return frame.assign(**columns)


PEOPLE = pd.DataFrame(
    {"athlete_id": [f"a{a}" for a in range(6)], "sex": "m", "age_y": 30, "hr_rest_bpm": 60}
)


def rated_folder(tmp_path, sessions, athletes=PEOPLE) -> str:
    mine = tmp_path / "rated"
    mine.mkdir(exist_ok=True)
    sessions.to_csv(mine / "sessions.csv", index=False)
    athletes.to_csv(mine / "athletes.csv", index=False)
    return str(mine)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"hr_mean_bpm": np.nan}, "no training session has 'trimp': it needs hr_mean_bpm and"),
        ({"start": "2024-05-01T06:00:00Z"}, "'trimp_ratio'.*an earlier session of the same ath"),
        ({"start": ""}, "'s0' has no start"),
        ({"start": "1600-05-01T06:00:00Z"}, r"line 2: start = '1600.*\(23 more such lines\)"),
        ({"rpe": 5}, "'rpe' is 5 in all 24 that have it, so there is nothing to predict"),
        ({"effect": 3}, "'effect' is 3 in all 24 that have it"),
        ({"duration_s": 0}, r"line 2: duration_s = '0\.0' is no length of a session"),
    ],
)
def test_sessions_that_teach_nothing_say_what_is_wrong(tmp_path, columns, said):
    options = Options(rated_folder(tmp_path, rated(**columns)), profile="quick")
    with pytest.raises(UserError, match=said):
        data = effect.load(options)
        split = effect.splits(data, 0)[0]
        arms = {name: effect.ARMS[name] for name in ("trimp", "ratio")}
        effect.score(data, split, 0, arms, options)


@pytest.mark.parametrize("study", [effect, prepare])
def test_three_people_are_too_few(tmp_path, study):
    few = rated_folder(tmp_path, rated(people=3, each=2), PEOPLE.head(3))
    with pytest.raises(UserError, match="5 folds needs 5 athletes, found 3; give more athletes"):
        study.splits(study.load(Options(few, profile="quick")), 0)


def test_the_order_of_rows_changes_no_score(tmp_path):
    """Sessions, athletes and seconds, each shuffled: the same numbers to the last bit."""
    arms = {name: effect.ARMS[name] for name in ("ridge", "boosting", "ridge_past")}
    scores = []
    for seed in (None, 1, 2):
        sessions, athletes = rated(), PEOPLE
        if seed is not None:
            sessions, athletes = (f.sample(frac=1, random_state=seed) for f in (sessions, athletes))
        options = Options(rated_folder(tmp_path, sessions, athletes), profile="quick")
        data = effect.load(options)
        scores.append(effect.score(data, effect.splits(data, 0)[0], 0, arms, options))
    pd.testing.assert_frame_equal(scores[0], scores[1], check_exact=True)
    pd.testing.assert_frame_equal(scores[0], scores[2], check_exact=True)


def test_the_order_of_seconds_changes_no_window(tmp_path):
    rows = [f"s{s},{t},{120 + t % 7 + s},{'easy' if t < 60 else 'hard'}" for s in range(3)
            for t in range(120)]  # fmt: skip
    found = []
    for order in (range(360), np.random.default_rng(0).permutation(360)):
        streams = "session_id,t_s,hr_bpm,label\n" + "".join(f"{rows[i]}\n" for i in order)
        sessions = "session_id,athlete_id\n" + "".join(f"s{i},a{i}\n" for i in (0, 1, 2))
        mine = folder(tmp_path, streams=streams, sessions=sessions)
        found.append(load_task(str(mine), length_s=20.0, stride_s=10.0).windows)
    np.testing.assert_array_equal(found[0].X, found[1].X)
    np.testing.assert_array_equal(found[0].recording, found[1].recording)
    assert found[0].y.tolist() == found[1].y.tolist()


# --- windows -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "starts"),
    [
        ({}, [0, 60, 120]),  # 120 s and 60 s
        ({"length_s": 120.0}, [0, 60, 120]),
        ({"length_s": 80.0}, [0, 40, 80, 120, 160]),
        ({"length_s": 31.0}, list(range(0, 210, 16))),  # 15.5 s is no whole number of seconds
        ({"stride_s": 100.0}, [0, 100]),
        ({"length_s": 80.0, "stride_s": 100.0}, [0, 100]),
    ],
)
def test_a_stride_that_is_not_given_follows_the_length(tmp_path, given, starts):
    rows = "".join(f"s1,{t},120,{'easy' if t % 40 < 20 else 'hard'}\n" for t in range(240))
    mine = folder(tmp_path, streams="session_id,t_s,hr_bpm,label\n" + rows)
    assert load_task(str(mine), **given).windows.t0_s.tolist() == starts


def test_a_page_calls_a_folder_by_its_name(tmp_path, monkeypatch):
    """Whatever the data set is, and whichever way the folder is named; links are not followed."""
    real = folder(tmp_path, streams=STREAMS + "s1,3,150,hard\n")
    link = tmp_path / "my_runs"
    link.symlink_to(real)
    monkeypatch.chdir(link)
    short = {"length_s": 1.0}
    for asked in ((str(link),), ("simulated", str(link)), ("../my_runs",)):
        task = load_task(*asked, **short)
        assert task.told == (
            "1 athlete in my_runs; left out or assumed: athletes of unknown age, read as 35: 1"
        )
        assert Options(*asked).name == "my_runs" and Options(*asked).own
    assert Options("swimming").name == "swimming" and not Options("swimming").own


def test_a_folder_has_no_accepted_results(tmp_path):
    options = Options("simulated", str(folder(tmp_path)), profile="accepted")
    with pytest.raises(UserError, match="mine: profile = 'accepted' reads the book's own results"):
        table(effect.STUDY, options)


def test_settings_of_a_study_set_its_windows(tmp_path):
    rows = "".join(f"s1,{t},120,{'easy' if t % 40 < 20 else 'hard'}\n" for t in range(240))
    mine = str(folder(tmp_path, streams="session_id,t_s,hr_bpm,label\n" + rows))
    options = Options(mine, settings={"length_s": 80.0, "alpha": 0.3})
    for study in (teacher, distil):
        assert len(study.load(options).windows) == 5
    assert len(transfer.load(options).task.windows) == 5
