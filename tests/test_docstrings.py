"""What docstrings promise: names that exist, and every error that a public function raises."""

import ast
import importlib
import re
from pathlib import Path

import pytest

import sportsml_lite

HOME = Path(sportsml_lite.__file__).parent
FILES = sorted(HOME.rglob("*.py"))
REFERENCE = re.compile(r":(?:mod|func|class|meth|data|attr):`~?([\w.]+)`")
PACKAGE = "sportsml_lite."


def public(body):
    """Functions and methods that a reader may call, with their names."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node.body)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node


def raises(node):
    return any(isinstance(inner, ast.Raise) and inner.exc is not None for inner in ast.walk(node))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(HOME).as_posix())
def test_every_public_function_that_raises_says_so(path):
    found = public(ast.parse(path.read_text(encoding="utf-8")).body)
    silent = [f.name for f in found if raises(f) and "Raises" not in (ast.get_docstring(f) or "")]
    assert not silent


def resolve(name, module):
    """What a name means: its path in the package, or a name of the module that holds it."""
    if not name.startswith(PACKAGE):
        for part in name.split("."):
            module = getattr(module, part)
        return module
    found, parts = sportsml_lite, name.split(".")
    for i, part in enumerate(parts[1:], start=2):
        if not hasattr(found, part):
            importlib.import_module(".".join(parts[:i]))
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(HOME).as_posix())
def test_what_a_docstring_refers_to_exists(path):
    text = path.read_text(encoding="utf-8")
    name = ".".join(path.relative_to(HOME.parent).with_suffix("").parts)
    module = importlib.import_module(name.removesuffix(".__init__"))
    methods = set(re.findall(r":meth:`([\w]+)`", text))  # of the class that speaks
    for name in set(REFERENCE.findall(text)) - methods:
        resolve(name, module)
