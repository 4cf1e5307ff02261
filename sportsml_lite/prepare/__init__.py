"""From what was recorded to what a model reads: clean, fill, weigh, look back, scale, cut.

``clean`` finds what cannot be, ``impute`` fills gaps, ``load`` weighs a session, ``history``
looks back, ``features`` makes the model table, ``scale`` and ``windows`` what a network reads.
"""

from sportsml_lite.intensity import hr_max_by_age
from sportsml_lite.prepare.clean import check_ranges, regular
from sportsml_lite.prepare.features import FEATURE_NAMES, FEATURES, Table, session_table
from sportsml_lite.prepare.history import TrainingHistory
from sportsml_lite.prepare.impute import (
    METHODS,
    fit_imputer,
    hide_bursts,
)
from sportsml_lite.prepare.load import (
    seconds,
    srpe_load,
    stream_loads,
    trimp,
    zone_minutes,
)
from sportsml_lite.prepare.scale import (
    Scaler,
    fit_scaler,
    heart_rate_reserve,
    stream_reserve,
    with_hr_max,
)
from sportsml_lite.prepare.statistics import last_mean, window_statistics
from sportsml_lite.prepare.windows import cut_windows, fill_windows

__all__ = [
    "FEATURES",
    "FEATURE_NAMES",
    "METHODS",
    "Scaler",
    "Table",
    "TrainingHistory",
    "check_ranges",
    "cut_windows",
    "fill_windows",
    "fit_imputer",
    "fit_scaler",
    "heart_rate_reserve",
    "hide_bursts",
    "hr_max_by_age",
    "last_mean",
    "regular",
    "seconds",
    "session_table",
    "srpe_load",
    "stream_loads",
    "stream_reserve",
    "trimp",
    "window_statistics",
    "with_hr_max",
    "zone_minutes",
]
