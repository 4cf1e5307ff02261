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
# # 5 · Choosing hyper-parameters: the lab
#
# **Two experiments.** *Search*: grid, random and TPE search, with and without pruning, under one budget,
# beside the default of chapter 4, the best of many seeds of it, and the best of the whole space.
# *Ensembles*: seeds, bags of athletes, several kinds of model, and stacks. Both predict the sessions of
# chapter 4, each athlete by models that never met him or her: `pmdata`, `simulated`, `simulated_b`.
#
# `accepted` reads the tables in `results/`. `quick` recomputes the first fold of one data set, with a
# small space and few arms; `full` recomputes everything:
#
# `sportsml run 05_tune_lab -p dataset pmdata -p profile full`

# %% tags=["imports"]
from sportsml_lite.findings import ensemble as mixed
from sportsml_lite.findings import tune as findings
from sportsml_lite.findings.effect import judge_by_target
from sportsml_lite.findings.lab import read
from sportsml_lite.plots import ensemble as ensemble_figures
from sportsml_lite.plots import style
from sportsml_lite.plots import tune as figures
from sportsml_lite.plots.grammar import score_table
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.studies import ensemble
from sportsml_lite.studies import tune as study

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # name: simulated, simulated_b or pmdata
data_dir = ""  # path: folder of your own tables, or around pmdata
seed = 0  # 0 to 1000000: added to every job's own seed, and to the simulation's
profile = "accepted"  # 'accepted', 'quick' or 'full': read the tables, or recompute

# %% tags=["hide-input"]
check_values("05_tune_lab", globals())
asked = (dataset, data_dir, seed, profile)
lab = read(study.STUDY, judge_by_target(study), *asked)
several = read(ensemble.STUDY, lambda tables: {}, *asked)
tables = lab.tables

# %% tags=["check"]
record("asked", lab.asked)
record("stand", sum(lab.survives.values()))
record("tested", lab.tested)
spent = max(t["budget"].max() for t in tables.values())
record("budget", f"{spent:,.0f}")

# %% [markdown]
# ## The arms
#
# In every fold each configuration is trained once, from the job's seed, for at most 60 epochs with a
# patience of 10; stacked by shape, so that 21 rates and decays take little more than one. The searches look
# up these trainings an epoch at a time {footcite:p}`klein2019`. So a trial costs a search exactly the epochs
# that it would have cost, and ten searches with each method cost no training more.
#
# - **Space**: learning rate 0.0001 to 0.1 in seven steps, weight decay 0.0001, 0.01, 1, width 25, 50, 100,
#   one to three layers, batches of 16, 32, 64, 128: 756 configurations (32 in a quick run).
# - **Grid**: four rates, two values of everything else, in random order. **Random**: every level alike.
#   **TPE**: ten random trials, then Optuna's sampler {footcite:p}`akiba2019`. **Pruned**: successive
#   halving at epochs 4, 12 and 36, a third goes on.
# - **Budget**: {glue:text}`budget` epochs of all trials together. A trial counts when it has ended.
# - **Seeds**: the default from 32 seeds, the best by validation: what luck alone finds.
# - **All configurations**: the best of the space by validation. It has no budget.
#
# Tested: {glue:text}`tested`. A value of an athlete under a method is the mean over its ten searches.

# %% tags=["hide-input"]
score_table(
    [{"data": d, **row} for d, t in tables.items() for row in findings.results(t)],
    caption="RMSE on test athletes, mean over athletes, 95 % interval over athletes and models; gain over the "
    "default on test athletes, and the gain that validation athletes promised. Rating: CR10 points; "
    "effect: points, 0 to 5.",
)

# %% [markdown]
# ## The questions
#
# The study asks {glue:text}`asked`; differences that stand after
# Holm's correction for that many: {glue:text}`stand`.

# %% tags=["hide-input"]
score_table(
    findings.questions(lab.verdicts, lab.survives),
    digits=3,
    caption="Paired gain in RMSE, mean over athletes; above 0 the arm is better.",
)

# %% [markdown]
# ## Against the budget

# %% tags=["hide-input"] mystnb={"figure": {"caption": "RMSE on test athletes of the best so far by validation. Dashed: the default; dotted: ridge. Band: 95 % interval of the blue line.", "name": "fig-tune-lab-test"}, "image": {"alt": "For each data set a line for each method against the budget."}}
figures.budget(
    tables, arms=("tpe_pruned", "tpe", "random_pruned", "random", "grid")
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The same on the validation athletes who chose: what a search itself sees. Not every line falls: athletes count alike here, and the search minimises the error over sessions.", "name": "fig-tune-lab-validation"}, "image": {"alt": "For each data set a line for each method against the budget, on validation athletes."}}
figures.budget(tables, validation=True)

# %% [markdown]
# ## The winner's curse
#
# The best of more configurations promises more. Beside it stands the control: seeds of *one* configuration,
# which differ by luck alone.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Gain over the default of the best of so many configurations: promised by validation athletes (grey), kept on test athletes (blue, 95 % interval).", "name": "fig-tune-lab-promise"}, "image": {"alt": "For each data set two lines against the number of trials; the promised gain rises above the one that was kept."}}
figures.promises(tables)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The same of the best of so many seeds of the default.", "name": "fig-tune-lab-seeds"}, "image": {"alt": "For each data set two lines against the number of seeds."}}
figures.promises(tables, arm="seeds")

# %% tags=["hide-input"]
score_table(
    [
        {"data": d, "rank correlation": findings.agreement(t)}
        for d, t in tables.items()
    ],
    caption="Spearman's correlation of all configurations' errors by validation and by test athletes, mean "
    "over folds.",
)

# %% [markdown]
# ## What matters
#
# The whole table of errors is known, so the analysis of variance needs no model of it
# {footcite:p}`hutter2014`: a hyper-parameter's share is the variance of the means over its levels.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Share of the variance of the log validation error among configurations; median of the folds, bars from the lowest to the highest. Grey: what belongs to several hyper-parameters together.", "name": "fig-tune-lab-importance"}, "image": {"alt": "For each data set a row for each hyper-parameter with its share."}}
figures.importance(tables)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Every configuration of the first data set as a line, the twenty with the lowest mean validation error in blue. Dashed: the default.", "name": "fig-tune-lab-parallel"}, "image": {"alt": "Five vertical axes with their levels, grey lines through all of them, blue ones through the best."}}
figures.parallel(next(iter(tables.values())))

# %% [markdown]
# ## Ensembles
#
# *Five seeds*: the mean of five networks. *Bags*: each learns from athletes drawn with replacement. *Kinds*:
# networks, ridge and boosted trees, by their plain mean; by the one that is best out of fold; weighted by
# non-negative least squares; or with boosted trees on top. Weights and choices are fitted to answers for
# training athletes by models that had not met them.

# %% tags=["hide-input"]
score_table(
    [
        {"data": d, **row}
        for d, t in several.tables.items()
        for row in mixed.rows(t)
    ],
    digits=3,
    caption="RMSE on test athletes, gain over one network, seconds of one core for a fold.",
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Gain in RMSE over one network, and seconds of one core. Blue: several models. Bars: 95 % intervals; grey band: too small to name.", "name": "fig-tune-lab-ensemble"}, "image": {"alt": "For each data set a row for each way of asking several models."}}
ensemble_figures.ladder(several.tables)

# %% [markdown]
# ## References
#
# ```{footbibliography}
# ```
