"""The accepted tables as a research object that others can open without this package.

An RO-Crate 1.1 (Soiland-Reyes et al. 2022): a folder with the tables, a description of each in
JSON-LD, and what each rests on. Checksums stand in the description and in ``SHA256SUMS``.
"""

from __future__ import annotations

import hashlib
import html
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from sportsml_lite.collect.fetch import ORIGINS
from sportsml_lite.errors import UserError
from sportsml_lite.paths import project_root
from sportsml_lite.studies import accepted
from sportsml_lite.studies.accepted import Accepted

SPEC = "https://w3id.org/ro/crate/1.1"
CONTEXT = [f"{SPEC}/context", {"sha256": "https://schema.org/sha256"}]  # 1.1 lacks the term
METADATA, PREVIEW, SUMS = "ro-crate-metadata.json", "ro-crate-preview.html", "SHA256SUMS"
BESIDE = ("CITATION.cff", "LICENSE", "LICENSE-prose.md", "constraints.txt")
SOFTWARE = "#sportsml_lite"
FORMATS = {
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".html": "text/html",
    ".cff": "application/yaml",
    ".md": "text/markdown",
}


def export(folder: Path) -> Path:
    """Write the crate into a new folder, which appears whole or not at all.

    Raises
    ------
    UserError if something is there already, there are no accepted tables, or one is spoilt
    """
    if folder.exists():
        raise UserError(f"{folder}: exists already; delete it or name another folder")
    tables = sorted(accepted.folder().glob("*.parquet"))
    if not tables:
        raise UserError(
            f"{accepted.folder()}: no accepted tables; make them: sportsml results redo"
        )
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        _write(part, tables)
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _write(folder: Path, tables: list[Path]) -> None:
    (folder / "results").mkdir(parents=True)
    (folder / "provenance").mkdir()
    found = {path.stem: accepted.read(path) for path in tables}
    for path in tables:
        shutil.copy2(path, folder / "results")
        rests = json.dumps(found[path.stem].inputs, indent=1, sort_keys=True)
        (folder / "provenance" / f"{path.stem}.json").write_text(rests + "\n", encoding="utf-8")
    for name in BESIDE:
        shutil.copy2(project_root() / name, folder)
    graph = list(_graph(folder, found))
    text = json.dumps({"@context": CONTEXT, "@graph": graph}, indent=1, ensure_ascii=False)
    (folder / METADATA).write_text(text + "\n", encoding="utf-8")
    (folder / PREVIEW).write_text(_preview(graph), encoding="utf-8")
    sums = [f"{_sha256(folder / name)}  {name}\n" for name in _files(folder)]
    (folder / SUMS).write_text("".join(sums), encoding="utf-8")


def _files(folder: Path) -> list[str]:
    """Paths of the crate's files in it, apart from the checksums."""
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in paths if name != SUMS)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- the description -----------------------------------------------------------------------------


def _graph(folder: Path, found: dict[str, Accepted]) -> Iterator[dict]:
    """Every entity of the description: each refers to others by ``@id``."""
    cited = _citation()
    authors = list(_authors(cited))
    licences = [_licence(name) for name in cited["license"]]
    files = [name for name in _files(folder) if name not in (METADATA, PREVIEW)]
    yield {"@id": METADATA, "@type": "CreativeWork", "about": _ref("./"), "conformsTo": _ref(SPEC)}
    yield {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Accepted results of: {cited['title']}",
        "description": (
            "A table for each study and data set. A row is one athlete under one arm, fold and "
            "seed, with a metric and its value. What each table rests on lies in provenance/; the "
            "data themselves are not here and keep their own licences."
        ),
        "datePublished": str(cited["date-released"]),
        "version": str(cited["version"]),
        "keywords": cited["keywords"],
        "author": [_ref(one["@id"]) for one in authors],
        "license": [_ref(one["@id"]) for one in licences],
        "hasPart": [_ref(name) for name in files],
        "mentions": [_ref(f"#redo-{stem}") for stem in found],
    }
    yield from (*authors, *licences)
    yield {"@id": SOFTWARE, "@type": "SoftwareApplication", "name": "sportsml_lite",
           "version": str(cited["version"])}  # fmt: skip
    yield from (_file(folder, name, found) for name in files)
    yield from (_action(stem, one) for stem, one in found.items())
    datasets = {one.dataset for one in found.values()}
    yield from (_dataset(name) for name in sorted(datasets))
    libraries = {pair for one in found.values() for pair in one.inputs["libraries"].items()}
    for name, version in sorted(libraries):
        yield {"@id": f"#library-{name}-{version}", "@type": "SoftwareApplication", "name": name,
               "version": version}  # fmt: skip


def _ref(name: str) -> dict[str, str]:
    return {"@id": name}


def _citation() -> dict:
    import yaml

    return yaml.safe_load((project_root() / "CITATION.cff").read_text(encoding="utf-8"))


def _authors(cited: dict) -> Iterator[dict]:
    """People and groups of ``CITATION.cff``."""
    for i, one in enumerate(cited["authors"]):
        person = "family-names" in one
        name = f"{one.get('given-names', '')} {one['family-names']}" if person else one["name"]
        kind = "Person" if person else "Organization"
        yield {"@id": one.get("orcid", f"#author-{i + 1}"), "@type": kind, "name": name.strip()}


def _licence(name: str) -> dict:
    return {"@id": f"https://spdx.org/licenses/{name}", "@type": "CreativeWork", "name": name}


def _file(folder: Path, name: str, found: dict[str, Accepted]) -> dict:
    path = folder / name
    entity = {
        "@id": name,
        "@type": "File",
        "name": path.name,
        "encodingFormat": FORMATS.get(path.suffix, "text/plain"),
        "contentSize": str(path.stat().st_size),
        "sha256": _sha256(path),
    }
    one = found.get(path.stem)
    if one and path.suffix == ".parquet":
        people = one.scores["athlete"].nunique()
        simulated = "" if one.dataset in ORIGINS else "simulated "
        entity["description"] = (
            f"Study {one.study} on {one.dataset}: {len(one.scores)} rows, {people} {simulated}"
            f"athletes, {one.scores['arm'].nunique()} arms"
        )
        entity["isBasedOn"] = _ref(f"#data-{one.dataset}")
    elif one:
        entity["description"] = (
            "What the table rests on: a hash of every definition of the code that it reaches, the "
            "versions of libraries, and a hash of the data"
        )
        entity["about"] = _ref(f"results/{path.stem}.parquet")
    return entity


def _action(stem: str, one: Accepted) -> dict:
    """How a table came to be, and comes to be again."""
    libraries = [f"#library-{name}-{version}" for name, version in one.inputs["libraries"].items()]
    return {
        "@id": f"#redo-{stem}",
        "@type": "CreateAction",
        "name": one.command,
        "description": f"{one.command} (took {one.seconds / 60:.1f} min of one core); the data's "
                       f"fingerprint: {one.inputs['data']['data']}",
        "instrument": [_ref(SOFTWARE), *map(_ref, libraries)],
        "object": [_ref(f"#data-{one.dataset}"), _ref(f"provenance/{stem}.json")],
        "result": _ref(f"results/{stem}.parquet"),
    }  # fmt: skip


def _dataset(name: str) -> dict:
    """A data set that tables rest on; it is not in the crate."""
    entity = {"@id": f"#data-{name}", "@type": "Dataset", "name": name}
    if name not in ORIGINS:
        return entity | {"description": "simulated athletes, drawn anew from a seed"}
    origin = ORIGINS[name]
    return entity | {
        "description": origin.what,
        "url": origin.home,
        "usageInfo": f"licence: {origin.licence}",
        "citation": origin.citation,
    }


def _preview(graph: list[dict]) -> str:
    """A page for people: the files with what they are, and how tables are made again."""
    root = next(one for one in graph if one["@id"] == "./")
    rows = [
        f'<tr><td><a href="{html.escape(one["@id"])}">{html.escape(one["@id"])}</a></td>'
        f"<td>{html.escape(one.get('description', ''))}</td></tr>"
        for one in graph
        if one["@type"] == "File"
    ]
    made = [f"<li><code>{html.escape(one['name'])}</code></li>"
            for one in graph if one["@type"] == "CreateAction"]  # fmt: skip
    title, about = html.escape(root["name"]), html.escape(root["description"])
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"</head>\n<body><h1>{title}</h1>\n<p>{about}</p>\n<table>\n" + "\n".join(rows)
        + "\n</table>\n<h2>Made by</h2>\n<ul>\n" + "\n".join(made) + "\n</ul></body></html>\n"
    )  # fmt: skip
