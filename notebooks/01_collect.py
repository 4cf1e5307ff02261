# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 1 · Collecting what a watch records
#
# **The question.** What does a training watch write down, and what does it leave out?
#
# **In one sentence.** A stream holds what the watch chose to write: of all seconds of the session below,
# {glue:text}`missing_percent` % have no heart rate, and whoever takes what is missing for a zero
# describes another athlete.
#
# ```{admonition} You will be able to
# - **read** device files of any maker into one table with units;
# - **see** what a stream leaves out, and say how much;
# - **average** a stream that was not written every second without fooling yourself;
# - **question** a value that is there and may still be wrong.
# ```
#
# | You need | Where |
# |---|---|
# | a table in pandas: rows, columns, `groupby` | any pandas introduction |
# | a weighted mean | any statistics introduction |
#
# *15 minutes to read, 10 seconds to run.*

# %% tags=["imports"]
from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect import devices, fetch, quality
from sportsml_lite.collect.formats import assemble
from sportsml_lite.errors import UserError
from sportsml_lite.plots import streams as figures
from sportsml_lite.plots import style
from sportsml_lite.plots.grammar import score_table
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.simulate import example_run

style.use()

# %% tags=["parameters"]
dataset = "device_files"  # 'device_files' or 'simulated': real files, or one run
data_dir = ""  # path: folder or zip of your own FIT, TCX, GPX or CSV files
columns = ""  # text: what columns of your CSV files mean, as "How to use" shows
session_id = ""  # name: the session shown; empty is the longest with heart rate
seed = 0  # 0 to 1000000: which simulated run

# %% tags=["hide-input"]
check_values("01_collect", globals())
real = bool(data_dir) or dataset == "device_files"
folder = Path(data_dir).expanduser() if data_dir else fetch.locate("device_files")
if real and folder is not None:
    sessions, streams, problems = devices.read(folder, columns=columns)
    origin = "your own files" if data_dir else "real files"
else:
    sessions, streams = example_run(seed)
    problems = pd.DataFrame(columns=["file", "reason", "read"])
    origin = (
        "a simulated marathon"
        + real * " (get real files: sportsml fetch device_files)"
    )

by_name = sessions.set_index("session_id")
if session_id and session_id not in by_name.index:
    raise UserError(
        f"session_id {session_id!r} is none of {', '.join(by_name.index)}"
    )
with_hr = streams.loc[streams["hr_bpm"].notna(), "session_id"].unique()
lengths = by_name.loc[with_hr if len(with_hr) else by_name.index, "duration_s"]
chosen = session_id or lengths.idxmax()
session = by_name.loc[chosen]
stream = streams[streams["session_id"] == chosen].reset_index(drop=True)

# %% [markdown]
# ## What the watch left out

# %%
gaps = quality.gaps(stream, longest_ok_s=0)  # runs of seconds without heart rate

# %% mystnb={"figure": {"caption": "Above, heart rate as every app draws it. Below, a stretch of it around the longest gap, as it stands in the file: a dot is a second that was written, grey is silence.", "name": "fig-left-out"}, "image": {"alt": "Above, an unbroken line of heart rate over a session, with one minute marked blue. Below, that minute: dots for the seconds that were written, and grey bands, where nothing was written."}}
figures.left_out(stream, gaps)

# %% tags=["check"]
seconds, written = len(stream), int(stream["hr_bpm"].notna().sum())
sport = "unknown sport" if pd.isna(session["sport"]) else session["sport"]
km = session["distance_m"] / 1000
minutes = f"{session['duration_s'] / 60:.1f} minutes"
many = "one gap of" if len(gaps) == 1 else f"{len(gaps):,} gaps, the longest"
record("origin", origin)
record("session_name", chosen)
record(
    "session_is",
    f"{sport}, " + (f"{km:.2f} km in {minutes}" if km > 0 else minutes),
)
record("missing_percent", 100 * (1 - written / max(seconds, 1)), digits=1)
if not written:
    say = "None of its seconds has a heart rate"
elif not len(gaps):
    say = f"Every one of its {seconds:,} seconds has a heart rate"
else:
    say = f"Of its {seconds:,} seconds {written:,} have a heart rate; the others lie in "
    say += f"{many} {gaps['length_s'].max():.0f} s"
record("gaps_say", say)

# %% [markdown]
# This page shows {glue:text}`origin`: *{glue:text}`session_name`*, {glue:text}`session_is`.
# **{glue:text}`gaps_say`.**
#
# A watch writes a {term}`record` every second or every few seconds: a time, and whatever its sensors gave
# at that moment. Most short gaps are no fault. To save memory, many watches write a record only when
# something changed ({term}`smart recording`). A long gap is another matter: the sensor lost contact, or the
# watch was paused. A line drawn through the records hides the difference, so look before you compute.
#
# With your own files, `sportsml run 01 -p data_dir my_rides`, every number and figure is computed anew.
#
# ## From files to two tables
#
# Makers store workouts as FIT, TCX, GPX or CSV, each with its own names. One line reads a whole folder:
#
# ```python
# sessions, streams, problems = devices.read(folder)
# ```
#
# A {term}`stream` has one row a second, and `NaN` where nothing was written. The name of a column carries
# its unit, so that nobody has to guess. This session has these channels, in so many of its seconds:

# %% tags=["hide-input"]
has = stream.notna().mean()
rows = [
    (
        c.name,
        c.meaning,
        f"{c.low:,.0f} to {c.high:,.0f}",
        f"{100 * has[c.name]:.0f}",
    )
    for c in schema.STREAMS
    if c.high and has.get(c.name, 0) > 0
]
names = ["column", "meaning", "plausible", "seconds (%)"]
style.text_table(pd.DataFrame(rows, columns=names))

# %% [markdown]
# From the stream, or from the watch's own summary, comes one row for each {term}`session`:

# %% tags=["hide-input"]
summary = pd.DataFrame(
    {
        "session": sessions["session_id"].map(figures.short),
        "sport": sessions["sport"].fillna("–"),
        "min": sessions["duration_s"] / 60,
        "km": sessions["distance_m"] / 1000,
        "bpm": sessions["hr_mean_bpm"],
        "effect": sessions["effect"],
    }
)
score_table(summary.head(5), digits=1)

# %% tags=["check"]
record("n_sessions", len(sessions))
unread = len(problems) - int(problems["read"].sum())
record("n_unreadable", unread)
here = f"Here are {len(sessions)} sessions" + ", the first five shown" * (
    len(sessions) > 5
)
record("files_say", "Here is one session" if len(sessions) == 1 else here)
say = f"Files that could not be read: {unread}, and what was left out or is in doubt in "
say += f"others: {len(problems) - unread}; each is named here with the reason"
record("problems_say", say if len(problems) else "Every file could be read")
if len(problems):  # for the terminal; the page has a table
    lines = devices.told(problems).agg(": ".join, axis=1)
    record("problems", "".join(f"\n    {line}" for line in lines))

# %% [markdown]
# {glue:text}`files_say`. A dash means that the file does not say. That is **missing, not zero**: a
# ride without a power meter did not have a power of zero watts.
#
# The last column is a {term}`training effect`, a number from 0 to 5, where the file states one. On Garmin
# watches it comes from a proprietary method that estimates oxygen debt {footcite:p}`firstbeat2012`. We read
# it, label it as the device's, and never mix it with an effect that this book computes.
#
# {glue:text}`problems_say`. The reader never loads half a file in silence:
# [the lab](01_collect_lab.ipynb) cuts and spoils files to see whether that is true, and holds three formats
# of one ride against each other.

# %% tags=["remove-input"]
named = devices.told(problems)
style.text_table(named) if len(named) else None

# %% [markdown]
# ## The mean over rows is not the mean over time
#
# **Intuition.** A watch that writes more often when something changes gives those moments more rows. The
# plain mean over the rows then counts *rows*, not *time*.
#
# **Equation.** Let $h_i$ be the heart rate of row $i$, written at second $t_i$, for $i = 1, \dots, n$. Each
# value stands until the next one is written, for $\Delta_i = t_{i+1} - t_i$ seconds. After a silence of more
# than ten seconds we no longer believe it, and the value counts for its own second. The {term}`time mean`
# weights each row by the time it stands:
#
# $$\bar h = \frac{\sum_{i=1}^{n} \Delta_i\, h_i}{\sum_{i=1}^{n} \Delta_i}.$$
#
# **Code.** Its naive rivals are the plain mean over rows, and the mean that takes a missing second for a
# zero.


# %%
def time_mean(t_s, hr_bpm, believed_s=10):
    """Mean over time; NaN if nothing was written."""
    stands_s = np.diff(t_s, append=t_s[-1:] + 1)  # until the next value
    stands_s[stands_s > believed_s] = 1
    return np.average(hr_bpm, weights=stands_s) if len(hr_bpm) else np.nan


t_s, hr_bpm = stream[["t_s", "hr_bpm"]].dropna().to_numpy().T
ways = {
    "time mean": time_mean(t_s, hr_bpm),
    "mean over rows": stream["hr_bpm"].mean(),
    "missing taken for zero": stream["hr_bpm"].fillna(0).mean(),
}
by_package = assemble.time_mean(stream["hr_bpm"].to_numpy())
assert np.isclose(ways["time mean"], by_package, equal_nan=True)

# %% mystnb={"figure": {"caption": "Three means of one heart-rate stream. In brackets, how far each lies from the time mean.", "name": "fig-means"}, "image": {"alt": "Dot plot of three means of the heart rate: over time, over rows, and with missing seconds taken for zero."}}
figures.means(pd.DataFrame({"hr_mean_bpm": ways}))

# %% tags=["check"]
off = [f"{way - ways['time mean']:+.1f}".replace("-", "−") for way in ways.values()]
say = (
    f"Here counting rows is off by {off[1]} bpm, and counting zeros by {off[2]} bpm"
)
if not len(gaps):
    say = "Every second was written, so the three agree"
elif not written:
    say = "Without heart rate there is nothing to average"
elif {o[1:] for o in off} == {"0.0"}:
    say = "Here so little is missing that the three agree to a tenth of a beat"
record("means_say", say)

# %% [markdown]
# {glue:text}`means_say`. The first kind of error is usually a nuisance; the second makes a different person
# of the athlete.
#
# **Caveat.** The time mean trusts that nothing happened between two rows. Over a second or five that is
# fair; over a lost minute nobody knows.
#
# ## Present, and still wrong
#
# A value can be there and still be an {term}`artefact`. Optical sensors look for the pulse in reflected
# light; their error grows with movement and differs from device to device {footcite:p}`bent2020`. We search
# with plain rules, each with a threshold and a reason: a heart rate that jumps faster than hearts do, a
# value that does not move for a minute, a speed that no human reaches, a distance that runs backwards.

# %%
suspicious = quality.artefacts(stream, session["sport"])

# %% mystnb={"figure": {"caption": "What this session recorded, a panel a channel. An arrow names the rule that objects, and where.", "name": "fig-streams"}, "image": {"alt": "The channels of one session over time, one above the other, with arrows at stretches that a rule calls suspicious."}}
figures.streams(stream, suspicious)

# %% tags=["remove-input"]
found = suspicious[["rule", "start_s", "length_s", "value", "limit"]].head(5)
found.columns = ["rule", "from (s)", "lasts (s)", "worst value", "limit"]
score_table(found, digits=0) if len(found) else None

# %% tags=["check"]
n, total = len(suspicious), f"{suspicious['length_s'].sum():.0f} s in all"
stretches = "one stretch" if n == 1 else f"{n} stretches"
say = f"The rules point at {stretches} of this session, {total}"
record("rules_say", say if n else "No rule objects to anything in this session")

# %% [markdown]
# **{glue:text}`rules_say`.** A rule only *points*. A heart rate that leaps in the first seconds of a race may be
# a nervous heart, or a sensor that has just found its pulse; a value held for a minute may be a steady ride,
# or a frozen sensor. Whether it is wrong needs a second look, and often a second sensor.
#
# The most famous artefact is {term}`cadence lock`: the sensor counts steps instead of beats. In the real
# marathon, mean heart rate and mean cadence are nearly the same number. The lab asks whether its watch was
# locked, and shows why closeness alone proves nothing.
#
# ## Exercises
#
# Try first, then open the solution. {download}`This chapter as a notebook with empty answers
# <exercises/01_collect_exercises.ipynb>` is there to work in.
#
# ### Exercise 1
#
# How many minutes of this session were spent at or above 170 bpm? Let each value stand as in the time
# mean. Expected: {glue:text}`exercise_1`.

# %% tags=["solution"]
stands_s = np.diff(t_s, append=t_s[-1:] + 1)
stands_s[stands_s > 10] = 1
answer = stands_s[hr_bpm >= 170].sum() / 60
record("exercise_1", answer, digits=1)

# %% [markdown]
# ### Exercise 2
#
# How long did the fastest kilometre take, in minutes? Look at every row as a possible start. Expected:
# {glue:text}`exercise_2` (`nan` if the session is shorter than a kilometre).

# %% tags=["solution"]
t, d = stream[["t_s", "distance_m"]].dropna().to_numpy().T
d = np.maximum.accumulate(d)
end = np.searchsorted(d, d + 1000)
inside = end < len(d)
answer = (t[end[inside]] - t[inside]).min() / 60 if inside.any() else np.nan
record("exercise_2", answer, digits=2)

# %% [markdown]
# ### Exercise 3
#
# The time mean lets a value stand for up to ten seconds. Allow one second only (`believed_s=1`), and
# subtract the plain mean over rows. What do you get, and why? Expected: {glue:text}`exercise_3`.

# %% tags=["solution"]
answer = time_mean(t_s, hr_bpm, believed_s=1) - stream["hr_bpm"].mean()
# every row weighs the same, which is the plain mean
record("exercise_3", answer, digits=2)

# %% [markdown]
# ## Summary
#
# - A watch writes records, not seconds. One row a second with `NaN` keeps that visible.
# - Missing is not zero, and the mean over rows is not the mean over time.
# - A rule finds what is suspicious; it does not say what is wrong.
# - The watch's own training effect comes from a formula that is not public. It is read and labelled,
#   nothing more.
#
# ## What comes next
#
# The streams are read, but they still have holes, errors and personal scales. [](02_prepare.ipynb) cleans
# them, scales heart rate to 0–1, and shows the leak that flatters models.
#
# ## References
#
# ```{footbibliography}
# ```
