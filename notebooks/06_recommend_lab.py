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
# # 6 · Recommending a plan: the lab
#
# **Three experiments and two examples**, all simulated. *Advice*: athletes whom no model has met live
# six blocks of four weeks under every policy. *Logs*: what plans seem to bring in a coach's log, and what they bring.
# *Identification*: Banister's parameters, recovered from data that his own model made. Then the way
# back after weeks off, and a squad that shares two sessions a week.
#
# `accepted` reads the tables in `results/`. `quick` recomputes a small version, `full` everything:
#
# `sportsml run 06_recommend_lab -p dataset simulated_b -p profile full`

# %% tags=["imports"]
from sportsml_lite.findings import banister as traces
from sportsml_lite.findings import offpolicy as logged
from sportsml_lite.findings import recommend as advised
from sportsml_lite.findings.lab import read
from sportsml_lite.plots import banister as trace_figures
from sportsml_lite.plots import offpolicy as log_figures
from sportsml_lite.plots import recommend as figures
from sportsml_lite.plots import style
from sportsml_lite.plots.grammar import score_table, small_multiples
from sportsml_lite.publish.chapters import check_values
from sportsml_lite.publish.record import record
from sportsml_lite.recommend import effect, rehabilitation, squad
from sportsml_lite.recommend.months import persons
from sportsml_lite.recommend.week import Wishes
from sportsml_lite.simulate.weeks import World
from sportsml_lite.studies import banister, offpolicy, recommend

style.use()

# %% tags=["parameters"]
dataset = "simulated"  # 'simulated' or 'simulated_b': of quick and full runs
data_dir = ""  # path: leave empty; nobody else's other weeks are known
seed = 0  # 0 to 1000000: added to every job's own seed, and to the simulation's
profile = "accepted"  # 'accepted', 'quick' or 'full': read the tables, or recompute
weeks_off = 4  # weeks, 1 to 52: without training, before the way back

# %% tags=["hide-input"]
check_values("06_recommend_lab", globals())
asked = (dataset, data_dir, seed, profile)
advice = read(recommend.STUDY, recommend.judge, *asked)
logs = read(offpolicy.STUDY, offpolicy.judge, *asked)
fits = read(
    banister.STUDY,
    banister.judge,
    *asked,
    applies=dataset in banister.STUDY.datasets,
)
world = World.draw(200, seed, dataset).rest()
people = persons(world)

# %% tags=["check"]
for name, part in (("advice", advice), ("logs", logs), ("fits", fits)):
    record(f"{name}_asked", part.asked)
    record(f"{name}_stand", sum(part.survives.values()))
    record(f"{name}_tested", part.tested or "nobody in this run")
record("weeks_off", weeks_off)
record(
    "cap", "; ".join(f"{d}: {advised.beyond(t)}" for d, t in advice.tables.items())
)

# %% [markdown]
# ## Advice over half a year
#
# **Naive:** go on as usual; any week that the rules accept. **Classical:** three weeks of building, each
# block 10 % more than the last, and one easy week. **Model:** the best week for the population, the best for the
# athlete as known from own tests, the best by a lower bound (of a 50 % or a 90 % interval), or one drawn
# as often as it may be the best. **Oracle:** knows what each block truly brings by the next test. The
# model is fitted on other athletes, whose training was drawn by lot; in the last rows it comes from
# the other world, with another law of what training does. Tested: {glue:text}`advice_tested`.
# Sessions beyond the cap: {glue:text}`cap`.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "True change of VO2max since the first test. Band: 95 % interval of the policy with feedback.", "name": "fig-recommend-lab-months"}, "image": {"alt": "For each world lines over six blocks, one a policy."}}
small_multiples(advice.tables, figures.over_months, height_in=3.6)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "What half a year brought, every policy, with 95 % intervals over athletes and models.", "name": "fig-recommend-lab-gains"}, "image": {"alt": "For each world a row a policy, a dot with an interval."}}
small_multiples(advice.tables, figures.gains, height_in=5.8)

# %% tags=["hide-input"]
score_table(
    [
        {"world": d} | row
        for d, t in advice.tables.items()
        for row in advised.rows(t)
    ],
    caption="Means over athletes with 95 % intervals. Level: of the last 28 mornings, which an easy last week "
    "does not flatter. Regret: against the best accepted week of a block.",
)

# %% [markdown]
# {glue:text}`advice_asked` are asked, and {glue:text}`advice_stand` gains differ from 0 after Holm's
# correction.

# %% tags=["hide-input"]
score_table(
    advised.questions(advice.verdicts, advice.survives),
    caption="Gain in the change of VO2max, % points, mean over athletes.",
)

# %% [markdown]
# **The optimiser's curse.** The largest of several predictions promises too much, and the more there are the
# more. Half of the candidates here are well known, the others badly. The lower bound is careful and still
# promises too much; a prediction that is shrunk towards 0, as Bayes' rule does it, does not. The model
# above is shrunk already.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "What the chosen candidate promises more than it brings, by how it is chosen.", "name": "fig-recommend-lab-curse"}, "image": {"alt": "Curves over the number of candidates: by prediction rising, by lower bound near zero."}}
figures.disappointment()

# %% [markdown]
# ## What a log can tell
#
# A club is a log of its athletes, each with a few decisions; another policy's value is estimated
# from it alone. Plans were drawn by lot, or chosen by what the log holds, by a trait that it half shows, or by
# one that it does not show. Tested: {glue:text}`logs_tested` (an "athlete" here is a club: its people
# make one estimate together). {glue:text}`logs_asked`, {glue:text}`logs_stand` stand.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Every estimate of the plan “much more” against its truth (dashed), with intervals over clubs.", "name": "fig-recommend-lab-estimates"}, "image": {"alt": "For each way of choosing plans a row an estimate; only where the log holds the reason do weights bring the estimates to the dashed line."}}
log_figures.estimates(next(iter(logs.tables.values())))

# %% tags=["hide-input"]
score_table(
    logged.table(next(iter(logs.tables.values()))),
    caption="Distance from the truth, mean over plans, % of VO2max.",
)

# %% tags=["hide-input"]
score_table(
    logged.table(next(iter(logs.tables.values())), "covered"),
    caption="Share of 95 % intervals that hold the truth. The direct method believes its model.",
)

# %% [markdown]
# ## Banister's parameters
#
# Athletes who follow the impulse-response model {footcite:p}`banister1991` exactly train for months and
# are tested with an error; the model is fitted to each. Published fits are good and their time constants lie
# anywhere {footcite:p}`hellard2006`. Tested: {glue:text}`fits_tested`.

# %% tags=["hide-input"]
score_table(
    [row for t in fits.tables.values() for row in traces.recovery(t)],
    caption="Off by: factor between fitted and true time constant. Found: the tests rule out all but "
    "values near it. Later tests: RMSE, % of the level.",
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Share of athletes in whom both time constants are found.", "name": "fig-recommend-lab-found"}, "image": {"alt": "Lines over the number of tests, one for each error of a test and kind of training."}}
small_multiples(fits.tables, trace_figures.found, height_in=3.4)

# %% [markdown]
# ## The way back
#
# {glue:text}`weeks_off` weeks without training. The cap is that of the last 30 days, so the first week
# is short whoever comes back. After an injury the rules are stricter (all of it assumed, none of it
# medical advice): a lower cap, zones 1 and 2 only, another day of rest, and, beyond a small start, a week at
# most a quarter longer.

# %% tags=["hide-input"]
person = people[0]
ways = {
    words: [
        week.minutes
        for week in rehabilitation.way_back(
            person, weeks_off, Wishes(injury=injury)
        )
    ]
    for words, injury in {
        "no injury": "none",
        "after an injury": "returning",
    }.items()
}
score_table(
    [
        {
            "": words,
            "weeks until the habit": len(minutes),
            "minutes of the first weeks": ", ".join(map(str, minutes[:8])),
        }
        for words, minutes in ways.items()
    ],
    caption="A simulated athlete; the habit is reached at 95 % of its minutes.",
)

# %% [markdown]
# ## A squad
#
# Four athletes want to do their intervals and their long session together, on the same days, each as long
# as is right for them. Every pair of days is tried.

# %% tags=["hide-input"]
model = effect.simulated_population(dataset)
together = squad.plan(
    {f"athlete {i}": (people[i], Wishes()) for i in range(4)},
    lambda person, week: float((effect.of_person(person, [week]) @ model.mean)[0]),
)
score_table(
    together.table().to_dict("records"),
    caption="Expected change of VO2max in four weeks (%): the best week alone, the shared days that are best in "
    "sum, and those that are best for whom they suit least.",
)

# %% tags=["check"]
record("shared", str(together.by_sum))

# %% [markdown]
# Best in sum: {glue:text}`shared`. What sharing costs stands in the last columns; it is what the model
# believes, and its intervals are wider than these differences.
#
# ## References
#
# ```{footbibliography}
# ```
