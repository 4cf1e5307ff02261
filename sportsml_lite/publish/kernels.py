"""Kernels for papermill: on Unix sockets, and within :func:`warm` forked instead of started.

A kernel that is started imports torch, lightning, pandas and the rest anew, seconds a run. One that
is forked from :mod:`sportsml_lite.publish.forkserver` has them already, and is otherwise like new:
what a run changes in its process ends with the process.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

SERVER = "SPORTSML_KERNELS"  # names the socket of the server that forks kernels
# Frozen modules are off as in a kernel's own command: its debugger asks for it.
COMMAND = ("-Xfrozen_modules=off", "-m", "sportsml_lite.publish.forkserver")
FEW = 2  # runs whose kernels are started one by one, since warming up would take longer
LAUNCHER = "ipykernel_launcher"
PATH_BYTES = 90  # of a socket's path; the system takes about 100
IMPORTS_S = 200  # s that the server's imports may take, on a busy computer
END_S = 5  # s that it may take to end
_RUNNING: set[Provisioner] = set()


def can_fork() -> bool:
    """Whether kernels can be forked here: Linux has all that it takes."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open")


@contextlib.contextmanager
def warm(runs: int, libraries: Iterable[str]) -> Iterator[None]:
    """Fork kernels of what runs within, from one process that has imported libraries.

    It holds for :func:`sportsml_lite.publish.runs.execute` in this process and in every process
    that is started from it within, since the server's socket is named in the environment: enter it
    before starting workers, and all of them share one server. Its imports take seconds: it pays
    from the third run on, and for what the runs will use. Where nothing can be forked, or the
    server fails, kernels are started as usual. Nothing of it is left afterwards: its kernels and
    their files go with it, and it ends with its starter, however that ends.

    Parameters
    ----------
    runs : how many will come; for :data:`FEW` no server is started
    libraries : those that the runs reach, such as ``"torch"``
    """
    if runs <= FEW or not can_fork() or os.environ.get(SERVER):
        yield
        return
    folder = Path(tempfile.mkdtemp(prefix="sportsml-"))
    server = None
    try:
        server = _start(folder / "server", libraries)
        os.environ[SERVER] = str(folder / "server")
        yield
    finally:
        os.environ.pop(SERVER, None)
        if server:
            _end(server)
        shutil.rmtree(folder, ignore_errors=True)


def _start(path: Path, libraries: Iterable[str]) -> subprocess.Popen | None:
    """The server, listening at ``path`` from now on; requests wait for the end of its imports."""
    if len(os.fsencode(path)) > PATH_BYTES:
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        return subprocess.Popen(
            [sys.executable, *COMMAND, str(listener.fileno()), *libraries],
            stdin=subprocess.PIPE,  # closed when this process ends, however it does
            pass_fds=[listener.fileno()],
            start_new_session=True,  # Ctrl-C is for us to answer
        )


def _end(server: subprocess.Popen) -> None:
    server.stdin.close()
    server.terminate()  # while it imports it does not read
    try:
        server.wait(END_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


class Forked:
    """A kernel's process as :class:`subprocess.Popen` shows one, forked by the server.

    Raises
    ------
    OSError if the server cannot be reached, or ends instead of answering
    """

    stdin = stdout = stderr = None

    def __init__(self, arguments: list[str], environment: dict[str, str], folder: str):
        self.returncode: int | None = None
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.settimeout(IMPORTS_S)
        try:
            self._server.connect(os.environ[SERVER])
            request = {"arguments": arguments, "environment": environment, "folder": folder}
            self._server.sendall(json.dumps(request).encode() + b"\n")
            self.pid = int(self._line() or self._lost())
            self._server.settimeout(None)
        except BaseException:
            self._server.close()  # and with it the kernel, if there is one
            raise

    def _line(self) -> bytes:
        """The server's next line; empty if it is gone."""
        line = b""
        while not line.endswith(b"\n"):
            read = self._server.recv(1)
            if not read:
                return b""
            line += read
        return line

    def _lost(self):
        raise ConnectionResetError("the server that forks kernels has ended")

    def poll(self) -> int | None:
        """Exit code of the kernel; None while it runs."""
        if self.returncode is None:
            try:
                self._server.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:
                return None
            except OSError:
                pass
            self.wait()
        return self.returncode

    def wait(self) -> int:
        """Wait for the end of the kernel; its exit code."""
        if self.returncode is None:
            code = b""
            with contextlib.suppress(OSError):
                code = self._line()
            self._server.close()
            self.returncode = int(code or -signal.SIGKILL)  # a lost server takes its kernels along
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel and what it has started."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the kernel."""
        self.send_signal(signal.SIGKILL)


class Provisioner(LocalProvisioner):
    """Starts a kernel's process here, or has it forked; knows those that run."""

    async def launch_kernel(self, cmd: list[str], **kwargs):
        """Have the kernel forked within :func:`warm`; else start it as Jupyter does."""
        _RUNNING.add(self)
        forked = _forked(cmd, kwargs)
        if forked is None:
            await super().launch_kernel(cmd, **kwargs)
        else:
            self.process, self.pid, self.pgid = forked, forked.pid, forked.pid
            self.cwd = kwargs.get("cwd")
        if self not in _RUNNING:  # stopped meanwhile
            await self.kill()
        return self.connection_info

    async def cleanup(self, restart: bool = False) -> None:
        """Forget a kernel that has ended, and remove its sockets."""
        await super().cleanup(restart)
        if not restart:
            _RUNNING.discard(self)
            self.parent.folder.cleanup()


def _forked(cmd: list[str], kwargs: dict) -> Forked | None:
    """The forked process of a command; None if it has to be started: no server, another kernel."""
    if not os.environ.get(SERVER) or LAUNCHER not in cmd:
        return None
    arguments = cmd[cmd.index(LAUNCHER) + 1 :]
    with contextlib.suppress(OSError):
        return Forked(arguments, dict(kwargs["env"]), str(kwargs.get("cwd") or Path.cwd()))
    return None


class Client(AsyncKernelClient):
    """Jupyter's client of a kernel, which knows by its answer that a kernel is ready.

    Jupyter's own then waits until nothing more has come for a fifth of a second.
    """

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel has answered on both channels.

        Raises
        ------
        RuntimeError if it has ended, or not answered in ``timeout`` seconds
        """
        end = time.monotonic() + (timeout or float("inf"))
        while time.monotonic() < end:
            asked = self.kernel_info()
            with contextlib.suppress(queue.Empty):
                await _answer(self.get_shell_msg, asked, "kernel_info_reply", 1)
                # Heard on this one too? It connects by itself, and may be later.
                await _answer(self.get_iopub_msg, asked, "status", 0.05)
                return
            if not await self.is_alive():
                raise RuntimeError("Kernel died before it was ready")
        raise RuntimeError(f"Kernel did not answer in {timeout:.0f} s")


async def _answer(
    get: Callable[..., Awaitable[dict]], asked: str, kind: str, patience_s: float
) -> None:
    """Read a channel up to an answer of this kind; queue.Empty if nothing comes for a while."""
    message: dict = {"parent_header": {}, "msg_type": ""}
    while (message["parent_header"].get("msg_id"), message["msg_type"]) != (asked, kind):
        message = await get(timeout=patience_s)


class Manager(AsyncKernelManager):
    """Jupyter's manager of one kernel, with sockets of its own in a folder of its own.

    TCP ports are chosen first and bound later, so that of many kernels two may get the same
    (papermill's issue 511). The path of a Unix socket is nobody else's.
    """

    def __init__(self, **settings):
        # Within the server's folder, which goes when the server does.
        home = Path(os.environ[SERVER]).parent if SERVER in os.environ else None
        home = home if home and home.is_dir() else None
        self.folder = tempfile.TemporaryDirectory(
            prefix="sportsml-", dir=home, ignore_cleanup_errors=True
        )
        path = os.path.join(self.folder.name, "kernel.json")
        if sys.platform != "win32" and len(os.fsencode(path)) <= PATH_BYTES:
            settings |= {"transport": "ipc", "connection_file": path}
        super().__init__(client_factory=Client, **settings)
        self.kernel_id = Path(self.folder.name).name
        self.provisioner = Provisioner(
            parent=self, kernel_id=self.kernel_id, kernel_spec=self.kernel_spec
        )


def lost() -> bool:
    """Whether kernels were forked here, and their server has ended: it took its kernels along."""
    if SERVER not in os.environ:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        return server.connect_ex(os.environ[SERVER]) != 0


def stop() -> None:
    """End every kernel that this process runs: whoever waits for one is told that it has died."""
    while _RUNNING:
        kernel = _RUNNING.pop()
        if kernel.process and kernel.process.returncode is None:
            with contextlib.suppress(OSError):
                os.killpg(kernel.pgid, signal.SIGKILL) if kernel.pgid else kernel.process.kill()
