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
# # 2 · Preparing what was recorded
#
# **The question.** How do raw streams become a table that a model may learn from, without inventing
# data and without leaking?
#
# ```{admonition} You will be able to
# - **choose** a way to fill gaps by its error on values you hid yourself,
# - **compute** training loads and a heart rate from 0 to 1, and say what each assumes,
# - **build** features of the past that cannot see the future, and prove it,
# - **measure** how much a random split of rows flatters a model.
# ```
#
# | You need | Where |
# |---|---|
# | sessions, streams, gaps | chapter 1 |
# | mean, standard deviation, interval | any first course in statistics |
#
# *30 minutes to read, 40 seconds to run.*

# %% tags=["imports"]
import re
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sportsml_lite import evaluate, prepare, protocol
from sportsml_lite.collect import fetch
from sportsml_lite.collect.datasets import public
from sportsml_lite.errors import UserError
from sportsml_lite.plots import prepare as figures
from sportsml_lite.plots import style
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.simulate import simulate
from sportsml_lite.studies import accepted

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: also simulated_b, actes, pmdata or a folder
data_dir = ""  # path: folder around the data set, or of your own tables
seed = 0  # whole number, 0 to 1000000: athletes, splits and hidden gaps
profile = "quick"  # 'quick' or 'full': 2 or 5 seeds, fewer or more streams
n_athletes = 200  # athletes, 20 to 1000: how many simulated athletes
n_days = 56  # days, 21 to 365: how long they train
hidden_share = 0.2  # share of seconds, 0.05 to 0.5: hidden to test filling
same_bpm = 150.0  # bpm, 80 to 200: the heart rate two athletes share
window_s = 60  # s, 10 to 600: length of a window
stride_s = 30  # s, 5 to 600: from one window's beginning to the next

# %% tags=["hide-input"]
check_values("02", globals())
n_seeds = {"quick": 2, "full": 5}[profile]
n_streams, n_gap_folds = {"quick": (80, 2), "full": (200, 5)}[profile]

simulated = dataset in fetch.SIMULATED and not data_dir
own = data_dir if dataset in fetch.SIMULATED else dataset
if not simulated and dataset not in ("actes", "pmdata"):
    if not Path(own).expanduser().is_dir():
        raise UserError(
            f"parameter 'dataset': {own!r} is none of 'simulated', 'simulated_b', "
            "'actes', 'pmdata', and no folder of your own tables"
        )
    data = public.load_tables(Path(own).expanduser())
elif not simulated:
    data = public.load(dataset, data_dir)

if simulated:
    sim = simulate(n_athletes, n_days, seed, dataset)
    athletes, sessions = sim.athletes, sim.sessions
    sample = sessions.groupby("athlete_id")["session_id"].nth(3).head(n_streams)
    streams = sim.streams(sample, laboratory=True)
    truth = sim.hidden_seconds(sample)
    origin = f"{dataset}, no real athlete"
else:
    athletes, sessions, streams = data.athletes, data.sessions, data.streams
    origin = data.name if dataset in ("actes", "pmdata") else "your own tables"
if len(streams):
    streams, _ = prepare.regular(streams)
has_streams = bool(len(streams)) and bool(streams["hr_bpm"].notna().any())
no_streams = "This data has no heart rate by the second: nothing to show here."


def told(value, digits=1):
    """A number as text, or that there is none."""
    known = value is not None and np.isfinite(value)
    return f"{value:.{digits}f}" if known else "(not available)"


def plain(interval, digits):
    """An interval as text, without a minus before a zero."""
    return re.sub(r"-(0\.0+)(?!\d)", r"\1", f"{interval:.{digits}f}")


# %% tags=["check"]
record("origin", origin)
record("n_people", len(athletes))
record("n_sessions", len(sessions))
record("n_seconds", len(streams))

# %% [markdown]
# ## The raw material
#
# This page was made from **{glue:text}`origin`**: {glue:text}`n_people` athletes,
# {glue:text}`n_sessions` sessions, {glue:text}`n_seconds` seconds of stream. Two real data sets run
# through the same chapter: `sportsml run 02 -p dataset actes` ({doc}`ACTES </book/data_actes>`:
# laboratory tests by the second) and `-p dataset pmdata` ({doc}`PMData </book/data_pmdata>`: five
# months of sessions, no streams). `-p dataset my_tables/` reads your own `sessions.csv`,
# `athletes.csv` and `streams.csv`.
#
# What a loader left out, and why, belongs in every report:

# %% tags=["hide-input"]
if simulated:
    inventory = pd.DataFrame(
        {
            "what": ["athletes", "sessions", "seconds of stream", "left out"],
            "count": [len(athletes), len(sessions), len(streams), 0],
        }
    )
else:
    inventory = public.summary(data)
style.text_table(inventory)

# %% [markdown]
# ## What cannot be
#
# **Intuition.** A value outside what a body can do is not a bad measurement. It is no measurement.
# So it becomes missing (`NaN`), is counted, and nothing is put in its place yet.
#
# The classic impossible values are *sentinels*: numbers that a format uses to say "nothing here".
# FIT stores heart rate in one byte and writes 255 for "invalid"; a careless export turns that into
# 255 bpm, and a missing second into 0. We plant such mistakes in a copy of our own data, at
# places we know, and see whether the range check finds every one of them.

# %%
table_name, column = (
    ("streams", "hr_bpm") if has_streams else ("sessions", "hr_mean_bpm")
)
honest = {"streams": streams, "sessions": sessions}[table_name]
honest, found_first = prepare.check_ranges(honest, table_name)
rng = np.random.default_rng(seed)
planted = rng.random(len(honest)) < 0.02
sentinels = np.where(rng.random(len(honest)) < 0.5, 0.0, 255.0)
careless = honest.assign(**{column: honest[column].mask(planted, sentinels)})
checked, report = prepare.check_ranges(careless, table_name)
caught = checked[column].isna() & planted
shown = report.loc[
    report["missing"] < len(honest), ["missing", "outside", "low", "high"]
]
shown.style.format(precision=0)

# %% tags=["check"]
record("checked_table", table_name)
record("n_outside_before", int(found_first["outside"].sum()))
record("n_planted", int(planted.sum()))
record("n_caught", int(caught.sum()))
record("mean_honest", honest[column].mean(), digits=1)
record("mean_careless", careless[column].mean(), digits=1)
record("sd_honest", honest[column].std(), digits=1)
record("sd_careless", careless[column].std(), digits=1)

# %% [markdown]
# As loaded, the {glue:text}`checked_table` held {glue:text}`n_outside_before` impossible values. Of
# the {glue:text}`n_planted` we planted, {glue:text}`n_caught` were caught. Unchecked, they would have
# moved the mean heart rate from {glue:text}`mean_honest` to {glue:text}`mean_careless` bpm, and its
# standard deviation from {glue:text}`sd_honest` to {glue:text}`sd_careless` bpm. The mean can look
# harmless, since zeros and 255s balance each other; the spread does not.
#
# **Caveat.** A range check finds the impossible, not the wrong. A watch that counts steps instead of
# beats writes perfectly possible numbers.

# %% [markdown]
# ## What a watch adds
#
# How wrong are the values that pass? In real data nobody knows, unless a laboratory stood beside.
# In simulated data we do: the simulator first computes what the heart did, then what a watch makes
# of it. The watch is **late** by a few seconds, **noisy**, loses contact in bursts (**dropout**), and
# sometimes reports the rhythm of the steps ({term}`cadence lock`). The sizes are assumptions guided by
# comparisons of optical sensors with a chest strap {footcite:p}`bent2020,navalta2020`.

# %% tags=["hide-input"]
error = pd.DataFrame({"what": [], "error_bpm": []})
lags = {}
shown_stream = None
if simulated:
    seconds = streams.assign(true_hr_bpm=truth["true_hr_bpm"])
    same = seconds["hr_bpm"] == seconds["cadence_spm"].clip(150, 180)
    run = (same != same.shift()).cumsum()
    # In a lock the two are equal for a minute and more; by accident, for a few seconds.
    seconds["locked"] = same & (same.groupby(run).transform("size") >= 45)
    off = seconds["hr_bpm"] - seconds["true_hr_bpm"]
    kind = np.where(seconds["locked"], "cadence lock", "ordinary seconds")
    error = pd.DataFrame({"what": kind, "error_bpm": off}).dropna()
    for name, one in seconds[~seconds["locked"]].groupby("session_id"):
        if one["hr_bpm"].notna().mean() > 0.8:
            misfit = [
                (one["hr_bpm"] - one["true_hr_bpm"].shift(s)).std()
                for s in range(16)
            ]
            lags[name] = int(np.argmin(misfit))
    eventful = seconds.groupby("session_id").agg(
        lock=("locked", "mean"), gap=("hr_bpm", lambda hr: hr.isna().mean())
    )
    eventful = eventful[eventful["gap"] < 0.5]
    best = (eventful["lock"].rank() + eventful["gap"].rank()).idxmax()
    shown_stream = seconds[seconds["session_id"] == best]
elif has_streams:
    missing = streams["hr_bpm"].isna().groupby(streams["session_id"]).mean()
    shown_stream = streams[streams["session_id"] == missing.idxmax()]

# %% mystnb={"figure": {"caption": "Left: one session as its watch saw it; with simulated athletes, beside what the heart did. Right (simulated only): the watch's error, middle 50 % (thick) and 90 % (thin) of the seconds.", "name": "fig-prepare-watch"}, "image": {"alt": "Heart rate of one session over time as the watch recorded it, with the simulated truth, dropouts and cadence lock shaded; beside it the spread of the watch's error in ordinary seconds and during cadence lock."}}
figures.watch(shown_stream, error) if has_streams else style.nothing(no_streams)

# %% tags=["check"]
size = error.assign(size=error["error_bpm"].abs()).groupby("what")["size"].mean()
record("watch_mae", told(size.get("ordinary seconds")))
record("lock_mae", told(size.get("cadence lock")))
record("lock_percent", told(100 * seconds["locked"].mean() if simulated else None))
record("lag_s", told(np.median(list(lags.values())) if lags else None, 0))
gone = 100 * streams["hr_bpm"].isna().mean() if has_streams else None
record("missing_percent", told(gone))

# %% [markdown]
# Simulated watches err by {glue:text}`watch_mae` bpm on average in ordinary seconds and by
# {glue:text}`lock_mae` bpm in cadence lock ({glue:text}`lock_percent` % of the seconds). The typical
# delay, found by shifting the truth until it fits best, is {glue:text}`lag_s` s. Of all seconds here,
# {glue:text}`missing_percent` % have no heart rate. Where this page says *(not available)*, the data
# set has no truth to compare with.
#
# ## Filling gaps, judged on values we hid
#
# **Intuition.** To know whether a filling is any good, hide what you know, fill it, and compare.
#
# | way | what stands in the gap | reads the future? |
# |---|---|---|
# | mean | the channel's mean over training athletes | no |
# | hold | the last reading | no |
# | decay | the last reading, fading to the mean: $m + (x_0 - m)\,e^{-\Delta t/\tau}$ | no |
# | forest | last reading plus a change that a random forest {footcite:p}`breiman2001` predicts from speed or power | no |
# | forest_dropped | the same, trained while its other channels were taken away at random | no |
# | interpolate | a straight line from the last reading to the *next* | **yes** |
#
# Interpolation needs the reading after the gap. When the session is over, that is legal. On the
# wrist, during the session, the next reading does not exist yet: whoever trains on interpolated
# streams and deploys on a watch has trained on another world.
#
# Means, time constants and forests are learned from training athletes, and judged on athletes that
# none of them has seen. The interval is over those athletes.


# %%
def gap_errors(imputers, held_out, gap_s, lost=()):
    """Mean absolute error (bpm) of every way, a row an athlete; ``lost`` channels are gone."""
    holed, hidden = prepare.hide_bursts(
        held_out, ["hr_bpm"], gap_s, hidden_share, seed
    )
    holed = holed.assign(**dict.fromkeys(lost, np.nan))
    hidden = hidden | ("hr_bpm" in lost)
    asked = hidden & held_out["hr_bpm"].notna().to_numpy()
    known, who = (
        held_out["hr_bpm"][asked],
        athlete_of[held_out["session_id"][asked]],
    )
    filled = {n: i.transform(holed)["hr_bpm"][asked] for n, i in imputers.items()}
    scores = {
        name: evaluate.by_athlete(known, guess, who, ["mae"])["mae"]
        for name, guess in filled.items()
    }
    return pd.DataFrame(scores)


# %% tags=["hide-input"]
athlete_of = sessions.set_index("session_id")["athlete_id"]
gap_lengths = [5, 20, 60, 300]
situations = {
    "nothing else": [],
    "the other channel": [],
    "all of its heart rate": ["hr_bpm"],
}
by_gap = {gap: [] for gap in gap_lengths}
by_loss = {what: [] for what in situations}
companion = None
if has_streams:
    clean, _ = prepare.check_ranges(streams, "streams")
    share = clean[["speed_mps", "power_w"]].notna().mean()
    companion = share.idxmax() if share.max() > 0.5 else None
    channels = ["hr_bpm", companion] if companion else ["hr_bpm"]
    methods = ["mean", "hold", "decay", "interpolate"]
    methods += ["forest", "forest_dropped"] if companion else []
    situations["the other channel"] = [companion] if companion else []
    who = athlete_of[clean["session_id"]].to_numpy()
    folds = protocol.fold_athletes(who, seed=seed)
    for split in folds if not simulated else folds[:n_gap_folds]:
        train, held_out = (
            clean[split.rows(who, part)].reset_index(drop=True)
            for part in ("train", "test")
        )
        imputers = {
            m: prepare.fit_imputer(m, train, channels, seed) for m in methods
        }
        for gap in gap_lengths:
            by_gap[gap].append(gap_errors(imputers, held_out, gap))
        for what, lost in situations.items():
            by_loss[what].append(gap_errors(imputers, held_out, 300, lost))
    rows = []
    for gap, parts in by_gap.items():
        table = pd.concat(parts)
        for m in methods:
            interval = evaluate.bootstrap(table[m], seed)
            rows.append(
                (
                    m,
                    gap,
                    m != "interpolate",
                    interval.estimate,
                    interval.low,
                    interval.high,
                )
            )
    gap_table = pd.DataFrame(
        rows, columns=["imputer", "gap_s", "causal", "mae", "low", "high"]
    )

# %% mystnb={"figure": {"caption": "Error of filled heart rate on athletes never seen, over the length of the gap; 95 % intervals over athletes. The dashed way reads the future and is legal only after the session.", "name": "fig-prepare-gaps"}, "image": {"alt": "Lines of mean absolute error over gap length for several ways of filling; the mean is flat and worst for short gaps, interpolation is lowest, the causal ways lie between."}}
figures.filled_gaps(gap_table) if has_streams else style.nothing(no_streams)

# %% tags=["check"]
for gap in gap_lengths:
    verdicts = {}
    if has_streams:
        table = pd.concat(by_gap[gap])
        causal = table.drop(columns="interpolate").mean()
        verdicts = {
            m: evaluate.compare(table["hold"], table[m], "hr_bpm")
            for m in methods
            if m not in ("hold", "interpolate")
        }
        better = [m for m, v in verdicts.items() if v.verdict == "better"]
    record(f"hold_{gap}", f"{table['hold'].mean():.1f}" if has_streams else "–")
    record(
        f"line_{gap}", f"{table['interpolate'].mean():.1f}" if has_streams else "–"
    )
    record(f"causal_{gap}", causal.idxmin() if has_streams else "–")
    record(f"best_{gap}", f"{causal.min():.1f}" if has_streams else "–")
    record(
        f"beats_hold_{gap}", (", ".join(better) or "none") if has_streams else "–"
    )
n_judged = len(pd.concat(by_gap[60])) if has_streams else 0
record("n_judged", n_judged)
record("companion", companion or "no other channel")

# %% [markdown]
# | gap | hold | best causal way | better than hold, beyond doubt | interpolation |
# |---|---|---|---|---|
# | 5 s | {glue:text}`hold_5` | {glue:text}`best_5` ({glue:text}`causal_5`) | {glue:text}`beats_hold_5` | {glue:text}`line_5` |
# | 20 s | {glue:text}`hold_20` | {glue:text}`best_20` ({glue:text}`causal_20`) | {glue:text}`beats_hold_20` | {glue:text}`line_20` |
# | 60 s | {glue:text}`hold_60` | {glue:text}`best_60` ({glue:text}`causal_60`) | {glue:text}`beats_hold_60` | {glue:text}`line_60` |
# | 300 s | {glue:text}`hold_300` | {glue:text}`best_300` ({glue:text}`causal_300`) | {glue:text}`beats_hold_300` | {glue:text}`line_300` |
#
# *Mean absolute error in bpm on {glue:text}`n_judged` athletes never seen. "Beyond doubt": the paired
# interval over athletes leaves out 0 and the gain is worth naming (0.5 bpm, fixed beforehand in
# `protocol`).*
#
# Read the fourth column honestly. Where it says *none*, a forest with all its trees has not been shown
# to do better than writing down the last number again. Either the gain is small, or there are too few
# athletes to tell (`-p profile full` judges more of them). Until it is shown, ship the simple way.
#
# **Caveat.** We hid bursts at random. Real gaps are not random: contact is lost when the arm swings
# hard, so what is missing differs from what is there. Nobody can hide values that were never
# measured, so real errors are rather larger.
#
# ### When a whole channel is missing
#
# A pool has no satellites; a strap stays at home. Then the forest lacks its companion
# ({glue:text}`companion`), or heart rate itself was never there. `forest_dropped` has practised this:
# while it learned, its companions were taken away in three rows of ten, an {term}`augmentation`.

# %% tags=["hide-input"]
rows, verdict = {}, {}
for what, parts in by_loss.items() if has_streams else ():
    table = pd.concat(parts)
    rows[what] = {m: f"{evaluate.bootstrap(table[m], seed):.1f}" for m in methods}
    if companion:
        verdict[what] = evaluate.compare(
            table["forest"], table["forest_dropped"], "hr_bpm"
        )
lost_table = pd.DataFrame(rows).rename_axis("way").reset_index()
style.text_table(lost_table) if has_streams else no_streams

# %% tags=["check"]
for what, name in zip(situations, ["nothing", "companion", "heart"], strict=True):
    gain = verdict[what].gain if what in verdict else None
    record(f"practice_gain_{name}", plain(gain, 1) if gain else "(not available)")
    record(f"practice_{name}", verdict[what].verdict if gain else "(not available)")

# %% [markdown]
# Mean absolute error in bpm with 95 % intervals over athletes, by what else is lost (gaps of 300 s in
# the first two columns). What does practice gain over the plain forest? With nothing else lost
# {glue:text}`practice_gain_nothing` bpm (verdict: *{glue:text}`practice_nothing`*); with the other
# channel lost {glue:text}`practice_gain_companion` bpm (*{glue:text}`practice_companion`*); with no
# heart rate at all {glue:text}`practice_gain_heart` bpm (*{glue:text}`practice_heart`*). Above 0, the
# practised forest is better. And where heart rate was never there, compare each way with the plain
# mean in the first row before you believe it: an imputed channel is a guess about an average athlete.

# %% [markdown]
# ## The load of a session
#
# **Intuition.** Minutes count more when they are harder. Every {term}`training load` is minutes times
# a weight; they differ in the weight.
#
# **Equations.** With $x(t)$ the share of the {term}`heart-rate reserve` in use,
#
# $$ \mathrm{TRIMP} = \int x\, a\, e^{b x}\, \mathrm{d}t, \qquad
#    (a, b) = (0.64, 1.92) \text{ for men}, \; (0.86, 1.67) \text{ for women}, $$
#
# $t$ in minutes {footcite:p}`banister1991`. Edwards counts minutes in five zones of maximal heart rate,
# from 50 % up in steps of 10 %, with weights 1 to 5 {footcite:p}`edwards1993`. The session-RPE load needs
# no watch: how hard it felt (CR10) times minutes {footcite:p}`foster2001`.
#
# **A mean is not enough.** The weight $x\,a\,e^{bx}$ bends upwards, so hard minutes add more than
# easy minutes take away. Take an hour, half at $x = 0.55$ and half at $x = 0.95$:

# %%
by_second = prepare.trimp([30, 30], [0.55, 0.95], "m").sum()
by_mean = float(prepare.trimp(60, 0.75, "m"))
print(
    f"TRIMP by the second {by_second:.1f}, from the mean heart rate {by_mean:.1f}"
)

# %% tags=["check"]
record("trimp_second", by_second, digits=1)
record("trimp_mean", by_mean, digits=1)

# %% tags=["hide-input"]
loads, loads_note = None, no_streams
if has_streams:
    by_session = sessions.set_index("session_id").loc[clean["session_id"].unique()]
    zones = prepare.stream_loads(clean, sessions, athletes)
    reserve = pd.Series(prepare.stream_reserve(clean, sessions, athletes))
    grouped = reserve.groupby(clean["session_id"].to_numpy())
    loads = zones.assign(reserve_mean=grouped.mean(), reserve_sd=grouped.std())
    loads["srpe"] = prepare.srpe_load(by_session["rpe"], by_session["duration_s"])
    sex = athletes.set_index("athlete_id")["sex"].reindex(by_session["athlete_id"])
    loads["trimp_mean"] = prepare.trimp(
        loads["minutes"], loads["reserve_mean"], sex.to_numpy(dtype=object)
    )
    loads = loads.rename(columns={"trimp": "trimp_stream"})
    loads_note = "TRIMP's constants depend on sex, which this data does not state."
has_trimp = loads is not None and loads["trimp_stream"].notna().any()

# %% mystnb={"figure": {"caption": "Every dot is a session. Left: TRIMP integrated by the second against TRIMP of the session's mean heart rate. Right: the more uneven the session, the more the mean hides.", "name": "fig-prepare-trimp"}, "image": {"alt": "Left, two ways of computing TRIMP scattered along and above the diagonal. Right, the difference in per cent rises with the spread of heart rate within the session."}}
figures.impulses(
    loads.dropna(subset=["trimp_stream"])
) if has_trimp else style.nothing(loads_note)

# %% tags=["check"]
more = (
    100 * (loads["trimp_stream"] / loads["trimp_mean"] - 1) if has_trimp else None
)
record("trimp_more_median", told(more.median() if has_trimp else None))
record("trimp_more_most", told(more.max() if has_trimp else None))
edwards = loads["edwards"].median() if has_streams else None
record("edwards_median", told(edwards, 0))

# %% [markdown]
# By the second, that hour is {glue:text}`trimp_second`; its mean gives {glue:text}`trimp_mean`. In our
# sessions the stream gives {glue:text}`trimp_more_median` % more in the median session and
# {glue:text}`trimp_more_most` % more in the most uneven one. (The median Edwards load is
# {glue:text}`edwards_median`.) So say which of the two you used; a table with one from the watch and
# one from a diary compares two different things. Where only a mean is known, as in PMData, the mean's
# TRIMP is what there is.
#
# How alike are the loads? Rank correlations over the sessions that have them:

# %% tags=["hide-input"]
dated = bool(sessions["start"].notna().all())
measured = sessions[sessions["hr_mean_bpm"].notna()].copy()
about = athletes.set_index("athlete_id").reindex(measured["athlete_id"])
top = about["hr_max_bpm"].fillna(prepare.hr_max_by_age(about["age_y"]))
share_of_reserve = prepare.heart_rate_reserve(
    measured["hr_mean_bpm"], about["hr_rest_bpm"], top
)
minutes = measured["duration_s"].to_numpy() / 60
measured["trimp"] = prepare.trimp(
    minutes, share_of_reserve, about["sex"].to_numpy(dtype=object)
)
measured["sRPE load"] = prepare.srpe_load(measured["rpe"], measured["duration_s"])
if has_streams:
    measured["Edwards"] = measured["session_id"].map(loads["edwards"])
measured = measured.assign(duration=minutes).rename(columns={"trimp": "TRIMP"})
kinds = [
    k
    for k in ("duration", "TRIMP", "Edwards", "sRPE load")
    if k in measured and measured[k].notna().sum() > 9
]
alike = measured[kinds].corr("spearman")
alike.style.format("{:.2f}", na_rep="–")

# %% tags=["check"]
both = {"duration", "sRPE load"} <= set(kinds)
record(
    "duration_srpe", told(alike.loc["duration", "sRPE load"] if both else None, 2)
)

# %% [markdown]
# The rank correlation of the session-RPE load with plain duration is {glue:text}`duration_srpe`. Load
# is to a good part simply *how long*: keep duration as the baseline of any clever load.
#
# ## Looking back without looking ahead
#
# What a session does depends on what came before it. So the table gets sums of the past: the load of
# the last 7 days, of the last 28, days since the last session. The rule is easy to state: **a past
# session counts once it has ended, before this one starts.** It is easy to break, too: "the load of
# this calendar week" contains Saturday on Wednesday, and a centred smoothing sees half its width
# ahead.
#
# The proof is an experiment. Change the future and see whether the past moves: from a Thursday in the
# middle on, every session gets three times as long.


# %%
def calendar_week(frame, load):
    """The tempting way: each session gets the load of its whole calendar week."""
    week = frame["start"].dt.strftime("%G-%V")
    return load.groupby([frame["athlete_id"], week]).transform("sum").to_numpy()


def centred(frame, load):
    """The pretty way: a smooth curve, 28 days wide, centred on each session."""
    days = (frame["start"] - frame["start"].min()) / pd.Timedelta(days=1)
    near = {}
    for _, rows in frame.groupby("athlete_id").groups.items():
        day, own_load = days[rows].to_numpy(), load[rows].to_numpy()
        window = np.abs(day[:, None] - day) <= 14
        near |= dict(zip(rows, 7 * (window @ own_load) / 28, strict=True))
    return pd.Series(near)[frame.index].to_numpy()


def only_past(frame, load):
    """This book's way: what ended in the 7 days before the session's start."""
    return prepare.TrainingHistory.of(frame).total(load, 7)


ways = {
    "last 7 days": only_past,
    "calendar week": calendar_week,
    "centred 28 days": centred,
}
moved, curves = {}, {}
if dated:
    line = sessions.sort_values(["athlete_id", "start"], ignore_index=True)
    line = line[line["duration_s"].notna()].reset_index(drop=True)
    load = line["duration_s"] / 60
    middle = line["start"].median().normalize()
    turn = middle + pd.Timedelta(days=3 - middle.weekday())
    future = line["start"] >= turn
    # Only the load changes; the clock stays, so that nothing else can move.
    changed = load.where(~future, 3 * load)
    someone = line.loc[~future, "athlete_id"].value_counts().idxmax()
    mine = (line["athlete_id"] == someone).to_numpy()
    for way, build in ways.items():
        before, after = build(line, load), build(line, changed)
        moved[way] = int((np.abs(before - after) > 1e-9)[~future].sum())
        curves[way] = before[mine], after[mine]
    day = ((line["start"] - line["start"].min()) / pd.Timedelta(days=1)).to_numpy()

# %% mystnb={"figure": {"caption": "One athlete's recent load at each session, before and after the sessions from the vertical line on were made three times as long. Left of the line nothing may move.", "name": "fig-prepare-ahead"}, "image": {"alt": "Three panels over days: the load of the last seven days is unchanged before the vertical line; the calendar week moves just before it, and the centred mean moves for two weeks before it."}}
turn_day = (turn - line["start"].min()) / pd.Timedelta(days=1) if dated else 0
figures.look_ahead(day[mine], curves, turn_day) if dated else style.nothing(
    "This data has no dates: no past to sum up."
)

# %% tags=["check"]
record("n_before_turn", int((~future).sum()) if dated else 0)
for way, name in zip(ways, ["past", "week", "centred"], strict=True):
    record(f"moved_{name}", moved[way] if dated else "(not available)")

# %% [markdown]
# Of {glue:text}`n_before_turn` sessions before the line, the features of **{glue:text}`moved_past`**
# moved with our way, {glue:text}`moved_week` with the calendar week and {glue:text}`moved_centred` with
# the centred curve. The last two would let a model read from Wednesday's row that Saturday will be
# long.
#
# ## Heart rate from 0 to 1
#
# **Intuition.** 150 beats are a stroll for one and a struggle for another. A scale should say how hard
# it is *for this athlete*.
#
# $$ x = \frac{h - h_\text{rest}}{h_\text{max} - h_\text{rest}} \in [0, 1]
#    \qquad\text{against}\qquad
#    x_\text{pop} = \frac{h - \min h}{\max h - \min h}, $$
#
# where the left uses the athlete's own resting and maximal heart rate, and the right the minimum and
# maximum over all training athletes. Where the maximal heart rate is unknown we take
# $211 - 0.64 \cdot$ age {footcite:p}`nes2013`, whose error is about 11 bpm for one person.

# %% tags=["hide-input"]
people = athletes.assign(
    hr_max_bpm=athletes["hr_max_bpm"].fillna(
        prepare.hr_max_by_age(athletes["age_y"])
    )
).dropna(subset=["hr_rest_bpm", "hr_max_bpm"])
scalable = len(people) >= 2
people = people.assign(
    at_bpm=prepare.heart_rate_reserve(
        same_bpm, people["hr_rest_bpm"], people["hr_max_bpm"]
    )
).sort_values("at_bpm")
split = protocol.split_athletes(sessions["athlete_id"], seed)
if has_streams:
    in_train = split.rows(athlete_of[clean["session_id"]], "train")
    beats = clean["hr_bpm"][in_train]
else:
    in_train = split.rows(sessions["athlete_id"], "train")
    beats = pd.concat([sessions["hr_mean_bpm"], sessions["hr_max_bpm"]])[
        np.tile(in_train, 2)
    ]
lowest, highest = beats.min(), beats.max()

# %% mystnb={"figure": {"caption": "Left: the two athletes for whom the same heart rate means least and most, on their own scales and on the population's. Right: the share of the reserve that this heart rate takes, for all athletes; dashed, what min–max says of everybody.", "name": "fig-prepare-scale"}, "image": {"alt": "Left, two lines from rest to maximum for two athletes; at the same heart rate one is far lower than the other, and a dashed population line crosses between. Right, a histogram of the share of the reserve over all athletes."}}
figures.one_scale(people, same_bpm, lowest, highest) if scalable else style.nothing(
    "No athlete states a resting and a maximal heart rate."
)

# %% tags=["check"]
by_reserve = by_minmax = None
if simulated:
    own_scale = prepare.stream_reserve(clean, sessions, athletes)
    pop_scale = (clean["hr_bpm"] - lowest) / (highest - lowest)
    by_reserve = np.nanmean(np.abs(own_scale - truth["true_fraction"]))
    by_minmax = np.nanmean(np.abs(pop_scale - truth["true_fraction"]))
record("bpm_shared", same_bpm, digits=0)
record("share_low", told(people["at_bpm"].iloc[0] if scalable else None, 2))
record("share_high", told(people["at_bpm"].iloc[-1] if scalable else None, 2))
record("minmax_at", told((same_bpm - lowest) / (highest - lowest), 2))
record("scale_error_own", told(by_reserve, 3))
record("scale_error_pop", told(by_minmax, 3))

# %% [markdown]
# At {glue:text}`bpm_shared` bpm one athlete uses {glue:text}`share_low` of the reserve, another
# {glue:text}`share_high`. Population min–max says {glue:text}`minmax_at` of both. Against the simulated
# truth, the own scale is off by {glue:text}`scale_error_own` on average, with all the watch's faults in
# it, and min–max by {glue:text}`scale_error_pop`.
#
# **Caveat.** The own scale needs two numbers that must come from *before*. A maximum taken from the
# very session that you want to judge is a look ahead. (In ACTES it comes from the same test: good for
# a picture, no input for a model of that test.)
#
# ## Who stands where
#
# Seventy per cent of the **athletes** train, fifteen choose settings, fifteen are looked at once, at
# the end. Who stands where depends on names and a seed, never on a measurement.

# %%
part_of = pd.Series(split.parts(sessions["athlete_id"]), name="part")
parts = pd.DataFrame(
    {
        "athletes": {p: len(getattr(split, p)) for p in protocol.PARTS[:3]},
        "sessions": part_of.value_counts(),
    }
).loc[list(protocol.PARTS[:3])]
parts.style.format(precision=0)

# %% tags=["hide-input"]
target_units = {
    "effect": "points of effect",
    "rpe": "CR10 points",
    "vo2": "mL/kg/min",
}
if dataset == "actes":
    minute = clean.groupby("session_id")["hr_bpm"].transform(
        lambda hr: hr.rolling(60, min_periods=1).mean()
    )
    every = clean.assign(hr_minute=minute)[clean["t_s"] % 10 == 0]
    every = every.dropna(subset=["vo2_ml_kg_min", "hr_bpm"])
    body = ["age_y", "mass_kg", "height_cm", "hr_rest_bpm"]
    about = athletes.set_index("athlete_id")[body]
    rows_athlete = athlete_of[every["session_id"]].to_numpy().astype(str)
    X = np.column_stack(
        [every[["hr_bpm", "hr_minute"]], about.loc[rows_athlete].to_numpy()]
    )
    y, feature_names = (
        every["vo2_ml_kg_min"].to_numpy(),
        ["hr_bpm", "hr_minute", *body],
    )
    target = "vo2"
else:
    target = "effect" if sessions["effect"].notna().any() else "rpe"
    # A training that PMData knows from a report alone has no heart rate, and may stand twice.
    recorded = sessions[sessions["source"] != "pmdata/pmsys"].reset_index(drop=True)
    table = prepare.session_table(recorded, athletes, target)
    table = table.known(np.ones(len(table), bool))
    X, y, rows_athlete = table.X, table.y, table.athlete
    feature_names = list(table.names)
unit = target_units[target]

# %% [markdown]
# A scaler is a small model: it learns a mean and a spread. So it learns from the training athletes,
# like everything else. What would it cost to break this rule? We fit the same linear model twice, once
# with means and spreads of all athletes, once of the training athletes alone:


# %%
def ridge_error(scaler_rows):
    """RMSE on the test athletes of a ridge on features scaled by some rows' statistics."""
    scaler = prepare.fit_scaler(X[scaler_rows])
    scaled = scaler.transform(X, missing="mean")
    train, test = (
        split.rows(rows_athlete, "train"),
        split.rows(rows_athlete, "test"),
    )
    model = Ridge(10.0).fit(scaled[train], y[train])
    return evaluate.rmse(y[test], model.predict(scaled[test]))


rightly = ridge_error(split.rows(rows_athlete, "train"))
wrongly = ridge_error(np.ones(len(y), bool))

# %% tags=["check"]
record(
    "target",
    {
        "effect": "training effect",
        "rpe": "perceived exertion",
        "vo2": "oxygen uptake",
    }[target],
)
record("unit", unit)
record("n_rows", len(y))
record("n_features", X.shape[1])
record("scaler_right", rightly, digits=2)
record("scaler_wrong", wrongly, digits=2)
record("scaler_gain", 100 * (rightly - wrongly) / rightly, digits=1)

# %% [markdown]
# RMSE on the test athletes: {glue:text}`scaler_right` {glue:text}`unit` with the training athletes'
# scaler, {glue:text}`scaler_wrong` with everybody's: {glue:text}`scaler_gain` % in favour of the wrong
# way (below 0: it even loses). A means-and-spreads leak is usually tiny. The rule costs nothing, so we
# keep it. The next leak is not tiny.
#
# ## The leak
#
# Here is the most common mistake of this field. The table has {glue:text}`n_rows` rows with
# {glue:text}`n_features` features; we want to predict {glue:text}`target`. Deal the **rows** at random
# into five folds, as every library does by default, and the sessions of one athlete land on both
# sides. The model need not learn what training does. It may learn *who this is*: age, mass and
# resting heart rate are a fingerprint, and what this athlete usually answers is the prediction. For an
# athlete who never trained with us, all that is worth nothing.
#
# The right way deals **athletes** into folds. In code the whole difference is one argument: whose name
# a row carries. Same models, same features, same number of training rows, every row predicted once.


# %%
def scaled(model):
    return make_pipeline(SimpleImputer(), StandardScaler(), model)


def models(seed):
    return {
        "mean predictor": None,
        "ridge": scaled(Ridge(10.0)),
        "k-nearest neighbours": scaled(KNeighborsRegressor(10)),
        "random forest": RandomForestRegressor(
            30,
            min_samples_leaf=3,
            max_features=0.3,
            max_samples=0.4,
            random_state=seed,
        ),
        "boosted trees": HistGradientBoostingRegressor(random_state=seed),
    }


def cross_predict(model, X, owner, seed):
    """Prediction of every row by a model fitted on other owners' rows."""
    prediction = np.empty(len(y))
    for split in protocol.fold_athletes(owner, seed=seed):
        train, test = split.rows(owner, "train"), split.rows(owner, "test")
        if model is None:
            prediction[test] = y[train].mean()
        else:
            prediction[test] = model.fit(X[train], y[train]).predict(X[test])
    return prediction


def judge(prediction):
    """RMSE of each athlete."""
    return evaluate.by_athlete(y, prediction, rows_athlete, ["rmse"])["rmse"]


# The mistake: every row is its own "athlete".
row_names = np.arange(len(y)).astype(str)
owners = {"rows": row_names, "athletes": rows_athlete}
# The control: a number drawn for each athlete, which means nothing.
code, names = pd.factorize(rows_athlete)
locker = rng.permutation(len(names))[code].astype(float)[:, None]

seeds = range(seed, seed + n_seeds)
errors = {}
for s in seeds:
    for way, owner in owners.items():
        for name, model in models(s).items():
            errors[name, way, s] = judge(cross_predict(model, X, owner, s))
        tree = DecisionTreeRegressor(min_samples_leaf=5, random_state=s)
        guess = cross_predict(tree, locker, owner, s)
        errors["locker number only", way, s] = judge(guess)

# %% tags=["hide-input"]
leaks, gains = {}, {}
for name in [*models(seed), "locker number only"]:
    rows, new = (
        pd.DataFrame({s: errors[name, way, s] for s in seeds}) for way in owners
    )
    gains[name] = evaluate.bootstrap(new - rows, seed)
    for way, each in {"rows": rows, "athletes": new}.items():
        i = evaluate.bootstrap(each, seed)
        leaks |= {
            (name, way): i.estimate,
            (name, f"{way}_low"): i.low,
            (name, f"{way}_high"): i.high,
        }
leaks = pd.Series(leaks).unstack(sort=False)
floor = None
if simulated:
    hidden = sim.hidden.set_index("session_id").loc[table.session]
    floor = judge(hidden["effect_clean"].to_numpy()).mean()

# %% mystnb={"figure": {"caption": "The leak. Each model twice, with 95 % intervals over athletes and seeds: judged on rows dealt at random (squares) and on athletes never seen (circles). The locker number is a random number for each athlete and carries no information at all.", "name": "fig-prepare-leak"}, "image": {"alt": "Dumbbell plot of the error of six models: for most, the error on random rows is far lower than on athletes never seen; the strongest model under random rows is not the strongest on unseen athletes."}}
figures.leak(leaks, unit, floor)

# %% tags=["check"]
real_models = leaks.drop(index=["locker number only", "mean predictor"])
flattered, honest_best = (
    real_models["rows"].idxmin(),
    real_models["athletes"].idxmin(),
)
percent = 100 * (1 - leaks["rows"] / leaks["athletes"])
record("flattered", flattered)
record("honest_best", honest_best)
record(
    "same_winner", "the same model" if flattered == honest_best else "another model"
)
record("flattered_rows", leaks.loc[flattered, "rows"], digits=2)
record("flattered_athletes", leaks.loc[flattered, "athletes"], digits=2)
record("flattered_gain", plain(gains[flattered], 2))
record("flattered_percent", percent[flattered], digits=0)
worse = {
    m: pd.DataFrame({s: errors[m, "athletes", s] for s in seeds})
    for m in leaks.index
}
lead = evaluate.bootstrap(worse[flattered] - worse[honest_best], seed)
record("lead", plain(lead, 2))
record("best_athletes", leaks.loc[honest_best, "athletes"], digits=2)
record("mean_rmse", leaks.loc["mean predictor", "athletes"], digits=2)
record("locker_rows", leaks.loc["locker number only", "rows"], digits=2)
record("locker_athletes", leaks.loc["locker number only", "athletes"], digits=2)
record("leak_floor", told(floor, 2))
record("leak_seeds", n_seeds)
record("leak_people", len(names))

# %% tags=["hide-input"]
shown = pd.DataFrame(
    {
        "model": leaks.index,
        "random rows": leaks["rows"].map("{:.2f}".format),
        "athletes never seen": leaks["athletes"].map("{:.2f}".format),
        "looks better by (95 % interval)": [
            plain(gains[n], 2) for n in leaks.index
        ],
        "in %": percent.map("{:.0f}".format),
    }
)
style.text_table(shown)

# %% [markdown]
# Judged on random rows, **{glue:text}`flattered`** win with an RMSE of {glue:text}`flattered_rows`
# {glue:text}`unit`. On athletes never seen they err by {glue:text}`flattered_athletes`: the random
# split had made the error look **{glue:text}`flattered_percent` % smaller**
# ({glue:text}`flattered_gain` {glue:text}`unit`; {glue:text}`leak_people` athletes,
# {glue:text}`leak_seeds` seeds). On athletes never seen, the lowest error belongs to
# {glue:text}`same_winner`: {glue:text}`honest_best`, with {glue:text}`best_athletes`, ahead by
# {glue:text}`lead` (an interval that holds 0 decides nothing). A leak does not just flatter. It favours
# the models that remember best, so it can also choose for you, and wrongly. (The
# {term}`noise floor`, for simulated athletes, is {glue:text}`leak_floor`.)
#
# **The control.** Could it be that the row split is merely a *little easier*? Give a model nothing but
# a locker number: a random number for each athlete, drawn by us, that means nothing. On random rows
# its error is {glue:text}`locker_rows`, against {glue:text}`mean_rmse` for the {term}`mean predictor`;
# on athletes never seen it is {glue:text}`locker_athletes`. Whatever a locker number "knows" is the
# leak and nothing else. (In ACTES, rows lie ten seconds apart in one test, so random rows leak the
# minute as well as the athlete; the locker number shows the athlete's part.)
#
# Saeb and colleagues found the same in a public data set and in a simulation, and the wrong split in
# almost half of the studies they read {footcite:p}`saeb2017`. Studies of oxygen uptake from heart rate
# have tested on the riders they trained on {footcite:p}`zignoli2020`, which answers another question.
#
# **Caveat.** It *is* another question, not always a wrong one {footcite:p}`little2017`. "How well will the
# model do tomorrow, for athletes it knows?" is fair to ask; then split by **time** within the athlete.
# Random rows answer neither: they let the model know next week. Chapter 9 asks what a few sessions of
# a new athlete buy, and keeps a gap in time.
#
# ### Is it so with real athletes?
#
# The same code on real data, {glue:text}`real_profile` profile; the numbers come from accepted runs
# (`results/`), so they stand here even where the data does not:

# %% tags=["hide-input"]
real_sets = {
    "actes": "ACTES: oxygen uptake from heart rate",
    "pmdata": "PMData: perceived exertion",
}
real = []
for name, what in real_sets.items():
    try:
        n = accepted.load("02_prepare", name, "full")["numbers"]
    except UserError:
        print(f"{name}: no accepted result yet")
        continue
    real.append(
        {
            "data set": f"{what} ({n['unit']})",
            "athletes": n["leak_people"],
            "wins on random rows": f"{n['flattered']}: {n['flattered_rows']:.2f}",
            "the same, never seen": f"{n['flattered_athletes']:.2f}",
            "looks better by": n["flattered_gain"],
            "mean predictor": f"{n['mean_rmse']:.2f}",
            "best never seen": f"{n['honest_best']}: {n['best_athletes']:.2f}",
        }
    )
style.text_table(pd.DataFrame(real)) if real else None

# %% tags=["check"]
record("real_profile", "full")
record("n_real", len(real))

# %% [markdown]
# Redo a row with `sportsml run 02 -p dataset actes -p profile full`.
#
# ## The other leak: a target that is a formula of the inputs
#
# A score of R² = 1 on unseen athletes is no triumph. It usually means that somebody handed the model
# the answer. Session-RPE load *is* exertion × minutes; the intensity domain of ACTES *is* power,
# compared with two thresholds. Give a model those inputs and it finds the formula, the better the
# more rows it has:

# %% tags=["hide-input"]
formula = {}
if target == "vo2":
    body_now = every.assign(
        **{c: about.loc[rows_athlete, c].to_numpy() for c in body}
    )
    limits = (
        athletes.set_index("athlete_id")
        .loc[rows_athlete, ["vt1", "vt2"]]
        .to_numpy()
    )
    domain = every["label"].astype(str).to_numpy()
    base = body_now[["hr_bpm", "hr_minute", *body]].fillna(0).to_numpy()
    watts = every["power_w"].to_numpy()[:, None]
    inputs = {
        "heart rate and body": base,
        "and power": np.hstack([base, watts]),
        "and power over the own thresholds": np.hstack([base, watts - limits]),
    }
    most = pd.Series(domain).mode()[0]
    formula["always the most frequent"] = np.mean(domain == most)
    for what, columns in inputs.items():
        guess = np.empty(len(domain), dtype=object)
        for fold in protocol.fold_athletes(rows_athlete, seed=seed):
            train, test = (
                fold.rows(rows_athlete, "train"),
                fold.rows(rows_athlete, "test"),
            )
            tree = DecisionTreeClassifier(min_samples_leaf=5, random_state=seed)
            guess[test] = tree.fit(columns[train], domain[train]).predict(
                columns[test]
            )
        formula[what] = evaluate.accuracy(domain, guess.astype(str))
    formula_what, formula_score = "intensity domain (ACTES)", "accuracy"
else:
    load_table = None
    if recorded["rpe"].notna().any():
        load_table = prepare.session_table(recorded, athletes, "srpe")
        load_table = load_table.known(np.ones(len(load_table), bool))
    if load_table is not None:
        felt = (
            recorded.set_index("session_id")["rpe"]
            .loc[load_table.session]
            .to_numpy()
        )
        minutes = load_table.column("duration_min")
        fold = protocol.split_athletes(load_table.athlete, seed)
        train = fold.rows(load_table.athlete, "train")
        test = fold.rows(load_table.athlete, "test")
        formula["minutes × mean exertion"] = evaluate.r2(
            load_table.y[test], minutes[test] * felt[train].mean()
        )
        for what, columns in {
            "all features": load_table.X,
            "and exertion": np.column_stack([load_table.X, felt]),
        }.items():
            model = HistGradientBoostingRegressor(random_state=seed)
            guess = model.fit(columns[train], load_table.y[train]).predict(
                columns[test]
            )
            formula[what] = evaluate.r2(load_table.y[test], guess)
    formula_what, formula_score = "session-RPE load", "R²"
formula = pd.Series(
    formula, name=f"{formula_score} on athletes never seen", dtype=float
)
formula.to_frame().style.format("{:.2f}")

# %% tags=["check"]
record("formula_what", formula_what)
record("formula_score", formula_score)
record("formula_first", told(formula.iloc[0] if len(formula) else None, 2))
record("formula_last", told(formula.iloc[-1] if len(formula) else None, 2))

# %% [markdown]
# {glue:text}`formula_score` for {glue:text}`formula_what`: {glue:text}`formula_first` for the
# {term}`naive baseline` in the first row, {glue:text}`formula_last` once the formula's own parts are
# inputs. The athlete split does not help
# against this one; only asking *how was the target made?* does. The simulated effect therefore has
# hidden state and noise, and no formula of the inputs returns it.
#
# ## Windows
#
# From chapter 7 on, models read pieces of streams: **windows** of {glue:text}`window_length` s, a new
# one every {glue:text}`window_stride` s, each from one recording of one athlete. $X$ has shape
# (windows, channels, seconds); `mask` is false where a window was padded, and a second that was not
# measured stays `NaN`: two different things.

# %%
windows = None
if has_streams and "label" in clean and clean["label"].notna().any():
    # In ACTES the label is made from power, so power is no channel.
    window_channels = (
        ["hr_bpm", "speed_mps"] if companion == "speed_mps" else ["hr_bpm"]
    )
    there = set(clean["label"].dropna())
    classes = [c for c in ("below_vt1", "between", "above_vt2") if c in there]
    classes = classes or sorted(there)
    windows = prepare.cut_windows(
        clean,
        sessions,
        window_channels,
        window_s,
        stride_s,
        classes=classes,
        short="pad",
    )
    parts = pd.crosstab(
        split.parts(windows.athlete), np.array(windows.classes)[windows.y]
    )[classes].rename_axis(index=None, columns=None)
    print(f"X {windows.X.shape}: {', '.join(windows.channels)}")
    print(
        f"NaN in {100 * np.isnan(windows.X).any(axis=(1, 2)).mean():.0f} % of the windows"
    )
parts if windows is not None else "No labels by the second here: no windows to cut."

# %% tags=["check"]
record("window_length", window_s)
record("window_stride", stride_s)
record("n_windows", len(windows) if windows is not None else 0)
shared = "–"
if windows is not None:
    together = split.parts(windows.athlete)
    shared = len(
        set(windows.athlete[together == "train"])
        & set(windows.athlete[together == "test"])
    )
record("shared_athletes", shared)

# %% [markdown]
# {glue:text}`n_windows` windows; athletes that stand in both train and test: {glue:text}`shared_athletes`.
# Windows that overlap make the row leak worse still: half of a test window may literally stand in a
# training window. The split by athlete takes care of that, too.

# %% [markdown]
# ## Exercises
#
# Try each before opening the answer. {download}`This chapter as a notebook with empty answers
# <exercises/02_prepare_exercises.ipynb>` is there to work in.

# %% [markdown]
# ### Exercise 1
#
# A woman with a resting heart rate of 52 and a maximum of 188 runs 45 minutes at 147 bpm. What is her
# TRIMP? Use a pencil first, then the package.
#
# Expected: {glue:text}`exercise_1`

# %% tags=["solution"]
x = prepare.heart_rate_reserve(147, 52, 188)
answer = float(prepare.trimp(45, x, "f"))
record("exercise_1", answer, digits=1)

# %% [markdown]
# ### Exercise 2
#
# The locker number fooled the row split because every athlete has many rows. How does its error on
# random rows compare with the mean predictor's if every athlete has only *one* row? Keep the first row
# of each athlete, deal them into five folds, and give the ratio of the two RMSEs.
#
# Expected: {glue:text}`exercise_2` (around 1 or above: with one row each, the number is worth nothing)

# %% tags=["solution"]
first = ~pd.Series(rows_athlete).duplicated().to_numpy()
few_y, few_locker, alone = y[first], locker[first], row_names[first]
by_locker, by_average = np.empty(first.sum()), np.empty(first.sum())
for fold in protocol.fold_athletes(alone, seed=seed):
    train, test = fold.rows(alone, "train"), fold.rows(alone, "test")
    tree = DecisionTreeRegressor(min_samples_leaf=5, random_state=seed)
    by_locker[test] = tree.fit(few_locker[train], few_y[train]).predict(
        few_locker[test]
    )
    by_average[test] = few_y[train].mean()
answer = evaluate.rmse(few_y, by_locker) / evaluate.rmse(few_y, by_average)
record("exercise_2", answer, digits=2)

# %% [markdown]
# ### Exercise 3
#
# How much larger is TRIMP by the second than TRIMP of the mean for an hour with a share
# $p$ at $x = 0.95$ and the rest at $x = 0.55$ (men)? Find the $p$, in steps of 0.05, at which the
# ratio is largest.
#
# Expected: {glue:text}`exercise_3`

# %% tags=["solution"]
p = np.arange(0, 1.0001, 0.05)
split_load = 60 * (
    p * prepare.trimp(1, 0.95, "m") + (1 - p) * prepare.trimp(1, 0.55, "m")
)
mean_load = prepare.trimp(60, 0.95 * p + 0.55 * (1 - p), "m")
answer = p[np.argmax(split_load / mean_load)]
record("exercise_3", answer, digits=2)

# %% [markdown]
# ## Summary
#
# - Impossible values become missing and are counted. Possible but wrong ones stay, and a range check
#   will not find them.
# - Judge a filling by values you hid, on athletes it never saw, by the length of the gap. Holding the
#   last reading is a strong baseline. Interpolation reads the future.
# - A load is minutes times a weight. By the second and by the mean are two different numbers.
# - Features of the past count what had ended before. Change the future to prove it.
# - Heart rate belongs on the athlete's own scale.
# - Split by athlete. A random split of rows makes models look better than they are, most of all those
#   that remember best, and a meaningless number is enough to profit from it.
#
# ## What comes next
#
# Chapter 3 derives the loss that models make small; chapter 4 takes the table built here and predicts
# the training effect of athletes never seen.

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
