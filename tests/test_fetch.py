"""Finding and bringing data sets: over HTTP on loopback, and with a real pip on a local folder."""

import concurrent.futures
import hashlib
import http.server
import io
import json
import os
import re
import shutil
import stat
import tarfile
import threading
import zipfile
from dataclasses import replace

import pytest

from sportsml_lite.collect import fetch
from sportsml_lite.collect.fetch import download, origins
from sportsml_lite.errors import UserError

BODY = bytes(range(256)) * 4096  # 1 MiB


class _Handler(http.server.BaseHTTPRequestHandler):
    """Serves ``server.files``; misbehaves as ``server.mode`` says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        server.requests.append(dict(self.headers))
        body = server.files.get(self.path)
        if body is None:
            return self._answer(404, b"gone")
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        valid = self.headers.get("If-Range", server.etag) == server.etag
        if wanted and valid and server.mode != "ignores range":
            start = int(wanted[1])
            if start >= len(body):
                return self._answer(416, b"", {"Content-Range": f"bytes */{len(body)}"})
            span = f"bytes {start}-{len(body) - 1}/{len(body)}"
            return self._answer(206, body[start:], {"Content-Range": span})
        return self._answer(200, body)

    def _answer(self, code, body, headers=None):
        server = self.server
        self.send_response(code)
        for name, value in ({"ETag": server.etag} | (headers or {})).items():
            if value:
                self.send_header(name, value)
        cut = server.cuts.pop(0) if server.cuts else 0
        sent = body[:cut] if cut else body
        if server.mode == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(sent), sent))
            if not cut:
                self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(sent)
        self.close_connection = True

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as it:
        it.files, it.mode, it.cuts, it.etag, it.requests = {"/f": BODY}, "", [], '"one"', []
        it.url = f"http://127.0.0.1:{it.server_port}"
        thread = threading.Thread(target=it.serve_forever, args=(0.01,))
        thread.start()
        yield it
        it.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def examples(data_folder):
    """The real device files; session-wide, so found before ``homes`` hides SPORTSML_DATA."""
    return data_folder("device_files")


@pytest.fixture(autouse=True)
def homes(tmp_path, monkeypatch):
    """An empty SPORTSML_DATA and an empty cache folder."""
    monkeypatch.setenv("SPORTSML_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(fetch, "cache_home", lambda: tmp_path / "cache")
    (tmp_path / "data").mkdir()
    return tmp_path / "data", tmp_path / "cache"


def _ranges(server):
    return [headers.get("Range") for headers in server.requests]


# --- one file over HTTP --------------------------------------------------------------------------


def test_download_brings_the_bytes_and_tells_its_progress(server, tmp_path):
    seen = []
    download.download(
        f"{server.url}/f", tmp_path / "part", lambda done, of: seen.append((done, of))
    )
    assert (tmp_path / "part").read_bytes() == BODY
    assert seen[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize("mode", ["", "chunked"])
def test_a_cut_connection_is_taken_up_where_it_broke(server, tmp_path, mode):
    server.mode, server.cuts = mode, [700_000]
    download.download(f"{server.url}/f", tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BODY
    first, second = _ranges(server)
    assert first is None
    assert 700_000 - download.CHUNK <= int(second.removeprefix("bytes=").rstrip("-")) <= 700_000


def test_a_connection_that_keeps_breaking_says_so_and_the_next_call_goes_on(server, tmp_path):
    server.cuts = [300_000] + [10] * 3
    with pytest.raises(UserError, match=r"connection broke; 0\.\d MB are kept"):
        download.download(f"{server.url}/f", tmp_path / "part")
    kept = (tmp_path / "part").stat().st_size
    assert 0 < kept <= 300_000
    server.requests.clear()
    download.download(f"{server.url}/f", tmp_path / "part")
    assert _ranges(server) == [f"bytes={kept}-"]
    assert (tmp_path / "part").read_bytes() == BODY


def test_a_server_that_ignores_range_sends_the_whole_again(server, tmp_path):
    server.mode, server.cuts = "ignores range", [700_000]
    download.download(f"{server.url}/f", tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BODY


def test_two_versions_of_a_file_are_never_joined(server, tmp_path):
    server.cuts = [700_000] + [10] * 3
    with pytest.raises(UserError):
        download.download(f"{server.url}/f", tmp_path / "part")
    server.files["/f"], server.etag, server.cuts = BODY[::-1], '"two"', []
    download.download(f"{server.url}/f", tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BODY[::-1]


def test_a_complete_part_needs_no_byte_more_and_a_longer_one_begins_anew(server, tmp_path):
    part = tmp_path / "part"
    part.write_bytes(BODY)
    download.download(f"{server.url}/f", part)
    assert part.read_bytes() == BODY
    part.write_bytes(BODY + b"more")
    download.download(f"{server.url}/f", part)
    assert part.read_bytes() == BODY


def test_a_missing_file_and_an_absent_server_give_one_line(server, tmp_path):
    with pytest.raises(UserError, match="answers 404 Not Found; the file may have moved") as error:
        download.download(f"{server.url}/gone", tmp_path / "part")
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="cannot be reached; is there a network"):
        download.download("http://127.0.0.1:1/f", tmp_path / "part")


# --- archives ------------------------------------------------------------------------------------


def _zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, body in members.items():
            bundle.writestr(name, body)
    return path


def test_unpack_finds_the_folder_and_leaves_the_rest(tmp_path):
    archive = _zip(
        tmp_path / "a.zip",
        {
            "repo-1/README.md": "x",
            "repo-1/data/raw/7/Free_1.csv": "no",
            "repo-1/data/good/7/Free_1.csv": "yes",
            "__MACOSX/repo-1/data/good/7/Free_1.csv": "junk",
        },
    )
    download.unpack(archive, tmp_path / "out", "data/good", ("*/*_*.csv",))
    files = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert [p.relative_to(tmp_path / "out").as_posix() for p in files] == ["7/Free_1.csv"]
    assert files[0].read_text() == "yes"


@pytest.mark.parametrize("name", ["../evil.csv", "/evil.csv", "a/../../evil.csv", "C:/evil.csv"])
def test_unpack_refuses_to_leave_its_folder(tmp_path, name):
    archive = _zip(tmp_path / "a.zip", {"good.csv": "x", name: "evil"})
    with pytest.raises(UserError, match="leads out of the folder"):
        download.unpack(archive, tmp_path / "out", "", ("*.csv",))
    assert not list(tmp_path.rglob("evil.csv"))


def test_unpack_refuses_a_link(tmp_path):
    link = zipfile.ZipInfo("link.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as bundle:
        bundle.writestr("good.csv", "x")
        bundle.writestr(link, "/etc/passwd")
    with pytest.raises(UserError, match="leads out of the folder"):
        download.unpack(tmp_path / "a.zip", tmp_path / "out", "", ("*.csv",))


def test_unpack_names_a_damaged_or_foreign_archive(tmp_path):
    (tmp_path / "page.zip").write_text("<html>moved</html>")
    with pytest.raises(UserError, match=r"page\.zip: not a whole zip archive"):
        download.unpack(tmp_path / "page.zip", tmp_path / "out", "", ("*.csv",))
    body = _zip(tmp_path / "a.zip", {"good.csv": os.urandom(5000)}).read_bytes()
    (tmp_path / "b.zip").write_bytes(body[:2000] + bytes(200) + body[2200:])
    with pytest.raises(UserError, match=r"b\.zip: the archive is damaged"):
        download.unpack(tmp_path / "b.zip", tmp_path / "out", "", ("*.csv",))


# --- whole data sets -----------------------------------------------------------------------------


def _two_files(server, wrong=""):
    bodies = {"subject-info.csv": b"ID\n1\n", "test_measure.csv": BODY}
    server.files = {f"/{name}": body for name, body in bodies.items()}
    sums = {name: hashlib.sha256(body).hexdigest() for name, body in bodies.items()}
    files = tuple(
        origins.File(
            name, f"{server.url}/{name}", wrong if wrong and name[0] == "t" else sums[name]
        )
        for name in bodies
    )
    return replace(origins.ORIGINS["actes"], files=files)


def test_fetch_puts_a_whole_data_set_in_place_and_records_it(server, homes, monkeypatch):
    monkeypatch.setitem(origins.ORIGINS, "actes", _two_files(server))
    assert fetch.locate("actes") is None
    folder = fetch.fetch("actes")
    assert folder == homes[0] / "actes" == fetch.locate("actes")
    assert (folder / "test_measure.csv").read_bytes() == BODY
    record = json.loads((folder / ".origin.json").read_text())
    assert record["verified"] is True
    assert record["sha256"]["test_measure.csv"] == hashlib.sha256(BODY).hexdigest()
    assert not [p for p in homes[0].iterdir() if p.name not in ("actes", ".actes.lock")]
    server.requests.clear()
    assert fetch.fetch("actes") == folder
    assert server.requests == []


def test_fetch_with_a_wrong_checksum_installs_nothing_and_keeps_what_was_good(
    server, homes, monkeypatch
):
    wrong = "0" * 64
    monkeypatch.setitem(origins.ORIGINS, "actes", _two_files(server, wrong))
    with pytest.raises(UserError) as error:
        fetch.fetch("actes")
    got = hashlib.sha256(BODY).hexdigest()
    assert f"expected sha256 {wrong}, got {got}" in str(error.value)
    assert not (homes[0] / "actes").exists()
    assert [p.name for p in (homes[0] / ".actes.part").glob("*.csv")] == ["subject-info.csv"]


def test_fetch_goes_on_after_a_cut_in_another_call(server, homes, monkeypatch):
    monkeypatch.setitem(origins.ORIGINS, "actes", _two_files(server))
    server.cuts = [0, 300_000, 10, 10, 10]
    with pytest.raises(UserError, match="run the same command to go on"):
        fetch.fetch("actes")
    server.requests.clear()
    assert (fetch.fetch("actes") / "test_measure.csv").read_bytes() == BODY
    assert all(_ranges(server))


def test_fetch_unpacks_an_archive_and_says_that_it_is_unverified(server, homes, monkeypatch):
    body = io.BytesIO()
    _zip(body, {"p/p01/pmsys/srpe.csv": "a", "p/p01/fitbit/exercise.json": "[]", "other": "b"})
    server.files = {"/pmdata.zip": body.getvalue()}
    origin = origins.ORIGINS["pmdata"]
    archive = origins.File("pmdata.zip", f"{server.url}/pmdata.zip")
    monkeypatch.setitem(origins.ORIGINS, "pmdata", replace(origin, archive=archive))
    folder = fetch.fetch("pmdata")
    assert (folder / "p01" / "fitbit" / "exercise.json").read_text() == "[]"
    record = json.loads((folder / ".origin.json").read_text())
    assert record["verified"] is False
    assert record["sha256"] == {"pmdata.zip": hashlib.sha256(body.getvalue()).hexdigest()}
    assert "unverified" in fetch.notice("pmdata")


def test_fetch_compares_the_swimmers_that_we_hold(server, homes, monkeypatch):
    body = io.BytesIO()
    _zip(body, {f"r/data/processed_30hz_relabeled/{n}/Free_1.csv": "x" for n in origins.SWIMMERS})
    server.files = {"/s.zip": body.getvalue()}
    archive = origins.File("s.zip", f"{server.url}/s.zip")
    changed = replace(origins.ORIGINS["swimming"], archive=archive)
    monkeypatch.setitem(origins.ORIGINS, "swimming", changed)
    with pytest.raises(UserError, match="swimming: 0: checksum differs"):
        fetch.fetch("swimming")
    assert not (homes[0] / "swimming").exists()


def test_two_fetches_at_once_bring_one_copy(server, homes, monkeypatch):
    monkeypatch.setitem(origins.ORIGINS, "actes", _two_files(server))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(fetch.fetch, ["actes", "actes"]))
    assert folders == [homes[0] / "actes"] * 2
    assert len(server.requests) == 2  # two files, once each


def test_fetch_never_overwrites_a_folder(homes):
    (homes[0] / "actes").mkdir()
    (homes[0] / "actes" / "mine.txt").write_text("keep")
    with pytest.raises(UserError, match=r"holds no subject-info\.csv; move this folder away"):
        fetch.fetch("actes")
    assert (homes[0] / "actes" / "mine.txt").read_text() == "keep"


@pytest.mark.parametrize("kind", ["a file", "nothing"])
def test_a_data_home_that_is_no_folder_is_named_and_nothing_is_made(homes, kind):
    homes[0].rmdir()
    if kind == "a file":
        homes[0].write_text("")
    for ask in (fetch.fetch, fetch.locate):
        with pytest.raises(UserError, match=r"SPORTSML_DATA = '.*data' names no folder"):
            ask("actes")
    assert not homes[0].is_dir()


def test_fetch_uses_the_cache_where_the_data_folder_cannot_be_written(server, homes, monkeypatch):
    homes[0].chmod(0o555)
    monkeypatch.setitem(origins.ORIGINS, "actes", _two_files(server))
    assert fetch.fetch("actes") == homes[1] / "actes" == fetch.locate("actes")


# --- the device files, with a real pip -----------------------------------------------------------


@pytest.fixture
def local_pip(tmp_path, monkeypatch):
    """A pip that knows one folder and no network."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return wheels


def _wheel(folder, members):
    name = f"{origins.WHEEL_NAME}-{origins.WHEEL_VERSION}"
    info = f"{name}.dist-info"
    described = f"Metadata-Version: 2.1\nName: {origins.WHEEL_NAME}\n"
    described += f"Version: {origins.WHEEL_VERSION}\n"
    tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    extra = {f"{info}/METADATA": described, f"{info}/WHEEL": tag, f"{info}/RECORD": ""}
    return _zip(folder / f"{name}-py3-none-any.whl", members | extra)


def test_a_wheel_with_the_right_files_but_another_checksum_is_refused(local_pip, homes, examples):
    files = {
        f"{origins.WHEEL_FOLDER}/{name}": (examples / name).read_bytes()
        for name in origins.DEVICE_FILES
    }
    wheel = _wheel(local_pip, files)
    with pytest.raises(UserError) as error:
        fetch.fetch("device_files")
    assert origins.WHEEL_SHA256 in str(error.value)
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() in str(error.value)
    assert not (homes[0] / "device_files").exists()


def test_the_right_wheel_gives_the_eight_files(local_pip, homes, examples, monkeypatch):
    files = {
        f"{origins.WHEEL_FOLDER}/{name}": (examples / name).read_bytes()
        for name in origins.DEVICE_FILES
    }
    wheel = _wheel(local_pip, files | {f"{origins.WHEEL_FOLDER}/other.fit": b"x"})
    monkeypatch.setattr(origins, "WHEEL_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    folder = fetch.fetch("device_files")
    assert {p.name for p in folder.iterdir()} == {*origins.DEVICE_FILES, ".origin.json"}
    assert fetch.fingerprint(folder) == fetch.fingerprint(examples)


def test_without_the_wheel_one_line_says_so(local_pip, homes):
    with pytest.raises(UserError, match=r"pip could not download chironpy==0\.30\.2") as error:
        fetch.fetch("device_files")
    assert "\n" not in str(error.value)


def test_a_source_archive_is_never_built(local_pip, homes, tmp_path):
    """pip would run its setup.py; only a wheel, which runs nothing, will do."""
    name, marker = f"{origins.WHEEL_NAME}-{origins.WHEEL_VERSION}", tmp_path / "ran"
    with tarfile.open(local_pip / f"{name}.tar.gz", "w:gz") as bundle:
        code = f"open({str(marker)!r}, 'w')".encode()
        for path, body in {"setup.py": code, "PKG-INFO": b"Metadata-Version: 2.1\n"}.items():
            info = tarfile.TarInfo(f"{name}/{path}")
            info.size = len(body)
            bundle.addfile(info, io.BytesIO(body))
    with pytest.raises(UserError, match="pip could not download"):
        fetch.fetch("device_files")
    assert not marker.exists()


def test_an_environment_without_pip_says_what_to_do(homes, monkeypatch):
    real = fetch.importlib.util.find_spec
    monkeypatch.setattr(
        fetch.importlib.util, "find_spec", lambda name: None if name == "pip" else real(name)
    )
    with pytest.raises(UserError, match="ensurepip"):
        fetch.fetch("device_files")


def test_our_checksums_are_those_of_the_files_we_hold(examples):
    for name, known in origins.DEVICE_FILES.items():
        assert download.sha256(examples / name) == known


# --- finding, naming, fingerprints ---------------------------------------------------------------


def test_locate_takes_the_readers_word_first(homes, tmp_path):
    mine = tmp_path / "mine"
    (mine / "pmdata").mkdir(parents=True)
    (homes[0] / "pmdata").mkdir()
    (homes[1] / "pmdata").mkdir(parents=True)
    assert fetch.locate("pmdata", str(mine)) == mine / "pmdata"
    assert fetch.locate("pmdata", str(mine / "pmdata")) == mine / "pmdata"
    assert fetch.locate("pmdata") == homes[0] / "pmdata"
    (homes[0] / "pmdata").rmdir()
    assert fetch.locate("pmdata") == homes[1] / "pmdata"
    with pytest.raises(UserError, match="does not exist"):
        fetch.locate("pmdata", str(tmp_path / "typo"))


def test_locate_knows_simulated_athletes_other_folder_names_and_the_readers_own_folder(
    homes, tmp_path
):
    assert fetch.locate("simulated") is None
    (homes[0] / "lovdal").mkdir()
    assert fetch.locate("runners") == homes[0] / "lovdal"
    assert fetch.locate(str(tmp_path)) == tmp_path


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UserError, match="unknown data set 'pmdat': did you mean pmdata"):
        fetch.locate("pmdat")
    with pytest.raises(UserError, match="choose one of device_files"):
        fetch.fetch("zzz")


@pytest.mark.parametrize("name", origins.ORIGINS)
def test_a_notice_names_licence_and_citation(name):
    origin = origins.ORIGINS[name]
    text = fetch.notice(name)
    assert f"licence: {origin.licence}" in text
    assert origin.citation in text
    assert origin.key in text


def test_every_citation_key_is_in_the_bibliography(pytestconfig):
    bib = (pytestconfig.rootpath / "book" / "references.bib").read_text(encoding="utf-8")
    keys = set(re.findall(r"@\w+\{([^,]+),", bib))
    assert {origin.key for origin in origins.ORIGINS.values()} <= keys


def test_a_fingerprint_sees_names_and_contents_but_neither_place_nor_hidden_files(tmp_path):
    one = tmp_path / "one"
    (one / "sub").mkdir(parents=True)
    (one / "a.csv").write_text("1")
    (one / "sub" / "b.csv").write_text("2")
    shutil.copytree(one, tmp_path / "two")
    (tmp_path / "two" / ".DS_Store").write_text("x")
    assert fetch.fingerprint(one) == fetch.fingerprint(tmp_path / "two")
    before = fetch.fingerprint(one)
    (one / "a.csv").write_text("3")
    changed = fetch.fingerprint(one)
    (one / "a.csv").write_text("1")
    (one / "a.csv").rename(one / "c.csv")
    assert len({before, changed, fetch.fingerprint(one)}) == 3
