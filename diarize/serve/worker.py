"""What works off the queue: processes of their own, so that none takes the server along."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from diarize.errors import DiarizeError, ModelError, SpeakerBookError
from diarize.processes import Child, connected
from diarize.progress import TimeLeft
from diarize.serve.jobs import Job, JobStore, new_id
from diarize.serve.options import ServeOptions
from diarize.serve.storage import Storage, private

if TYPE_CHECKING:
    from diarize.serve.tasks import Models

log = logging.getLogger(__name__)

_PAUSE = 0.2  # seconds between two looks into an empty queue
_REST = 1.0  # seconds before a worker that ended is replaced
_REPORTS = 0.4  # seconds between two reports on how far a job is


class Gone(Exception):
    """The job was deleted, or is another worker's now."""


class Workers:
    """Keeps some worker processes alive, and queues again what one was at that ended."""

    def __init__(self, options: ServeOptions, store: JobStore) -> None:
        self._options, self._store = options, store
        self._children: dict[str, Child] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End all workers; what they were at waits for the next server."""
        self._stopping.set()
        self._thread.join()
        for name, child in self._children.items():
            child.close()
            self._store.release(name, stopped=True)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            for name, child in list(self._children.items()):
                code = child.exit_code()
                if code is not None:
                    log.error("a worker ended (exit code %s)", code)
                    self._children.pop(name).close()
                    self._store.release(name)
                    self._stopping.wait(_REST)
            while len(self._children) < self._options.workers:
                name = new_id()
                self._children[name] = Child(__name__, "work", (self._options, name))
            self._stopping.wait(_PAUSE)


def work() -> None:
    """Do jobs until the server ends."""
    from diarize.serve.tasks import Models

    receive, _ = connected()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server says when to stop
    private()
    options, worker = receive()
    storage = Storage(options.folder)
    store = JobStore(storage.jobs)
    models = Models(options)
    while True:
        job = store.claim(worker)
        if job is None:
            time.sleep(_PAUSE)
        else:
            run(job, worker, store, storage, models)


def run(job: Job, worker: str, store: JobStore, storage: Storage, models: Models) -> None:
    """Do one job; whatever goes wrong is the job's own failure."""
    from diarize.serve.tasks import TASKS

    try:
        summary = TASKS[job.kind](job, storage, models, _reporter(job, worker, store))
    except Gone:
        mine = False
    except (ModelError, SpeakerBookError) as error:  # how the server is set up, not the recording
        log.error("%s", error)
        message = "this server is not set up for that: its own messages say why"
        mine = store.fail(job.id, worker, message, "server")
    except DiarizeError as error:
        mine = store.fail(job.id, worker, str(error), "recording")
    except Exception as error:
        log.exception("a job failed")
        message = f"unexpected {type(error).__name__}: {error}"
        mine = store.fail(job.id, worker, message, "server")
    else:
        mine = store.finish(job.id, worker, summary)
    if mine:
        storage.drop_upload(job.id)
    elif store.get(job.id) is None:  # deleted meanwhile; else another worker is at it
        storage.drop(job.id)


def _reporter(job: Job, worker: str, store: JobStore) -> Callable[[str, float, float | None], None]:
    """Return whom the stages tell how far they are."""
    left = TimeLeft()
    last = 0.0

    def report(stage: str, done: float, total: float | None) -> None:
        nonlocal last
        now = time.monotonic()
        seconds = left(done, total)
        if now - last < _REPORTS:
            return
        last = now
        progress: dict[str, Any] = {"stage": stage}
        if total:
            progress["share"] = round(min(1.0, done / total), 4)
        if seconds is not None:
            progress["left"] = round(seconds)
        if not store.report(job.id, worker, progress):
            raise Gone

    return report
