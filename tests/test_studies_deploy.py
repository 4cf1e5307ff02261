"""Study of chapter 11: every form answers for the same windows, and a guide is judged fairly."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from sportsml_lite.deploy import guidance
from sportsml_lite.findings import deploy as findings
from sportsml_lite.models import Student
from sportsml_lite.plots import deploy as figures
from sportsml_lite.protocol import PROTOCOL
from sportsml_lite.schema import Windows
from sportsml_lite.studies import deploy as study
from sportsml_lite.studies.runner import Options
from sportsml_lite.training.data import Sequences
from sportsml_lite.training.folds import folds_of

QUICK = Options("simulated", profile="quick")


def untrained(fold, seed, config):
    """A small student with random weights of the seed, in place of a trained one."""
    torch.manual_seed(seed)
    student = Student(fold.train.X.shape[1], fold.n_outputs, 4, stride=fold.stride).eval()
    return SimpleNamespace(model=student)


@pytest.fixture(autouse=True)
def no_training(monkeypatch):
    monkeypatch.setattr(study, "train_student", untrained)
    monkeypatch.setattr(study, "train_teacher", lambda *args: [untrained(*args)])


@pytest.fixture(scope="module")
def data(simulated_task):
    task = simulated_task(12, 2)
    return study.Data(task, task)


@pytest.fixture(scope="module")
def forms(data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "train_student", untrained)
        made = study.Forms(data, folds_of(data.task)[0], 0, QUICK)
        made.student()
    return made


@pytest.fixture(scope="module")
def scores(data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "train_student", untrained)
        patch.setattr(study, "train_teacher", lambda *args: [untrained(*args)])
        parts = [
            study.score(data, split, fold, study.ARMS, QUICK).assign(partition=0, fold=fold, seed=0)
            for fold, split in enumerate(folds_of(data.task)[:2])
        ]
    return pd.concat(parts, ignore_index=True)


# --- forms ---------------------------------------------------------------------------------------


def test_all_forms_answer_for_the_same_windows(scores):
    judged = scores[scores["metric"] == "macro_f1"]
    for arms in (("student", "int8", "stream", "teacher"), ("student_later", "personal")):
        each = [judged[judged["arm"] == a].set_index(["fold", "athlete"])["n"] for a in arms]
        assert all(each[0].equals(other) for other in each)


def test_a_folded_student_answers_as_pytorch_also_in_padded_windows(forms):
    part = forms.fold.test
    mask = torch.ones(len(part), part.X.shape[2], dtype=torch.bool)
    lengths = torch.arange(len(part)) % part.X.shape[2]
    mask &= torch.arange(part.X.shape[2]) >= lengths[:, None]
    padded = Sequences(part.X * mask[:, None], mask, part.y)
    for some in (Sequences(part.X, None, part.y), padded):
        wanted = study.eager_logits(forms.student(), some)
        assert np.allclose(study.window_logits(forms.network(), some), wanted, atol=1e-4)


def test_whole_numbers_change_few_answers_and_agreement_counts_them(scores, forms):
    said, base = (forms.said(study.ARMS[name]) for name in ("int8", "student"))
    same = (said["predicted"] == base["predicted"]).groupby(said["athlete"]).mean()
    own = scores[(scores["arm"] == "int8") & (scores["metric"] == "agreement")]
    own = own[own["fold"] == 0].set_index("athlete")["value"]
    assert own.to_dict() == same.to_dict()
    assert same.mean() > 0.9


def test_a_personal_head_comes_from_that_athletes_earliest_windows(forms, monkeypatch):
    given = []

    def head(prior, features, y, masked=True):
        given.append(len(y))
        return np.zeros_like(prior.means), np.eye(len(prior.means))[y[0]].astype(np.float32)

    monkeypatch.setattr(study, "personal_head", head)
    said = forms.said(study.ARMS["personal"])
    rows = forms.shots.support_rows(study.K)
    assert given == [len(own) for own in rows]
    first = {forms.fold.windows.athlete[own[0]]: forms.fold.windows.y[own[0]] for own in rows}
    assert (said["predicted"] == said["athlete"].map(first)).all()


# --- recordings ----------------------------------------------------------------------------------


def some_windows(starts, size=6, rate_hz=2.0, recording="r"):
    """Windows cut from one recording whose samples are their own numbers."""
    X = np.array([[np.arange(s, s + size)] for s in starts], np.float32)
    n = len(starts)
    return Windows(
        X, np.ones((n, size), bool), np.zeros(n, int), np.full(n, "a", object),
        np.full(n, recording, object), np.array(starts) / rate_hz, ("x",), ("c", "d"), rate_hz,
    )  # fmt: skip


def test_windows_are_joined_to_what_they_were_cut_from():
    windows = some_windows([20, 0, 4, 8, 30])  # 14 to 20 and 26 to 30: covered by none
    found = list(study.pieces(windows))
    assert [rows.tolist() for rows, _, _ in found] == [[1, 2, 3], [0], [4]]
    _, piece, ends = found[0]
    assert piece.X[0, 0].tolist() == list(range(14))
    assert ends.tolist() == [6, 10, 14]


def test_a_short_recording_is_read_from_its_first_sample():
    windows = some_windows([0])
    mask = np.array([[False, False, True, True, True, True]])
    _, piece, ends = next(iter(study.pieces(replace(windows, mask=mask))))
    assert piece.X[0, 0].tolist() == [2, 3, 4, 5]
    assert ends.tolist() == [4]


def test_a_stream_over_one_window_is_that_window(forms):
    fold = forms.fold
    first = np.unique(fold.windows.recording.astype(str), return_index=True)[1]
    alone = replace(fold, windows=fold.windows.take(first), test=fold.test.take(first))
    network = forms.network()
    wanted = study.window_logits(network, alone.test)
    assert np.allclose(study.stream_logits(network, alone), wanted, atol=1e-4)


# --- guidance ------------------------------------------------------------------------------------


def test_the_true_domain_is_that_of_the_nearer_window_end():
    end = np.array([2, 4, 6, 8, 10, 12, 14])
    t, p, truth = study._from_first(end, np.eye(7), np.array([4, 12]), np.array([0, 2]), 2.0)
    assert t.tolist() == [2, 3, 4, 5, 6, 7]
    assert p.argmax(1).tolist() == [1, 2, 3, 4, 5, 6]
    assert truth.tolist() == [0, 0, 0, 2, 2, 2]  # 8 lies in the middle


def test_a_guide_is_asked_about_its_own_folds_athletes(data, forms):
    own = replace(data, guided=data.task)
    names = [name for name, _ in forms.heard(study.ARMS["guide_zone"])]
    assert names == sorted(forms.split.test)
    other = study.Forms(replace(own, guided=replace(data.task)), forms.split, 1, QUICK)
    everybody = np.unique(data.task.windows.athlete.astype(str))
    assert [n for n, _ in other.heard(study.ARMS["guide_zone"])] == everybody[1::5].tolist()
    assert PROTOCOL.folds == 5


def test_a_guide_that_knows_the_domain_is_as_late_as_its_patience(forms, monkeypatch):
    truth = np.repeat([0, 2, 0], [100, 200, 100])
    t = 2.0 * np.arange(400)
    heard = [("a", [(t, np.eye(3)[truth], truth)])]
    monkeypatch.setattr(type(forms), "heard", lambda self, arm: iter(heard))
    found = {}
    for name in ("guide", "guide_hasty"):
        rows = forms.guided(study.ARMS[name]).set_index("metric")["value"]
        found[name] = rows.to_dict()
    patience = {"late_s": guidance.Settings().in_s, "missed": 0, "false_alarms_per_h": 0}
    assert found["guide"] == patience
    assert found["guide_hasty"]["late_s"] == 0


def test_a_set_without_domains_is_not_guided(data):
    swimmers = study.Data(data.task, None)
    arms = {name: study.ARMS[name] for name in ("student", "guide")}
    rows = study.score(swimmers, folds_of(data.task)[0], 0, arms, QUICK)
    assert set(rows["arm"]) == {"student"}


# --- what pages say ------------------------------------------------------------------------------


def test_a_page_can_be_written_of_any_table(scores):
    tables = dict.fromkeys(findings.PEOPLE, scores.assign(study="deploy", dataset="x"))
    said = findings.findings(tables)
    assert said["swimming_int8"].split(": ")[1] in findings.KEPT.values()
    assert not any("nan" in text for text in said.values())
    figures.forms(tables)
    for table in (figures.level_table, figures.agreement_table, figures.guidance_table):
        assert "nan" not in table(tables).to_html()


def test_a_short_run_that_guides_one_athlete_has_no_interval(scores):
    one = scores[~scores["arm"].isin(study.GUIDES)]
    rows = [("guide", "p", m, v, 1.0) for m, v in (("late_s", 30.0), ("missed", 0.5))]
    guided = pd.DataFrame(rows, columns=["arm", "athlete", "metric", "value", "n"])
    table = pd.concat([one, guided.assign(partition=0, fold=0, seed=0)]).assign(study="deploy")
    html = figures.guidance_table({"x": table.assign(dataset="x")}).to_html()
    assert ">30<" in html
    assert ">50%<" in html


@pytest.mark.parametrize("limit_us", [2.0, np.nan])
def test_the_limit_is_drawn_where_it_is_known(limit_us):
    us = pd.Series({"student, PyTorch": 500.0, "C": 7.5})
    ax = figures.near_the_limit(us, limit_us).axes[0]
    texts = [text.get_text() for text in ax.texts]
    assert ("the arithmetic alone" in texts) == np.isfinite(limit_us)
    assert {"500", "7.5"} <= set(texts)


def test_the_deadline_of_a_stream_is_the_next_sample():
    ax = figures.jitter(np.array([1e-5, 2e-5, 2e-4]), 30.0).axes[0]
    texts = [text.get_text() for text in ax.texts]
    assert texts[0] == "median: 20 µs"
    assert texts[2] == "deadline: 33,333 µs"


def test_a_frame_holds_the_page_whole():
    page = '<p title="a">1 < 2 & "b"</p>'
    from html import unescape

    html = figures.in_a_frame(page).data
    assert unescape(html.split('srcdoc="')[1].split('" loading')[0]) == page
