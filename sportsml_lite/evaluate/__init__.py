"""How good, how sure, for whom: errors, intervals over athletes, calibration.

``metrics`` counts errors, ``intervals`` bootstraps athletes and seeds, ``calibration`` holds
reliability and conformal intervals. Truth comes first, then the prediction, as in scikit-learn.
"""

from sportsml_lite.evaluate.calibration import (
    conformal_radius,
    coverage,
    cv_plus,
    ece,
    fit_temperature,
    reliability,
)
from sportsml_lite.evaluate.intervals import (
    Comparison,
    Interval,
    bootstrap,
    compare,
    gain_interval,
    noninferior,
    score_interval,
    verdict,
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

__all__ = [
    "METRICS",
    "Comparison",
    "Interval",
    "accuracy",
    "bootstrap",
    "by_athlete",
    "compare",
    "conformal_radius",
    "coverage",
    "cv_plus",
    "ece",
    "fit_temperature",
    "gain_interval",
    "macro_f1",
    "mae",
    "mse",
    "noninferior",
    "oracle_ratio",
    "r2",
    "reached",
    "reliability",
    "rmse",
    "score",
    "score_interval",
    "scores",
    "verdict",
]
