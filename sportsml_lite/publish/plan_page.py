"""The page of a planned week: one file that needs no network, in light and in dark."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from datetime import timedelta
from functools import cache

TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ title }}</title>
<style>
:root { --ink: #1a1a1a; --paper: #ffffff; --line: #d0d0d0; --quiet: #5a5a5a; --warn: #d55e00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --paper: #161616; --line: #444444; --quiet: #a8a8a8; --warn: #f0935a; }
  img { filter: invert(1) hue-rotate(180deg); mix-blend-mode: screen; }
}
body { margin: 2rem auto; max-width: 46rem; padding: 0 1rem; line-height: 1.5;
  font-family: system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.6rem; margin-bottom: 0; }
h2 { font-size: 1.2rem; margin-top: 2rem; }
.quiet { color: var(--quiet); margin-top: 0.2rem; }
.first { border-left: 4px solid var(--warn); padding-left: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; }
th, td { padding: 0.3rem 0.6rem 0.3rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
th { font-weight: 500; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
img { width: 100%; max-width: 620px; height: auto; }
a { color: inherit; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
<p class="quiet">{{ dates }}, {{ plan.about.sport }}: <em>{{ plan.week.name }}</em>,
{{ plan.week.minutes }} min</p>
<div class="first">{% for note in first %}<p>{{ note }}</p>{% endfor %}</div>

<h2>The week</h2>
{% if week %}<div class="wide"><table>
<thead><tr>{% for head in week[0] %}<th>{{ head }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in week %}<tr>{% for head, cell in row.items() %}
<td{% if head in numbers %} class="number"{% endif %}>{{ cell }}</td>{% endfor %}</tr>{% endfor %}
</tbody></table></div>
{% else %}<p>No session: a week of rest.</p>{% endif %}

<h2>Why this week</h2>
<p>{{ plan.ranking.sentence }}</p>
<p><img alt="{{ alt }}" src="data:image/svg+xml;base64,{{ picture }}"></p>
<div class="wide"><table>
<thead><tr><th>week compared</th><th>min</th><th>expected change of VO2max against as usual</th></tr>
</thead>
<tbody>{% for row in compared %}<tr><td>{{ row.week }}</td><td class="number">{{ row.minutes }}</td>
<td>{{ row.expected }}</td></tr>{% endfor %}</tbody></table></div>
{% if refused %}<h2>Refused</h2>
<ul>{% for row in refused %}<li><em>{{ row.week }}</em> ({{ row.minutes }} min): {{ row.why }}</li>
{% endfor %}</ul>{% endif %}

<h2>What it rests on</h2>
<ul>{% for note in rests %}<li>{{ note }}</li>{% endfor %}</ul>

<h2>Files</h2>
<ul>
<li><a href="{{ calendar }}">{{ calendar }}</a>: the week for a calendar, one event a session</li>
{% for name in workouts %}<li><a href="{{ name }}">{{ name }}</a></li>{% endfor %}
</ul>
{% if workouts %}<p>Copy a .fit file into the folder <code>GARMIN/NewFiles</code> of a watch that is
connected by USB; a .zwo file is for an indoor trainer's program. The watch then leads through the
steps by heart rate.</p>{% endif %}
</body>
</html>
"""


def page(plan, workouts: Sequence[str]) -> str:
    """The page of a :class:`sportsml_lite.publish.plan.Plan`; equal input gives equal text.

    Parameters
    ----------
    plan : what is planned and said
    workouts : names of the workout files beside the page
    """
    from sportsml_lite.publish import plan as told
    from sportsml_lite.recommend import person, rules

    advice = rules.advice(plan.about, plan.wishes)
    device = [plan.device.told()] if plan.device else []
    others = [note for note in plan.notes if note not in advice]
    return _template().render(
        plan=plan,
        title=f"A week for {plan.name}",
        dates=f"{_day(plan.monday)} to {_day(plan.monday + timedelta(days=6))}",
        first=[*advice, told.CAVEAT],
        week=told.rows(plan),
        numbers=("minutes", "device effect"),
        compared=told.compared(plan),
        refused=told.refused(plan),
        rests=[f"You: {person.told(plan.about)}.", told.MODEL, *others, *device],
        alt=plan.ranking.sentence,
        picture=_svg(told.figure(plan)),
        calendar=told.CALENDAR,
        workouts=workouts,
    )


@cache
def _template():
    from jinja2 import Environment

    return Environment(autoescape=True, trim_blocks=True, keep_trailing_newline=True).from_string(
        TEMPLATE
    )


def _day(day) -> str:
    return f"{day:%A} {day.day} {day:%B %Y}"


def _svg(fig) -> str:
    file = io.BytesIO()
    fig.savefig(file, format="svg", metadata={"Date": None})
    return base64.b64encode(file.getvalue()).decode()
