"""What has to be said beside a difference that does not stand."""

from __future__ import annotations

from sportsml_lite.evaluate import Comparison

UNCORRECTED = " (which does not stand after Holm's correction)"


def hedge(found: Comparison, stands: bool) -> str:
    """The reservation of a difference that is called one, or ''.

    Parameters
    ----------
    found : the comparison by itself
    stands : whether it is still a difference among all that the study asks
    """
    return UNCORRECTED * (found.verdict in ("better", "worse") and not stands)
