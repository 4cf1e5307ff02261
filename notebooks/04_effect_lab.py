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
# # 4 · Predicting the training effect: the lab
#
# **The experiment.** Every model predicts sessions of athletes it has never met: from features alone,
# with the athlete's own past, or with more than anybody can have, as a bound. PMData's people were
# asked how hard a session felt, which is no training effect; simulated runners have one, in two
# worlds with different equations.
#
# `accepted` reads the tables in `results/`. `quick` recomputes the first fold of one data set, with
# fewer athletes and arms; `full` recomputes everything:
#
# `sportsml run 04_effect_lab -p dataset pmdata -p profile full`

# %% tags=["imports"]
from sportsml_lite.evaluate import athlete_values, compare, mean
from sportsml_lite.findings import effect as findings
from sportsml_lite.findings.lab import read
from sportsml_lite.plots import effect as figures
from sportsml_lite.plots import style
from sportsml_lite.plots.grammar import (
    paired_scatter,
    score_table,
    small_multiples,
)
from sportsml_lite.plots.tables import level_table
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import effect as study
from sportsml_lite.studies import own, runner

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name or path: pmdata, simulated, simulated_b or a folder
data_dir = ""  # path: folder of your device files or tables, or around pmdata
seed = 0  # 0 to 1000000: added to every job's own seed, and to the simulation's
profile = "accepted"  # 'accepted', 'quick' or 'full': read the tables, or recompute

# %% tags=["hide-input"]
check_values("04_effect_lab", globals())
folder = own.with_tables(runner.Options(dataset, data_dir), own.TRIMP_NEEDS)
lab = read(
    study.STUDY,
    lambda tables: study.judge(findings.by_target(tables)),
    folder.dataset,
    folder.data_dir,
    seed,
    profile,
)
panels = findings.by_target(lab.tables)
verdicts, survives = lab.verdicts, lab.survives
titles = {key: figures.panel_title(*key) for key in panels}
main = {key: t for key, t in panels.items() if key[1] != "srpe"}

# %% tags=["check"]
record("asked", lab.asked)
record("stand", sum(survives.values()))
record("tested", lab.tested)
record("bins", ", ".join(map(str, study.EARLIER)))

# %% [markdown]
# ## The arms
#
# - **Naive**: the mean of the training athletes; the mean of *this* athlete's earlier targets, which
#   for a first session is the training mean; for session load, duration times the others' mean rating.
# - **One number**: a line on {term}`TRIMP` {footcite:p}`banister1991`, or on TRIMP against the
#   accustomed TRIMP of 28 days.
# - **Features**: ridge; histogram gradient boosting; the MLP (two hidden layers of 100, AdamW at
#   0.001, batches of 32, at most 1,000 epochs, patience 20). Validation athletes choose the ridge's
#   penalty, the number of trees and the MLP's epoch alike. With a number in its name a model
#   learned from only so many athletes.
# - **Own past**: the same answer, moved by the sum of the athlete's $n$ earlier residuals divided by
#   $n + 3$. The 3 is an assumption, and not tuned.
# - **Bounds**: *hindsight* adds the mean of all of an athlete's residuals, later ones too. The
#   {term}`observable bound` is the mean of ridge and boosted trees of 1,500 further athletes (240 in a
#   quick run). The {term}`noise floor` knows everything hidden.
#
# Each job has a seed of its own; people are dealt into five folds, twice, and where there are fewer
# than forty each is left out in turn, with other validation people each time
# ({glue:text}`tested`).

# %% tags=["hide-input"]
level_table(
    {titles[key]: t for key, t in main.items()},
    study.TITLES,
    metric="rmse",
    caption="RMSE, mean over athletes, with its 95 % interval over athletes and models. "
    "Rating: CR10 points; effect: points, 0 to 5.",
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Squared error that is left, in per cent of what the mean predictor leaves. Bars: 95 % intervals over athletes and models. Grey: below the noise floor.", "name": "fig-effect-lab-ladder"}, "image": {"alt": "A stair of dots for each data set, from the mean predictor to the noise floor."}}
figures.ladder({titles[key]: t for key, t in main.items()})

# %% [markdown]
# ## The questions
#
# The study asks {glue:text}`asked` on this page; {glue:text}`stand` of the gains differ
# from 0 after Holm's correction for that many. An athlete is harmed if an arm's RMSE is higher by more
# than the margin of harm. The last column tells whom the MLP harms against itself, trained from
# another seed.

# %% tags=["hide-input"]
null = {
    key: compare(t, "mlp_again", "mlp", "rmse", key[1])
    for key, t in main.items()
    if "mlp_again" in set(t["arm"])
}
score_table(
    [
        {
            "data": key[0],
            "arm": study.TITLES[key[2]],
            "against": study.TITLES[key[3]],
            "gain": c.gain,
            "verdict": c.verdict,
            "Holm": survives[key],
            "harmed": f"{c.harmed} of {c.athletes}",
            "by seed": null[key[:2]].harmed if key[:2] in null else "–",
        }
        for key, c in verdicts.items()
        if key[1] != "srpe"
    ],
    caption="Paired gain in RMSE, mean over athletes; above 0 the arm is better.",
)

# %% [markdown]
# ## Session load
#
# Perceived exertion times minutes looks predictable, until one asks the right baseline. Most of a load
# is its duration, and the duration was given.

# %% tags=["hide-input"]
loads = {key: t for key, t in panels.items() if key[1] == "srpe"}
score_table(
    [
        {
            "data": name,
            "arm": study.TITLES[arm],
            "RMSE": f"{mean(t, arm, 'rmse'):.0f}",
            "gain over duration × mean rating": f"{verdicts[key].gain:+.0f}"
            if (key := (name, target, arm, "per_minute")) in verdicts
            else "–",
            "verdict": verdicts[key].verdict if key in verdicts else "–",
        }
        for (name, target), t in loads.items()
        for arm in study.ARMS
        if arm in set(t["arm"])
    ]
    or [{"": "no data set of this run has ratings"}],
    caption="Load in CR10 minutes, mean over people of each one's error.",
)

# %% [markdown]
# ## How many athletes would it take?

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Squared error left, in per cent of the mean predictor's, against the number of training athletes. The last point of ridge is the observable bound, ridge and trees together.", "name": "fig-effect-lab-athletes"}, "image": {"alt": "Falling lines of ridge, boosted trees and the MLP against the number of training athletes."}}
figures.athletes_needed(
    {titles[key]: t for key, t in main.items() if "ridge_10" in set(t["arm"])}
)

# %% [markdown]
# ## How many earlier sessions?
#
# An athlete's sessions by how many measured ones lie before: bins begin at {glue:text}`bins`.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Mean absolute error against earlier sessions on record, bins with at least five athletes. Band: 95 % interval.", "name": "fig-effect-lab-experience"}, "image": {"alt": "For each data set mean error of ridge, of ridge with own past and of the noise floor against earlier sessions."}}
figures.experience({titles[key]: t for key, t in main.items()})

# %% [markdown]
# ## Athlete by athlete

# %% tags=["hide-input"] mystnb={"figure": {"caption": "RMSE of each athlete (mean over models) under ridge and under the MLP. Orange: harmed by the network; band: within the margin of harm.", "name": "fig-effect-lab-athletes-rmse"}, "image": {"alt": "For each data set a scatter of athletes around the diagonal; below it the network is better."}}
small_multiples(
    {
        titles[key]: (
            athlete_values(t, "ridge", "rmse"),
            athlete_values(t, "mlp", "rmse"),
        )
        for key, t in main.items()
    },
    paired_scatter,
    height_in=3.4,
    share=(),
    better="lower",
    xlabel="RMSE, ridge",
    ylabel="RMSE, MLP",
)

# %% [markdown]
# ## What the simulator does
#
# **A second of a run.** Oxygen uptake is a fast part $V$ and, above the first threshold, a slow part
# $S$ {footcite:p}`carter2002`; heart rate $H$ follows both after a dead time $d$
# {footcite:p}`hunt2015`, and drifts upwards from the tenth minute on
# {footcite:p}`coyle2001,ganio2006`:
#
# $$ \begin{gathered} \dot V = \frac{V^* - V}{\tau_p}, \qquad \dot S = \frac{A_s - S}{\tau_s}, \\
#    \dot H = \frac{H^*(t - d) - H}{\tau_H}, \qquad q = \frac{V + S - V_0}{V_\text{max} - V_0}, \\
#    H^* = \bigl(H_0 + (H_\text{max} - H_0)\, q\bigr) \cdot \text{drift}, \\
#    V + S \le V_\text{max} . \end{gathered} $$
#
# $V_0$ and $H_0$ are at rest, $V_\text{max}$ is the maximal oxygen uptake. $V^*$ is what the
# speed costs on the slope {footcite:p}`minetti2002`; $A_s$ grows with the demand above the threshold.
# Above critical speed a store of metres $D'$ is drained, and below it refills
# {footcite:p}`skiba2012`; who has none left cannot run faster.
#
# **A session.** With $x$ the true fraction of {term}`heart-rate reserve` and $b = 1.92$ (men) or 1.67
# (women) {footcite:p}`banister1991`, load, and the effect with its hidden factors $\rho$ and $f$:
#
# $$ \begin{gathered} L = \int_0^T x\, e^{b x}\, dt, \\
#    y = \mathrm{clip}\bigl(5\,(1 - e^{-\rho f (L/C)^{0.8}}) + \varepsilon,\, 0,\, 5\bigr), \\
#    \varepsilon \sim \mathcal N(0,\, 0.3^2),\quad \ln \rho \sim \mathcal N(0,\, 0.25^2) .
#    \end{gathered} $$
#
# **From day to day.** With $w$ the load of the day, fitness $g$ and fatigue $h$, both as loads a day:
#
# $$ \begin{gathered} g \leftarrow g\, e^{-1/42} + w\,(1 - e^{-1/42}), \\
#    h \leftarrow h\, e^{-1/7} + w\,(1 - e^{-1/7}), \\
#    f = 0.7 + \frac{0.4}{1 + e^{(h - g)/12}} . \end{gathered} $$
#
# $C$ is the exponentially weighted mean (28 days) of the loads of earlier sessions, 30 at least.
#
# **The second world**, `simulated_b`, has the same runners and other laws: load $\int 7u^3\,dt$ with
# $u$ the share of $\dot V\mathrm{O}_{2\max}$; effect $5z^{1.6}/(0.8^{1.6} + z^{1.6})$ with
# $z = \rho f L/C$; noise of Student's t with four degrees of freedom, scaled by 0.12 + 0.05 times the
# effect. All constants without a source are assumptions, frozen before any model was fitted.

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
