"""Choosing hyper-parameters: a space, searches under one budget, and a store that workers share.

``space`` says what may be chosen, ``searching`` looks through it by grid, at random or with TPE,
``live`` trains what a search asks for, ``store`` keeps a search on disk.
"""

import warnings

from sportsml_lite.tune.live import Live
from sportsml_lite.tune.searching import METHODS, best_at, run, search, trials_of
from sportsml_lite.tune.space import SPACE, Space
from sportsml_lite.tune.store import open_study

# Optuna asks tqdm for a bar that no page of ours draws; its complaint would stand on the page.
warnings.filterwarnings("ignore", message="IProgress not found")

__all__ = [
    "METHODS",
    "SPACE",
    "Live",
    "Space",
    "best_at",
    "open_study",
    "run",
    "search",
    "trials_of",
]
