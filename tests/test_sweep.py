"""A sweep resumes and repeats nothing; runs fail alone; its tables are the same however it went."""

import errno
import itertools
import json
import os
import subprocess
import sys
from contextlib import nullcontext

import pandas as pd
import pytest
import small_project
from click.testing import CliRunner

from sportsml_lite import cluster, paths
from sportsml_lite.cli import main
from sportsml_lite.errors import UserError
from sportsml_lite.publish import chapters, kernels, report, runs, sweep, worker

SIX = ("sweep", "03", "-g", "seed=0:3", "-g", "rate=0.5,1", "-p", "pause_s", "0.3", "--workers", 1)

# --- whole commands, in processes ----------------------------------------------------------------


def table_of(home):
    (path,) = (home / "runs" / "03_try" / "sweeps").glob("*/numbers.parquet")
    return path.read_bytes()


def test_a_sweep_killed_with_9_goes_on_and_ends_with_the_same_bytes(tmp_path):
    calm, killed = (small_project.make(tmp_path / name) for name in ("calm", "killed"))
    done = small_project.sportsml(calm, *SIX)
    assert done.returncode == 0, done.stderr
    process = small_project.start(killed, *SIX)
    small_project.wait_for(process, "2 of 6 runs")
    process.kill()
    process.communicate()
    finished = [json.loads(p.read_text())["parameters"] for p in killed.rglob("record.json")]
    assert 2 <= len(finished) < 6
    done = small_project.sportsml(killed, *SIX)
    assert done.returncode == 0, done.stderr
    assert f"{len(finished)} done, {6 - len(finished)} to do: about" in done.stdout
    assert table_of(killed) == table_of(calm)
    times = small_project.ran(killed)
    for values in finished:
        assert times.count(f"{values['seed']} {values['rate']}") == 1, "done twice"
    assert len(set(times)) == 6


# --- in this process -----------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A project whose sweeps run here, one run after the other, without Dask and kernels."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "03_try.py").write_text(
        small_project.CHAPTER.replace("from sportsml_lite.losses import LIMIT", "LIMIT = 7")
    )
    (tmp_path / "notebooks" / "04_bare.py").write_text(small_project.NO_PARAMETERS)
    for module in (paths, chapters, runs, sweep, worker, report):
        monkeypatch.setattr(module, "project_root", lambda: tmp_path)
    names = {}
    exec(small_project.STUB.replace("Failed(", "runs.Failed("), {"runs": runs}, names)
    monkeypatch.setattr(runs, "execute", names["execute"])
    import IPython.display

    monkeypatch.setattr(IPython.display, "display", IPython.display.display)

    def spread(client, tasks, work, check, say):
        for task in tasks:
            answer = cluster._do(work, check, task)
            if answer.refusal:
                raise UserError(f"worker here: {answer.refusal}")
            yield task, answer.error or answer.value

    monkeypatch.setattr(cluster, "connect", lambda *_: nullcontext())
    monkeypatch.setattr(cluster, "spread", spread)
    monkeypatch.setattr(kernels, "can_fork", lambda: False)
    monkeypatch.setenv("TRY_LOG", str(tmp_path / "ran.txt"))
    return tmp_path


def here(*words, **more):
    done = CliRunner().invoke(main, [str(w) for w in words], prog_name="sportsml", **more)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def folder_of(home):
    (found,) = (home / "runs" / "03_try" / "sweeps").iterdir()
    return found


def test_a_table_has_a_row_a_number_with_every_parameter(home):
    found = sweep.sweep("03", {"seed": [1, 2], "rate": [0.5]}, {"kind": "odd"}, say=lambda _: None)
    assert list(found) == [
        "chapter", "key", "dataset", "data_dir", "seed", "rate", "pause_s", "depths", "kind",
        "name", "value",
    ]  # fmt: skip
    assert found["name"].tolist() == ["sum", "limit"] * 2, "texts stay in the record"
    assert found.loc[found["name"] == "sum", "value"].tolist() == [1.5, 2.5]
    assert set(found["kind"]) == {"odd"} and set(found["depths"]) == {"[1, 2]"}
    pd.testing.assert_frame_equal(pd.read_parquet(folder_of(home) / "numbers.parquet"), found)


def test_a_dry_run_starts_nothing_and_tells_what_is_done(home):
    done = here("sweep", "03", "-g", "seed=0:2", "--dry-run")
    assert "03_try: 2 runs, 0 done, 2 to do: no run was timed yet" in done.stdout
    assert not (home / "runs").exists()
    here("sweep", "03", "-g", "seed=0,5")
    done = here("sweep", "03", "-g", "seed=0:2", "--dry-run")
    assert "2 runs, 1 done, 1 to do: about" in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines()[:2]] == ["done", "to"]


def test_a_run_that_fails_is_named_with_its_notebook_and_stops_no_other(home):
    done = here("sweep", "03", "-g", "seed=12:15")
    assert done.exit_code == 1
    assert "  3 of 3 runs, 1 failed, " in done.stdout
    assert "1 of 3 runs failed:\nseed=13: 03_try stopped: thirteen (" in done.stderr
    copy = done.stderr.split("(")[-1].split(")")[0]
    assert copy.endswith("03_try.unfinished.ipynb") and os.path.isfile(copy)
    found = pd.read_parquet(folder_of(home) / "numbers.parquet")
    assert sorted(set(found["seed"])) == [12, 14]
    here("sweep", "03", "-g", "seed=12:15")
    assert small_project.ran(home).count("13 0.5") == 2, "what failed is tried again"
    assert small_project.ran(home).count("12 0.5") == 1


def cut(folder):
    path = folder / "03_try.ipynb"
    path.write_bytes(path.read_bytes()[:100])


def cut_record(folder):
    path = folder / "record.json"
    path.write_text(path.read_text()[:-20])


def other_numbers(folder):
    path = folder / "record.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"inputs": {"python": "2"}}))


@pytest.mark.parametrize("spoil", [cut, cut_record, other_numbers])
def test_a_spoilt_folder_is_done_again_and_said(home, spoil):
    here("sweep", "03", "-g", "seed=0:2")
    before = (folder_of(home) / "numbers.parquet").read_bytes()
    folder = next(p.parent for p in home.rglob("record.json") if '"seed": 1' in p.read_text())
    spoil(folder)
    done = here("sweep", "03", "-g", "seed=0:2")
    assert f"{folder} is spoilt; doing it again" in done.stdout
    assert small_project.ran(home) == ["0 0.5", "1 0.5", "1 0.5"]
    assert (folder_of(home) / "numbers.parquet").read_bytes() == before


@pytest.mark.parametrize("chapter", ["03", "04"])
def test_a_full_disk_stops_the_sweep_and_is_named(home, monkeypatch, chapter):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(runs, "execute" if chapter == "03" else "write_atomically", full)
    done = here("sweep", "03", "-g", "seed=0:2")
    assert done.exit_code == 2
    assert f"{home / 'runs'}" in done.stderr and "No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_runs_that_cannot_be_kept_are_named(home):
    (home / "runs").write_text("a file where a folder should be")
    done = here("sweep", "03", "-g", "seed=0:2")
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert f"{home / 'runs'}" in done.stderr


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["99", "-g", "seed=0:2"], "no chapter '99'"),
        (["03"], "needs a parameter that varies"),
        (["03", "-g", "sed=1,2"], "did you mean 'seed'"),
        (["04", "-g", "seed=1,2"], "no cell is tagged 'parameters'"),
        (["03", "-g", "seed=0:300"], "a grid of 300 runs of 03_try: add --yes"),
        (["03", "-g", "seed=0:2", "--workers", 2, "--scheduler", "tcp://x:1"], "give one"),
        (["03", "-g", "seed=0:2", "--workers", 0], "not in the range"),
    ],
)
def test_a_mistake_is_one_line_and_starts_nothing(home, words, what):
    done = here("sweep", *words)
    assert done.exit_code == 2 and what in done.stderr
    assert not (home / "runs").exists()


def test_many_runs_are_asked_for_once(home):
    chapter = chapters.find("03")
    asked = chapter, sweep.grids.parse(chapter, ["seed=0:300"])
    sweep.confirm(asked, False, lambda question: question == "300 runs of 03_try?")
    sweep.confirm(asked, True, None)
    with pytest.raises(UserError, match="nothing was started"):
        sweep.confirm(asked, False, lambda question: False)


def test_code_that_changes_under_a_run_is_not_recorded_as_the_old(home, monkeypatch):
    real = runs.execute

    def edited(chapter, *rest):
        real(chapter, *rest)
        chapter.source.write_text(chapter.source.read_text() + "\n# %%\nprint(2)\n")

    monkeypatch.setattr(runs, "execute", edited)
    with pytest.raises(UserError, match="give the same command again"):
        sweep.sweep("03", {"seed": [1]}, say=lambda _: None)
    assert not list(home.rglob("record.json"))


def test_a_worker_that_holds_a_run_sends_it_without_doing_it_again(home):
    """It may have finished it for somebody who was killed before it could answer."""
    plan = sweep.plan(*sweep.asked("03", ["seed=3,4"], []))
    first, again = (worker.work("03_try", "", plan.runs[0]) for _ in range(2))
    assert again == first and set(first.files) == {"03_try.ipynb", "record.json"}
    assert small_project.ran(home) == ["3 0.5"]


@pytest.mark.skipif(not kernels.can_fork(), reason="kernels are forked on Linux only")
def test_a_worker_of_a_cluster_forks_its_later_kernels(home, monkeypatch):
    ends = []
    monkeypatch.setattr(kernels, "can_fork", lambda: True)
    monkeypatch.setattr(worker.atexit, "register", ends.append)
    monkeypatch.setattr(worker, "_RUNS", itertools.count())
    plan = sweep.plan(*sweep.asked("03", ["seed=0:3"], []))
    servers = []
    for run in plan.runs:
        assert not worker.work("03_try", "", run).error
        servers.append(os.environ.get(kernels.SERVER))
    assert servers[:2] == [None, None] and servers[2]
    for end in ends:
        end()
    assert kernels.SERVER not in os.environ


def test_files_that_changed_since_are_read_again(home):
    chapter = chapters.find("03")
    plan = sweep.plan(*sweep.asked("03", ["seed=0"], []))
    assert worker.check(chapter.name, plan.expected, "") == ""
    chapter.source.write_text(chapter.source.read_text() + "\n# %%\nprint(2)\n")
    assert "notebook 03_try differs" in worker.check(chapter.name, plan.expected, "")
    assert sweep.plan(*sweep.asked("03", ["seed=0"], [])).runs[0] != plan.runs[0]


def test_whatever_lies_in_the_package_is_looked_at_but_no_editors_leavings(
    home, monkeypatch, tmp_path
):
    package = tmp_path / "package"
    (package / "deploy" / "templates").mkdir(parents=True)
    monkeypatch.setattr(worker, "PACKAGE", package)
    chapter, states = chapters.find("03"), []

    def look():
        states.append(worker.of_chapter(chapter)[0])
        return states[-1] not in states[:-1]

    assert look() and not look()
    (package / "deploy" / "templates" / "student.c.jinja").write_text("int")
    assert look()
    (package / ".#losses.py").symlink_to("nobody@nowhere")  # of Emacs
    assert not look()
    (tmp_path / "site-packages").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    assert look(), "a library was installed"


def test_equal_grids_of_two_chapters_have_two_names(home):
    (home / "notebooks" / "05_twin.py").write_bytes((home / "notebooks" / "03_try.py").read_bytes())
    one, two = (sweep.plan(*sweep.asked(n, ["seed=0:3"], [])).name for n in ("03", "05"))
    assert one != two and one.startswith("seed-") and two.startswith("seed-")


def test_python_gives_a_folder_as_a_path(home):
    chapter = chapters.find("03")
    given, text = (sweep.grids.of(chapter, {"seed": [1]}, {"data_dir": path})
                   for path in (home, str(home)))  # fmt: skip
    assert given == text


def test_a_stop_says_that_nothing_is_lost(home, monkeypatch):
    def stopped(client, tasks, work, check, say):
        yield tasks[0], work(tasks[0])
        raise KeyboardInterrupt

    monkeypatch.setattr(cluster, "spread", stopped)
    done = here("sweep", "03", "-g", "seed=0:2")
    assert done.exit_code == 130
    assert "stopped: 1 of 2 runs are finished and kept; the same command goes on" in done.stdout


def test_scores_bear_the_parameters_of_their_run(home):
    """A lab's own seed and the seed that the sweep gave it are two things."""
    plan = sweep.plan(*sweep.asked("03", ["seed=0:2"], []))
    sweep.carry_out(plan, say=lambda _: None)
    for run in plan.runs:
        rows = pd.DataFrame({"arm": ["a"], "seed": [100 + run.values["seed"]], "value": [0.5]})
        rows.to_parquet(plan.folder_of(run) / "scores.parquet")
    found = sweep.sweep_tables.scores(plan, plan.runs)
    assert found[["run_seed", "seed"]].to_numpy().tolist() == [[0, 100], [1, 101]]
    assert {"chapter", "key", "run_rate", "arm", "value"} <= set(found)


# --- the report ----------------------------------------------------------------------------------


def test_a_report_shows_what_moved_what_failed_and_the_command(home):
    here("sweep", "03", "-g", "seed=11:14", "-g", "rate=0.5,1")
    done = here("report", folder_of(home).name)
    assert done.exit_code == 0, done.output
    page = (folder_of(home) / "report.html").read_text()
    assert "sportsml sweep 03_try -g seed=11:14 -g rate=0.5,1.0" in page
    assert "seed=13 rate=0.5: 03_try stopped: thirteen" in page
    assert "bootstrap intervals of the mean over 3 seeds" in page
    assert page.count('src="data:image/svg+xml;base64,') == 1, "limit is the same in every run"
    assert "<li>limit = 7.0</li>" in page
    assert 'src="http' not in page and "<script" not in page
    assert here("report", str(folder_of(home))).exit_code == 0
    assert (folder_of(home) / "report.html").read_text() == page


def test_a_report_of_no_sweep_names_those_there_are(home):
    done = here("report", "seeds")
    assert done.exit_code == 2 and "Sweeps: none yet" in done.stderr
    here("sweep", "03", "-g", "seed=0:2")
    name = folder_of(home).name
    assert f"Sweeps: {name}" in here("report", "seeds").stderr
    (folder_of(home) / "numbers.parquet").write_bytes(b"PAR1")
    done = here("report", name)
    assert done.exit_code == 2 and "no finished sweep" in done.stderr


def test_a_sweep_is_a_name_of_the_package_and_costs_nothing_before():
    code = "import sportsml_lite as s, sys; a = len(sys.modules); s.sweep; print(a)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 150


def test_a_wrong_name_of_the_package_is_an_attribute_error():
    import sportsml_lite

    with pytest.raises(AttributeError, match="'swep'"):
        _ = sportsml_lite.swep
