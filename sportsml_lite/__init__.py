"""The small package behind the book: machine learning for athlete training.

Import the module you need (``from sportsml_lite.collect import devices``); importing the package
itself loads nothing heavy.
"""

__version__ = "0.1.0"
