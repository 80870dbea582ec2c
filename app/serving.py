"""The processes of a running hub.

With `IOC_PROCESSES` above one, that many answer requests, all on the same port, and the process that started them keeps them:
it does the background work and replaces one that dies. Python runs on one core at a time, so this is how a hub uses a machine.
With one, that process does everything.
"""

import asyncio
import contextlib
import gc
import multiprocessing
import os
import resource
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI
from uvicorn.server import HANDLED_SIGNALS
from uvicorn.supervisors import Multiprocess

from app.http import Http
from app.hub import hub_of
from app.logs import configure_logs
from app.main import create_app
from app.settings import Settings
from app.worker import run_loops

_HUNG = 60  # seconds without a sign of life; to read a body of the largest size takes one
_YOUNG = 50_000  # objects before garbage is looked for: the rows of a batch, which is none, are several thousand
_LAST_REQUESTS = 10  # seconds that requests under way have to end
_LAST_WORDS = 5  # seconds more until a process that is told to stop is killed
_BACKLOG = 1024  # connections that wait to be taken


def take_port(host: str, port: int, processes: int) -> socket.socket:
    """Take the port before anything is started; several processes will listen on it, one listens from now on.

    Raises:
        OSError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    return listening if processes == 1 else _Port(listening)


def serve(settings: Settings, url: str, port: socket.socket, ready: Callable[[], None] = lambda: None) -> None:
    """Serve on the port that was taken until SIGINT or SIGTERM, and do the background work if the settings say so.

    `ready` is called as soon as who connects is answered.
    """
    _allow_many_viewers()
    config = uvicorn.Config(
        partial(_served, settings, url), factory=True, workers=settings.processes, log_config=None, access_log=False,
        http=Http, ws="none", server_header=False, timeout_graceful_shutdown=_LAST_REQUESTS, timeout_worker_healthcheck=_HUNG,
    )  # fmt: skip
    with _background_work(settings, url) if settings.worker else contextlib.nullcontext():
        if settings.processes == 1:
            ready()  # who connects waits in the socket, at most
            # uvicorn finishes the requests under way, then raises the signal that it got again.
            with contextlib.suppress(KeyboardInterrupt):
                uvicorn.Server(config).run(sockets=[port])
        else:
            with _common_metrics():
                _Keeper(config, port, ready).run()


def _allow_many_viewers() -> None:
    """A stream is an open file: as many as the system allows, not the 1,024 that shells begin with."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _Port(socket.socket):
    """A port, taken but not listened on: each process to which it is handed listens there with a socket of its own.

    The kernel deals connections out among them. On one socket, whoever wakes first takes all that wait: of 64 connections two
    processes got 1 and 63.
    """

    def __init__(self, listening: socket.socket) -> None:
        address = listening.getsockname()
        super().__init__(listening.family, listening.type)
        listening.close()
        # Without SO_REUSEADDR: who has that, too, could take a port on which nobody listens yet.
        self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.bind(address)

    def __reduce__(self) -> tuple[Any, ...]:
        return _listen_too, (self.family, self.getsockname())


def _listen_too(family: int, address: Any) -> socket.socket:
    return socket.create_server(address, family=family, backlog=_BACKLOG, reuse_port=True)


class _Keeper(Multiprocess):
    def __init__(self, config: uvicorn.Config, port: socket.socket, ready: Callable[[], None]) -> None:
        super().__init__(config, [port])
        self._ready = ready
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop_in_time)

    def _stop_in_time(self, number: int, frame: FrameType | None) -> None:
        """A process that hangs hears no signal, and while it is asked for a sign of life its keeper heeds none: it is killed."""
        self.signal_queue.append(number)
        patience = threading.Timer(_LAST_REQUESTS + _LAST_WORDS, self._kill_all)
        patience.daemon = True
        patience.start()

    def _kill_all(self) -> None:
        self.should_exit.set()
        for process in self.processes:
            process.process.kill()
            process.child_conn.close()  # as in `keep_subprocess_alive`

    def init_processes(self) -> None:
        super().init_processes()
        first, patience = self.processes[0], time.monotonic() + _HUNG
        while not self.should_exit.is_set() and first.process.is_alive() and time.monotonic() < patience:
            if first.wait_until_ready(0.5):
                self._ready()
                return
            self.handle_signals()  # who starts a hub may think better of it

    def keep_subprocess_alive(self) -> None:
        # The keeper's copy of their end. With it open, who is killed while a sign of life is waited for, as one that has just been
        # started is for want of memory, would be waited for to the last, and others that died meanwhile would not be replaced.
        for process in self.processes:
            process.child_conn.close()
        super().keep_subprocess_alive()

    def handle_hup(self) -> None:
        """Whoever closes the terminal stops the hub, as with one process; uvicorn would start its processes anew."""
        self.handle_term()


def _served(settings: Settings, url: str) -> FastAPI:
    """The application of a process that serves; what `serve` has configured must be configured there too."""
    if (keeper := multiprocessing.parent_process()) is not None:
        configure_logs(settings.log_level)
        _end_with(keeper.sentinel)
    gc.set_threshold(_YOUNG)
    app = create_app(settings, url)
    _let_go(app)
    return app


def _let_go(app: FastAPI) -> None:
    """Streams would keep a process that is told to stop: they end when the signal comes, not when uvicorn loses patience."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in HANDLED_SIGNALS:
        before = signal.getsignal(number)  # uvicorn's: it has taken the signals before it asks for the application

        def stop(number: int, frame: FrameType | None, before: Any = before) -> None:
            walls = getattr(app.state, "walls", None)
            if walls is not None:
                loop.call_soon_threadsafe(walls.close)
            before(number, frame)

        signal.signal(number, stop)


def _end_with(sentinel: int) -> None:
    """If the keeper is killed nobody would end this process, which would keep the port from the next hub."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.remove_reader(sentinel)
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(sentinel, end)


@contextlib.contextmanager
def _background_work(settings: Settings, url: str) -> Iterator[None]:
    """In a thread of this process: what serves is not held up by it."""

    async def work() -> None:
        async with hub_of(settings, url) as hub:
            await run_loops(hub)

    with start_blocking_portal() as portal:
        working = portal.start_task_soon(work)
        try:
            yield
        finally:
            working.cancel()


@contextlib.contextmanager
def _common_metrics() -> Iterator[None]:
    """Each process counts in files of this folder, and whichever is asked for `/metrics` adds them up."""
    with tempfile.TemporaryDirectory(prefix="ioc-hub-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield
