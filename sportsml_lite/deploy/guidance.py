"""From the domain of the present second to a word on a watch: hold, ease, or stop.

The planned session says how hard each of its minutes may be (zones of chapter 6); the student says
how hard it is. Where it is harder than planned for long enough the word becomes *ease*, and *stop*
where easing does not help; it becomes *hold* again once the plan is kept for long enough. Both
waits keep a word from flickering. Past its end nothing of a session is planned any more: whoever
goes on is told to ease, and to stop, as the rules of chapter 6 allow a session no minute more.

The guide says nothing where the student is not sure, or hears nothing. It judges intensity and
nothing else: it knows no pain and no illness, and is no medical device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sportsml_lite.errors import UserError
from sportsml_lite.recommend.week import PlannedSession

# Zones 1 to 5 of chapter 6 in the domains below VT1 (0), between (1), above VT2 (2): the usual
# reading of five zones (Seiler 2010).
DOMAIN_OF_ZONE = (0, 0, 1, 2, 2)
REST = -1  # planned past the end of a session: every domain is above it
HOLD, EASE, STOP = "hold", "ease", "stop"


@dataclass(frozen=True)
class Settings:
    """How patient a guide is (assumptions).

    confidence : least probability of being above the plan, or of keeping to it, that counts
    in_s : above the plan for so long: *ease*; more_s : and so much longer: *stop*
    out_s : within the plan for so long: *hold*
    silent_s : after so long without a sure answer all waiting begins anew

    Raises
    ------
    UserError for a confidence outside 0.5 to 1, or a negative time
    """

    confidence: float = 0.7
    in_s: float = 30.0
    more_s: float = 60.0
    out_s: float = 30.0
    silent_s: float = 15.0

    def __post_init__(self):
        if not 0.5 <= self.confidence < 1:
            raise UserError(f"confidence = {self.confidence}: give 0.5 to 1, below 1")
        for name in ("in_s", "more_s", "out_s", "silent_s"):
            if not getattr(self, name) >= 0:
                raise UserError(f"{name} = {getattr(self, name)}: give seconds, 0 or more")


@dataclass(frozen=True)
class State:
    """What a guide remembers.

    word : in force; above : whether the last sure answer was above the plan
    since_s : since when that is so; sure_s : time of the last sure answer; planned : for it
    """

    word: str = HOLD
    above: bool = False
    since_s: float = -np.inf
    sure_s: float = -np.inf
    planned: int = REST


START = State()


def advance(
    state: State,
    t_s: float,
    probability: np.ndarray | None,
    planned: int,
    settings: Settings,
) -> tuple[State, str | None]:
    """The next state, and the word to show; None where nothing can be said.

    Parameters
    ----------
    t_s : time of this answer, not before the last sure one
    probability : (3,) of the domains, or None without a valid sample
    planned : domain of the present part of the session, 0 to 2, or :data:`REST`

    Raises
    ------
    UserError if time runs backwards, the domains are not three, or the planned one is none
    """
    if t_s < state.sure_s:
        raise UserError(f"t_s = {t_s:g} comes before {state.sure_s:g}; give answers in order")
    if planned not in (REST, 0, 1, 2):
        raise UserError(f"planned = {planned}: give a domain, 0 to 2, or {REST} for rest")
    above = None if probability is None else _above(probability, planned, settings.confidence)
    if above is None:
        return (START if t_s - state.sure_s > settings.silent_s else state), None
    if t_s - state.sure_s > settings.silent_s:
        state = START
    # Another part of the session, or another finding: its wait begins now.
    same = above == state.above and planned == state.planned and state.sure_s > -np.inf
    since_s = state.since_s if same else t_s
    word = _word(state.word, above, t_s - since_s, settings)
    return State(word, above, since_s, t_s, planned), word


def _above(probability: np.ndarray, planned: int, confidence: float) -> bool | None:
    """Whether the domain is above the planned one; None where that is not sure."""
    if np.shape(probability) != (3,):
        raise UserError(f"probabilities of shape {np.shape(probability)}: give three domains")
    p = float(np.sum(probability[planned + 1 :]))
    return None if not max(p, 1 - p) >= confidence else p > 0.5


def _word(word: str, above: bool, lasted_s: float, settings: Settings) -> str:
    if not above:
        return HOLD if lasted_s >= settings.out_s else word
    if lasted_s >= settings.in_s + settings.more_s:
        return STOP
    return EASE if word == HOLD and lasted_s >= settings.in_s else word


def guide(
    t_s: np.ndarray, probability: np.ndarray, planned: np.ndarray, settings: Settings | None = None
) -> list[str | None]:
    """The words of a whole recording, one an answer.

    Parameters
    ----------
    t_s : (M,) rising; probability : (M, 3), NaN where nothing was heard; planned : (M,) int

    Raises
    ------
    UserError as :func:`advance` does
    """
    state, words, settings = START, [], settings or Settings()
    for t, p, plan in zip(t_s, probability, planned, strict=True):
        heard = None if np.isnan(p).any() else p
        state, word = advance(state, float(t), heard, int(plan), settings)
        words.append(word)
    return words


def planned_domain(session: PlannedSession, t_s: np.ndarray) -> np.ndarray:
    """Highest domain that a session of chapter 6 plans at a time since its start, (M,) int.

    Parameters
    ----------
    t_s : (M,) seconds; :data:`REST` from the session's end on
    """
    steps = [step for part in session.parts() for _ in range(part.times) for step in part.steps]
    end_s = 60 * np.cumsum([step.minutes for step in steps])
    domain = [*(DOMAIN_OF_ZONE[step.high - 1] for step in steps), REST]
    return np.array(domain)[np.searchsorted(end_s, t_s, side="right")]


# --- judging -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """How a guide did against the true domain.

    late_s : (E,) seconds from the begin of each excess to the first *ease* or *stop* within it,
        NaN where there was none; false_alarms : that began while the plan was kept
    kept_h, said : hours in which the plan was kept; share of all answers at which it said anything
    """

    late_s: np.ndarray
    false_alarms: int
    kept_h: float
    said: float

    @property
    def missed(self) -> int:
        """Excesses of which it said nothing."""
        return int(np.isnan(self.late_s).sum())

    @property
    def false_an_hour(self) -> float:
        """False alarms an hour of keeping to the plan; NaN without any such time."""
        return self.false_alarms / self.kept_h if self.kept_h else float("nan")


def judge(
    words: Sequence[str | None],
    t_s: np.ndarray,
    truth: np.ndarray,
    planned: np.ndarray,
    least_s: float = 60.0,
) -> Judged:
    """Seconds late, excesses missed, and false alarms an hour.

    An excess is a stretch in which the true domain is above the planned one for ``least_s`` or
    longer; a shorter one is neither missed nor, if it is told, a false alarm.

    Parameters
    ----------
    words : M, of :func:`guide`; t_s : (M,) rising; truth, planned : (M,) domains

    Raises
    ------
    UserError if the lengths differ
    """
    sizes = {len(words), len(t_s), len(truth), len(planned)}
    if len(sizes) > 1 or not len(words):
        raise UserError(f"words, times and domains of lengths {sorted(sizes)}; give one each")
    t_s, above = np.asarray(t_s, float), np.asarray(truth) > np.asarray(planned)
    alarm = np.array([word in (EASE, STOP) for word in words])
    step = np.diff(t_s, append=t_s[-1])
    late = [
        (t_s[begin:end][alarm[begin:end]][:1] - t_s[begin]).tolist() or [np.nan]
        for begin, end in _stretches(above)
        if t_s[end - 1] - t_s[begin] >= least_s
    ]
    # A word that is silent in between goes on; it begins where the one before was another.
    spoken = np.array([word is not None for word in words])
    began = alarm[spoken] & ~np.r_[False, alarm[spoken][:-1]]
    return Judged(
        late_s=np.array([each[0] for each in late], float),
        false_alarms=int((began & ~above[spoken]).sum()),
        kept_h=float(step[~above].sum() / 3600),
        said=float(spoken.mean()),
    )


def _stretches(mask: np.ndarray) -> list[tuple[int, int]]:
    """Begin and end (exclusive) of each run of True."""
    edge = np.flatnonzero(np.diff(np.r_[0, mask.astype(int), 0]))
    return list(zip(edge[::2].tolist(), edge[1::2].tolist(), strict=True))
