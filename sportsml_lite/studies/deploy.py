"""Chapter 11: what does a student lose on its way from PyTorch to a wrist, and is it in time?

One student a fold, trained on all labels, answers for the same test windows in every form: as
PyTorch has it, in whole numbers of 8 bits, as a stream that remembers what came before the window,
and with the athlete's own head, computed in closed form on the device. A form can only lose.

Where the classes are domains of intensity, the streamed answers also guide: *hold, ease, stop*.
What is late and what is a false alarm is counted against the true domain, beside the naive rule, a
heart rate above a threshold, and beside the same guidance without its patience.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sportsml_lite.baselines.windows import fit_window_baseline
from sportsml_lite.deploy import guidance
from sportsml_lite.deploy.int8 import Int8Network, quantise
from sportsml_lite.deploy.kept import calibration_rows, card_of
from sportsml_lite.deploy.network import Network, describe
from sportsml_lite.deploy.personal import personal_head, prior_of
from sportsml_lite.evaluate import Comparison, compare_all
from sportsml_lite.intensity import DOMAINS
from sportsml_lite.prepare.tasks import Task, load_task
from sportsml_lite.protocol import PARTS, PROTOCOL, Split
from sportsml_lite.schema import Windows
from sportsml_lite.studies.pipeline import KAPPA, K
from sportsml_lite.studies.runner import Options, Study
from sportsml_lite.studies.transfer import judged, load_windows, ramp
from sportsml_lite.training.data import Sequences
from sportsml_lite.training.folds import Fold, folds_of, make_fold
from sportsml_lite.training.networks import (
    answers,
    config_for,
    predict,
    train_student,
    train_teacher,
)
from sportsml_lite.transfer import fit_population, take_shots

COLUMNS = ["arm", "athlete", "metric", "value", "n", "k"]
PLANNED = 0  # an easy session: below VT1 throughout, as most training is
OTHERS = 1000  # added to the seed of simulated athletes who are guided and train nobody
GUIDED = (40, 2, 10.0)  # how many, sessions of each, s between two known domains


@dataclass(frozen=True)
class Arm:
    """What may differ between two forms of a model.

    model : ``'majority'``, ``'teacher'`` or ``'student'``
    int8 : in whole numbers of 8 bits; stream : reads whole recordings, and remembers
    personal : with the athlete's own head, from the k earliest windows of each class
    later : tested on the windows that a personal one is tested on
    shift : added to the job's seed
    guide : how patient the guidance by the streamed answers is; None: no guidance
    """

    model: str = "student"
    int8: bool = False
    stream: bool = False
    personal: bool = False
    later: bool = False
    shift: int = 0
    guide: guidance.Settings | None = None


PATIENT = guidance.Settings()
HASTY = guidance.Settings(confidence=0.5, in_s=0.0, more_s=0.0, out_s=0.0)
ARMS = {
    "majority": Arm("majority"),
    "teacher": Arm("teacher"),
    "student": Arm(),
    "student_again": Arm(shift=50),
    "int8": Arm(int8=True),
    "stream": Arm(stream=True),
    "student_later": Arm(later=True),
    "personal": Arm(personal=True, later=True),
    "personal_int8": Arm(int8=True, personal=True, later=True),
    "guide": Arm(stream=True, guide=PATIENT),
    "guide_hasty": Arm(stream=True, guide=HASTY),
    "guide_zone": Arm("zone", guide=PATIENT),
}
GUIDES = {name: arm for name, arm in ARMS.items() if arm.guide}
TITLES = {
    "majority": "most frequent class",
    "teacher": "the teacher (LSTM, chapter 7)",
    "student": "the student",
    "student_again": "the same, another seed",
    "int8": "in 8 bits",
    "stream": "as a stream",
    "student_later": "the student, later windows",
    "personal": "own head, later windows",
    "personal_int8": "own head, in 8 bits, later windows",
    "guide": "guided by the student",
    "guide_hasty": "the same without patience",
    "guide_zone": "guided by a heart rate",
}
# What the study asks: an arm, and the one that it is held against.
QUESTIONS = {
    "int8": ("int8", "student"),
    "stream": ("stream", "student"),
    "personal_int8": ("personal_int8", "personal"),
    "personal": ("personal", "student_later"),
    "small": ("student", "teacher"),
}


@dataclass(frozen=True)
class Data:
    """A data set's windows.

    task : of the athletes who train, validate and test
    guided : of those who are guided, each by the models of one fold; None where the classes are no
        domains of intensity
    """

    task: Task
    guided: Task | None


def load(options: Options) -> Data:
    """Windows of a data set; simulated athletes who are guided are others, seen more often.

    Raises
    ------
    UserError as :func:`sportsml_lite.prepare.tasks.load_task` does
    """
    task = load_windows(options)
    if task.windows.classes != DOMAINS:
        return Data(task, None)
    if not options.simulated:
        return Data(task, task)
    people, sessions, stride_s = GUIDED
    length_s = task.windows.X.shape[2] / task.windows.rate_hz
    return Data(task, load_task(
        options.dataset, seed=options.seed + OTHERS, n_athletes=people if options.full else 10,
        sessions_each=sessions, length_s=length_s, stride_s=stride_s,
    ))  # fmt: skip


def splits(data: Data, partition: int) -> list[Split]:
    """The folds of every chapter."""
    return folds_of(data.task, partition)


def score(
    data: Data, split: Split, seed: int, arms: Mapping[str, Arm], options: Options
) -> pd.DataFrame:
    """Rows of one job: arm, athlete, metric, value, n; setting k.

    Metrics of each test athlete: ``macro_f1``, ``accuracy``, and ``agreement``, the share of the
    windows in which a form of the student answers as PyTorch does. Personal arms leave athletes
    out who cannot give k windows of each class, and a ramp test as a whole, whose earliest windows
    show one class. Of each guided athlete: ``late_s``, mean over the excesses that were told,
    ``missed``, share of the excesses, ``false_alarms_per_h``.

    Raises
    ------
    UserError as :func:`sportsml_lite.training.folds.make_fold` does
    """
    forms = Forms(data, split, seed, options)
    rows = [forms.guided(arm).assign(arm=name, k=np.nan)
            for name, arm in arms.items() if arm.guide and data.guided is not None]  # fmt: skip
    for name, arm in arms.items():
        if arm.guide or (arm.later and ramp(options)):
            continue
        said = forms.said(arm)
        if len(said):
            k = float(K) if arm.later else np.nan
            found = [judged(said), *forms.agreement(arm, said)]
            rows.append(pd.concat(found).assign(arm=name, k=k))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=COLUMNS)


class Forms:
    """One fold and its student, in every form."""

    def __init__(self, data: Data, split: Split, seed: int, options: Options):
        self.seed, self.fold = seed, make_fold(data.task, split)
        self.config = config_for(self.fold, "full" if options.full else "quick")
        self.shots = take_shots(self.fold.test, self.fold.windows)
        self.data, self.split = data, split
        self.number = (seed - options.seed) % 100  # of the fold, see the runner's jobs
        self._students: dict[int, object] = {}

    def student(self, shift: int = 0):
        """The student, trained on all labels."""
        if shift not in self._students:
            found = train_student(self.fold, self.seed + shift, self.config)
            self._students[shift] = found.model
        return self._students[shift]

    def network(self, int8: bool = False) -> Network | Int8Network:
        """The student as a device has it; 8 bits are fitted to windows of training athletes."""
        student, fold = self.student(), self.fold
        origin = {"dataset": self.data.task.name, "athletes": len(self.split.train)}
        card = card_of(student, fold, **origin, labelled=origin["athletes"], seed=0, scores={})
        folded = describe(student, card)
        seen = fold.train.X[calibration_rows(fold)].numpy()
        return quantise(folded, seen) if int8 else folded

    def rival(self, name: str):
        """A baseline, fitted to the training athletes."""
        windows = self.data.task.windows
        train, validation = (
            windows.take(self.split.rows(windows.athlete, part)) for part in PARTS[:2]
        )
        return fit_window_baseline(name, train, validation, self.seed)

    @property
    def later(self) -> np.ndarray:
        """Test windows that come after an athlete's own, (M,) int."""
        ks = self.shots.feasible_ks((K,))
        return self.shots.test(K)[0] if ks else np.arange(0)

    def said(self, arm: Arm) -> pd.DataFrame:
        """What an arm answers: columns athlete, y, predicted, over the windows that test it."""
        fold = self.fold
        rows = self.later if arm.later else np.arange(len(fold.windows))
        if not len(rows):
            return pd.DataFrame(columns=["athlete", "y", "predicted"])
        windows = fold.windows.take(rows)
        return pd.DataFrame({
            "athlete": windows.athlete.astype(str), "y": windows.y,
            "predicted": self._predicted(arm, rows),
        })  # fmt: skip

    def _predicted(self, arm: Arm, rows: np.ndarray) -> np.ndarray:
        fold = self.fold
        if arm.model == "majority":
            return self.rival("majority")(fold.windows.take(rows))
        if arm.model == "teacher":
            nets = train_teacher(fold, self.seed, self.config)
            return answers(fold, predict(nets, fold.test, fold.signs))[rows]
        if arm.personal:
            return self._personal(arm.int8, rows)
        if arm.stream:
            logits = stream_logits(self.network(arm.int8), fold)
        elif arm.int8:
            logits = window_logits(self.network(True), fold.test)
        else:
            logits = eager_logits(self.student(arm.shift), fold.test)
        return _answer(fold, logits)[rows]

    def _personal(self, int8: bool, rows: np.ndarray) -> np.ndarray:
        """Answers to rows, each by the head of its athlete's k earliest windows."""
        fold, network = self.fold, self.network(int8)
        known = fit_population(self.student(), fold.train, fold.train_athlete)
        features = window_features(network, fold.test)
        said = np.full(len(fold.test), -1)
        for own in self.shots.support_rows(K):
            y = fold.windows.y[own]
            weight, bias = personal_head(prior_of(known, KAPPA), features[own], y)
            mine = rows[fold.windows.athlete[rows] == fold.windows.athlete[own[0]]]
            said[mine] = (features[mine] @ weight.T + bias).argmax(1)
        return said[rows]

    def agreement(self, arm: Arm, said: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """Share of the windows that are answered as in PyTorch, of a form that could differ."""
        if not (arm.int8 or arm.stream):
            return
        base = self.said(replace(arm, int8=False, stream=False))
        same = (said["predicted"] == base["predicted"]).groupby(said["athlete"])
        found = same.agg(value="mean", n="size").reset_index()
        yield found.assign(metric="agreement")

    def guided(self, arm: Arm) -> pd.DataFrame:
        """Lateness, misses and false alarms of each guided athlete of this fold."""
        rows = []
        for athlete, heard in self.heard(arm):
            found = [guidance.judge(guidance.guide(t, p, 0 * truth + PLANNED, arm.guide), t, truth,
                                    0 * truth + PLANNED) for t, p, truth in heard]  # fmt: skip
            late = np.concatenate([each.late_s for each in found])
            kept_h = sum(each.kept_h for each in found)
            told = ~np.isnan(late)
            values = {
                "late_s": (late[told].mean() if told.any() else np.nan, told.sum()),
                "missed": ((~told).mean() if len(late) else np.nan, len(late)),
                "false_alarms_per_h": (
                    sum(e.false_alarms for e in found) / kept_h if kept_h else np.nan, len(found)
                ),
            }  # fmt: skip
            rows += [(athlete, metric, *value) for metric, value in values.items()]
        found = pd.DataFrame(rows, columns=["athlete", "metric", "value", "n"])
        return found[found["value"].notna()]

    def heard(self, arm: Arm) -> Iterator[tuple[str, list[tuple]]]:
        """Of each guided athlete, a recording each: times, probabilities and true domains."""
        windows = self.data.guided.windows
        names = np.unique(windows.athlete.astype(str))
        if self.data.guided is self.data.task:
            mine = sorted(set(map(str, self.split.test)))
        else:  # each is guided by the models of one fold
            mine = names[self.number :: PROTOCOL.folds].tolist()
        says = self.streamed if arm.stream else self.by_windows(self.rival(arm.model))
        for name in mine:
            own = windows.take(windows.athlete.astype(str) == name)
            yield name, [says(own.take(rows), *piece) for rows, *piece in pieces(own)]

    def streamed(self, own: Windows, piece: Windows, ends: np.ndarray) -> tuple:
        """What a stream of the piece says from the first window's end on."""
        network = self.network()
        x = self.fold.sequences(piece).X.numpy()
        whole = x.shape[2] // network.stride * network.stride
        logits = network.running_logits(x[:, :, :whole])[0].T
        end = network.stride * (1 + np.arange(len(logits)))
        return _from_first(end, _softmax(logits), ends, own.y, piece.rate_hz)

    def by_windows(self, predictor):
        """The same of a baseline, asked about the window that ends at each step."""
        stride = self.network().stride

        def says(own: Windows, piece: Windows, ends: np.ndarray) -> tuple:
            size, length = own.X.shape[2], piece.X.shape[2]
            end = np.arange(size, length + 1, stride)
            seen = np.lib.stride_tricks.sliding_window_view(piece.X[0], size, 1)
            X = np.ascontiguousarray(seen.transpose(1, 0, 2)[end - size], np.float32)
            many = replace(
                own.take(np.zeros(len(end), int)), X=X, mask=np.ones((len(X), size), bool)
            )
            certain = np.eye(len(own.classes))[predictor(many)]
            return _from_first(end, certain, ends, own.y, piece.rate_hz)

        return says


def _from_first(end, probability, ends, y, rate_hz: float) -> tuple:
    """Times (M,) s, probabilities and true domains of the steps from the first known one on.

    The domain is known at the windows' ends; between two of them it is the nearer one's.
    """
    probability = probability[end >= ends[0]]
    end = end[end >= ends[0]]
    order = np.argsort(ends, kind="stable")
    middle = (ends[order][1:] + ends[order][:-1]) / 2
    return end / rate_hz, probability, y[order][np.searchsorted(middle, end)]


def _softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


# --- a fold's student on a device ----------------------------------------------------------------


def eager_logits(student, part: Sequences) -> np.ndarray:
    """Answers of PyTorch, (N, K)."""
    import torch

    with torch.inference_mode():
        return student(part.X, part.mask).numpy()


def window_features(network: Network | Int8Network, part: Sequences) -> np.ndarray:
    """What the head sees of each window, (N, 2 W); a padded one is read from its first sample."""
    stride = network.stride if isinstance(network, Network) else network.network.stride
    X = part.X.numpy()
    real = np.full(len(X), X.shape[2]) if part.mask is None else part.mask.sum(1).numpy()
    length = -(-real // stride) * stride  # whole steps; the padding in the first one is 0
    first = network.features(X[:1, :, -stride:])
    found = np.empty((len(X), first.shape[1]), np.float32)
    for samples in np.unique(length):
        rows = np.flatnonzero(length == samples)
        for some in np.array_split(rows, -(-len(rows) // 256)):
            found[some] = network.features(X[some][:, :, X.shape[2] - samples :])
    return found


def window_logits(network: Network | Int8Network, part: Sequences) -> np.ndarray:
    """Answers to each window, (N, K)."""
    head = network if isinstance(network, Network) else network.network
    weight = np.concatenate([head.head_mean, head.head_last], 1)
    return window_features(network, part) @ weight.T + head.head_bias


def stream_logits(network: Network, fold: Fold) -> np.ndarray:
    """Answers at the end of each test window by a stream that began with its recording, (N, K)."""
    found = np.zeros((len(fold.windows), len(fold.classes)), np.float32)
    for rows, piece, ends in pieces(fold.windows):
        x = fold.sequences(piece).X.numpy()
        spare = x.shape[2] % network.stride
        running = network.running_logits(x[:, :, : x.shape[2] - spare])[0]
        found[rows] = running[:, ends // network.stride - 1].T
    return found


def pieces(windows: Windows) -> Iterator[tuple[np.ndarray, Windows, np.ndarray]]:
    """Recordings joined again from their windows: stretches without a gap.

    Yields
    ------
    rows of the windows in a stretch; the stretch as one window; each window's end in it, samples
    """
    size = windows.X.shape[2]
    for _, rows in pd.Series(range(len(windows))).groupby(windows.recording.astype(str)):
        rows = rows.to_numpy()[np.argsort(windows.t0_s[rows], kind="stable")]
        start = np.round((windows.t0_s[rows] - windows.t0_s[rows[0]]) * windows.rate_hz).astype(int)
        breaks = np.flatnonzero(np.diff(start) > size) + 1
        for some, begin in zip(np.split(rows, breaks), np.split(start, breaks), strict=True):
            yield some, *_joined(windows, some, begin - begin[0])


def _joined(windows: Windows, rows: np.ndarray, begin: np.ndarray) -> tuple[Windows, np.ndarray]:
    size = windows.X.shape[2]
    X = np.full((1, len(windows.channels), begin[-1] + size), np.nan, np.float32)
    mask = np.zeros((1, X.shape[2]), bool)
    for row, at in zip(rows, begin, strict=True):
        X[0, :, at : at + size] = windows.X[row]
        mask[0, at : at + size] |= windows.mask[row]
    first = int(mask[0].argmax())  # a short recording is padded in front
    one = windows.take(rows[:1])
    piece = replace(one, X=X[:, :, first:], mask=mask[:, first:])
    return piece, begin + size - first


def _answer(fold: Fold, logits: np.ndarray) -> np.ndarray:
    """Class positions (N,); a class that no training window has is no answer."""
    absent = [fold.classes.index(name) for name in fold.absent]
    logits = logits.copy()
    logits[:, absent] = -np.inf
    return logits.argmax(1)


def judge(tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], Comparison]:
    """Every question of the study on every data set: (data set, question) → comparison.

    tables : Scores by data set; a question whose arms a table lacks is left out
    """
    return compare_all(tables, QUESTIONS)


STUDY = Study(
    name="deploy",
    question="What does a student lose on its way to a wrist, and does it guide in time?",
    load=load,
    splits=splits,
    score=score,
    arms=ARMS,
    titles=TITLES,
    reference="student",
    metric="macro_f1",
    datasets=("swimming", "actes", "simulated"),
    quick=("majority", "student", "student_again", "int8", "stream", *GUIDES),
    cheap=("majority",),
)
