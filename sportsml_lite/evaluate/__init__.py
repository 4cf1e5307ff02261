"""How good, how sure, for whom: errors, intervals over athletes and models, calibration.

``metrics`` counts errors, ``verdicts`` judges a Scores table, ``calibration`` holds
reliability. Truth comes first, then the prediction, as in scikit-learn.
"""

from sportsml_lite.evaluate.calibration import (
    ece,
    fit_temperature,
    reliability,
)
from sportsml_lite.evaluate.metrics import (
    METRICS,
    accuracy,
    by_athlete,
    macro_f1,
    mae,
    mse,
    oracle_ratio,
    r2,
    reached,
    rmse,
    score,
    scores,
)
from sportsml_lite.evaluate.verdicts import (
    Comparison,
    Interval,
    athlete_values,
    compare,
    compare_all,
    gains,
    holm,
    interval,
    lowest_tenth,
    mean,
    noninferior,
    verdict,
)

__all__ = [
    "METRICS",
    "Comparison",
    "Interval",
    "accuracy",
    "athlete_values",
    "by_athlete",
    "compare",
    "compare_all",
    "ece",
    "fit_temperature",
    "gains",
    "holm",
    "interval",
    "lowest_tenth",
    "macro_f1",
    "mae",
    "mean",
    "mse",
    "noninferior",
    "oracle_ratio",
    "r2",
    "reached",
    "reliability",
    "rmse",
    "score",
    "scores",
    "verdict",
]
