"""What is said of a planned week, in a terminal and on a page.

The page is one file that needs no network, in light and in dark.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cache

from sportsml_lite.plots import plan as figures
from sportsml_lite.plots import style
from sportsml_lite.publish.plan import Plan
from sportsml_lite.recommend import calendar, person, rank, workout
from sportsml_lite.recommend.week import DAYS

CALENDAR = "week.ics"
REFUSED_SHOWN = 3  # in a terminal; the page has all
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
.number { text-align: right; font-variant-numeric: tabular-nums; }
.number, .whole { white-space: nowrap; }
img { width: 100%; max-width: 620px; height: auto; }
a { color: inherit; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
<p class="quiet">{{ dates }}, {{ plan.about.sport }}: <em>{{ plan.week.name }}</em>,
{{ plan.week.minutes }} min</p>
<div class="first">{% for note in plan.first %}<p>{{ note }}</p>{% endfor %}</div>

<h2>The week</h2>
{% if week %}<div class="wide"><table>
<thead><tr>{% for head in week[0] %}<th>{{ head }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in week %}<tr>{% for head, cell in row.items() %}
<td{% if head in classes %} class="{{ classes[head] }}"{% endif %}>{{ cell }}</td>{% endfor %}
</tr>{% endfor %}</tbody></table></div>
{% else %}<p>No session: a week of rest.</p>{% endif %}

<h2>Why this week</h2>
<p>{{ plan.why }}</p>
<p><img alt="{{ alt }}" src="data:image/svg+xml;base64,{{ picture }}"></p>
<div class="wide"><table>
<thead><tr><th>week compared</th><th>min</th><th>expected change of VO2max against {{ against }},
{{ level }} % interval</th></tr>
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
connected by USB: it then leads through the steps by heart rate.
{% if plan.about.sport == "cycling" %}A .zwo file is for the program of an indoor trainer; its power
is an assumption, in shares of your own threshold power.{% endif %}</p>{% endif %}
</body>
</html>
"""


def page(plan: Plan, workouts: Sequence[str]) -> str:
    """The page of a plan; equal input gives equal text.

    Parameters
    ----------
    plan : what is planned
    workouts : names of the workout files beside the page
    """
    return _template().render(
        plan=plan,
        title=f"A week for {plan.name}",
        dates=f"{_day(plan.monday)} to {_day(plan.monday + timedelta(days=6))}",
        week=rows(plan),
        classes={"day": "whole", "minutes": "number", "device effect": "number"},
        compared=compared(plan),
        against=against(plan),
        level=round(100 * plan.ranking.level),
        refused=refused(plan),
        rests=[f"You: {person.told(plan.about)}.", *plan.notes],
        alt=figures.spoken(plan.ranking),
        picture=_picture(plan),
        calendar=CALENDAR,
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


def _picture(plan: Plan) -> str:
    """The figure in the book's dress; a caller's own settings of matplotlib stay what they were."""
    import matplotlib

    with matplotlib.rc_context():
        style.use()
        return style.embedded(figures.best_weeks(plan.ranking, against(plan)))


def rows(plan: Plan) -> list[dict[str, str]]:
    """The week as a table: a row a session, what is printed and what stands on the page."""
    effects = plan.device.effects if plan.device else ()
    out = []
    for place, session in enumerate(plan.week.sessions):
        day = calendar.day_of(session, plan.monday)
        steps = "; ".join(workout.described(session, plan.about.hr_max_bpm))
        row = {"day": f"{DAYS[session.day][:3]} {day}", "session": session.kind,
               "minutes": str(session.minutes), "steps": steps}  # fmt: skip
        out.append(row | ({"device effect": f"{effects[place]:.1f}"} if effects else {}))
    return out


def lines(plan: Plan) -> Iterator[str]:
    """What a terminal shows of a plan."""
    sunday = plan.monday + timedelta(days=6)
    yield f"{plan.name}, {plan.about.sport}, {plan.monday} to {sunday}: {plan.week.name}"
    yield f"  from {person.told(plan.about)}"
    table = rows(plan)
    heads = list(table[0]) if table else []
    widths = [max(len(head), *(len(row[head]) for row in table)) for head in heads]
    for row in [{head: head for head in heads}, *table] if table else []:
        cells = (row[head].ljust(width) for head, width in zip(heads, widths, strict=True))
        yield f"  {'  '.join(cells).rstrip()}"
    if not table:
        yield "  no session: a week of rest"
    yield f"why: {plan.why}"
    for row in refused(plan)[:REFUSED_SHOWN]:
        yield f"refused: {row['week']} ({row['minutes']} min): {row['why']}"
    for note in (*plan.first, *plan.notes):
        yield f"note: {note}"


def compared(plan: Plan) -> list[dict[str, str]]:
    """The weeks that keep to the rules, in their order, with what each is expected to bring."""
    found = plan.ranking
    numbers = zip(found.weeks, found.mean, found.low, found.high, strict=True)
    return [
        {
            "week": week.name,
            "minutes": str(week.minutes),
            "expected": "0, what the others are held against"
            if low == high == 0
            else f"{mean:+.1f} % ({low:+.1f} to {high:+.1f})",
        }
        for week, mean, low, high in numbers
    ]


def against(plan: Plan) -> str:
    """What the numbers of :func:`compared` are held against, in words."""
    every = [*plan.ranking.weeks, *(one.week for one in plan.ranking.refused)]
    usual = any(week.name == rank.USUAL for week in every)
    return "going on as usual" if usual else "no change"


def refused(plan: Plan) -> list[dict[str, str]]:
    """The weeks that break a rule, the most promising first, and why."""
    return [
        {"week": one.week.name, "minutes": str(one.week.minutes), "why": " ".join(one.reasons)}
        for one in plan.ranking.refused
    ]
