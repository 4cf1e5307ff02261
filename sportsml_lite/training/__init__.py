"""Training a network on a table: one with Lightning, or many seeds at once.

``recipe`` holds what both share, ``regressor`` the Lightning way, ``stacked`` the many seeds,
``saved`` the weights on disk.
"""

from sportsml_lite.training.recipe import (
    OPTIMIZERS,
    RECIPE,
    Examples,
    Fitted,
    Recipe,
    examples,
    predict,
)
from sportsml_lite.training.regressor import Regressor, TableData, fit, make_trainer
from sportsml_lite.training.saved import fit_cached, load_weights, save_weights
from sportsml_lite.training.stacked import fit_many

__all__ = [
    "OPTIMIZERS",
    "RECIPE",
    "Examples",
    "Fitted",
    "Recipe",
    "Regressor",
    "TableData",
    "examples",
    "fit",
    "fit_cached",
    "fit_many",
    "load_weights",
    "make_trainer",
    "predict",
    "save_weights",
]
