"""The small package behind the book: machine learning for athlete training.

Import the module you need (``from sportsml_lite.collect import devices``); importing the package
itself loads nothing heavy.
"""

__version__ = "0.1.0"


def __getattr__(name: str):
    if name == "sweep":  # loaded when it is asked for
        from sportsml_lite.publish.sweep import sweep

        return sweep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
