"""A sweep as one page that needs no network: each metric against each parameter that varied."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sportsml_lite.errors import UserError
from sportsml_lite.paths import project_root
from sportsml_lite.plots import style
from sportsml_lite.plots import sweep as figures
from sportsml_lite.publish.runs import write_atomically
from sportsml_lite.publish.sweep import PLAN
from sportsml_lite.publish.sweep_tables import NUMBERS, SCORES

if TYPE_CHECKING:
    import pandas as pd

PAGE = "report.html"
TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ title }}</title>
<style>
:root { --ink: #1a1a1a; --paper: #ffffff; --line: #d0d0d0; --quiet: #5a5a5a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --paper: #161616; --line: #444444; --quiet: #a8a8a8; }
  img { filter: invert(1) hue-rotate(180deg); mix-blend-mode: screen; }
}
body { margin: 2rem auto; max-width: 46rem; padding: 0 1rem; line-height: 1.5;
  font-family: system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.6rem; }
h2 { font-size: 1.2rem; margin-top: 2rem; }
.quiet { color: var(--quiet); }
table { border-collapse: collapse; font-size: 0.9rem; }
th, td { padding: 0.3rem 1rem 0.3rem 0; border-bottom: 1px solid var(--line); text-align: left; }
img { width: 100%; max-width: 620px; height: auto; }
pre { overflow-x: auto; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
<p>{{ done }} of {{ asked }} runs are in the tables. {% if simulated %}Athletes whose data set is
<em>simulated</em> are simulated.{% endif %}</p>
<table><thead><tr><th>parameter</th><th>values</th></tr></thead>
<tbody>{% for name, values in varied.items() %}<tr><td>{{ name }}</td><td>{{ values }}</td></tr>
{% endfor %}{% for name, value in fixed.items() %}<tr><td>{{ name }}</td>
<td>{{ value }} (in every run)</td></tr>{% endfor %}</tbody></table>
<p>The same sweep again, or the rest of it:</p>
<pre>{{ command }}</pre>
{% if failed %}<h2>Failed</h2>
<ul>{% for row in failed %}<li>{{ row.what }}: {{ row.error }}<br>
<span class="quiet">{{ row.notebook }}</span></li>{% endfor %}</ul>{% endif %}
{% for part in parts %}<h2>{{ part.title }}</h2>
<p class="quiet">{{ part.note }}</p>
{% for figure in part.figures %}
<p><img alt="{{ figure.alt }}" src="data:image/svg+xml;base64,{{ figure.picture }}"></p>
{% endfor %}{% endfor %}
{% if still %}<h2>The same in every run</h2>
<ul>{% for name, value in still.items() %}<li>{{ name }} = {{ value }}</li>{% endfor %}</ul>
{% endif %}
</body>
</html>
"""


@dataclass(frozen=True)
class Sweep:
    """A sweep as its folder holds it: what was asked, and both tables (scores may be empty)."""

    folder: Path
    asked: dict
    numbers: pd.DataFrame
    scores: pd.DataFrame


def find(name: str) -> Path:
    """Folder of a sweep, by its path or by the name that ``sportsml sweep`` printed.

    Raises
    ------
    UserError if there is none, with those that there are
    """
    if (Path(name) / PLAN).is_file():
        return Path(name)
    known = {path.parent.name: path.parent for path in _all()}
    if name in known:
        return known[name]
    names = ", ".join(known) or "none yet; make one with sportsml sweep"
    raise UserError(f"no sweep {name!r} here. Sweeps: {names}")


def _all() -> list[Path]:
    return sorted((project_root() / "runs").glob(f"*/sweeps/*/{PLAN}"))


def read(folder: Path) -> Sweep:
    """A sweep from its folder.

    Raises
    ------
    UserError if its tables are absent or spoilt
    """
    import pandas as pd

    try:
        asked = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        tables = [pd.read_parquet(folder / NUMBERS)]
        path = folder / SCORES
        tables.append(pd.read_parquet(path) if path.is_file() else pd.DataFrame())
    except Exception:  # a cut-off file makes pyarrow and json raise anything
        raise UserError(f"{folder}: no finished sweep; give its `sportsml sweep` again") from None
    return Sweep(folder, asked, *tables)


def write(name: str) -> Path:
    """Write the page of a sweep into its folder.

    Raises
    ------
    UserError if there is no such sweep, or it has no tables yet
    """
    found = read(find(name))
    write_atomically(found.folder / PAGE, page(found))
    return found.folder / PAGE


def page(sweep: Sweep) -> str:
    """The page of a sweep; equal tables give equal text."""
    import matplotlib
    from jinja2 import Environment

    asked = sweep.asked
    moving, still = figures.metrics(sweep.numbers)
    with matplotlib.rc_context():  # a caller's own settings stay what they were
        style.use()
        parts = [_of_numbers(sweep, moving), *_of_scores(sweep)]
    template = Environment(autoescape=True, trim_blocks=True).from_string(TEMPLATE)
    return template.render(
        title=f"{asked['chapter']}: a sweep of {', '.join(asked['varied'])}",
        done=sweep.numbers["key"].nunique(),
        asked=len(asked["runs"]),
        simulated=_simulated(sweep),
        varied={n: ", ".join(map(str, values)) for n, values in asked["varied"].items()},
        fixed=asked["fixed"],
        command=asked["command"],
        failed=_failed(asked),
        parts=[part for part in parts if part["figures"]],
        still=still,
    )


def _simulated(sweep: Sweep) -> bool:
    return any(str(name).startswith("simulated") for name in sweep.numbers["dataset"])


def _failed(asked: dict) -> list[dict[str, str]]:
    rows = []
    for key, row in asked["failed"].items():
        values = asked["runs"][key]
        what = " ".join(f"{name}={values[name]}" for name in asked["varied"])
        rows.append({"what": what, **row})
    return rows


def _of_numbers(sweep: Sweep, names: list[str]) -> dict:
    varied = sweep.asked["varied"]
    drawn = [figures.of_number(sweep.numbers, name, varied) for name in names]
    return {
        "title": "Recorded numbers",
        "note": figures.note(varied),
        "figures": [_figure(fig, f"{name} against each parameter that varied")
                    for fig, name in zip(drawn, names, strict=True)],
    }  # fmt: skip


def _of_scores(sweep: Sweep) -> list[dict]:
    if not len(sweep.scores):
        return []
    parts = []
    for (study, dataset), rows in sweep.scores.groupby(["study", "dataset"], sort=True):
        drawn = [
            (figures.of_scores(rows, metric, name), f"{metric} of each arm against {name}")
            for metric in sorted(rows["metric"].unique())
            for name in figures.axes_of(rows, sweep.asked["varied"])
        ]
        parts.append({
            "title": f"Scores of {study} on {dataset}",
            "note": figures.SCORES_NOTE + figures.left_out(rows),
            "figures": [_figure(fig, alt) for fig, alt in drawn],
        })  # fmt: skip
    return parts


def _figure(fig, alt: str) -> dict[str, str]:
    return {"picture": style.embedded(fig), "alt": alt}
