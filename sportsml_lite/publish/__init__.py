"""Notebooks to pages: chapters, runs, records, exercises, site; no machine learning."""

import sys


def load_nbformat():
    """nbformat, imported a second sooner.

    jsonschema, which checks notebooks for it, makes a parser of international addresses where that
    library is installed. No notebook holds one.
    """
    name = "rfc3987_syntax"
    before = sys.modules.setdefault(name, None)
    try:
        import nbformat
    finally:
        if before is None:
            sys.modules.pop(name, None)
    return nbformat
