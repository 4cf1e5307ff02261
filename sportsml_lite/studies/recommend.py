"""Chapter 6: what does advice bring over months, with and without feedback from the athlete?

Athletes whom no model has met are advised for six blocks of four weeks, each by every policy and
with the same luck. The model of the policies comes from other athletes, whose training was drawn by
lot. **Naive:** go on as usual; any week that the rules accept. **Classical:** a coach's three weeks
of building and one easy. **Model:** the best week for the population (no feedback), for the athlete
as known from own tests (feedback), the best by a lower bound, or one drawn as often as it may be
the best (Thompson). **Oracle:** knows what each week truly brings by the next test. All keep to the
same rules.

``…_other`` policies take their model from athletes of the *other* generator: of another strain, and
another law of what training does. That is nearer to what a model of simulated athletes is for a
real one.

Metrics, a row an athlete: ``gain_pct``, true change of VO2max from the first test to the last;
``level_pct``, the same of its mean over the last 28 mornings, which a last easy week does not
flatter; ``regret_pct``, what the best accepted week of a block would have brought more than the one
taken, a mean over blocks; ``disappointment_pct``, what was promised of the week taken against going
on as usual, minus what it brings; ``covered``, share of weeks whose true effect lies in their 90 %
interval; ``usual``, share of blocks in which the athlete is told to go on as usual;
``planned_over`` and ``done_over``, sessions longer than the cap, as planned and as done.
``block_gain_pct`` and ``block_regret_pct`` say the first two after and in each ``block``.
A coach takes none of the candidate weeks, so regret and promises are the others'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sportsml_lite import evaluate, protocol
from sportsml_lite.errors import UserError
from sportsml_lite.protocol import Split
from sportsml_lite.recommend import effect
from sportsml_lite.recommend.months import COACH, Log, live
from sportsml_lite.recommend.rank import LEVEL, USUAL, z_of
from sportsml_lite.simulate import GENERATORS
from sportsml_lite.simulate.weeks import World
from sportsml_lite.studies.runner import Options, Study


@dataclass(frozen=True)
class Arm:
    """A way to advise.

    policy : of :data:`sportsml_lite.recommend.policies.POLICIES`, or a coach
    other : whether the model comes from athletes of the other generator
    luck : added to the seed of what the athletes miss and how their tests err
    """

    policy: str
    other: bool = False
    luck: int = 0


ARMS = {
    "as_usual": Arm("as_usual"),
    "as_usual_again": Arm("as_usual", luck=1000),
    "random_safe": Arm("random_safe"),
    COACH: Arm(COACH),
    **{n: Arm(n) for n in ("greedy", "feedback", "half_sure", "lower_bound", "thompson")},
    "oracle": Arm("oracle"),
    **{f"{n}_other": Arm(n, other=True) for n in ("greedy", "feedback", "lower_bound")},
}
TITLES = {
    "as_usual": "as usual",
    "as_usual_again": "as usual, other luck",
    "random_safe": "any accepted week",
    COACH: "coach: three up, one easy",
    "greedy": "best for the population",
    "feedback": "best for the athlete",
    "half_sure": "lower bound, 50 %",
    "lower_bound": "lower bound, 90 %",
    "thompson": "Thompson sampling",
    "oracle": "oracle",
    "greedy_other": "population of another world",
    "feedback_other": "… with feedback",
    "lower_bound_other": "… by the lower bound, 90 %",
}


@dataclass(frozen=True)
class Data:
    """The athletes in their own world, and those of the same numbers in the other one."""

    world: World
    other: World

    @property
    def names(self) -> np.ndarray:
        """Of the athletes, (A,)."""
        return self.world.athletes()["athlete_id"].to_numpy()


def load(options: Options) -> Data:
    """Simulated athletes on the day of their first test.

    Raises
    ------
    UserError for a data set that is not simulated: advice is tried on nobody else here
    """
    if not options.simulated:
        raise UserError(
            f"{options.name}: what another plan would have brought is known of simulated athletes "
            f"only; take one of {', '.join(GENERATORS)}"
        )
    count = int(options.settings.get("n_athletes", 300 if options.full else 40))
    generators = sorted(GENERATORS, key=lambda name: name != options.dataset)
    return Data(*(World.draw(count, options.seed, name).rest() for name in generators))


def splits(data: Data, partition: int) -> list[Split]:
    """Five groups of athletes; each is advised by a model of the others."""
    return protocol.fold_athletes(data.names, seed=partition)


def score(
    data: Data, split: Split, seed: int, arms: Mapping[str, Arm], options: Options
) -> pd.DataFrame:
    """Rows of one fold: what every arm brings each test athlete."""
    tested = split.rows(data.names, "test")
    models = {
        other: effect.fit_population(
            effect.by_lot((data.other if other else data.world).take(~tested))
        )
        for other in {arm.other for arm in arms.values()}
    }
    world, rows = data.world.take(tested), []
    for name, arm in arms.items():
        log = live(
            replace(world, seed=world.seed + arm.luck), arm.policy, models[arm.other], seed=seed
        )
        rows.append(told(log, data.names[tested]).assign(arm=name))
    return pd.concat(rows, ignore_index=True)


def told(log: Log, names: np.ndarray) -> pd.DataFrame:
    """What a log says of each athlete: athlete, metric, value, n, block."""
    gain = 100 * (log.tested / log.tested[:, :1] - 1)
    level = 100 * (log.level / log.level[:, :1] - 1)
    found = {
        "gain_pct": gain[:, -1],
        "level_pct": level[:, -1],
        "planned_over": log.planned_over.sum(axis=1),
        "done_over": log.done_over.sum(axis=1),
    }
    by_block = {"block_gain_pct": gain[:, 1:]}
    if log.policy != COACH:
        regret = np.nanmax(log.truth, axis=2) - log.taken
        by_block["block_regret_pct"] = regret
        found |= {"regret_pct": regret.mean(axis=1)} | promised(log)
    rows = [
        pd.DataFrame({"athlete": names, "metric": metric, "value": value})
        for metric, value in found.items()
    ]
    rows += [
        pd.DataFrame({"athlete": names, "metric": metric, "value": value[:, b], "block": b + 1.0})
        for metric, value in by_block.items()
        for b in range(value.shape[1])
    ]
    return pd.concat(rows, ignore_index=True).assign(n=float(log.reward.shape[1]))


def promised(log: Log) -> dict[str, np.ndarray]:
    """Promises and what became of them, (A,) each: see the module's metrics."""
    usual = log.names == USUAL
    at = usual.argmax(axis=2)[..., None]  # the first one where the rules refuse as usual
    true = log.truth - np.take_along_axis(log.truth, at, axis=2)
    off = log.predicted - true
    others = (log.names != "") & ~usual
    inside = np.abs(off) <= z_of(LEVEL) * log.sd
    taken = log.chosen[..., None]
    return {
        "disappointment_pct": np.take_along_axis(off, taken, axis=2)[..., 0].mean(axis=1),
        "covered": (inside & others).sum(axis=(1, 2)) / others.sum(axis=(1, 2)),
        "usual": np.take_along_axis(usual, taken, axis=2)[..., 0].mean(axis=1),
    }


# --- what the study asks -------------------------------------------------------------------------

QUESTIONS = (  # arm → what it is held against
    ("coach", "as_usual"),
    ("random_safe", "as_usual"),
    ("greedy", "as_usual"),
    ("greedy", "coach"),
    ("feedback", "greedy"),
    ("thompson", "feedback"),
    ("half_sure", "as_usual"),
    ("lower_bound", "as_usual"),
    ("lower_bound", "feedback"),
    ("oracle", "feedback"),
    ("greedy_other", "greedy"),
    ("feedback_other", "greedy_other"),
)


def judge(tables: Mapping[str, pd.DataFrame]) -> dict[tuple, evaluate.Comparison]:
    """Every question of the study, in % of VO2max: (data set, arm, against) → comparison."""
    return {
        (name, arm, rival): evaluate.compare(scores, arm, rival, "gain_pct", "change")
        for name, scores in tables.items()
        for arm, rival in QUESTIONS
        if {arm, rival} <= set(scores["arm"])
    }


STUDY = Study(
    name="recommend",
    question="What does advice bring over months, with and without feedback from the athlete?",
    load=load,
    splits=splits,
    score=score,
    arms=ARMS,
    titles=TITLES,
    reference="as_usual",
    metric="gain_pct",
    datasets=GENERATORS,
    quick=tuple(ARMS),
    cheap=("as_usual", "random_safe", COACH),
    tolerance=0.05,
)
