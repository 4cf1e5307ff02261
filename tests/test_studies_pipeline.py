"""Study of chapter 10: who is told what, one exam for all arms, and the rival's windows."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from sportsml_lite.baselines.windows import (
    NEVER,
    fit_symmetric_scores,
    fit_window_baseline,
)
from sportsml_lite.deploy.kept import load_kept
from sportsml_lite.errors import UserError
from sportsml_lite.losses import Hard, Soft
from sportsml_lite.models import Student
from sportsml_lite.studies import pipeline as study
from sportsml_lite.studies.runner import Options, depends_on, first_job, run
from sportsml_lite.studies.transfer import Data
from sportsml_lite.training.folds import folds_of
from sportsml_lite.training.keep import load_student, read_windows
from sportsml_lite.training.networks import predict

OPTIONS = Options("simulated", profile="quick", settings={"k": 1, "n_labelled": 4})


@pytest.fixture(scope="module")
def task(simulated_task):
    return simulated_task(12, 2)


@pytest.fixture
def trained(monkeypatch):
    """What was trained, in order; networks keep random weights."""
    calls = []

    def network(fold, seed, size):
        torch.manual_seed(seed)
        model = Student(fold.train.X.shape[1], fold.n_outputs, size, stride=fold.stride).eval()
        return SimpleNamespace(model=model)

    def teacher(fold, seed, config, labelled=None):
        calls.append(("teacher", seed, labelled))
        return [network(fold, seed, 3)]

    def student(fold, seed, config, loss=None, soft=None, labelled=None, unlabelled=False,
                width=None):  # fmt: skip
        calls.append(("student", seed, labelled, loss, soft, unlabelled))
        return network(fold, seed, width or 2)

    monkeypatch.setattr(study, "train_teacher", teacher)
    monkeypatch.setattr(study, "train_student", student)
    return calls


def few(*names):
    return {name: study.ARMS[name] for name in names}


NETWORKS = few("majority", "teacher", "none", "none_again", "masked", "only_distilled",
               "taught_masked", "means", "only_personal", "self", "whole")  # fmt: skip


def test_every_arm_sits_the_same_exam_and_each_network_is_trained_once(task, trained):
    split = folds_of(task)[0]
    found = study.score(Data(task, None), split, 7, NETWORKS, OPTIONS)
    n = found[found["metric"] == "macro_f1"].pivot(index="athlete", columns="arm", values="n")
    assert set(n.columns) == set(NETWORKS)
    assert n.notna().all(axis=None)
    assert (n.nunique(axis=1) == 1).all()
    assert set(n.index) <= set(split.test)
    kinds = [call[0] for call in trained]
    assert kinds.count("teacher") == 1
    assert kinds.count("student") == 4, "plain, plain again, taught, self-taught"


def test_who_learns_from_whom(task, trained):
    room = study.Room.make(Data(task, None), folds_of(task)[0], 7, OPTIONS)
    for arm in few("none", "none_again", "whole", "self").values():
        room.said(arm)
    plain, again, *rest = trained
    assert plain[1:4] == (7, room.labelled, Hard())
    assert plain[4:] == (None, False)
    assert again[1] == 57
    teacher, taught, equal = rest
    assert teacher == ("teacher", 7, room.labelled)
    assert taught[3] == equal[3] == Soft(0.5, 2.0)
    assert taught[5] and equal[5], "with the others' windows"
    assert len(taught[4]) == len(equal[4]) == len(room.fold.train)
    assert not torch.equal(taught[4], equal[4]), "another teacher"
    assert len(room.labelled) == 4
    assert set(room.labelled) < set(room.fold.train_athlete)


def test_minirocket_teaches_out_of_fold_a_student_of_any_width(task, trained, monkeypatch):
    monkeypatch.setattr("sportsml_lite.baselines.kernels.COUNT", 84)
    room = study.Room.make(Data(task, None), folds_of(task)[0], 7, OPTIONS)
    wide = room.network("rocket", 0, room.fold, 5)[0].model
    assert wide.stem.out_channels == 5
    ((_, _, labelled, loss, soft, unlabelled),) = trained
    assert (labelled, loss, unlabelled) == (room.labelled, Soft(0.5, 2.0), True)
    assert soft.shape == (len(room.fold.train), len(task.windows.classes))
    assert room.network("rocket", 0, room.fold, 5)[0].model is wide
    room.network("rocket", 0, room.fold)
    assert len(trained) == 2


def test_rivals_learn_from_the_labelled_athletes_alone(task):
    split = folds_of(task)[0]
    room = study.Room.make(Data(task, None), split, 0, OPTIONS)
    train, validation, test = (room.part(task, name) for name in ("train", "validation", "test"))
    assert set(train.take(room.is_labelled(train)).athlete) == set(room.labelled)
    assert set(validation.athlete) == set(split.validation)
    assert set(test.athlete) == set(split.test)
    assert np.array_equal(test.t0_s, room.fold.windows.t0_s)


def test_a_personal_minirocket_gets_the_athletes_windows_and_no_others(task, monkeypatch):
    """Scores that name the class, turned round for one athlete: five windows turn them back."""
    room = study.Room.make(Data(task, None), folds_of(task)[0], 0, OPTIONS)
    train, test = room.part(task, "train"), room.part(task, "test")
    train = train.take(room.is_labelled(train))
    k = len(task.windows.classes)
    right = {"train": torch.eye(k)[train.y], "test": torch.eye(k)[test.y].double()}
    athlete = room.shots.shot.athletes(1)[0]
    odd = torch.as_tensor(test.athlete.astype(str) == athlete)
    right["test"][odd] = right["test"][odd].roll(1, 1)
    noise = 0.05 * torch.randn(len(train), k, generator=torch.Generator().manual_seed(0))
    scores = {len(train): right["train"] + noise, len(test): right["test"]}

    class Fitted:
        """The scores are the features, too: a ridge with the weights of a class as they stand."""

        def read(self, windows):
            known = scores[len(windows)].double().numpy()
            return 2 * known - 1, 2 * known - 1

        def __call__(self, windows):
            return self.read(windows)[0]

    def fitted(*_, **__):
        return Fitted()

    monkeypatch.setattr(study, "fit_symmetric_scores", fitted)
    plain = room.said(study.ARMS["minirocket"])
    near = replace(study.ARMS["minirocket_personal"], kappa=0.01)
    own = room.said(near)
    ridge = room.said(replace(study.ARMS["minirocket_ridge"], kappa=0.01))
    for said, hit in ((plain, False), (own, True), (ridge, True)):
        mine = said[said["athlete"] == athlete]
        assert (mine["predicted"] == mine["y"]).all() == hit
    assert plain[["athlete", "y"]].equals(own[["athlete", "y"]])


def test_where_heart_rates_are_measured_every_window_tests(task, trained):
    measured = replace(task, windows=replace(task.windows, X=task.windows.X * 1.5))
    split = folds_of(task)[0]
    found = study.score(Data(task, measured), split, 0, NETWORKS, OPTIONS)
    assert set(found["arm"]) == set(NETWORKS) - {"masked", "taught_masked", "means"}
    n = found[found["metric"] == "accuracy"].groupby("arm")["n"].sum()
    assert (n == split.rows(task.windows.athlete, "test").sum()).all()


# --- MiniRocket's scores -------------------------------------------------------------------------


def tiny(task, athletes, classes=(0, 1, 2)):
    windows = task.windows
    names = np.unique(windows.athlete)[list(athletes)]
    windows = windows.take(np.isin(windows.athlete, names) & np.isin(windows.y, classes))
    return windows.take(np.arange(0, len(windows), 3))


def test_scores_agree_with_answers_and_a_class_without_windows_is_never_given(
    task, monkeypatch, tmp_path
):
    monkeypatch.setattr("sportsml_lite.baselines.kernels.COUNT", 168)
    monkeypatch.setattr("sportsml_lite.baselines.kernels.project_root", lambda: tmp_path)
    train, validation, test = (tiny(task, part, (0, 1)) for part in ((0, 1), (2, 3), (4, 5)))
    one = np.ones((1, len(train.channels)), np.float32)
    scores = fit_symmetric_scores(train, validation, one)(test)
    answers = fit_window_baseline("minirocket", train, validation)(test)
    assert scores.shape == (len(test), 3)
    assert np.array_equal(scores.argmax(1), answers)
    assert (scores[:, 2] == NEVER).all()
    signs = np.vstack([one, -one])
    both = fit_symmetric_scores(train, validation, signs)
    turned = replace(test, X=-test.X)
    np.testing.assert_allclose(both(test), both(turned), atol=1e-5)


# --- athletes of another folder, and the student that is kept ------------------------------------


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two folders of own tables, simulated: nine athletes, and three others."""
    from sportsml_lite.prepare.tasks import drawn

    out = []
    for name, count, seed in (("club", 9, 1), ("guests", 3, 2)):
        data, home = drawn("simulated", seed, count, 3), tmp_path_factory.mktemp("own") / name
        home.mkdir()
        for table in ("athletes", "sessions", "streams"):
            frame = getattr(data, table)
            if "athlete_id" in frame:
                frame = frame.assign(athlete_id=name + frame["athlete_id"].astype(str))
            if "session_id" in frame:
                frame = frame.assign(session_id=name + frame["session_id"].astype(str))
            frame.to_parquet(home / f"{table}.parquet")
        out.append(home)
    return out


def apart(folders, **settings):
    club, guests = folders
    settings = {"k": 1, "n_labelled": 4, "test_dir": str(guests)} | settings
    return Options(str(club), profile="quick", settings=settings)


def test_all_of_one_folder_train_and_all_of_another_are_tested(folders, tmp_path, trained):
    options = apart(folders)
    scores = run(study.STUDY, options, arms=("majority", "none"), folder=tmp_path).scores
    assert set(scores["dataset"]) == {"club"}
    assert scores["athlete"].str.startswith("guests").all()
    data = study.load(options)
    for partition in (0, 1):
        (split,) = study.splits(data, partition)
        assert set(split.test) == set(data.apart)
        assert len(split.train) + len(split.validation) == 9
        assert all(name.startswith("club") for name in split.train + split.validation)
    assert study.splits(data, 0) != study.splits(data, 1)
    assert options.own
    first = depends_on(study.STUDY, options)["data"]
    assert first != depends_on(study.STUDY, replace(options, settings={}))["data"]


def test_who_is_in_both_folders_is_refused_by_name(folders, tmp_path):
    with pytest.raises(UserError, match=r"club: athlete 'club\w+' is in club, too"):
        study.load(apart(folders, test_dir=str(folders[0])))
    other = tmp_path / "others"
    shutil.copytree(folders[1], other)
    streams = pd.read_parquet(other / "streams.parquet")
    streams.drop(columns="cadence_spm").to_parquet(other / "streams.parquet")
    with pytest.raises(UserError, match="others: channels .*; give the same in both"):
        study.load(apart(folders, test_dir=str(other)))
    label = streams["label"].astype(str)
    streams.assign(label=label.where(label != label.iloc[0], "lazy")).to_parquet(
        other / "streams.parquet"
    )
    with pytest.raises(UserError, match="others: class 'lazy', which club does not have"):
        study.load(apart(folders, test_dir=str(other)))


def test_a_kept_student_reads_raw_windows_as_it_did(folders, tmp_path, trained):
    options = apart(folders)
    scores = run(study.STUDY, options, ("only_distilled",), folder=tmp_path).scores
    card = study.keep(options, scores, tmp_path / "kept")
    student, read = load_student(tmp_path / "kept")
    assert read == card
    data, split, job = first_job(study.STUDY, options)
    room = study.Room.make(data, split, job.seed, options)
    wanted = predict(room.network("taught", 0, room.fold), room.fold.test)
    with torch.no_grad():
        part = read_windows(card, room.fold.windows)
        torch.testing.assert_close(student(part.X, part.mask), wanted, rtol=0, atol=1e-5)
    mean = scores[scores["metric"] == "macro_f1"]["value"].mean()
    assert card.scores == {"macro_f1, + teacher": pytest.approx(mean)}
    assert (card.athletes, card.labelled) == (len(split.train), 4)
    with pytest.raises(UserError, match="rate_hz 2.0; the kept student was trained on 1.0"):
        read_windows(card, replace(room.fold.windows, rate_hz=2.0))
    for profile, folder in (("accepted", tmp_path), ("quick", "")):
        with pytest.raises(UserError, match="keep = true"):
            study.keep(replace(options, profile=profile), scores, folder)
    assert not list(tmp_path.glob("student*"))


def test_beside_a_kept_student_lie_the_heads_that_the_study_examined(folders, tmp_path, trained):
    options = apart(folders)
    scores = run(study.STUDY, options, ("only_distilled",), folder=tmp_path).scores
    study.keep(options, scores, tmp_path / "kept")
    kept = load_kept(tmp_path / "kept")
    data, split, job = first_job(study.STUDY, options)
    room = study.Room.make(data, split, job.seed, options)
    wanted = room.said(study.ARMS["whole"])
    assert set(kept.heads) == set(wanted["athlete"]) <= set(split.test)
    features = room.shots.features(kept.student).numpy()
    rows, _ = room.shots.test(room.k)
    heads = [kept.heads[name] for name in room.shots.athlete[rows]]
    answers = [weight @ features[r] + bias for r, (weight, bias) in zip(rows, heads, strict=True)]
    found = [int(answer.argmax()) for answer in answers]
    assert found == wanted["predicted"].tolist()
    assert kept.prior.kappa == study.KAPPA
    population = room.population(kept.student)
    np.testing.assert_allclose(kept.prior.means, population.means.float(), rtol=1e-6)
    assert 0 < len(kept.calibration) <= 256
    train = {row.tobytes() for row in room.fold.train.X.numpy()}
    assert {row.tobytes() for row in kept.calibration} <= train


def test_a_quick_run_takes_the_fold_that_tests_most(task):
    found = [study.STUDY.tested(Data(task, None), split, OPTIONS) for split in folds_of(task)]
    few = replace(study.STUDY, load=lambda _: Data(task, None), tested=lambda d, s, o: (
        len(s.test) if "a00003" in s.test else 0))  # fmt: skip
    _, split, job = first_job(few, replace(OPTIONS, seed=5))
    assert "a00003" in split.test
    assert job.seed == 5 + job.fold
    assert max(found) > 0
    alone = replace(study.STUDY, load=lambda _: Data(task, None))
    _, split, job = first_job(alone, OPTIONS)
    assert found[job.fold] == max(found)


def test_nobody_to_test_is_said(folders, tmp_path, trained, monkeypatch):
    monkeypatch.setattr("sportsml_lite.transfer.Shots.feasible_ks", lambda *_: ())
    with pytest.raises(UserError, match="club: no athlete could be tested"):
        run(study.STUDY, apart(folders), arms=("none",), folder=tmp_path)
