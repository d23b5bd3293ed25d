"""The application, and how it is run."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from diarize.errors import MissingExtraError, OutputError
from diarize.serve.jobs import DONE, QUEUED, JobStore
from diarize.serve.options import ServeOptions
from diarize.serve.storage import Storage, locked, private
from diarize.serve.worker import Workers

if TYPE_CHECKING:
    from fastapi import FastAPI

log = logging.getLogger(__name__)


def create_app(options: ServeOptions, store: JobStore, storage: Storage) -> FastAPI:
    """Return the application over a queue and a folder; workers are another matter."""
    from fastapi import FastAPI

    from diarize.serve import openai, pages, recordings
    from diarize.serve.errors import add_handlers
    from diarize.serve.guard import Guard
    from diarize.serve.requests import Desk
    from diarize.version import __version__

    app = FastAPI(
        title="diarize",
        version=__version__,
        description="Who said what, on this machine.",
        docs_url=None,  # these pages would load their scripts from elsewhere
        redoc_url=None,
    )
    desk = Desk(options, storage, store)
    for routes in (openai.router(desk), recordings.router(desk), pages.router(desk)):
        app.include_router(routes)
    app.state.closing = desk.closing
    add_handlers(app)
    app.add_middleware(Guard, options=options)
    return app


@contextlib.contextmanager
def prepared(options: ServeOptions) -> Iterator[tuple[FastAPI, JobStore]]:
    """Take the folder, set the queue right, and keep workers at it while the block runs.

    Raises
    ------
    OutputError
        If the folder cannot be used.
    """
    private()
    storage = Storage(options.folder)
    with locked(storage):
        store = JobStore(storage.jobs)
        store.recover()
        jobs = {job.id: job for job in store.changed(-1)}
        storage.sweep(
            (id for id, job in jobs.items() if job.state == QUEUED),
            (id for id, job in jobs.items() if job.state == DONE),
        )
        workers = Workers(options, store)
        workers.start()
        try:
            yield create_app(options, store, storage), store
        finally:
            workers.stop()
            store.close()


def serve(options: ServeOptions, on_ready: Callable[[str], None]) -> None:
    """Answer requests until the process is told to stop.

    Parameters
    ----------
    on_ready : callable
        Called with the address when requests are answered.

    Raises
    ------
    MissingExtraError
        If FastAPI, uvicorn or python-multipart is missing.
    OutputError
        If the folder cannot be used, or the address is taken.
    """
    try:
        import fastapi  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise MissingExtraError(error.name or "fastapi", "serve", "`diarize serve`") from None

    listening = _listening(options)
    with prepared(options) as (app, _):
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=3,
        )

        class Server(uvicorn.Server):
            """Says when it is there, and lets go those who wait when it is told to stop."""

            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                if self.started:
                    on_ready(_address(options, listening))

            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                app.state.closing.set()
                await super().shutdown(sockets)

        server = Server(config)
        # uvicorn passes on the signal that ended it, and the workers are to be stopped first
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        server.run(sockets=[listening])


def _listening(options: ServeOptions) -> socket.socket:
    """Return a socket that listens at the address."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError as error:
        raise OutputError(
            f"cannot listen at {options.host}:{options.port}: {error.strerror or error}. Choose "
            "another --port, or 0 for any that is free"
        ) from None
    return found


def _address(options: ServeOptions, listening: socket.socket) -> str:
    host = "127.0.0.1" if options.host in ("0.0.0.0", "::") else options.host
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{listening.getsockname()[1]}/"
