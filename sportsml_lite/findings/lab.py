"""The frame of every lab: a study's tables, its questions answered, how much was tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from sportsml_lite.evaluate import Comparison, compare, holm
from sportsml_lite.protocol import margin
from sportsml_lite.studies import runner
from sportsml_lite.studies.runner import Options, Study

WINDOW = ("length_s", "stride_s")
Verdicts = dict[tuple, Comparison]


@dataclass(frozen=True)
class Lab:
    """What a lab shows of a study.

    options : what each table was computed or read for
    tables : Scores by data set; verdicts : of every question, by data set and question
    survives : whether a verdict stands after Holm's correction for all of them
    """

    study: Study
    options: Sequence[Options]
    tables: Mapping[str, pd.DataFrame]
    verdicts: Verdicts
    survives: Mapping[tuple, bool]

    @property
    def by_seed(self) -> dict[str, Comparison]:
        """What a mere change of seed does to the study's reference, by data set."""
        arm = self.study.reference
        return {d: compare(t, f"{arm}_again", arm) for d, t in self.tables.items()}

    @property
    def sizes(self) -> dict[str, tuple[int, int]]:
        """How many athletes were tested, and how many models of an arm, by data set."""
        judged = {d: t[t["metric"] == self.study.metric] for d, t in self.tables.items()}
        return {
            d: (t["athlete"].nunique(), len(t[["partition", "fold"]].drop_duplicates()))
            for d, t in judged.items()
        }

    @property
    def tested(self) -> str:
        """The same in words."""
        return "; ".join(
            f"{d}: {athletes} athletes, {models} models an arm"
            for d, (athletes, models) in self.sizes.items()
        )

    @property
    def asked(self) -> str:
        """How many questions, in words."""
        return f"{len(self.verdicts)} question{'s' * (len(self.verdicts) != 1)}"

    @property
    def stand(self) -> str:
        """How many differences stand after the correction, and on which side."""
        kept = [c.gain.estimate > 0 for name, c in self.verdicts.items() if self.survives[name]]
        sides = f" (better: {sum(kept)}, worse: {len(kept) - sum(kept)})" if kept else ""
        return f"{len(kept)}{sides}"

    @property
    def said(self) -> dict[str, str]:
        """What the page prints, by the name under which it is recorded."""
        rule = margin(self.study.metric)
        return {
            "smallest": f"{rule.smallest_effect:.2f}",
            "harm": f"{rule.harm:.2f}",
            "asked": self.asked,
            "stand": self.stand,
            "tested": self.tested,
        }


def read(
    study: Study,
    judge: Callable[[Mapping[str, pd.DataFrame]], Verdicts],
    dataset: str,
    data_dir: str,
    seed: int,
    profile: str,
    settings: Mapping[str, object] | None = None,
    applies: bool = True,
) -> Lab:
    """A study's accepted tables of every data set, or the table of one data set computed now.

    Parameters
    ----------
    study, judge : of the chapter's module
    dataset, data_dir, seed, profile : parameters of the page
    settings : further ones of the study's own, by name
    applies : whether the data set is of this study's kind, where a lab has two studies; if not,
        its accepted tables are read, or nothing

    Raises
    ------
    UserError as :func:`sportsml_lite.studies.runner.table` does
    """
    # What is asked for is looked for too: a folder, or a set without a table, is refused by name.
    asked = (dataset,) if applies else ()
    names = dict.fromkeys((*study.datasets, *asked)) if profile == "accepted" else asked
    # A window's length of 0 is the data set's own, an empty folder none: as if not given.
    given = {n: v for n, v in (settings or {}).items() if v or n not in (*WINDOW, "test_dir")}
    options = [Options(name, data_dir, seed, profile, given) for name in names]
    workers = 2 if profile == "full" else 1
    tables = {o.name: runner.table(study, o, workers) for o in options}
    verdicts = judge(tables)
    return Lab(study, options, tables, verdicts, holm(verdicts))
