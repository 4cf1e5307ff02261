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
# # 1 · Collecting what a watch records: the lab
#
# Four checks of the reader and of its rules, on every file of the folder. How often does each device write?
# Does one workout in three formats stay one workout? What becomes of a damaged file? And was the watch of
# the marathon counting steps?
#
# *About ten seconds to run.* `sportsml run 01_lab -p data_dir my_rides` does the same with your own files.
# `profile` says how many damaged copies of each format are tried: 30 (accepted), 10 (quick) or 1,000 (full).

# %% tags=["imports"]
import tempfile
from pathlib import Path

import pandas as pd

from sportsml_lite.collect import cadence_lock, corruption, devices, fetch, quality
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
session_id = ""  # name: session tested for a lock; empty is the longest with both
seed = 0  # 0 to 1000000: simulated run, places of damage, shifts, planted locks
profile = "accepted"  # 'accepted', 'quick' or 'full': 30, 10 or 1000 damaged copies
close_bpm = 5.0  # bpm, 1 to 20: what the naive test of a lock calls close

# %% tags=["hide-input"]
check_values("01_collect_lab", globals())
copies = {"accepted": 30, "quick": 10, "full": 1000}[profile]
real = bool(data_dir) or dataset == "device_files"
folder = Path(data_dir).expanduser() if data_dir else fetch.locate("device_files")
scratch = tempfile.TemporaryDirectory()
if real and folder is not None:
    origin = "your own files" if data_dir else "the real files"
else:  # the simulated marathon as a watch would store it, and its first ten minutes
    origin = "a simulated marathon and its first ten minutes"
    folder = Path(scratch.name)
    rows, stream = example_run(seed)
    devices.write_fit(folder / "marathon.fit", rows.iloc[0], stream)
    devices.write_fit(folder / "start.fit", rows.iloc[0], stream.head(600))
sessions, streams, problems = devices.read(folder)

# %% tags=["check"]
record("origin", origin)
record("n_sessions", f"{len(sessions)} session{'s' * (len(sessions) > 1)}")
record("n_seconds", f"{len(streams):,}")
failed = len(problems) - int(problems["read"].sum())
unread = f"{failed} files could not be read, and {len(problems) - failed} parts of others were left "
unread += "out or are in doubt, named below with the reason"
record("unread", unread if len(problems) else "every file could be read")

# %% [markdown]
# ## How often a device writes
#
# This page looks at {glue:text}`origin`: {glue:text}`n_sessions` with {glue:text}`n_seconds` seconds;
# {glue:text}`unread`. A device that writes every second reaches 100 %;
# one with {term}`smart recording`, or a lost sensor, does not.

# %% mystnb={"figure": {"caption": "Share of each session's seconds that have a heart rate.", "name": "fig-coverage"}, "image": {"alt": "A row a session; the dot shows how many of its seconds have a heart rate."}}
by_session = streams["hr_bpm"].notna().groupby(streams["session_id"]).mean()
figures.coverage(100 * by_session.reindex(sessions["session_id"]).dropna().head(20))

# %% tags=["remove-input"]
named = devices.told(problems)
style.text_table(named) if len(named) else None

# %% [markdown]
# ## The same session in three formats
#
# Software exports one workout as FIT, TCX or GPX. They should agree. GPX states neither distance nor speed,
# so both are computed from the positions.

# %% tags=["hide-input"]
same = devices.same_session(sessions)
measures = ["duration_s", "distance_m", "hr_mean_bpm"]
reference = same.groupby("group")[measures].transform("first")
off = 100 * (same[measures] / reference - 1).abs()
shown = pd.concat([same[["session_id", *measures]], off.add_suffix(" %")], axis=1)
shown.columns = [
    "session",
    "s",
    "m",
    "bpm",
    "s off (%)",
    "m off (%)",
    "bpm off (%)",
]
score_table(shown, digits=1) if len(shown) else None

# %% tags=["check"]
n_workouts = same["group"].nunique()
record(
    "formats_say",
    "No workout of this folder is stored in more than one format"
    if not n_workouts
    else f"Workouts stored in several formats: {n_workouts}, each held against its first row. The "
    f"largest differences: duration {off['duration_s'].max():.2g} %, distance "
    f"{off['distance_m'].max():.2g} %, heart rate {off['hr_mean_bpm'].max():.2g} %",
)

# %% [markdown]
# {glue:text}`formats_say`. A **pause** is the usual reason. FIT states the time with the timer running, and
# the distance of that time. GPX knows positions only: who walks on during a pause walks on in the file.
#
# ## What becomes of a broken file
#
# The battery dies, a cable is pulled, and half a file remains. The worst reader loads half a session and says
# nothing. So we take the smallest readable file of each format, cut it at random places or change a random
# byte, and count: *refused* with a reason, *named* where the reader says what it left out or doubts, the *same*
# tables as the whole file, or *changed* tables without a word.

# %%
fates = corruption.trial(folder, copies, seed)
score_table(fates.reset_index())

# %% tags=["check"]
silent = ", ".join(fates.index[fates["changed"] > 0])
refused = fates["refused"].sum() / max(fates.to_numpy().sum(), 1)
record("refused", 100 * refused, digits=0)
which = f"some copies of {silent}" if silent else "none"
record("silent", f"{which} came through with other tables")

# %% [markdown]
# Of all damaged copies {glue:text}`refused` % were refused with a reason; {glue:text}`silent`. A FIT file
# ends with a checksum over all its bytes {footcite:p}`garminfit`. A text format has none: if a digit of a
# heart rate flips, no reader can know. And a checksum protects the file, not the truth: a wrong heart rate is
# stored faithfully.
#
# ## What the rules object to
#
# Every rule with its threshold, and below it the stretches in this folder to which one objects, if any:

# %% tags=["hide-input"]
sport = sessions.set_index("session_id")["sport"].fillna("")
by_name = streams.groupby("session_id", sort=False)
found = pd.concat(quality.artefacts(part, sport[name]) for name, part in by_name)
per_rule = found.groupby("rule")["length_s"].agg(stretches="size", seconds="sum")
rules = [
    (r.__name__.replace("_", " "), quality.what_it_finds(r)) for r in quality.RULES
]
style.text_table(pd.DataFrame(rules, columns=["rule", "looks for"]))

# %% tags=["remove-input"]
score_table(per_rule.reset_index(), digits=0) if len(per_rule) else None

# %% [markdown]
# ## Is the watch counting steps?
#
# In {term}`cadence lock` an optical sensor reports the rhythm of the steps as heart rate. The naive test is
# closeness: the two agree within a few beats for minutes on end. But a runner's cadence often lies near 180
# steps a minute, and a hard-working heart may well beat at 180. A lock means more: **when cadence changes,
# the locked heart rate changes with it.** The rule `cadence_lock` asks for both, in windows of two minutes.
#
# How much of that would chance give? The **control** shifts the cadence in time by a random amount and asks
# again; whatever is found then is false. A lock is called likely if the rule names more seconds than it does
# for 95 % of 60 shifts.

# %% tags=["hide-input"]
both = streams[streams["hr_bpm"].notna() & streams["cadence_spm"].notna()]
lengths = both.groupby("session_id").size()
chosen = session_id or (lengths.idxmax() if len(lengths) else sport.index[0])
if chosen not in sport.index:
    raise UserError(f"session_id {chosen!r} is none of {', '.join(sport.index)}")
stream = streams[streams["session_id"] == chosen].reset_index(drop=True)
verdict = cadence_lock.lock_test(stream, close_bpm, shifts=60, seed=seed)

# %% mystnb={"figure": {"caption": "Above: minute means of heart rate and cadence; inside the grey band they are close. Below: how they change from minute to minute. In a lock the dots would follow the dashed line.", "name": "fig-lock"}, "image": {"alt": "Above, heart rate and cadence over time. Below, change of heart rate against change of cadence, minute to minute."}}
figures.heart_rate_against_cadence(cadence_lock.minute_means(stream), close_bpm)

# %% tags=["check"]
numbers, tested = verdict, pd.notna(verdict["locked_s"])
record("lock_session", chosen)
record("lock_verdict", verdict["verdict"])
record(
    "lock_says",
    f"Heart rate and cadence are close in {numbers['close_percent']:.0f} % of the minutes; with "
    f"shifted cadence in {numbers['shifted_close_low']:.0f} to "
    f"{numbers['shifted_close_high']:.0f} % (the middle 95 % of the shifts). The rule names "
    f"{numbers['locked_s']:.0f} s, and at most {numbers['shifted_locked_s']:.0f} s for 95 % of the "
    f"shifts. Their changes correlate with r = {numbers['change_correlation']:.2f}"
    if tested
    else "The session has fewer than ten minutes with heart rate and a cadence in steps",
)

# %% [markdown]
# *{glue:text}`lock_session`.* {glue:text}`lock_says`. Verdict: **{glue:text}`lock_verdict`**.
#
# A test that never finds anything is worthless. So locks of known length are planted in this very session,
# each at ten random places, and we count how often the rule and the naive test see them (% of the places).
# {glue:text}`power_says`.

# %% tags=["hide-input"]
seen = cadence_lock.power(stream, verdict, close_bpm, trials=10, seed=seed)
plain = len(seen) > 0 and verdict["verdict"] == "no sign of a lock"
seen = seen.rename_axis("minutes planted").reset_index()
score_table(seen, digits=0) if plain else None

# %% tags=["check"]
why = (
    "likely locked itself, so planting proves nothing" if len(seen) else "too short"
)
say = "The table says how often" if plain else f"But this session is {why}"
record("power_says", say)

# %% [markdown]
# **Caveat.** The planted lock is our own: cadence plus one beat of noise. Real sensors may lock less tightly.
# And a runner whose effort makes heart *and* feet quicken together can look locked; only a chest strap
# settles that.
#
# ## References
#
# ```{footbibliography}
# ```
