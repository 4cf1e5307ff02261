"""A process that has imported libraries once, and forks a Jupyter kernel for each run.

:mod:`sportsml_lite.publish.kernels` starts it and asks it through a Unix socket, a connection for
each kernel. A request is a line of JSON; the answers are lines, first the kernel's process number,
and when it has ended its exit code. Whoever closes the connection ends the kernel, and whoever
started the server ends everything by closing its standard input.

A fork copies the one thread that asks for it, so nothing here may start another before: no
computation, no zmq context, no second thread of BLAS.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from sportsml_lite.publish import load_nbformat

# What notebooks import, by the library that has to be installed for it; left out where it is not.
LIBRARIES = {
    "numpy": ("numpy",),
    "numba": ("numba",),
    "pandas": ("pandas",),
    "pyarrow": ("pyarrow.parquet",),
    "pandera": ("pandera.pandas",),
    "scipy": ("scipy.stats", "scipy.optimize", "scipy.signal"),
    "scikit-learn": ("sklearn.ensemble", "sklearn.linear_model"),
    "matplotlib": ("matplotlib.pyplot", "matplotlib.backends.backend_agg"),
    "seaborn": ("seaborn",),
    "sympy": ("sympy",),
    "optuna": ("optuna",),
    "torch": ("torch",),
    "lightning": ("lightning",),
}
KERNEL = (  # what a kernel imports itself
    "ipykernel.ipkernel",
    "ipykernel.kernelapp",
    "ipykernel.debugger",
    "IPython.core.pylabtools",
)
SETTINGS = {
    "OMP_NUM_THREADS": "1",  # BLAS starts its threads on import
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # and so does pyarrow's allocator
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # as a kernel sets it
}
REQUEST_S = 10  # s in which a request must have come


@dataclass(frozen=True)
class Kernel:
    """A forked kernel: its process number, a descriptor of the process, who asked for it."""

    pid: int
    process: int
    asker: socket.socket


def preload(libraries: Iterable[str]) -> dict[str, str]:
    """Import libraries, in the settings that keep this process to one thread.

    Parameters
    ----------
    libraries : names as in :data:`LIBRARIES`; others are a kernel's own business

    Returns
    -------
    what they have set in the environment

    Raises
    ------
    SystemExit if a library has started a thread all the same
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    before = set(os.environ)
    sys.ps1 = "In : "  # as IPython sets it: libraries ask on import whether a person types
    gc.disable()  # imports keep what they make: looking for what is not used is a tenth of them
    load_nbformat()  # a kernel imports it
    wanted = (LIBRARIES[name] for name in LIBRARIES if name in libraries)
    for name in (*chain.from_iterable(wanted), *KERNEL):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        sys.exit(f"{threads} threads after the imports: kernels are started, not forked")
    gc.freeze()  # the collector would touch, and so copy, every page that kernels share
    gc.enable()
    return {name: value for name, value in os.environ.items() if name not in before}


def serve(listener: socket.socket, lifeline: int, environment: dict[str, str]) -> None:
    """Fork a kernel for each connection, until ``lifeline`` is closed at its other end.

    environment : of every kernel, beneath what its request says
    """
    kernels: dict[int, Kernel] = {}  # by each of its two descriptors
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with selectors.DefaultSelector() as ready:
        ready.register(listener, selectors.EVENT_READ)
        ready.register(lifeline, selectors.EVENT_READ)
        try:
            while True:
                # The listener last: a new connection may get the number of one that has ended.
                found = [key.fd for key, _ in ready.select()]
                for number in sorted(found, key=lambda number: number == listener.fileno()):
                    if number == lifeline:
                        return
                    if number == listener.fileno():
                        _answer(listener, ready, kernels, environment)
                    elif number in kernels:
                        _attend(kernels[number], number, ready, kernels)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is ending
            for kernel in set(kernels.values()):
                _kill(kernel)


def _answer(listener, ready, kernels: dict[int, Kernel], environment: dict[str, str]) -> None:
    """Take one request, fork its kernel, and say its process number."""
    asker, _ = listener.accept()
    asker.settimeout(REQUEST_S)
    try:
        request = json.loads(asker.makefile("r", encoding="utf-8").readline())
    except (OSError, ValueError):
        asker.close()
        return
    pid = os.fork()
    if pid == 0:
        ready.close()
        for other in {listener, asker, *(kernel.asker for kernel in kernels.values())}:
            other.close()
        _become_kernel(request, environment)
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)  # here and in the child: whoever comes first
    kernel = Kernel(pid, os.pidfd_open(pid), asker)
    _say(kernel, pid)
    for number in (kernel.process, asker.fileno()):
        kernels[number] = kernel
        ready.register(number, selectors.EVENT_READ)


def _attend(kernel: Kernel, number: int, ready, kernels: dict[int, Kernel]) -> None:
    """Tell the asker how its kernel ended; kill the kernel if it is the asker who left."""
    if number != kernel.process:
        ready.unregister(number)
        del kernels[number]
        _kill(kernel)
        return
    _, status = os.waitpid(kernel.pid, 0)
    _say(kernel, os.waitstatus_to_exitcode(status))
    for each in (kernel.process, kernel.asker.fileno()):
        if kernels.pop(each, None):
            ready.unregister(each)
    os.close(kernel.process)
    kernel.asker.close()


def _say(kernel: Kernel, number: int) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        kernel.asker.sendall(f"{number}\n".encode())


def _kill(kernel: Kernel) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(kernel.pid, signal.SIGKILL)


def _become_kernel(request: dict, environment: dict[str, str]) -> None:
    """Run a kernel in this process, as ``python -m ipykernel_launcher`` would, and end with it.

    request : ``arguments`` of the launcher, ``environment`` and ``folder`` of the process
    """
    code = 1
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(environment | request["environment"])
        _draw_anew()
        for name in [name for name in sys.modules if name.partition(".")[0] == "sportsml_lite"]:
            del sys.modules[name]  # it may have been edited since
        import ipykernel_launcher
        from ipykernel.kernelapp import IPKernelApp

        sys.argv = [ipykernel_launcher.__file__, *request["arguments"]]
        app = IPKernelApp.instance(parent_handle=os.getppid())  # it ends when this server does
        app.initialize(sys.argv[1:])
        app.start()
        # While it still writes. On exit ipykernel closes what this thread may be writing to, and
        # then waits for it: now and then forever.
        app.control_thread.stop()
        app.control_thread.join()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        _end(code)


def _draw_anew() -> None:
    """Numbers drawn without a seed differ from kernel to kernel, as those of new processes do."""
    for library, seed in (
        ("numpy", lambda numpy: numpy.random.seed()),
        ("torch", lambda torch: torch.default_generator.seed()),
    ):
        if library in sys.modules:
            seed(sys.modules[library])


def _end(code: int) -> None:
    """End as the interpreter does, without going back into the server's code."""
    with contextlib.suppress(BaseException):
        threading._shutdown()  # waits for threads that are not daemons
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Serve on the socket of the first argument, with the libraries of the others.

    Standard input is the lifeline.
    """
    number, *libraries = sys.argv[1:]
    listener = socket.socket(fileno=int(number))
    place = Path(listener.getsockname()).parent
    # ipykernel's launcher does so: modules are not looked for in the working directory.
    sys.path[:] = [path for path in sys.path[:1] if path not in ("", os.getcwd())] + sys.path[1:]
    environment = preload(libraries)
    with contextlib.suppress(SystemExit):
        serve(listener, sys.stdin.fileno(), environment)
        # Who started it may have been killed, and cannot.
        shutil.rmtree(place, ignore_errors=True)
    os._exit(0)  # nothing of the libraries is to be put away


if __name__ == "__main__":
    main()
