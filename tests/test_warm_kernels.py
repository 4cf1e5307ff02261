"""Forked kernels: quick to begin, like new, and gone when they should be."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from sportsml_lite.errors import Failed
from sportsml_lite.publish import forkserver, kernels, runs
from sportsml_lite.publish.chapters import Chapter
from sportsml_lite.publish.record import recorded

pytestmark = pytest.mark.skipif(not kernels.can_fork(), reason="kernels are forked on Linux only")

HEAD = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% tags=["parameters"]
seed = 0  # 0 to 10: which

# %%
"""
N = 3  # runs, for which it pays
LIBRARIES = sorted(forkserver.LIBRARIES)
# The server without the libraries that take seconds.
BARE = (
    "-c",
    "from sportsml_lite.publish import forkserver as server; "
    "server.LIBRARIES = {'numpy': ('numpy',)}; server.main()",
)
# What a kernel is like before anything was done in it.
PROBE = """
import os, sys
had = {name in sys.modules for name in ("torch", "lightning", "seaborn")}
import lightning, math, matplotlib, numpy, pandas, torch
from sportsml_lite.publish.record import record
record("warm", str(had))
record("folder", os.getcwd())
record("path", str(sys.path))
record("environment", "\\n".join(f"{k}={v}" for k, v in os.environ.items() if k[:3] != "JPY"))
record("dtype", str(torch.get_default_dtype()))
record("threads", torch.get_num_threads())
record("backend", matplotlib.get_backend())
record("figure_dpi", matplotlib.rcParams["figure.dpi"], digits=1)
record("rows", str(pandas.get_option("display.max_rows")))
two = lightning.Trainer(accelerator="cpu", devices=2, logger=False, enable_checkpointing=False)
record("launcher", type(two.strategy.launcher).__name__)
record("tau", math.tau, digits=6)
record("parent", os.getppid())
record("draw", numpy.random.rand(), digits=9)
record("torch_draw", torch.rand(1).item(), digits=6)
"""
SPOIL = """
import os, sys, math, random, matplotlib, numpy, pandas, torch
os.chdir("/")
os.environ["OMP_NUM_THREADS"] = "2"
os.environ["NEW"] = "1"
sys.path.append("/nowhere")
numpy.random.seed(0), random.seed(0), torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
torch.set_num_threads(2)
matplotlib.rcParams["figure.dpi"] = 7
pandas.set_option("display.max_rows", 3)
math.tau = 3.0
"""


def chapter(folder, code, name="08_try"):
    source = folder / f"{name}.py"
    source.write_text(HEAD + code)
    return Chapter(source)


def execute(folder, code):
    """Execute some code in a kernel; the notebook."""
    output = folder / "out.ipynb"
    runs.execute(chapter(folder, code), {}, output, progress=False)
    return nbformat.read(output, as_version=4)


@pytest.fixture
def bare(monkeypatch):
    """Kernels forked from a server that starts at once."""
    monkeypatch.setattr(kernels, "COMMAND", BARE)
    with kernels.warm(N, LIBRARIES):
        yield


def probed(folder):
    """What a fresh kernel says of itself, apart from its parent and a draw without a seed."""
    found = recorded(execute(folder, PROBE))
    return found, (
        found.pop("warm"),
        found.pop("parent"),
        (found.pop("draw"), found.pop("torch_draw")),
    )


def test_a_forked_kernel_is_like_a_started_one_whatever_ran_before(tmp_path):
    started, (cold, parent, _) = probed(tmp_path)
    with kernels.warm(N, LIBRARIES):
        before, (warm, server, one) = probed(tmp_path)
        execute(tmp_path, SPOIL)
        after, (_, again, other) = probed(tmp_path)
        picture = execute(tmp_path, "import matplotlib.pyplot as plt\nplt.plot([1, 2]);")
    shells = [set(found.pop("environment").split("\n")) for found in (started, before, after)]
    added = {line.partition("=")[0] for line in shells[1] - shells[0]}
    assert before == started and after == started
    assert shells[0] <= shells[1] == shells[2]
    assert kernels.SERVER in added and not added & {"NEW", *forkserver.SETTINGS}
    assert (cold, warm) == ("{False}", "{True}")
    assert parent == os.getpid() != server == again
    assert not set(one) & set(other), "two kernels drew the same number without a seed"
    assert "image/png" in picture.cells[-1].outputs[0]["data"]
    assert not alive(server)


def test_only_what_is_asked_for_is_imported_beforehand(tmp_path):
    lines = "import sys\nprint([name in sys.modules for name in ('numpy', 'sympy', 'torch')])"
    with kernels.warm(N, ["numpy", "click"]):
        text = execute(tmp_path, lines).cells[-1].outputs[0]["text"]
    assert text == "[True, False, False]\n"


def alive(pid):
    """Whether a process runs, as far as it is not waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_workers_started_within_share_the_server(tmp_path, bare):
    """As a sweep's do: the environment leads them to it."""
    worker = (
        "import os; from sportsml_lite.publish import kernels; "
        f"kernel = kernels.Forked(['-f', {str(tmp_path / 'k.json')!r}], dict(os.environ), '.'); "
        "print(open(f'/proc/{kernel.pid}/stat').read().split()[3]); kernel.kill(); kernel.wait()"
    )
    with kernels.warm(N, LIBRARIES):  # a second one within is the first
        parents = [
            subprocess.run([sys.executable, "-c", worker], capture_output=True, text=True).stdout
            for _ in range(2)
        ]
    lines = "import os\nprint(os.getppid())"
    parents.append(execute(tmp_path, lines).cells[-1].outputs[0]["text"])
    assert parents[0].strip().isdigit() and len({p.split()[-1] for p in parents}) == 1


def test_a_kernel_that_dies_has_failed_and_the_next_one_lives(tmp_path, bare):
    with pytest.raises(Failed, match="08_try stopped: Kernel died"):
        execute(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(Failed, match="08_try stopped in cell 2: ValueError: no"):
        execute(tmp_path, "raise ValueError('no')")
    assert execute(tmp_path, "1 + 1").cells[-1].outputs[0]["data"]["text/plain"] == "2"


def test_a_run_whose_server_is_killed_is_done_again(tmp_path, bare):
    """As the system kills a process for its memory: the run is not to blame."""
    mark = tmp_path / "killed"
    lines = (
        f"import os, pathlib, signal, time\nmark = pathlib.Path({str(mark)!r})\n"
        "if not mark.exists():\n    mark.touch()\n    os.kill(os.getppid(), signal.SIGKILL)\n"
        "    time.sleep(60)\nos.getppid()"
    )
    cell = execute(tmp_path, lines).cells[-1]
    assert cell.outputs[0]["data"]["text/plain"] == str(os.getpid())


def test_without_its_server_kernels_are_started(tmp_path, bare):
    lines = "import os\nprint(os.getppid())"
    server = int(execute(tmp_path, lines).cells[-1].outputs[0]["text"])
    os.kill(server, signal.SIGKILL)
    assert int(execute(tmp_path, lines).cells[-1].outputs[0]["text"]) == os.getpid()


def test_a_server_with_threads_forks_nothing(tmp_path, monkeypatch):
    """A copy of one thread of two may wait forever for what the other one held."""
    lines = "import os\nprint(os.getppid())"
    setup = "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True)"
    monkeypatch.setattr(kernels, "COMMAND", ("-c", f"{setup}.start(); {BARE[1]}"))
    with kernels.warm(N, LIBRARIES):
        assert int(execute(tmp_path, lines).cells[-1].outputs[0]["text"]) == os.getpid()


def test_where_nothing_can_be_forked_kernels_are_started(tmp_path, monkeypatch):
    monkeypatch.setattr(kernels, "can_fork", lambda: False)
    with kernels.warm(N, LIBRARIES):
        assert kernels.SERVER not in os.environ
    assert kernels.SERVER not in os.environ


@pytest.mark.parametrize("fork", [True, False])
def test_all_kernels_can_be_stopped(tmp_path, monkeypatch, fork):
    monkeypatch.setattr(kernels, "COMMAND", BARE)
    monkeypatch.setattr(kernels, "can_fork", lambda: fork)
    mark = tmp_path / "pid"
    lines = f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"
    with kernels.warm(N, LIBRARIES), ThreadPoolExecutor(1) as pool:
        job = pool.submit(execute, tmp_path, lines)
        pid = int(waited(lambda: mark.is_file() and mark.read_text()))
        kernels.stop()
        with pytest.raises(Failed, match="Kernel died"):
            job.result(timeout=60)
    assert not alive(pid)


def waited(found, seconds=60):
    """What ``found`` gives as soon as it is true."""
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return value


BUILDER = """
import signal, sys
from pathlib import Path
from sportsml_lite.publish import book, kernels
signal.signal(signal.SIGINT, signal.default_int_handler)
kernels.COMMAND = (sys.argv[2], sys.argv[3])
book.dependencies = lambda chapter, values: {}
book.execute_stale(Path(sys.argv[1]), print, workers=2)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_build_that_was_ended(tmp_path, number):
    """Ctrl-C, and an end without a word: kernels and their server end, too."""
    (tmp_path / "notebooks").mkdir()
    lines = f"import os, time\nopen(f'{tmp_path}/{{os.getpid()}}.{{os.getppid()}}', 'w')\n"
    for i in range(3):
        chapter(tmp_path / "notebooks", lines + "time.sleep(600)", f"0{i}_try")
    temporary = Path(tempfile.mkdtemp(dir="/tmp"))  # a socket's path is short
    arguments = [sys.executable, "-c", BUILDER, str(tmp_path), *BARE]
    building = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(temporary)},
    )  # fmt: skip
    waited(lambda: len(list(tmp_path.glob("*.*"))) == 2)
    pids = {int(pid) for path in tmp_path.glob("*.*") for pid in path.name.split(".")}
    assert len(pids) == 3 and all(map(alive, pids)) and building.pid not in pids
    building.send_signal(number)
    said, _ = building.communicate(timeout=60)
    assert (b"interrupted: what is finished is kept" in said) == (number == signal.SIGINT)
    waited(lambda: not any(map(alive, pids)), 20)
    waited(lambda: not list(temporary.iterdir()), 20)
