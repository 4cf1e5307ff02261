"""The errors a reader can cause, each with a message that says what is wrong and what to do."""

from collections.abc import Sequence

LISTED = 10  # faults that one message names; the rest is counted


class UserError(ValueError):
    """Something the reader gave cannot be used; commands print the message without a traceback."""


class Failed(Exception):
    """A chapter or the book broke; the message says where, why, and where the copy lies."""


def listed(faults: Sequence[str]) -> str:
    """Faults in lines, at most ten of them, and how many more there are."""
    more = [f"and {len(faults) - LISTED} more"] if len(faults) > LISTED else []
    return "\n".join([*faults[:LISTED], *more])
