"""The errors a reader can cause, each with a message that says what is wrong and what to do."""


class UserError(ValueError):
    """Something the reader gave cannot be used; commands print the message without a traceback."""
