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


# numpydoc's checks that a reader gains from; wording and completeness are left to people.
CHECKS = {
    "GL05",  # tabs
    "GL08",  # no docstring at all
    "SS01", "SS04",  # a summary that is missing, or begins with white space
    "PR02", "PR10",  # a parameter that does not exist, or without a space before its colon
}  # fmt: skip


def names_of(path):
    """Dotted names of a module's public functions and classes, defined there."""
    module = ".".join(path.relative_to(HOME.parent).with_suffix("").parts)
    module = module.removesuffix(".__init__")
    body = ast.parse(path.read_text(encoding="utf-8")).body
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [f"{module}.{n.name}" for n in body if isinstance(n, kinds) and n.name[0] != "_"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(HOME).as_posix())
def test_numpydoc_lint(path):
    from numpydoc.validate import validate

    source = path.read_text(encoding="utf-8")
    found = []
    for name in names_of(path):
        for code, text in validate(name)["errors"]:
            if code == "PR02":  # "others : as for ..." and the name of a starred parameter are fine
                unknown = set(re.findall(r"'(\w+)'", text))
                if all(one == "others" or f"*{one}" in source for one in unknown):
                    continue
            if code in CHECKS:
                found.append(f"{name}: {code} {text}")
    assert not found
