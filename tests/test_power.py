"""The power of a study, against what must be so."""

import pytest

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


def test_the_fast_sums_are_those_of_a_line_fitted_without_each_athlete():
    """One imagined study by hand: polyfit without the athlete, RMSE, t interval."""
    import numpy as np
    from scipy.stats import t

    x, e = np.random.default_rng(5).standard_normal((2, 1, 12, 3))
    y = 1.5 * x + 2.0 * e
    gains = []
    for i in range(12):
        others = np.arange(12) != i
        b, a = np.polyfit(x[0, others].ravel(), y[0, others].ravel(), 1)
        mean, line = y[0, others].mean(), a + b * x[0, i]
        gains.append(
            np.sqrt(np.mean((y[0, i] - mean) ** 2)) - np.sqrt(np.mean((y[0, i] - line) ** 2))
        )
    gains = np.array(gains)
    seen = gains.mean() > t.ppf(0.975, 11) * gains.std(ddof=1) / np.sqrt(12)
    assert power(12, 1.5, 2.0, repeats=1, seed=5) == float(seen) == 1.0


@pytest.mark.parametrize("wrong", [{"athletes": 2}, {"periods": 0}, {"noise_sd": 0.0}])
def test_an_impossible_study_is_refused(wrong):
    with pytest.raises(UserError, match="power:"):
        power(**{"athletes": 20, "slope": 1.0, "noise_sd": 3.0} | wrong)
