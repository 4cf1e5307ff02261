"""A trained student for one athlete, from a few labelled windows of that athlete.

``support`` holds the windows and the settings, ``one`` adapts an athlete at a time (the reference),
``many`` adapts thousands at once, ``shrink`` does it in closed form, ``guard`` says who
is better left alone, ``shots`` examines it on athletes never seen.
"""

from sportsml_lite.transfer.many import personalise_many
from sportsml_lite.transfer.one import personalise_one
from sportsml_lite.transfer.shots import (
    Says,
    Shots,
    adapted,
    answers,
    choose,
    scored,
    student_says,
    take_shots,
    trials,
)
from sportsml_lite.transfer.shrink import (
    NO_OWN_DATA,
    Population,
    class_means,
    fit_population,
    shrunken_heads,
)
from sportsml_lite.transfer.support import (
    METHODS,
    Adaptation,
    Personal,
    Support,
    as_support,
    phases,
)

__all__ = [
    "METHODS",
    "NO_OWN_DATA",
    "Adaptation",
    "Personal",
    "Population",
    "Says",
    "Shots",
    "Support",
    "adapted",
    "answers",
    "as_support",
    "choose",
    "class_means",
    "fit_population",
    "personalise_many",
    "personalise_one",
    "phases",
    "scored",
    "shrunken_heads",
    "student_says",
    "take_shots",
    "trials",
]
