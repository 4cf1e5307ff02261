"""The rules and what counts as a difference, written down before the first model was trained."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import pandas as pd

from sportsml_lite.errors import UserError


def _rule(value, why: str):
    return field(default=value, metadata={"why": why})


@dataclass(frozen=True)
class Protocol:
    """The rules, each with its reason; :data:`PROTOCOL` is the one that the book uses."""

    train: float = _rule(0.70, "share of athletes that a model learns from")
    validation: float = _rule(0.15, "share of athletes that choose settings and when to stop")
    test: float = _rule(0.15, "share of athletes that are looked at once, at the end")
    folds: int = _rule(5, "groups of athletes on real sets, each tested once")
    partitions: int = _rule(3, "divisions of real athletes into such groups, each with its seeds")
    k: tuple[int, ...] = _rule((0, 1, 2, 5, 10, 20), "labelled windows a class, or sessions")
    pool: float = _rule(0.5, "largest share of an athlete's rows of a class that k may use up")
    gap_windows: float = _rule(1.0, "window lengths kept free between calibration and test")
    gap_sessions_h: float = _rule(24.0, "hours kept free between calibration and test sessions")
    split_seed: int = _rule(0, "who stands where; the same in every chapter")
    level: float = _rule(0.95, "level of an interval over athletes")

    def table(self) -> pd.DataFrame:
        """The rules as a page prints them: rule, value, reason."""
        rows = [(f.name, str(getattr(self, f.name)), f.metadata["why"]) for f in fields(self)]
        return pd.DataFrame(rows, columns=["rule", "value", "meaning"]).set_index("rule")


PROTOCOL = Protocol()


@dataclass(frozen=True)
class Margin:
    """What counts, in the unit of one measured quantity.

    ``smallest_effect`` is the smallest mean difference that the text may call a difference, and the
    margin of non-inferiority of a mean; ``harm`` is how much worse one athlete may become before we
    say that the athlete was harmed. It is wider, since one athlete's score is noisier than a mean.
    """

    quantity: str
    unit: str
    better: str
    smallest_effect: float
    harm: float
    why: str


# Assumptions, all of them, written down before the first model was trained; the one of oxygen
# uptake after a pilot on one fold, and before its study was run.
MARGINS = {
    m.quantity: m
    for m in (
        Margin("macro_f1", "1", "higher", 0.01, 0.02, "one window in a hundred, in fifty"),
        Margin("accuracy", "1", "higher", 0.01, 0.02, "one window in a hundred, in fifty"),
        Margin("effect", "0-5", "lower", 0.03, 0.10, "a tenth, a third of the session noise"),
        Margin("rpe", "CR10", "lower", 0.10, 0.25, "people answer in whole or half points"),
        Margin("srpe", "CR10 min", "lower", 5.0, 15.0, "a minute, three minutes at CR10 5"),
        Margin("change", "%", "lower", 0.20, 0.50, "a tenth, a fourth of what tests err by"),
        Margin("vo2_ml_kg_min", "mL/kg/min", "lower", 0.5, 1.0, "1 %, 2 % of hard work"),
        Margin("hr_bpm", "bpm", "lower", 0.5, 1.0, "half, once the resolution of a watch"),
    )
}


def margin(quantity: str) -> Margin:
    """The margins of an error (``'effect'``, ``'rpe'``, ``'srpe'``, ``'hr_bpm'``) or a score.

    Raises
    ------
    UserError for another quantity, naming those that have margins
    """
    if quantity not in MARGINS:
        raise UserError(f"no margin for {quantity!r}: choose one of {', '.join(MARGINS)}")
    return MARGINS[quantity]
