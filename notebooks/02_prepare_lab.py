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
# # 2 · Preparing what was recorded: the lab
#
# **What is measured.** How much smaller a model's error looks when it has met the athlete; how far
# wrong a filled gap is; and, live, what loads and sums of the past do. The idea behind it stands in
# {doc}`the lesson <02_prepare>`.
#
# ```{admonition} Three profiles
# `accepted` reads the tables of `results/`, every data set side by side. `quick` recomputes a small
# version of one data set: one fold, fewer arms. `full` recomputes all of it.
# ```
#
# | What | How |
# |---|---|
# | Data | ACTES (laboratory tests, a row every ten seconds), PMData (sessions), simulated runners |
# | Folds | five groups of athletes, in several partitions: every athlete is tested by a model of each |
# | Never met | learns from the training athletes of the fold |
# | Met | learns from as many rows; four fifths of the test athletes' own are among them, five times in turn |
# | Gaps | bursts in a fifth of the seconds; all that is learned comes from training athletes |
# | Metric | RMSE, computed for each athlete, then averaged over athletes |
# | Interval | 95 %, over athletes and models (two-way clustered, Student's t) |
# | Redo | `sportsml results redo prepare actes` |

# %% tags=["imports"]
from sportsml_lite import evaluate
from sportsml_lite.findings import prepare as findings
from sportsml_lite.plots import grammar, style
from sportsml_lite.plots import prepare as figures
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import own, runner
from sportsml_lite.studies import prepare as study
from sportsml_lite.studies.runner import Options

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: also simulated_b, actes, pmdata or a folder
data_dir = ""  # path: folder around the data set, or of your device files or tables
seed = 0  # whole number, 0 to 1000000: athletes, deals and hidden gaps
profile = "accepted"  # 'accepted', 'quick' or 'full': read, or recompute

# %% tags=["hide-input"]
check_values("02_prepare_lab", globals())
if profile == "accepted":
    names = dict.fromkeys((*study.STUDY.datasets, dataset))
    asked = [Options(name, data_dir, profile=profile) for name in names]
else:
    asked = [own.with_tables(Options(dataset, data_dir, seed, profile))]
scores = {options.name: runner.table(study.STUDY, options) for options in asked}
exams = {name: table[table["lost"].isna()] for name, table in scores.items()}
arms = {name: set(table["arm"]) for name, table in scores.items()}
models = [
    m for m in study.MODELS if all(f"{m}_met" in have for have in arms.values())
]

# %% [markdown]
# ## The leak, model by model
#
# Ridge (penalty 10) and the ten nearest neighbours read standardised features; the random forest has
# 30 trees of at least three rows a leaf; boosted trees are scikit-learn's histogram version with its
# defaults. The locker number is a random number for each athlete, read by a tree of at least five rows
# a leaf.

# %% mystnb={"figure": {"caption": "The same rows predicted by models that have met the athlete (open) and by models that never have (filled). RMSE of each athlete, averaged over athletes; smaller is better.", "name": "fig-prepare-lab-leak"}, "image": {"alt": "A panel of dumbbells for each data set, a row a model; having met the athlete makes every model's error smaller, also that of the locker number."}}
figures.leak(scores, models=models)


# %% tags=["hide-input"]
def leak_of(name, model):
    """Gain in RMSE from having met the athlete."""
    met = f"{model}_met"
    return evaluate.compare(exams[name], met, model, "rmse", "effect")


def starred(gain, clear, digits):
    """A gain with its interval, and a star where it survives Holm's correction."""
    return f"{gain:.{digits}f}".replace(" ", "* " if clear else " ", 1)


found = {(name, model): leak_of(name, model) for name in exams for model in models}
survives = {
    name: evaluate.holm({model: found[name, model] for model in models})
    for name in exams
}
rows = [
    {"looks better by": study.TITLES[model]}
    | {
        name: starred(found[name, model].gain, survives[name][model], 2)
        for name in exams
    }
    for model in models
]
again = {
    name: evaluate.compare(table, "forest_again", "forest", "rmse", "effect").gain
    for name, table in exams.items()
}
rows.append({"looks better by": study.TITLES["forest_again"], **again})
grammar.score_table(
    rows,
    caption="What having met the athlete seems to gain, RMSE. *: survives Holm.",
)

# %% tags=["check"]
record("n_questions", len(models))
for name in exams:
    record(f"n_leaks_{name}", sum(survives[name].values()))

# %% [markdown]
# Each data set is asked {glue:text}`n_questions` such questions, a model each; a star marks those whose
# interval leaves out 0 even after Holm's correction for having asked all of them. The last row is the
# null: the forest that never met anybody, against itself with another seed. What a leak is worth must
# be held against that.
#
# ## Gaps
#
# | way | what stands in the gap | reads the future |
# |---|---|---|
# | mean | the mean over training athletes | no |
# | hold | the last reading | no |
# | decay | the last reading, fading to the mean: $m + (x_0 - m)\,e^{-\Delta t/\tau}$ | no |
# | forest | last reading plus the change that a random forest reads from speed or power | no |
# | forest, practised | the same; its companions were taken away in three training rows of ten | no |
# | line | a straight line from the last reading to the next | **yes** |

# %% mystnb={"figure": {"caption": "Error of filled heart rate over the length of the hidden gap, on athletes from whom nothing was learned. RMSE of each athlete, averaged over athletes.", "name": "fig-prepare-lab-gaps"}, "image": {"alt": "Rising curves of error over gap length, a panel a data set; the line is lowest, hold and decay are highest for long gaps, the two forests lie between."}}
ways = ["interpolate", "forest", "forest_dropped", "decay", "hold"]
figures.gaps(scores, arms=[f"fill_{way}" for way in ways])

# %% tags=["hide-input"]
streamed = {
    n: t[t["lost"].notna()] for n, t in scores.items() if t["lost"].notna().any()
}
lengths = [(name, gap) for name in streamed for gap in study.GAPS_S]
won = {}
for name, gap_s in lengths:
    part = streamed[name].query("lost == 'nothing'")
    if "fill_forest" in arms[name]:
        won[name, gap_s] = evaluate.compare(
            part[part["gap_s"] == gap_s],
            "fill_forest",
            "fill_hold",
            "rmse",
            "hr_bpm",
        )
clear = evaluate.holm(won)
rows = [
    {
        "data": name,
        "gap (s)": gap_s,
        "forest over hold (bpm)": starred(one.gain, clear[name, gap_s], 1),
        "verdict": one.verdict,
    }
    for (name, gap_s), one in won.items()
]
grammar.score_table(
    rows,
    caption="Gain in RMSE. 'better' needs an interval above 0 and a gain of half a beat; "
    "*: differs from 0 after Holm's correction.",
)

# %% [markdown]
# **A whole channel is lost.** A strap stays at home, or a pool has no satellites. What is left then?


# %% tags=["hide-input"]
def lost(name, arm):
    """RMSE in long gaps: nothing else lost / companion lost / no heart rate at all."""
    long = streamed[name][streamed[name]["gap_s"] == study.LONGEST_S]
    told = [
        f"{evaluate.mean(long[long['lost'] == what], arm, 'rmse').estimate:.1f}"
        for what in ("nothing", "companion", "heart rate")
        if what in set(long["lost"])
    ]
    return " / ".join(told) if arm in arms[name] else "–"


rows = [
    {"way": study.TITLES[arm]} | {name: lost(name, arm) for name in streamed}
    for arm in [f"fill_{way}" for way in study.IMPUTERS]
    if any(arm in arms[name] for name in streamed)
]
grammar.score_table(
    rows,
    caption="RMSE (bpm) in gaps of 300 s: nothing else lost / the companion (speed or "
    "power) lost / no heart rate at all. Mean over athletes.",
)

# %% [markdown]
# Where heart rate itself is lost, a filled channel is a guess about an average athlete at this speed or
# power; compare it with the plain mean before you believe it. Practice protects the forest where its
# companion is lost, if anything does.
#
# ## The load of a session
#
# Every {term}`training load` is minutes times a weight. With $x(t)$ the share of the
# {term}`heart-rate reserve` in use and $t$ in minutes,
#
# $$ \mathrm{TRIMP} = \int x\, a\, e^{b x}\, \mathrm{d}t $$
#
# is Banister's {footcite:p}`banister1991`, with $(a, b) = (0.64, 1.92)$ for men and $(0.86, 1.67)$ for
# women. Edwards counts minutes in five zones {footcite:p}`edwards1993`; session-RPE load is how hard it
# felt times minutes {footcite:p}`foster2001`. Banister's weight bends upwards, so hard minutes add more
# than easy ones take away: a session's mean heart rate gives less than its seconds do.

# %% tags=["hide-input"]
live = study.load(own.with_tables(Options(dataset, data_dir, seed, "quick")))

# %% mystnb={"figure": {"caption": "A dot a session: how much more TRIMP its seconds give than its mean heart rate, over how uneven it was.", "name": "fig-prepare-lab-trimp"}, "image": {"alt": "Dots rising from zero: the difference between the two ways of computing TRIMP grows with the spread of heart rate within the session."}}
figures.impulses(findings.impulses(live))

# %% [markdown]
# Say which of the two you used. A table with one from the watch and one from a diary compares two
# different things.
#
# ## Looking back without looking ahead
#
# A past session counts once it has ended, before this one starts. The proof is an experiment: make every
# session from one Thursday on three times as long, and see whether an earlier value moves.

# %% mystnb={"figure": {"caption": "One athlete's recent load at each session, as it was (grey) and after the sessions in the shaded future were made three times as long (blue). Left of the line nothing may move.", "name": "fig-prepare-lab-ahead"}, "image": {"alt": "Three panels over days: the load of the last seven days is unchanged before the line; the calendar week moves a few days before it, the centred curve two weeks before it."}}
figures.look_ahead(findings.look_ahead(live.sessions))

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
