"""Work spread over workers: who differs is named, who dies is replaced, and nothing is lost."""

import signal
import socket
import time
from types import SimpleNamespace

import pandas as pd
import pytest
import small_project

from sportsml_lite import cluster
from sportsml_lite.errors import Failed, UserError

# --- without a cluster ---------------------------------------------------------------------------


class Future:
    """What Dask gives: done at once, or pending for ever at a worker that dies."""

    def __init__(self, answer):
        self.status = "pending" if answer is None else "finished"
        self.answer = answer

    def result(self, timeout):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def cancel(self):
        self.status = "cancelled"

    def cancelled(self):
        return self.status == "cancelled"


class Client:
    """Workers by name, each with what it does of a task; one that gives None dies, and is gone."""

    def __init__(self, **workers):
        self.workers, self.asked = workers, []

    def scheduler_info(self, n_workers):
        assert n_workers == -1, "Dask tells of five workers only, unless asked for all"
        return {"workers": dict(self.workers)}

    def submit(self, do, work, check, task, workers, pure):
        (address,) = workers
        self.asked.append((address, task))
        answer = self.workers[address](do, work, check, task)
        if answer is None:
            del self.workers[address]
        return Future(answer)


def good(do, work, check, task):
    return do(work, check, task)


def dies(do, work, check, task):
    return None


def other_version(do, work, check, task):
    return do(work, lambda: "sportsml_lite differs: m:f; install the same version", task)


def older(do, work, check, task):
    return ModuleNotFoundError("No module named 'sportsml_lite.cluster'")


@pytest.fixture(autouse=True)
def impatient(monkeypatch, request):
    if "cluster" not in request.keywords:
        import distributed

        monkeypatch.setattr(cluster, "LOOK_S", 0)
        monkeypatch.setattr(distributed, "wait", lambda *_, **__: None)


def spread(client, tasks, work=lambda task: task * 10):
    said = []
    found = dict(cluster.spread(client, tasks, work, lambda: "", said.append))
    return found, said


def test_every_task_is_done_once_one_a_worker_at_a_time():
    client = Client(a=good, b=good)
    found, said = spread(client, [1, 2, 3])
    assert found == {1: 10, 2: 20, 3: 30} and not said
    assert sorted(task for _, task in client.asked) == [1, 2, 3]


@pytest.mark.parametrize(
    ("worker", "reason"),
    [
        (other_version, "worker bad: sportsml_lite differs: m:f; install the same version"),
        (older, "worker bad: cannot do this work (ModuleNotFoundError: No module named"),
    ],
)
def test_a_worker_that_differs_is_named_once_and_its_task_goes_to_another(worker, reason):
    client = Client(bad=worker, good=good)
    found, said = spread(client, [1, 2, 3, 4])
    assert found == {1: 10, 2: 20, 3: 30, 4: 40}
    assert len(said) == 1 and said[0].strip().startswith(reason)
    assert sum(address == "bad" for address, _ in client.asked) == 1
    with pytest.raises(UserError, match="worker bad: "):
        spread(Client(bad=worker), [1])


def test_a_task_whose_worker_dies_is_done_by_another():
    found, _ = spread(Client(a=dies, b=good), [1, 2, 3])
    assert found == {1: 10, 2: 20, 3: 30}


def test_a_task_that_kills_every_worker_is_given_up():
    def deadly(do, work, check, task):
        return None if task == 2 else do(work, check, task)

    client = Client(a=deadly, b=deadly, c=deadly, d=deadly)
    found, _ = spread(client, [1, 2, 3])
    assert (found[1], found[3]) == (10, 30)
    assert isinstance(found[2], Failed) and "workers died at it" in str(found[2])


def test_an_error_of_the_work_is_a_result_even_if_it_cannot_travel():
    class Local(Exception):
        pass

    def work(task):
        raise Local("no") if task == 1 else UserError("wrong")

    found, said = spread(Client(a=good), [1, 2], work)
    assert not said
    assert isinstance(found[1], Failed) and str(found[1]) == "Local: no"
    assert isinstance(found[2], UserError)


def test_a_check_that_breaks_is_a_refusal():
    def broken():
        raise UserError("SPORTSML_DATA = '/x' names no folder")

    with pytest.raises(UserError, match="worker a: SPORTSML_DATA = '/x' names no folder"):
        list(cluster.spread(Client(a=good), [1], str, broken, lambda _: None))


def test_that_nobody_is_there_is_said_once(monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE_S", 0)
    monkeypatch.setattr(cluster.time, "sleep", lambda _: None)
    said, late = [], Client()
    looks = iter([{}, {}, {}, {"a": good}])
    late.scheduler_info = lambda n_workers: {
        "workers": late.workers.update(next(looks, {})) or dict(late.workers)
    }
    found = dict(cluster.spread(late, [1], str, lambda: "", said.append))
    assert found == {1: "1"}
    assert said == ["  no worker is there; waiting for one (Ctrl-C stops)"]


def test_a_scheduler_that_is_gone_is_an_error():
    client = Client()
    client.scheduler_info = lambda n_workers: (_ for _ in ()).throw(OSError("closed"))
    with pytest.raises(UserError, match="the scheduler has gone; what is finished is kept"):
        spread(client, [1])


def test_differences_name_code_libraries_and_data():
    wanted = {"a:f": "1", "a:g": "2", "library torch": "2.13.0", "data": "0123456789abcdef"}
    own = {"a:f": "1", "a:g": "3", "library torch": "2.12.0", "data": "none"}
    assert cluster.differences(own, wanted, cluster.SAME) == (
        "sportsml_lite differs: a:g; install the same version; "
        "library torch differs: 2.12.0 instead of 2.13.0; data differs: nothing instead of "
        "0123456789ab"
    )
    assert cluster.differences(wanted, wanted, "") == ""


# --- whole commands ------------------------------------------------------------------------------


def test_a_scheduler_that_does_not_answer_is_named_within_seconds(tmp_path):
    home = small_project.make(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    done = small_project.sportsml(home, "sweep", "03", "-g", "seed=1,2", "--scheduler", address)
    assert done.returncode == 2
    line = done.stderr.splitlines()[-1]
    assert line.startswith(f"Error: --scheduler {address}: no Dask scheduler answers there")


@pytest.mark.parametrize("address", ["nowhere", "tcp://", "ftp://host:1", "tcp://host:port"])
def test_an_address_that_is_none_is_named(address, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_S", 0.5)
    with (
        pytest.raises(UserError, match="no Dask scheduler answers there"),
        cluster.connect(address),
    ):
        pass


def test_a_cluster_without_a_shared_disk(tmp_path):
    """One worker has another version of the package; files of the other's runs come back."""
    here, same, other = (
        small_project.make(tmp_path / name, limit) for name, limit in (("here", 7), ("same", 7),
                                                                       ("other", 8))
    )  # fmt: skip
    with small_project.scheduler(here) as address:
        workers = [small_project.worker(home, address) for home in (other, same)]
        try:
            words = ("sweep", "03", "-g", "seed=0:4", "--scheduler", address)
            done = small_project.sportsml(here, *words)
        finally:
            for process in workers:
                process.kill()
                process.wait()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sportsml_lite differs: sportsml_lite.losses:LIMIT; install the same" in done.stdout
    assert len(list(here.rglob("record.json"))) == len(list(here.rglob("03_try.ipynb"))) == 4
    assert not small_project.ran(here) and not small_project.ran(other)
    assert len(small_project.ran(same)) == 4


# --- long ----------------------------------------------------------------------------------------

FORTY = ("sweep", "03", "-g", "seed=100:120", "-g", "rate=0.5,1", "-p", "pause_s", "0.2")


def stopped(home, signal_, after, words):
    """The sweep, stopped after some runs of those that were left."""
    process = small_project.start(home, *words)
    small_project.wait_for(process, f"  {after} of ")
    process.send_signal(signal_)
    out, err = process.communicate(timeout=120)
    return SimpleNamespace(code=process.returncode, out=out, err=err)


@pytest.mark.cluster
def test_forty_runs_killed_three_times_and_stopped_once(tmp_path):
    calm, killed = (small_project.make(tmp_path / name) for name in ("calm", "killed"))
    words = (*FORTY, "--workers", 2)
    assert small_project.sportsml(calm, *words).returncode == 0
    for after in (3, 8, 1):
        stopped(killed, signal.SIGKILL, after, words)
    done = stopped(killed, signal.SIGINT, 5, words)
    assert done.code == 130 and "the same command goes on" in done.out
    assert done.err.splitlines() == ["Error: stopped"]
    assert small_project.sportsml(killed, *words).returncode == 0
    (one,), (other,) = (list(home.rglob("numbers.parquet")) for home in (calm, killed))
    assert one.read_bytes() == other.read_bytes()
    times = small_project.ran(killed)
    assert len(set(times)) == 40 and len(times) <= 40 + 4 * 2, "only what was under way is repeated"


@pytest.mark.cluster
def test_a_worker_killed_in_the_midst_loses_nothing(tmp_path):
    """Three workers with folders of their own and real kernels; one is killed, one has no data."""
    here, one, two = (small_project.make(tmp_path / n, real=True) for n in ("here", "one", "two"))
    blind = small_project.make(tmp_path / "blind", real=True)
    for home in (here, one, two):
        (home / "mine").mkdir()
        (home / "mine" / "ride.csv").write_text("t_s,hr_bpm\n0,100\n")
    (blind / "mine").mkdir()
    with small_project.scheduler(here) as address:
        workers = [small_project.worker(home, address) for home in (one, two, blind)]
        try:
            words = ("-g", "seed=0:8", "-p", "data_dir", "mine", "-p", "pause_s", "1")
            process = small_project.start(here, "sweep", "03", *words, "--scheduler", address)
            said = small_project.wait_for(process, "2 of 8 runs")
            workers[0].kill()
            out, err = process.communicate(timeout=300)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
    assert process.returncode == 0, said + out + err
    assert "data differs: " in said + out
    assert len(list(here.rglob("record.json"))) == 8
    assert not small_project.ran(blind) and not small_project.ran(here)


@pytest.mark.cluster
def test_a_scheduler_that_dies_is_said_and_the_same_command_goes_on(tmp_path):
    here, one = (small_project.make(tmp_path / name) for name in ("here", "one"))
    words = ("sweep", "03", "-g", "seed=0:6", "-p", "pause_s", "1")
    with small_project.scheduler(here) as address:
        worker = small_project.worker(one, address)
        process = small_project.start(here, *words, "--scheduler", address)
        small_project.wait_for(process, "2 of 6 runs")
    begun = time.monotonic()
    _, err = process.communicate(timeout=200)
    worker.kill()
    worker.wait()
    assert process.returncode == 2 and "the scheduler has gone" in err, err
    assert time.monotonic() - begun < 150
    done = small_project.sportsml(here, *words, "--workers", 1)
    assert done.returncode == 0 and "6 runs, 2 done" in done.stdout


@pytest.mark.cluster
def test_a_study_on_a_cluster_gives_the_accepted_table(tmp_path, root):
    here, one = (small_project.make(tmp_path / name, limit=None) for name in ("here", "one"))
    with small_project.scheduler(here) as address:
        worker = small_project.worker(one, address)
        try:
            words = ("results", "redo", "outcome", "simulated", "--scheduler", address)
            done = small_project.sportsml(here, *words)
        finally:
            worker.kill()
            worker.wait()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "accepted: outcome-simulated.parquet" in done.stdout
    name = "results/outcome-simulated.parquet"
    found, accepted = (pd.read_parquet(folder / name) for folder in (here, root))
    pd.testing.assert_frame_equal(found, accepted, rtol=1e-3, atol=1e-6)
    assert list((here / "_build" / "studies" / "outcome").glob("*.parquet"))
    assert not (one / "_build" / "studies").exists()
