"""The page computes what Python computes, reads what a watch writes, and refuses in words."""

import re
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from test_deploy_network import a_student

from sportsml_lite.collect import devices
from sportsml_lite.deploy import people
from sportsml_lite.deploy.network import describe
from sportsml_lite.deploy.page import SOURCES, page, write_page
from sportsml_lite.deploy.people import marked_and_counted, recordings, shares, windows_features
from sportsml_lite.deploy.personal import Prior, personal_head
from sportsml_lite.errors import UserError
from sportsml_lite.models import Student
from sportsml_lite.plots import style
from sportsml_lite.schema import Windows

READY = "window.sportsml.ready"


@pytest.fixture(scope="module")
def shown():
    """Simulated athletes of a random student: what it reads is no matter here."""

    def untrained(fold, seed, labelled):
        torch.manual_seed(seed)
        return Student(fold.train.X.shape[1], fold.n_outputs, stride=fold.stride).eval()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "_student", untrained)
        return people.demonstration(n_athletes=30)


@pytest.fixture(scope="module")
def file(shown, tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("page") / "wrist.html", **vars(shown))


@pytest.fixture(scope="module")
def page_of_all(browser, file):
    tab, trouble = opened(browser, file)
    yield tab, trouble
    tab.close()


@pytest.fixture
def tab(page_of_all):
    """The page, opened once; what it complains of or asks the network for fails the test."""
    tab, trouble = page_of_all
    trouble.clear()
    yield tab
    assert trouble == []


def wait(tab, condition, seconds=20):
    """Until a condition holds; the page itself forbids what Playwright's own waiting does."""
    until = time.monotonic() + seconds
    while not tab.evaluate(condition):
        assert time.monotonic() < until, condition
        tab.wait_for_timeout(20)


def opened(browser, file, **options):
    tab, trouble = browser.new_page(**options), []
    tab.on("console", lambda m: m.type == "error" and trouble.append(f"console: {m.text}"))
    tab.on("pageerror", lambda e: trouble.append(f"script: {e}"))
    tab.on("request", lambda r: r.url == file.as_uri() or trouble.append(f"asks for {r.url[:80]}"))
    tab.goto(file.as_uri())
    tab.evaluate(READY)
    return tab, trouble


def windows_of(person, scale, network, card):
    """A person's windows as Python sees them, from what the page holds."""
    pieces = person.recordings
    size = card.samples
    X = [scale.decode(p.codes)[:, f : f + size] for p in pieces for f in p.first]
    clock = [p.clock for p in pieces for _ in p.first]
    t0_s = [p.t0_s + f / card.rate_hz for p in pieces for f in p.first]
    y = np.concatenate([p.y for p in pieces])
    names = np.full(len(y), person.name, object)
    return Windows(
        np.array(X, np.float32), np.ones((len(y), size), bool), y, names, np.array(clock, object),
        np.array(t0_s), card.channels, card.classes, card.rate_hz,
    )  # fmt: skip


# --- the numbers ---------------------------------------------------------------------------------

SIZES = [
    {"channels": 6, "classes": 5, "width": 16, "samples": 180},
    {"channels": 4, "classes": 3, "width": 16, "stride": 2, "samples": 120},
    {"channels": 2, "classes": 3, "kernel": 5, "stride": 5},
]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_a_stream_is_that_of_python(browser, tmp_path, sizes):
    """Windows begin a stream anew; a longer one keeps its history, a gap holds the last value."""
    student, card = a_student(**sizes)
    network = describe(student, card)
    tab, trouble = opened(browser, write_page(tmp_path / "page.html", network, card))
    random = np.random.default_rng(1)
    length = 3 * card.samples
    x = random.normal(network.mean[:, None], 2.0, (len(card.channels), length))
    x[1, 40:55] = np.nan
    x[0, :7] = np.nan
    said = tab.evaluate(
        """(rows) => {
          const { net, Stream, features, logits } = window.sportsml, stream = new Stream(net);
          const nan = rows.map((row) => row.map((v) => v ?? NaN)), out = [];
          for (let t = 0; t < nan[0].length; t++) {
            const seen = stream.push(nan.map((row) => row[t]));
            if (seen) out.push(logits(net.head, seen));
          }
          const read = (t) => logits(net.head, features(net, nan, t));
          return { stream: out, windows: [0, 17, net.samples].map(read) };
        }""",
        [[None if np.isnan(v) else v for v in row] for row in x],
    )
    cut = np.stack([x[:, t : t + card.samples] for t in (0, 17, card.samples)])
    head = np.concatenate([network.head_mean, network.head_last], 1)
    wanted = windows_features(network, cut) @ head.T + network.head_bias
    assert np.allclose(said["windows"], wanted, atol=1e-5)
    filled = pd.DataFrame(x.T).ffill().fillna(dict(enumerate(network.mean))).to_numpy().T
    h = network.states(network.scale(filled)[None])[0]
    steps = len(h[0])
    mean = np.stack([h[:, max(0, i + 1 - network.steps) : i + 1].mean(1) for i in range(steps)], 1)
    wanted = np.concatenate([mean, h]).T @ head.T + network.head_bias
    assert np.allclose(said["stream"], wanted, atol=1e-5)
    assert not trouble
    tab.close()


@pytest.mark.parametrize("only_shown", [True, False])
def test_learn_is_the_closed_form_of_python(tab, only_shown):
    random = np.random.default_rng(2)
    root = random.normal(size=(6, 6))
    means = random.normal(size=(4, 6)).astype(np.float32)
    means[1] = np.nan  # no training athlete has shown it, the athlete does
    means[3] = np.nan  # nobody has
    prior = Prior(means, np.linalg.inv(root @ root.T + np.eye(6)).astype(np.float32), 3.0)
    features, y = random.normal(size=(7, 6)), np.array([0, 0, 0, 1, 1, 1, 1])
    found = tab.evaluate(
        """([means, precision, kappa, seen, y, only]) => {
          const nan = means.map((row) => row.map((v) => v ?? NaN));
          const head = window.sportsml.learn({ means: nan, precision, kappa }, seen, y, only);
          return [Array.from(head.weight), Array.from(head.bias)];
        }""",
        [[[None if np.isnan(v) else float(v) for v in row] for row in means],
         prior.precision.tolist(), 3.0, features.tolist(), y.tolist(), only_shown],
    )  # fmt: skip
    weight, bias = personal_head(prior, features, y, only_shown)
    assert np.allclose(np.reshape(found[0], (4, 6)), weight, rtol=1e-5, atol=1e-5)
    assert np.allclose(found[1], bias, rtol=1e-5, atol=1e-5)


def test_every_window_of_the_page_is_read_as_python_reads_it(tab, shown):
    for i, person in enumerate(shown.people):
        windows = windows_of(person, shown.scale, shown.network, shown.card)
        found = tab.evaluate(
            "(i) => { const s = window.sportsml;"
            "return s.windows(s.state.people[i]).map((w) => Array.from(w.seen)); }",
            i,
        )
        assert np.allclose(found, windows_features(shown.network, windows.X), atol=1e-5)


# --- what the reader does ------------------------------------------------------------------------


def percent(share):
    return f"{int(np.floor(100 * share + 0.5))} %"


def test_an_athlete_is_marked_learned_and_examined_as_python_does(tab, shown):
    for i, person in enumerate(shown.people):
        row = shown.gains.loc[person.name]
        tab.select_option("#person", str(i))
        tab.click("#mark")
        assert tab.locator("#line-truth .marks i.on").count() == sum(
            min(shown.k, (windows_of(person, shown.scale, shown.network, shown.card).y == k).sum())
            for k in range(3)
        )
        assert tab.locator("#line-after").get_attribute("class") == "still"
        tab.click("#learn")
        state = tab.evaluate("[window.sportsml.state.shares, window.sportsml.state.counted]")
        assert state[1] == row["n"]
        for name in ("before", "masked", "after"):
            assert state[0][name]["all"] == pytest.approx(row[name], abs=1e-9)
            assert tab.inner_text(f"#line-{name} b") == f"{percent(row[name])} right"
        tab.click("#again")


def test_the_head_that_reads_on_is_that_of_personal_head(tab, shown):
    person = shown.people[0]
    windows = windows_of(person, shown.scale, shown.network, shown.card)
    marked, _ = marked_and_counted(windows, shown.k)
    seen = windows_features(shown.network, windows.X)
    weight, bias = personal_head(shown.prior, seen[marked], windows.y[marked])
    tab.select_option("#recording", "0 0")
    tab.select_option("#person", "0")
    tab.click("#mark")
    tab.click("#learn")
    head = tab.evaluate(
        """() => { const { weight, bias } = window.sportsml.state.taught.head;
                  return [Array.from(weight), Array.from(bias)]; }"""
    )
    size = np.abs(weight).max()
    assert np.allclose(head[0], weight.ravel(), atol=1e-5 * size)
    assert np.allclose(head[1], bias, rtol=1e-4, atol=1e-5 * size)
    tab.click("#heads button:nth-child(2)")
    assert tab.evaluate("window.sportsml.state.taughtReads")
    tab.click("#again")
    assert not tab.evaluate("window.sportsml.state.taughtReads"), "what was taught is gone"


def test_a_recording_unfolds_by_keyboard(tab):
    tab.select_option("#recording", "0 0")
    tab.focus("#play")
    tab.keyboard.press("Enter")
    wait(tab, "window.sportsml.state.read.length > 20")
    tab.keyboard.press("Enter")
    assert re.fullmatch(r"below VT1|between|above VT2", tab.inner_text("#answer"))
    assert re.fullmatch(r"\d+ %", tab.inner_text("#sure"))
    read = tab.evaluate("window.sportsml.state.read.length")
    tab.focus("#seek")
    tab.keyboard.press("Home")
    assert tab.evaluate("window.sportsml.state.read.length") < read


def test_it_fits_a_telephone_and_both_lights(browser, file):
    seen = set()
    for scheme in ("light", "dark"):
        size = {"width": 390, "height": 800}
        tab, trouble = opened(browser, file, color_scheme=scheme, viewport=size)
        assert tab.evaluate("document.scrollingElement.scrollWidth") <= 391
        tab.click("#mark")
        tab.click("#learn")
        seen.add(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert tab.evaluate("document.scrollingElement.scrollWidth") <= 391
        nameless = tab.evaluate(
            """() => [...document.querySelectorAll('button, select, input, canvas, svg')]
               .filter((e) => !(e.innerText || e.ariaLabel || e.labels?.length)).map((e) => e.id)"""
        )
        assert nameless == [] and trouble == []
        tab.close()
    assert len(seen) == 2


def test_in_the_book_it_follows_the_books_switch_and_needs_no_bar_to_scroll(
    browser, file, tmp_path
):
    from html import escape

    book = tmp_path / "book.html"
    text = escape(file.read_text(encoding="utf-8"))
    book.write_text(f'<html data-theme="dark"><body><iframe srcdoc="{text}" width="700"></iframe>')
    tab = browser.new_page(color_scheme="light")
    tab.goto(book.as_uri())
    frame = tab.frames[1]
    frame.wait_for_selector("#screen")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert frame.evaluate(paper) == "rgb(22, 22, 22)"
    tab.evaluate("document.documentElement.dataset.theme = 'light'")
    wait(frame, f"{paper} === 'rgb(255, 255, 255)'")
    wait(frame, "document.scrollingElement.scrollHeight <= innerHeight + 2")
    tab.close()


# --- the reader's own files ----------------------------------------------------------------------


def chosen(tab, path):
    """Open a file; what the page says of it, once it has read it."""
    tab.set_input_files("#file", path)
    wait(tab, "document.getElementById('file').value === ''")
    return tab.inner_text("#message") if tab.is_visible("#message") else ""


@pytest.mark.parametrize(
    "name",
    ["18360138543_ACTIVITY_Osaka_Marathon_2025.fit", "6471559601_ACTIVITY.fit",
     "2020-06-01-16-52-40.fit", "activity_5039744860.tcx", "activity_5039744860.gpx"],
)  # fmt: skip
def test_real_files_are_read_as_the_package_reads_them(tab, data_folder, name):
    path = data_folder("device_files") / name
    _, streams = devices.read_file(path)
    tab.evaluate("window.sportsml.own.age = null; document.getElementById('age').value = ''")
    assert "How old" in chosen(tab, path)
    found = tab.evaluate(
        """() => Object.fromEntries(Object.entries(window.sportsml.own.seconds)
             .filter(([, v]) => v.length)
             .map(([name, v]) => [name, Array.from(v, (x) => x === x ? x : null)]))"""
    )
    for column, tolerance in (("hr_bpm", 1e-9), ("altitude_m", 1e-6), ("cadence_spm", 1.0)):
        theirs = streams[column].to_numpy(float)
        ours = np.array(found.get(column, [None]), float)
        theirs, ours = theirs[np.isfinite(theirs)], ours[np.isfinite(ours)]
        assert len(ours) == pytest.approx(len(theirs), abs=2), column
        if len(ours) == len(theirs):
            assert np.allclose(ours, theirs, atol=tolerance), column
    tab.fill("#age", "40")
    tab.press("#age", "Tab")
    assert not tab.is_visible("#message")
    share = tab.evaluate("window.sportsml.state.track.rows[0].find((v) => v === v)")
    first = streams["hr_bpm"].dropna().iloc[0]
    assert share == pytest.approx(first / (211 - 0.64 * 40))


CSV = "t_s,hr_bpm,speed_mps\n" + "\n".join(f"{t},{120 + t % 7},3.1" for t in range(200))
FIT_HEADER = bytes([12, 16, 0, 0]) + (1000).to_bytes(4, "little") + b".FIT"
BAD = {
    "empty.fit": (b"", "it is empty"),
    "picture.fit": (b"\x89PNG\r\n\x1a\n" + bytes(200), "no FIT, TCX, GPX or CSV file"),
    "cut.fit": (FIT_HEADER + bytes(300), "cut short"),
    "silent.csv": (b"t_s,speed_mps\n0,3\n1,3", "no heart rate"),
    "page.gpx": (b"<html><body>no</body></html>", "no point with a time"),
    "broken.tcx": (b"<TrainingCenterDatabase><a>", "its XML is broken"),
    "entity.gpx": (b'<!DOCTYPE x [<!ENTITY a "b">]><gpx/>', "document type"),
    "notes.csv": (b"dear diary,today\n1,2", "no column t_s"),
    "week.csv": (b"t_s,hr_bpm\n0,100\n999999,100", "more than two days"),
}


def test_a_file_that_cannot_be_used_is_refused_in_a_sentence_and_nothing_changes(tab, tmp_path):
    good = tmp_path / "mine.csv"
    good.write_text(CSV)
    chosen(tab, good)
    about = tab.inner_text("#about")
    assert "lacks cadence_spm, grade" in about
    large = tmp_path / "large.fit"
    with large.open("wb") as stream:
        stream.truncate(100_000_000)
    said = {"large.fit": (chosen(tab, large), "larger than 50 MB")}
    for name, (content, why) in BAD.items():
        path = tmp_path / name
        path.write_bytes(content)
        said[name] = chosen(tab, path), why
    for name, (text, why) in said.items():
        assert text.startswith(f"{name}: ") and why in text and text.endswith("."), text
    assert tab.inner_text("#about") == about
    assert tab.input_value("#recording") == "own"
    assert tab.evaluate("window.sportsml.own.seconds.length") == 200


def test_compressed_timestamps_and_developer_fields(tab, tmp_path):
    """A FIT file by hand: big-endian records with a developer field, then compressed ones."""
    whole = bytes([0x60, 0, 1, 0, 20, 2, 253, 4, 0x86, 3, 1, 2, 1, 0, 2, 0])  # 2 more bytes each
    at = 1_000_000_030
    body = whole + bytes([0]) + at.to_bytes(4, "big") + bytes([120, 9, 9])
    body += bytes([0x41, 0, 0, 20, 0, 1, 3, 1, 2])  # local type 1, little-endian, heart rate alone
    body += bytes([0x80 | 1 << 5 | (at + 3) & 31, 130, 0x80 | 1 << 5 | (at + 9) & 31, 255])
    body += bytes([0x80 | 1 << 5 | (at + 12) & 31, 140])
    header = bytes([12, 16, 0, 0]) + len(body).to_bytes(4, "little") + b".FIT"
    path = tmp_path / "hand.fit"
    path.write_bytes(header + body + bytes(2))
    chosen(tab, path)
    found = tab.evaluate("Array.from(window.sportsml.own.seconds.hr_bpm)")
    assert len(found) == 13 and [found[0], found[3], found[12]] == [120, 130, 140]
    assert found[9] is None or np.isnan(found[9])


def test_a_table_of_our_own_gives_the_slope_of_the_package(tab, tmp_path):
    from sportsml_lite.prepare.tasks.seconds import grade

    t = np.arange(120)
    frame = pd.DataFrame({"session_id": "a", "t_s": t, "hr_bpm": 120.0, "distance_m": 3.0 * t,
                          "altitude_m": 50 * np.sin(t / 40)})  # fmt: skip
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False, sep=";", decimal=",")
    chosen(tab, path)
    found = tab.evaluate("Array.from(window.sportsml.own.seconds.grade, (v) => v === v ? v : null)")
    assert np.allclose(np.array(found, float), grade(frame), atol=1e-9, equal_nan=True)
    speed = tab.evaluate("Array.from(window.sportsml.own.seconds.speed_mps.slice(1))")
    assert np.allclose(speed, 3.0)


def test_a_page_without_people_waits_for_a_file(browser, shown, tmp_path):
    """What ``sportsml export`` writes of a kept student: no recording travels with it."""
    path = write_page(tmp_path / "student.html", shown.network, shown.card, shown.prior)
    tab, trouble = opened(browser, path)
    assert not any(map(tab.is_visible, ("#screen", "#teach", "#all", "#choice")))
    mine = tmp_path / "mine.csv"
    mine.write_text(CSV)
    chosen(tab, mine)
    tab.click("#play")
    wait(tab, "window.sportsml.state.read.length === 100")
    assert trouble == []
    tab.close()


# --- what is written -----------------------------------------------------------------------------


def test_the_page_is_one_small_file_that_equal_input_gives_again(shown, file):
    text = file.read_text(encoding="utf-8")
    assert len(text.encode()) < 400_000
    assert text == page(**vars(shown))
    assert not re.search(r"https?://|^\s*(import|export) ", text, re.M)
    lines = [len(p.read_text().splitlines()) for p in SOURCES.glob("*.js")]
    assert len(lines) == 5 and max(lines) <= 350


def test_names_are_text_whatever_they_are(browser, tmp_path):
    evil = "</script><img src=x onerror=alert(1)>"
    student, card = a_student(classes=3)
    card = type(card)(**{**vars(card), "classes": (evil, "b", "c"), "dataset": evil})
    tab, trouble = opened(
        browser, write_page(tmp_path / "evil.html", describe(student, card), card)
    )
    assert tab.locator("img").count() == 0 and trouble == []
    assert "onerror" in tab.inner_text("#legend")
    assert not tab.is_visible("#teach") and not tab.is_visible("#all")
    tab.close()


def test_its_colours_are_those_of_the_figures():
    css = (SOURCES / "wrist.css").read_text()
    found = re.findall(r"--c\d: (#\w{6})", css.partition("@media")[0])
    wanted = [style.BLUE, style.AMBER, style.ORANGE, style.GREEN, style.PINK, style.GREY]
    assert found == wanted


def test_the_sources_travel_with_the_package(root):
    import tomllib

    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert "page/*" in project["tool"]["setuptools"]["package-data"]["sportsml_lite.deploy"]


# --- whom it shows -------------------------------------------------------------------------------


def test_the_three_are_chosen_by_what_learning_does(shown):
    gain = (shown.gains["after"] - shown.gains["before"]).sort_values(ascending=False)
    names = [person.name for person in shown.people]
    assert len(gain) >= 3
    assert [names[0], names[2]] == [gain.index[0], gain.index[-1]]
    assert gain[names[1]] == gain.iloc[len(gain) // 2]
    assert shown.gains["after"].mean() > shown.gains["before"].mean()


def motion(first, T=20, channels=2, recording="r"):
    """Windows of a clock that counts up, one channel with an offset."""
    X = np.stack([np.add.outer(1000.0 * np.arange(channels), f + np.arange(T)) for f in first])
    n = len(first)
    return Windows(
        X.astype(np.float32), np.ones((n, T), bool), np.arange(n) % 2,
        np.full(n, "a", object), np.full(n, recording, object), np.array(first) / 30,
        tuple("xy"[:channels]), ("p", "q"), 30.0,
    )  # fmt: skip


def test_windows_are_put_together_to_what_they_were_cut_from():
    windows = motion([0, 10, 20, 55, 65])
    windows.X[1, 1, 3] = np.nan
    windows.X[0, 1, 13] = np.nan
    scale = people._scale(windows.X)
    pieces = recordings(windows, scale)
    assert [piece.codes.shape[1] for piece in pieces] == [40, 30]
    assert [piece.first.tolist() for piece in pieces] == [[0, 10, 20], [0, 10]]
    assert [piece.t0_s for piece in pieces] == [0, 55 / 30]
    values = scale.decode(pieces[0].codes)
    assert np.isnan(values[1, 13]) and np.isnan(values).sum() == 1
    assert np.allclose(values[0], np.arange(40), atol=0.01)
    again = scale.encode(scale.decode(pieces[1].codes).astype(np.float32))
    assert (again == pieces[1].codes).all()


def test_what_is_near_a_marked_window_does_not_count():
    windows = motion([0, 10, 20, 30, 40, 50, 60, 70])
    marked, counted = marked_and_counted(windows, 1)
    assert marked.tolist() == [True, True] + [False] * 6
    assert counted.tolist() == [False] * 5 + [True] * 3  # a window and a gap of the same length


def test_the_guard_leaves_alone_whom_the_student_reads_rightly():
    student, card = a_student(classes=2, channels=2, samples=60)
    network = describe(student, card)
    random = np.random.default_rng(0)
    X = (network.mean[:, None] + random.normal(size=(30, 2, 60))).astype(np.float32)
    head = np.concatenate([network.head_mean, network.head_last], 1)
    seen = windows_features(network, X)
    logits = seen @ head.T
    even = np.array([0, -np.median(logits[:, 1] - logits[:, 0])], np.float32)  # half and half
    network = replace(network, head_bias=even)
    y = (logits + even).argmax(1)
    same = np.full(30, "a", object)

    def read_as(y):
        """Shares where the truth is ``y``."""
        mask, t0_s = np.ones((30, 60), bool), np.arange(30) * 4.0
        one = Windows(X, mask, y, same, same, t0_s, card.channels, card.classes, 30.0)
        return shares(network, prior, one, 3)

    prior = Prior(-seen[[0, 1]], np.eye(seen.shape[1], dtype=np.float32), 1.0)
    assert read_as(y)["after"] == 1
    wrong = read_as(1 - y)
    assert wrong["before"] == 0 and wrong["after"] > 0


def test_nobody_who_can_give_the_windows_is_said_so(shown):
    windows = motion([0, 10, 20], T=60)
    student, card = a_student(channels=2, classes=2)
    with pytest.raises(UserError, match="no tested athlete has 5 windows"):
        people.shown(
            describe(student, card),
            card,
            shown.prior,
            windows,
            pd.DataFrame({"athlete_id": [], "age_y": []}),
        )
