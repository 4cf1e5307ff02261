"""Spread work over Dask's workers: processes of this computer, or a cluster that shares no disk.

Before each task a worker says whether it would give the same numbers as the computer that asks. One
that would not is named and gets no more; its task goes to another. A worker that dies loses nothing
but the task under way, which another one does again.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import signal
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from sportsml_lite.errors import Failed, UserError, listed

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_S = 5  # s to wait for a scheduler's answer
LOOK_S = 2.0  # s between two looks at which workers there are
GATHER_S = 60  # s to wait for the result of a task that is done
PATIENCE_S = 5  # s without a worker until that is said
DEATHS = 3  # of workers at the same task: it is the task's fault
# Dask looks after itself a hundred times a second, which takes a seventh of a core from the runs.
CALM = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "10s",
}

Task = TypeVar("Task", bound=Hashable)
Say = Callable[[str], None]


class Refused(Exception):
    """A task that this worker must not or cannot do, though another one may."""


@dataclass(frozen=True)
class _Answer:
    """What a worker gave: a value, the error of the work, or why it cannot be asked."""

    value: object = None
    error: Exception | None = None
    refusal: str = ""


# --- workers -------------------------------------------------------------------------------------


@contextlib.contextmanager
def connect(scheduler: str = "", workers: int = 1) -> Iterator[Client]:
    """A client of a running scheduler, or of processes started here and ended with the client.

    Parameters
    ----------
    scheduler : address such as ``tcp://10.0.0.1:8786``; empty starts processes on this computer
    workers : how many of them, each with one thread

    Raises
    ------
    UserError if no scheduler answers there within seconds
    """
    import dask
    from distributed import Client, LocalCluster

    for name in ("distributed", "asyncio"):  # connections that close are no reader's business
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(CALM))
        if not scheduler:
            with _no_interrupt(), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Port ")  # of a status page, that another has
                cluster = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    processes=True,
                    memory_limit=0,  # kernels are processes of their own, which it would not see
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL,
                    preload=[__name__],  # see dask_setup
                )
            scheduler = stack.enter_context(cluster)
        try:
            client = Client(scheduler, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(
                f"--scheduler {scheduler}: no Dask scheduler answers there ({reason[:100]}); start "
                "one with `dask scheduler`, or correct the address"
            ) from None
        stack.enter_context(client)
        stack.enter_context(client.as_current())  # a reader's own client stays the default one
        yield client


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """Ctrl-C waits: workers that are starting would each tell of it at length."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def dask_setup(worker) -> None:
    """A worker that starts here leaves Ctrl-C to the process that started it, which ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # for what it starts


@dataclass
class _Workers:
    """Who is there, who refused, and who has a task."""

    client: Client
    say: Say
    here: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    looked: float = -LOOK_S
    seen: float = field(default_factory=time.monotonic)

    def look(self) -> None:
        """Ask the scheduler who is there, at most every few seconds.

        Raises
        ------
        UserError if the scheduler is gone, or every worker has refused
        """
        now = time.monotonic()
        if now - self.looked < LOOK_S:
            return
        try:
            self.here = set(self.client.scheduler_info(n_workers=-1)["workers"])
        except (OSError, RuntimeError, KeyError):
            raise UserError("the scheduler has gone; what is finished is kept: start it, and give "
                            "the same command") from None  # fmt: skip
        self.looked = now
        if self.here or now - self.seen < PATIENCE_S:
            self.seen = now if self.here else self.seen
        elif self.seen < float("inf"):
            self.say("  no worker is there; waiting for one (Ctrl-C stops)")
            self.seen = float("inf")

    def refuse(self, address: str, reason: str) -> None:
        """Note and say why a worker gets no more."""
        if address not in self.refused:
            self.refused[address] = f"worker {address}: {reason}"
            self.say(f"  {self.refused[address]}")

    def check(self) -> None:
        """Stop where nobody is left who could do anything.

        Raises
        ------
        UserError naming every worker's reason
        """
        if self.here and self.here <= set(self.refused):
            raise UserError(listed([self.refused[address] for address in sorted(self.here)]))

    def free(self, busy: set[str]) -> list[str]:
        """Workers that may be given a task now."""
        return sorted(self.here - set(self.refused) - busy)


# --- tasks ---------------------------------------------------------------------------------------


def spread(
    client: Client,
    tasks: Sequence[Task],
    work: Callable[[Task], object],
    check: Callable[[], str],
    say: Say,
) -> Iterator[tuple[Task, object]]:
    """Do tasks on all workers that give the same numbers, one a worker at a time.

    Parameters
    ----------
    client : from :func:`connect`
    tasks : hashable, each different
    work : gives a task's result; runs on the worker, where it may raise :class:`Refused`
    check : runs on the worker before each task; what is different there, or ''
    say : told which workers refuse, and that none is there

    Yields
    ------
    a task and its result as it is finished, or the exception that ``work`` raised

    Raises
    ------
    UserError if every worker refuses, or the scheduler is gone
    """
    workers, todo = _Workers(client, say), deque(tasks)
    busy: dict[Future, tuple[str, Task]] = {}
    deaths: Counter = Counter()
    try:
        while todo or busy:
            workers.look()
            for address in workers.free({a for a, _ in busy.values()})[: len(todo)]:
                task = todo.popleft()
                # Where it may run is said by us: Dask would queue tasks at a worker that refuses.
                future = client.submit(_do, work, check, task, workers=[address], pure=False)
                busy[future] = address, task
            for future in _ended(busy, workers.here):
                address, task = busy.pop(future)
                answer = _answer(future, address in workers.here)
                if answer is None:
                    deaths[task] += 1
                    if deaths[task] < DEATHS:
                        todo.appendleft(task)
                    else:
                        yield task, Failed(f"{DEATHS} workers died at it (too little memory?)")
                elif answer.refusal:
                    workers.refuse(address, answer.refusal)
                    todo.appendleft(task)
                    workers.check()
                else:
                    yield task, answer.error or answer.value
    finally:
        for future in busy:
            with contextlib.suppress(Exception):  # the scheduler may be what is gone
                future.cancel()


def _ended(busy: Mapping[Future, tuple[str, object]], here: set[str]) -> list[Future]:
    """Tasks that are done, and those whose worker is gone; waits a moment for the first."""
    from distributed import wait
    from distributed.client import FuturesCancelledError

    if not busy:
        time.sleep(0.1)
        return []
    # Cancelled: the scheduler has gone, which the next look at the workers says.
    with contextlib.suppress(TimeoutError, FuturesCancelledError):
        wait(list(busy), timeout=LOOK_S, return_when="FIRST_COMPLETED")
    return [f for f, (address, _) in busy.items() if f.status != "pending" or address not in here]


def _answer(future: Future, here: bool) -> _Answer | None:
    """What a worker answered; None if it died before it could."""
    from distributed.scheduler import KilledWorker

    if future.status == "pending" or not (here or future.status == "error"):
        future.cancel()
        return None
    try:
        return future.result(timeout=GATHER_S)
    except (KilledWorker, TimeoutError, OSError):
        return None
    except Exception as error:  # it could not even read the question: another version, for one
        if future.cancelled():
            return None
        reason = str(error).splitlines()[0] if str(error) else ""
        return _Answer(refusal=f"cannot do this work ({type(error).__name__}: {reason[:200]}); "
                       "install the same version of sportsml_lite and its libraries")  # fmt: skip


def _do(work: Callable[[Task], object], check: Callable[[], str], task: Task) -> _Answer:
    """On the worker: the check, then the work."""
    try:
        refusal = check()
    except Exception as error:
        refusal = str(error) or type(error).__name__
    if refusal:
        return _Answer(refusal=refusal)
    try:
        return _Answer(work(task))
    except Refused as error:
        return _Answer(refusal=str(error))
    except Exception as error:  # it travels as a value, so that Dask's own errors stay apart
        return _Answer(error=_portable(error))


def _portable(error: Exception) -> Exception:
    """An error that the asking computer can read."""
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        return Failed(f"{type(error).__name__}: {error}")


def differences(own: Mapping[str, str], wanted: Mapping[str, str], advice: str) -> str:
    """What is different on this worker, in words, or ''.

    Parameters
    ----------
    own, wanted : what the numbers depend on here, and where the question comes from: hashes and
        versions by name
    advice : what to do where the package differs
    """
    off = [name for name in wanted | own if own.get(name) != wanted.get(name)]
    code = [name for name in off if ":" in name]
    told = [f"sportsml_lite differs: {_few(code)}; {advice}"] if code else []
    for name in (name for name in off if name not in code):
        here, there = (_short(side.get(name)) for side in (own, wanted))
        told.append(f"{name} differs: {here} instead of {there}")
    return listed(told).replace("\n", "; ")


SAME = "install the same version"  # the usual advice


def _few(names: list[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def _short(value: str | None) -> str:
    return "nothing" if value in (None, "none") else value[:12]
