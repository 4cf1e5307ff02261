"""What chapter 6 says of its study: what advice brings, what caution costs, what feedback mends."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from sportsml_lite.evaluate import Comparison, Interval, compare, mean
from sportsml_lite.studies.recommend import ARMS, TITLES

WORLDS = {"simulated": "the first world", "simulated_b": "the second world"}
AGAINST = {
    "better": "more than {} ({})",
    "worse": "less than {} ({})",
    "no difference": "as much as {} ({})",
    "undecided": "nothing that can be told from {} ({})",
}
RANKED = ("as_usual", "random_safe", "coach", "greedy", "feedback", "half_sure", "lower_bound",
          "thompson", "oracle")  # fmt: skip
BORROWED = ("greedy", "feedback", "lower_bound")  # arms that also have a model of the other world


def held_against(
    scores: pd.DataFrame, arm: str, rival: str, metric: str = "gain_pct"
) -> Comparison:
    """An arm against another in the true change of VO2max over the months, % points."""
    return compare(scores, arm, rival, metric, "change")


def against(scores: pd.DataFrame, arm: str, rival: str, name: str, metric: str = "gain_pct") -> str:
    """The same in words, e.g. *more than the coach (+0.8 % of VO2max)*."""
    found = held_against(scores, arm, rival, metric)
    return AGAINST[found.verdict].format(name, f"{found.gain.estimate:+.1f} % of VO2max")


def twice(scores: pd.DataFrame, arm: str, rival: str, name: str) -> str:
    """The same at the last test, and in the level of the last month."""
    return (
        f"{against(scores, arm, rival, name)} at the last test, and in the level "
        f"{against(scores, arm, rival, name, 'level_pct')}"
    )


def told(interval: Interval) -> str:
    """An estimate with its interval, in %, as a sentence has it."""
    return f"{interval.estimate:+.1f} % [{interval.low:+.1f}, {interval.high:+.1f}]"


def rows(scores: pd.DataFrame, arms: tuple[str, ...] = RANKED) -> list[dict]:
    """The table of policies: what each brought, and how."""
    there = [arm for arm in arms if arm in set(scores["arm"])]
    return [
        {
            "policy": TITLES[arm],
            "gain (%)": _of(scores, arm, "gain_pct", "+.1f"),
            "level (%)": _of(scores, arm, "level_pct", "+.1f"),
            "regret a block (%)": _of(scores, arm, "regret_pct", ".2f"),
            "promised too much (%)": _of(scores, arm, "disappointment_pct", "+.2f"),
            "as usual (% of blocks)": _share(scores, arm, "usual"),
        }
        for arm in there
    ]


def questions(verdicts: Mapping[tuple, Comparison], survives: Mapping[tuple, bool]) -> list[dict]:
    """Rows of the lab's table of questions."""
    return [
        {
            "world": name, "policy": TITLES[arm], "against": TITLES[rival], "gain": c.gain,
            "verdict": c.verdict, "Holm": survives[name, arm, rival],
            "harmed": f"{c.harmed} of {c.athletes}",
        }
        for (name, arm, rival), c in verdicts.items()
    ]  # fmt: skip


def _of(scores, arm, metric, spec):
    """Mean and interval, or a dash where an arm has no such metric: a coach promises nothing."""
    mine = scores[(scores["arm"] == arm) & (scores["metric"] == metric)]
    return format(mean(scores, arm, metric), spec) if len(mine) else "–"


def _share(scores, arm, metric):
    mine = scores[(scores["arm"] == arm) & (scores["metric"] == metric)]
    return f"{100 * mine['value'].mean():.0f}" if len(mine) else "–"


def said(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """What the lesson prints, by the name under which it is recorded.

    tables : Scores by data set, ``simulated`` first
    """
    first = next(iter(tables.values()))
    found = {"n_athletes": str(first["athlete"].nunique()), "one_sentence": takeaway(first)}
    for name, scores in tables.items():
        found |= {f"{key}_{name}": value for key, value in _world(scores).items()}
    return found


def _world(scores):
    """What is said of one world."""
    return {
        "usual": told(mean(scores, "as_usual", "gain_pct")),
        "greedy": against(scores, "greedy", "as_usual", "going on as usual"),
        "coach": twice(scores, "coach", "feedback", "the best for the athlete"),
        "random": against(scores, "random_safe", "as_usual", "going on as usual"),
        "feedback": against(scores, "feedback", "greedy", "the best week for the population"),
        "thompson": twice(scores, "thompson", "feedback", "always the best for the athlete"),
        "caution": caution(scores),
        "covered": f"{100 * mean(scores, 'feedback', 'covered').estimate:.0f}",
        "cap": beyond(scores),
        "harmed": harmed(scores, "feedback"),
        "borrowed": borrowed(scores),
    }


def takeaway(scores: pd.DataFrame) -> str:
    """The lesson in one sentence, of one world."""
    return (
        "In simulated athletes, half a year of the weeks that suit the population brings "
        f"{against(scores, 'greedy', 'as_usual', 'going on as usual')}; learning from the "
        f"athlete's own tests brings {against(scores, 'feedback', 'greedy', 'that')}; a coach's "
        f"rule brings {against(scores, 'coach', 'feedback', 'this')} at the last test, and "
        f"{against(scores, 'coach', 'feedback', 'this', 'level_pct')} in the mean of the last "
        "month."
    )


def caution(scores: pd.DataFrame) -> str:
    """How often the lower bound goes on as usual, what it brings, and what it costs."""
    usual = 100 * mean(scores, "lower_bound", "usual").estimate
    return (
        f"in {usual:.0f} % of blocks no week is surely better; overall it brings "
        f"{against(scores, 'lower_bound', 'as_usual', 'going on as usual')} and "
        f"{against(scores, 'lower_bound', 'feedback', 'the best for the athlete')}"
    )


def beyond(scores: pd.DataFrame) -> str:
    """How many sessions went beyond the cap, planned and done, of all policies together."""
    total = {
        name: scores.loc[scores["metric"] == f"{name}_over", "value"].sum()
        for name in ("planned", "done")
    }
    return (
        f"{total['planned']:,.0f} planned sessions went beyond the cap, and {total['done']:,.0f} "
        f"of those that were done"
    )


def harmed(scores: pd.DataFrame, arm: str) -> str:
    """How many athletes an arm leaves worse off than going on as usual, beside what luck does."""
    found, luck = (held_against(scores, name, "as_usual") for name in (arm, "as_usual_again"))
    return f"{found.harmed} of {found.athletes} athletes (other luck alone: {luck.harmed})"


def borrowed(scores: pd.DataFrame) -> str:
    """What a model from the other world does to each policy that has one."""
    parts = [
        f"{TITLES[arm]}: {told(mean(scores, f'{arm}_other', 'gain_pct'))} instead of "
        f"{told(mean(scores, arm, 'gain_pct'))}"
        for arm in BORROWED
        if f"{arm}_other" in set(scores["arm"]) and f"{arm}_other" in ARMS
    ]
    return "; ".join(parts)
