"""Notebooks to pages: chapters, runs, records, exercises, site; no machine learning."""
