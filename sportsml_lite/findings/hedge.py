"""What has to be said beside a number that may be luck."""

from __future__ import annotations

from sportsml_lite.evaluate import Comparison

LUCK = " (so few athletes cannot tell it from luck)"
UNCORRECTED = " (which does not stand after Holm's correction)"


def hedge(found: Comparison, stands: bool) -> str:
    """The reservation of a difference that is called one, or ''.

    Parameters
    ----------
    found : the comparison by itself
    stands : whether it is still a difference among all that the study asks
    """
    return UNCORRECTED * (found.verdict in ("better", "worse") and not stands)


def doubt(found: Comparison, stands: bool) -> str:
    """As :func:`hedge`, where no other word of the sentence says that a gain is undecided."""
    return LUCK if found.verdict == "undecided" else hedge(found, stands)
