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
# **The question.** What does a training watch write down, what is missing, and what is wrong?
#
# ```{admonition} You will be able to
# - **read** FIT, TCX, GPX and CSV files of any maker into one table with units,
# - **find** gaps and artefacts in a heart-rate stream, and say how sure you are,
# - **average** a stream that was not written every second without fooling yourself,
# - **tell** the watch's own "training effect" from anything that this book computes.
# ```
#
# | You need | Where |
# |---|---|
# | a table in pandas: rows, columns, `groupby` | any pandas introduction |
# | mean, correlation | any statistics introduction |
#
# *20 minutes to read, under a minute to run.*

# %% tags=["imports"]
from pathlib import Path

import numpy as np
import pandas as pd

from sportsml_lite import schema
from sportsml_lite.collect import cadence_lock, corruption, devices, fetch, quality
from sportsml_lite.collect.formats import assemble
from sportsml_lite.errors import UserError
from sportsml_lite.plots import streams as figures
from sportsml_lite.plots import style
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record

style.use()

# %% [markdown]
# ## The files
#
# Without any parameter this chapter opens real files that come with the MIT-licensed package
# *chironpy*: a marathon, rides, and a short session of three sports. With your own files,
# `sportsml run 01 -p data_dir my_rides`, every number and every figure below is computed anew.

# %% tags=["parameters"]
dataset = "device_files"  # 'device_files' or 'simulated': real examples, or one simulated run
data_dir = ""  # path: folder with your own FIT, TCX, GPX or CSV files
session_id = ""  # name: the session to look at closely; empty takes the longest with heart rate
seed = 0  # 0 to 1000000: places at which files are cut, and the simulated run
profile = "quick"  # 'quick' or 'full': how many damaged files are tried

# %% tags=["hide-input"]
check_values("01", globals())
folder = (
    (Path(data_dir).expanduser() if data_dir else fetch.locate("device_files"))
    if data_dir or dataset == "device_files"
    else None
)
if folder is not None:
    sessions, streams, problems = devices.read(folder)
    origin = "own files" if data_dir else "real files"
else:
    from sportsml_lite.simulate import example_run

    sessions, streams = example_run(seed)
    problems = pd.DataFrame({"file": [], "reason": []})
    origin = "simulated run"
    if dataset == "device_files":
        print(
            "The real files are not here (sportsml fetch device_files): a simulated run instead."
        )

# %% tags=["check"]
record("origin", origin)
record("n_sessions", len(sessions))
record("n_unreadable", len(problems))
record("n_seconds", len(streams))

# %% [markdown]
# These pages were made from **{glue:text}`origin`**: {glue:text}`n_sessions` sessions with
# {glue:text}`n_seconds` seconds of stream; {glue:text}`n_unreadable` files could not be read.
#
# ## What a watch writes
#
# A watch writes a **record** every second or every few seconds: a time and whatever its sensors gave
# at that moment. This book keeps such a {term}`stream` as one row a second. The column's name carries
# the unit, so that nobody has to guess:

# %% tags=["hide-input"]
pd.DataFrame(
    [
        (c.name, c.meaning, c.unit, f"{c.low:g} – {c.high:g}")
        for c in schema.STREAMS
        if c.high
    ],
    columns=["column", "meaning", "unit", "plausible range"],
).style.hide()

# %% [markdown]
# From the stream, or from the watch's own summary, comes one row for each {term}`session`. Reading a
# whole folder is one line, `sessions, streams, problems = devices.read(folder)`:

# %% tags=["hide-input"]
summary = pd.DataFrame(
    {
        "session": sessions["session_id"],
        "sport": sessions["sport"],
        "start (UTC)": sessions["start"].dt.strftime("%Y-%m-%d %H:%M"),
        "min": sessions["duration_s"] / 60,
        "km": sessions["distance_m"] / 1000,
        "bpm": sessions["hr_mean_bpm"],
        "W": sessions["power_mean_w"],
        "effect": sessions["effect"],
    }
)
style.table(summary)

# %% [markdown]
# A dash means that the file does not say. It is **missing**, not zero: a ride without a power meter
# did not have a power of zero watts. In the tables, missing is `NaN` throughout.
#
# The last column is a *training effect*, a number from 0 to 5, where one is stated. On Garmin watches it
# is computed by a proprietary method from an estimate of the oxygen debt after exercise
# {footcite:p}`firstbeat2012`. We read it, label it as the device's, and never mix it with an effect that
# this book computes.
#
# A file that cannot be read is listed with the reason, and the others are used:

# %% tags=["hide-input"]
style.text_table(problems) if len(problems) else print("Every file could be read.")

# %% [markdown]
# ## One session closely

# %%
if session_id and session_id not in set(sessions["session_id"]):
    known = ", ".join(sessions["session_id"])
    raise UserError(
        f"session_id {session_id!r} is not among the sessions read: {known}"
    )
by_name = sessions.set_index("session_id")
with_hr = streams.loc[streams["hr_bpm"].notna(), "session_id"].unique()
candidates = by_name.loc[with_hr] if len(with_hr) else by_name
chosen = session_id or candidates["duration_s"].idxmax()
session = by_name.loc[chosen]
stream = streams[streams["session_id"] == chosen].reset_index(drop=True)
gaps = quality.gaps(stream, longest_ok_s=0)
suspicious = quality.artefacts(stream, session["sport"])

# %% tags=["check"]
seconds = len(stream)
written = int(stream["hr_bpm"].notna().sum())
record("session_name", chosen)
record(
    "session_sport",
    str(session["sport"]) if pd.notna(session["sport"]) else "unknown sport",
)
record("session_minutes", session["duration_s"] / 60, digits=1)
record("session_km", session["distance_m"] / 1000, digits=2)
stated = pd.notna(session["effect"])
record("effect", f"{session['effect']:.1f}" if stated else "not stated")
record("effect_by", str(session["effect_name"]) if stated else "nobody")
record("missing_percent", 100 * (1 - written / max(seconds, 1)), digits=1)
record("n_gaps", len(gaps))
record("longest_gap_s", gaps["length_s"].max() if len(gaps) else 0, digits=0)

# %% [markdown]
# We look at {glue:text}`session_name`, {glue:text}`session_sport`: {glue:text}`session_km` km in
# {glue:text}`session_minutes` minutes. Training effect: {glue:text}`effect`, stated by:
# {glue:text}`effect_by`.

# %% mystnb={"figure": {"caption": "The streams of one session, one panel a channel, over the minutes since the start. Grey bands are seconds that a rule below calls suspicious.", "name": "fig-streams"}, "image": {"alt": "Heart rate, speed, cadence and altitude of one session over time, with suspicious stretches shaded grey."}}
figures.streams(stream, suspicious)

# %% [markdown]
# ## Gaps
#
# A line in a figure hides how often the watch really wrote. Of all seconds of this session,
# **{glue:text}`missing_percent` %** have no heart rate, in {glue:text}`n_gaps` gaps; the longest lasts
# {glue:text}`longest_gap_s` s. Most short gaps are no fault: to save memory, many watches write a
# record only when something changed ("smart recording"). A long gap is another matter: the sensor lost
# contact, or the watch was paused.

# %% mystnb={"figure": {"caption": "How much of the session lies in gaps of which length.", "name": "fig-gaps"}, "image": {"alt": "Bar chart of the share of all seconds that lie in gaps of each length."}}
figures.gap_lengths(gaps, len(stream))

# %% [markdown]
# ## The mean of a stream is not the mean of its rows
#
# **Intuition.** A watch that writes more often when something changes gives those moments more rows.
# The plain mean over the rows then counts *rows*, not *time*.
#
# **Equation.** Let $h_i$ be the heart rate of row $i$, written at second $t_i$, for $i = 1, \dots, n$.
# Each value stands until the next one is written, for $\Delta_i = t_{i+1} - t_i$ seconds. After a
# silence of more than ten seconds we no longer believe it, and the value counts for one second. The
# **time mean** weights each row by the time it stands:
#
# $$\bar h = \frac{\sum_{i=1}^{n} \Delta_i\, h_i}{\sum_{i=1}^{n} \Delta_i}.$$
#
# The naive rivals are the plain mean over rows, and the mean that takes a missing second for a zero.

# %%
hr = stream["hr_bpm"].to_numpy()
ways = pd.DataFrame(
    {
        "hr_mean_bpm": {
            "time mean": assemble.time_mean(hr),
            "mean over rows": np.nanmean(hr) if written else np.nan,
            "missing taken for zero": np.nan_to_num(hr).mean(),
        }
    }
)

# %% tags=["check"]
for way, name in [
    ("time mean", "mean_time"),
    ("mean over rows", "mean_rows"),
    ("missing taken for zero", "mean_zero"),
]:
    record(name, ways.loc[way, "hr_mean_bpm"], digits=1)
by_rows, by_zero = (ways["hr_mean_bpm"] - ways["hr_mean_bpm"].iloc[0]).iloc[1:]
record(
    "means_say",
    "without heart rate there is nothing to average"
    if not written
    else "every second was written, so the three agree"
    if not len(gaps)
    else f"counting rows is off by {by_rows:+.1f} bpm, counting zeros by {by_zero:+.1f} bpm",
)

# %% mystnb={"figure": {"caption": "One session, three means of the same heart-rate stream.", "name": "fig-means"}, "image": {"alt": "Dot plot of three means of the heart rate: over time, over rows, and with missing seconds taken for zero."}}
figures.means(ways)

# %% [markdown]
# The time mean is **{glue:text}`mean_time` bpm**, the mean over rows {glue:text}`mean_rows` bpm, and with
# missing seconds taken for zeros {glue:text}`mean_zero` bpm: **{glue:text}`means_say`**. The first kind of
# error is a nuisance; the second makes a different person of the athlete.
#
# **Caveat.** The time mean trusts that nothing happened between two rows. Over a second or five that
# is fair; over a lost minute nobody knows.
#
# ## Artefacts
#
# A value can be present and still be wrong. Optical sensors look for the pulse in reflected light and
# can be fooled by the arm's own rhythm; error grows with movement and differs from device to device
# {footcite:p}`bent2020`. We search with plain rules. Each has a threshold and a reason, written in its
# docstring:

# %% tags=["hide-input"]
rules = [(rule.__name__, quality.what_it_finds(rule)) for rule in quality.RULES]
style.text_table(pd.DataFrame(rules, columns=["rule", "what it looks for"]))

# %%
style.table(suspicious) if len(suspicious) else print("Nothing found.")

# %% tags=["check"]
record("n_suspicious", len(suspicious))
record(
    "suspicious_s", suspicious["length_s"].sum() if len(suspicious) else 0, digits=0
)

# %% [markdown]
# Stretches found: {glue:text}`n_suspicious`; seconds in all: {glue:text}`suspicious_s` (grey in
# {numref}`fig-streams`). A rule only *points*. Whether a stretch is wrong needs a second look, and the
# most famous artefact shows why.
#
# ### Is the watch counting steps?
#
# In **cadence lock** an optical sensor reports the rhythm of the steps as heart rate. The naive test
# is closeness: the two numbers agree within five beats for minutes on end. But a runner's cadence
# often lies near 180 steps a minute, and a hard-working heart may well beat at 180.
#
# A lock means more than closeness. **When cadence changes, the locked heart rate changes with it.** The
# rule `cadence_lock` therefore asks for both, in windows of two minutes: closeness, and correlation.
#
# How much of that would chance give? The **control**: shift the cadence in time by a random amount, and
# ask again. Whatever is found then is false. So let $T$ be the seconds that the rule names, and $T_s$
# the same with the cadence shifted by $s$. We call a lock likely if $T$ exceeds 95 % of the $T_s$.

# %%
verdict = cadence_lock.lock_test(stream, close_bpm=5.0, shifts=60, seed=seed)
planted = cadence_lock.power(stream, verdict, close_bpm=5.0, trials=10, seed=seed)
style.table(planted.add_suffix(" (% seen)").reset_index(), 0)

# %% tags=["check"]
record("lock_close", verdict["close_percent"], digits=0)
record("lock_low", verdict["shifted_close_low"], digits=0)
record("lock_high", verdict["shifted_close_high"], digits=0)
record("lock_s", verdict["locked_s"], digits=0)
record("lock_chance_s", verdict["shifted_locked_s"], digits=0)
record("lock_r", verdict["change_correlation"], digits=2)
record("lock_verdict", verdict["verdict"])

# %% mystnb={"figure": {"caption": "Left: minute means of heart rate and cadence; inside the green band they look locked. Right: how they change from minute to minute. In a lock the dots would follow the dashed line.", "name": "fig-lock"}, "image": {"alt": "Left, heart rate and cadence over time. Right, change of heart rate against change of cadence, minute to minute."}}
figures.heart_rate_against_cadence(cadence_lock.minute_means(stream), close_bpm=5.0)

# %% [markdown]
# The naive test: heart rate and cadence are close in **{glue:text}`lock_close` %** of the minutes. That
# looks alarming, until the shifted cadence gives {glue:text}`lock_low` to {glue:text}`lock_high` % (the
# middle 95 % of the shifts). The rule names {glue:text}`lock_s` s; 95 % of the shifts give
# at most {glue:text}`lock_chance_s` s. Their changes from minute to minute correlate with
# $r =$ {glue:text}`lock_r`. Verdict: **{glue:text}`lock_verdict`**.
#
# A test that never finds anything is worthless, so the table above plants locks of known length in this
# very session, each at ten random places, and counts how often each test sees them.
#
# **Caveat.** The planted lock is our own: cadence plus one beat of noise. Real sensors may lock less
# tightly. And a runner whose effort makes heart *and* feet quicken together can look locked; only a
# chest strap settles that.
#
# ## The same session in three formats
#
# Software exports one workout as FIT, TCX or GPX. They should agree; how well do they? GPX states
# neither distance nor speed, so both are computed from the positions.

# %% tags=["hide-input"]
same = devices.same_session(sessions)
measures = ["duration_s", "distance_m", "hr_mean_bpm"]
reference = same.groupby("group")[measures].transform("first")
off = 100 * (same[measures] / reference - 1).abs()
table = pd.concat([same[["session_id", *measures]], off.add_suffix(" %")], axis=1)
table.columns = [
    "session",
    "s",
    "m",
    "bpm",
    "s off (%)",
    "m off (%)",
    "bpm off (%)",
]
hint = "No session here is stored in more than one format."
style.table(table, 2) if len(table) else print(hint)

# %% tags=["check"]
per_workout = off.groupby(same["group"]).max()
names = ["duration", "distance", "heart rate"]


def in_words(row):
    """The three differences of a workout, in percent, or that there is none."""
    parts = [
        f"{name} {value:.2g} %" for name, value in zip(names, row, strict=True)
    ]
    return ", ".join(parts) if len(per_workout) else "nothing to compare"


record("n_workouts", len(per_workout))
record("agree_best", in_words(per_workout.min()))
record("agree_worst", in_words(per_workout.max()))

# %% [markdown]
# {glue:text}`n_workouts` workouts of this folder are stored in several formats; each is compared with
# its first row. The smallest differences: {glue:text}`agree_best`. The largest:
# {glue:text}`agree_worst`.
#
# A **pause** is the usual reason. FIT states the time with the timer running, and the distance of that
# time. GPX knows positions only: who walks on during a pause walks on in the file. In
# these rides heart rate survives the change of format, distance and duration do not always, and power is
# missing from GPX altogether. Another maker's software may differ: compare your own.
#
# ## What a broken file does
#
# The battery dies, a cable is pulled, and half a file remains. The worst reader loads half a session
# and says nothing. So we try it: take the smallest readable file of each format, cut it at random places or
# change a random byte, and count what happens.

# %%
n_damaged = {"quick": 30, "full": 1000}[profile]
fates = (
    corruption.trial(folder, n_damaged, seed)
    if folder is not None
    else corruption.NO_TRIAL
)
fates

# %% tags=["check"]
for fate in ("refused", "same", "changed"):
    record(f"damaged_{fate}", fates[fate].sum())
record(
    "damaged_silent", ", ".join(fates.index[fates["changed"] > 0]) or "no format"
)

# %% [markdown]
# Of all damaged copies, **{glue:text}`damaged_refused`** were refused with a reason,
# {glue:text}`damaged_same` gave the same tables as the whole file, and {glue:text}`damaged_changed` gave
# other tables without a word: {glue:text}`damaged_silent`. A FIT file ends with a checksum over all its
# bytes {footcite:p}`garminfit`. A text format has none: if a digit of a heart rate flips, no reader can know.
#
# **Caveat.** A checksum protects the file, not the truth. A wrong heart rate is stored faithfully.
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
rows = stream[["t_s", "hr_bpm"]].dropna()
until_next_s = (-rows["t_s"].diff(-1)).fillna(1)
stands_s = until_next_s.where(until_next_s <= 10, 1)
answer = stands_s[rows["hr_bpm"] >= 170].sum() / 60
record("exercise_1", answer, digits=1)

# %% [markdown]
# ### Exercise 2
#
# How long did the fastest kilometre take, in minutes? Look at every row as a possible start.
# Expected: {glue:text}`exercise_2` (`nan` if the session is shorter than a kilometre).

# %% tags=["solution"]
rows = stream[["t_s", "distance_m"]].dropna()
t, d = rows["t_s"].to_numpy(), np.maximum.accumulate(rows["distance_m"].to_numpy())
end = np.searchsorted(d, d + 1000)
inside = end < len(d)
answer = (t[end[inside]] - t[inside]).min() / 60 if inside.any() else np.nan
record("exercise_2", answer, digits=2)

# %% [markdown]
# ### Exercise 3
#
# The time mean lets a value stand for up to ten seconds. Allow one second only, and subtract
# the plain mean over rows. What do you get, and why? Expected: {glue:text}`exercise_3`.

# %% tags=["solution"]
rows = stream[["t_s", "hr_bpm"]].dropna()
stands_s = (-rows["t_s"].diff(-1)).fillna(1).clip(upper=1)
time_mean = np.average(rows["hr_bpm"], weights=stands_s) if len(rows) else np.nan
answer = (
    time_mean - rows["hr_bpm"].mean()
)  # every row weighs the same: the plain mean
record("exercise_3", answer, digits=2)

# %% [markdown]
# ## Summary
#
# - A watch writes records, not seconds. One row a second with `NaN` for what was not written keeps that
#   visible.
# - Missing is not zero, and the mean of the rows is not the mean over time.
# - A rule finds suspicious seconds; a control says whether that is more than chance, and planted errors
#   say whether the rule can see at all.
# - The watch's own training effect comes from a formula that is not public. It is read and labelled,
#   nothing more.
# - A damaged file must be refused by name. A checksum sees nearly all damage; text formats have none.
#
# ## What comes next
#
# The streams are read, but they still have holes, errors and personal scales.
# [](02_prepare.ipynb) cleans them, scales heart rate to 0–1, and shows the leak that flatters models.
#
# ## References
#
# ```{footbibliography}
# ```
