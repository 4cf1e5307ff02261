"""The crate of the accepted tables: whole, true to its checksums, readable without the package."""

import hashlib
import json
import re
from urllib.parse import urlparse

import pandas as pd
import pytest
from click.testing import CliRunner

from sportsml_lite.cli import main
from sportsml_lite.errors import UserError
from sportsml_lite.publish import crate
from sportsml_lite.studies import accepted


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crates") / "crate"
    done = CliRunner().invoke(main, ["results", "export", str(folder)])
    assert (done.exit_code, done.output) == (0, f"crate: {folder}\n")
    return folder


@pytest.fixture(scope="module")
def graph(made):
    text = json.loads((made / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    assert text["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    entities = {one["@id"]: one for one in text["@graph"]}
    assert len(entities) == len(text["@graph"]), "an @id stands twice"
    return entities


def references(value):
    """Every ``@id`` that a value refers to."""
    if isinstance(value, list):
        for one in value:
            yield from references(one)
    elif isinstance(value, dict):
        yield value["@id"]


def test_the_description_is_an_ro_crate(graph):
    descriptor = graph["ro-crate-metadata.json"]
    assert descriptor["@type"] == "CreativeWork" and descriptor["about"] == {"@id": "./"}
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    root = graph["./"]
    assert root["@type"] == "Dataset"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", root["datePublished"])
    assert {"name", "description", "license", "author", "hasPart"} <= set(root)
    for entity in graph.values():
        assert "@type" in entity and (entity["@id"] == descriptor["@id"] or "name" in entity)
        for name, value in entity.items():
            missing = set(references(value)) - set(graph)
            outside = {one for one in missing if urlparse(one).scheme}
            assert missing == outside and (not missing or name == "conformsTo"), (name, missing)


def test_every_file_is_described_and_is_what_its_checksum_says(made, graph):
    described = {name for name, one in graph.items() if one["@type"] == "File"}
    there = {p.relative_to(made).as_posix() for p in made.rglob("*") if p.is_file()}
    assert there - described == {"ro-crate-metadata.json", "ro-crate-preview.html", "SHA256SUMS"}
    assert described <= there
    assert described == set(references(graph["./"]["hasPart"]))
    for name in described:
        data = (made / name).read_bytes()
        assert graph[name]["sha256"] == hashlib.sha256(data).hexdigest()
        assert graph[name]["contentSize"] == str(len(data))
    sums = dict(reversed(x.split("  ")) for x in (made / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == there - {"SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256((made / name).read_bytes()).hexdigest() == digest


def test_every_table_says_how_it_came_to_be(root, made, graph):
    tables = sorted((root / "results").glob("*.parquet"))
    for path in tables:
        found = accepted.read(path)
        assert (made / "results" / path.name).read_bytes() == path.read_bytes()
        action = graph[f"#redo-{path.stem}"]
        assert action["name"] == found.command
        assert action["result"] == {"@id": f"results/{path.name}"}
        named = {graph[i]["name"]: graph[i]["version"] for i in references(action["instrument"])}
        assert named.items() >= found.inputs["libraries"].items()
        rests = json.loads((made / "provenance" / f"{path.stem}.json").read_text())
        assert rests == found.inputs
    assert len([i for i in graph if i.startswith("#redo-")]) == len(tables)
    assert len(pd.read_parquet(made / "results" / tables[0].name)) > 0


def test_a_person_can_open_it(made, graph):
    page = (made / "ro-crate-preview.html").read_text(encoding="utf-8")
    files = {name for name, one in graph.items() if one["@type"] == "File"}
    assert set(re.findall(r'href="([^"]+)"', page)) == files
    simulated = graph["results/distil-simulated.parquet"]["description"]
    assert "simulated athletes" in simulated
    assert "simulated" not in graph["results/distil-swimming.parquet"]["description"]
    assert graph["#data-swimming"]["usageInfo"].startswith("licence: ")


def test_nothing_is_written_over_and_nothing_is_left_half(tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    with pytest.raises(UserError, match="there: exists already"):
        crate.export(tmp_path / "there")
    results = tmp_path / "results"
    results.mkdir()
    monkeypatch.setattr(accepted, "folder", lambda: results)
    with pytest.raises(UserError, match="no accepted tables"):
        crate.export(tmp_path / "new")
    (results / "distil-simulated.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"distil-simulated\.parquet: no table of results"):
        crate.export(tmp_path / "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["results", "there"]
