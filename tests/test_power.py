"""The power of a study, against what must be so."""

import numpy as np
import pytest
from scipy.stats import t

from sportsml_lite.errors import UserError
from sportsml_lite.evaluate.power import power


def test_without_an_effect_a_study_rarely_sees_one():
    """A line that means nothing costs a little, so it is seen in less than 2.5 of 100."""
    assert power(40, 0.0, 3.0, repeats=2000) < 0.025


def test_more_athletes_and_larger_effects_are_seen_more_often():
    few, many = (power(n, 1.0, 3.0) for n in (20, 120))
    weak, strong = (power(40, b, 3.0) for b in (0.5, 3.0))
    assert few < many and weak < strong
    assert strong > 0.95
    assert power(40, 1.0, 3.0) == power(40, 2.0, 6.0)  # only their ratio counts


@pytest.mark.parametrize("seed", range(40))
def test_the_fast_sums_are_those_of_a_line_fitted_without_each_athlete(seed):
    """One imagined study by hand: polyfit without the athlete, RMSE, t interval."""
    x, e = np.random.default_rng(seed).standard_normal((2, 1, 12, 3))
    y = 0.8 * x + 2.0 * e
    gains = []
    for i in range(12):
        others = np.arange(12) != i
        b, a = np.polyfit(x[0, others].ravel(), y[0, others].ravel(), 1)
        missed = y[0, i] - y[0, others].mean(), y[0, i] - a - b * x[0, i]
        gains.append(np.sqrt(np.mean(missed[0] ** 2)) - np.sqrt(np.mean(missed[1] ** 2)))
    gains = np.array(gains)
    seen = gains.mean() > t.ppf(0.975, 11) * gains.std(ddof=1) / np.sqrt(12)
    assert power(12, 0.8, 2.0, repeats=1, seed=seed) == float(seen)


@pytest.mark.parametrize("wrong", [{"athletes": 2}, {"periods": 0}, {"noise_sd": 0.0}])
def test_an_impossible_study_is_refused(wrong):
    with pytest.raises(UserError, match="power:"):
        power(**{"athletes": 20, "slope": 1.0, "noise_sd": 3.0} | wrong)
