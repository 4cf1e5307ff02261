"""What a result depends on: every definition that its code reaches, and the libraries beside it.

Read from the source, without importing or running anything. Starting from some names, each
definition is followed to the functions, classes and constants of the same project that it names,
and on from there. Docstrings, comments and layout do not count: they change no number.
"""

from __future__ import annotations

import ast
import copy
import hashlib
import importlib.metadata
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sportsml_lite.paths import PACKAGE

HOME = PACKAGE.parent


@dataclass(frozen=True)
class Reached:
    """What some code depends on.

    code : hash of each definition by ``module:name``; libraries : versions of third-party
    distributions by name
    """

    code: dict[str, str] = field(default_factory=dict)
    libraries: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """One hash of all of it."""
        return _hash(repr((sorted(self.code.items()), sorted(self.libraries.items()))))


def of(*names: str, without: Collection[str] = ()) -> Reached:
    """What the numbers that definitions of the package give depend on: not the words of errors.

    Parameters
    ----------
    *names : ``'sportsml_lite.losses:Soft'``, or a whole module without the colon
    without : modules that are named and known not to run, with what only they reach

    Raises
    ------
    KeyError for a module or name that is not there
    """
    todo = []
    for name in names:
        module, _, part = name.partition(":")
        if _file(module) is None:
            raise KeyError(f"no module {module}")
        parts = [part] if part else list(_scope(module).nodes)
        todo += [(module, p) for p in parts]
    return _follow(todo, without)


def of_code(text: str, label: str = "notebook") -> Reached:
    """What a piece of code (a notebook's cells) depends on, itself included."""
    tree = _strip(ast.parse(text))
    scope = _Scope.of(tree, label)
    targets, outside = _targets(tree, scope, label)
    found = _follow(targets, words=True)  # a page may print an error
    libraries = found.libraries | _versions(outside | scope.outside)
    return Reached({**found.code, label: _hash(ast.dump(tree))}, libraries)


def forget() -> None:
    """Read the sources anew the next time: for a process that outlives an edit of the package."""
    _scope.cache_clear()
    _distributions.cache_clear()


def state(files: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    """Path, time of change (ns) and size (bytes) of files: equal states, equal files, most likely.

    It costs milliseconds where reading all files costs seconds. What an editor or an interpreter
    leaves beside the files does not count.
    """
    found = []
    for path in sorted(files):
        if not path.name.startswith(".") and path.suffix != ".pyc":
            with suppress(FileNotFoundError):  # gone since it was listed
                stat = path.stat()
                found.append((str(path), stat.st_mtime_ns, stat.st_size))
    return tuple(found)


# --- following -----------------------------------------------------------------------------------


def _follow(
    todo: list[tuple[str, str]], without: Collection[str] = (), words: bool = False
) -> Reached:
    code, outside, seen = {}, set(), set()
    while todo:
        module, name = todo.pop()
        module, name = _home(module, name)
        if (module, name) in seen or name is None or module in without:
            continue
        seen.add((module, name))
        scope = _scope(module)
        digest, targets, local = scope.read(module, name, words)
        if digest:
            code[f"{module}:{name}"] = digest
        todo += targets
        outside |= scope.outside | local
    return Reached(dict(sorted(code.items())), _versions(outside))


def _targets(node: ast.AST, scope: _Scope, module: str) -> tuple[list[tuple[str, str]], set[str]]:
    """Definitions of the project that a node names, (module, name), and what it imports itself."""
    imports, outside = dict(scope.imports), set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Import | ast.ImportFrom):
            imports |= dict(_imported(inner))
            outside |= _outside(inner)
    found = []
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            if inner.id in scope.nodes:
                found.append((module, inner.id))
            elif inner.id in imports and imports[inner.id][1] is not None:
                found.append(imports[inner.id])
        elif isinstance(inner, ast.Attribute):
            owner, path = inner, []
            while isinstance(owner, ast.Attribute):
                path.insert(0, owner.attr)
                owner = owner.value
            if isinstance(owner, ast.Name) and owner.id in imports:
                target, name = imports[owner.id]
                if name is not None and _file(f"{target}.{name}"):
                    target, name = f"{target}.{name}", None
                if name is None and _file(target):
                    while len(path) > 1 and _file(f"{target}.{path[0]}"):
                        target = f"{target}.{path.pop(0)}"
                    found.append((target, path[0]))
    return found, outside


def _home(module: str, name: str) -> tuple[str, str | None]:
    """Where a name that a package passes on is defined."""
    for _ in range(10):
        if _file(module) is None:
            return module, None
        scope = _scope(module)
        if name in scope.nodes:
            return module, name
        if name not in scope.imports:
            return module, None
        target, part = scope.imports[name]
        if part is None or _file(f"{target}.{part}"):
            return module, None  # a module: its attributes are followed where they are named
        module, name = target, part
    return module, None


@dataclass(frozen=True)
class _Scope:
    """A module's definitions (statements by name), its imports, and foreign modules it imports."""

    nodes: dict[str, tuple[ast.AST, ...]]
    imports: dict[str, tuple[str, str | None]]
    outside: frozenset[str]
    known: dict[tuple[str, bool], tuple] = field(default_factory=dict)  # what ``read`` gave

    def read(self, module: str, name: str, words: bool) -> tuple[str, list, set[str]]:
        """Hash of a definition ('' if it is none), what it names, foreign modules it imports."""
        if (name, words) not in self.known:
            nodes = self.nodes.get(name, ())
            if not words:
                nodes = [_without_words(node) for node in nodes]
            targets, outside = [], set()
            for node in nodes:
                named, local = _targets(node, self, module)
                targets += named
                outside |= local
            digest = _hash("".join(ast.dump(node) for node in nodes)) if nodes else ""
            self.known[name, words] = digest, targets, outside
        return self.known[name, words]

    @classmethod
    def of(cls, tree: ast.Module, module: str) -> _Scope:
        nodes, imports, outside = {}, {}, set()
        for node in _statements(tree.body):
            if isinstance(node, ast.Import | ast.ImportFrom):
                imports |= dict(_imported(node))
                outside |= _outside(node)
            for name in _defined(node):
                nodes[name] = (*nodes.get(name, ()), node)
        return cls(nodes, imports, frozenset(outside))


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of a module, those under ``if``, ``try`` and ``with`` too."""
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            for part in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(node, part, None) or [])


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        for target in getattr(node, "targets", None) or [node.target]:
            for part in ast.walk(target):
                if isinstance(part, ast.Name):
                    yield part.id


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, tuple[str, str | None]]]:
    if isinstance(node, ast.ImportFrom):
        if node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, (node.module, alias.name)
        return
    for alias in node.names:
        if alias.asname:
            yield alias.asname, (alias.name, None)
        else:
            yield alias.name.partition(".")[0], (alias.name.partition(".")[0], None)


def _outside(node: ast.Import | ast.ImportFrom) -> set[str]:
    names = (
        [node.module or ""]
        if isinstance(node, ast.ImportFrom)
        else [alias.name for alias in node.names]
    )
    tops = {name.partition(".")[0] for name in names}
    return {top for top in tops if top and _file(top) is None} - set(sys.stdlib_module_names)


@cache
def _scope(module: str) -> _Scope:
    path = _file(module)
    tree = _strip(ast.parse(path.read_text(encoding="utf-8"), str(path)))
    return _Scope.of(tree, module)


def _file(module: str) -> Path | None:
    """Source of a module of this project; None for any other."""
    if module.partition(".")[0] != PACKAGE.name:
        return None
    stem = HOME.joinpath(*module.split("."))
    for path in (stem.with_suffix(".py"), stem / "__init__.py"):
        if path.is_file():
            return path
    return None


def _strip(tree: ast.Module) -> ast.Module:
    """Without docstrings."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = body[0] if body else None
            text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            if text and isinstance(first.value.value, str):
                node.body = body[1:] or [ast.Pass()]
    return tree


def _without_words(node: ast.AST) -> ast.AST:
    """Without what an error says: no number follows from it."""
    node = copy.deepcopy(node)
    for inner in ast.walk(node):
        if isinstance(inner, ast.Raise) and isinstance(inner.exc, ast.Call):
            inner.exc = inner.exc.func
    return node


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


def _versions(modules: Iterable[str]) -> dict[str, str]:
    known = _distributions()
    names = {known[top][0] for top in modules if top in known}
    # Without the build's mark: torch 2.13.0+cpu is torch 2.13.0.
    return {n: importlib.metadata.version(n).partition("+")[0] for n in sorted(names)}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
