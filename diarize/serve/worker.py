"""What works off the queue: processes of their own, so that none takes the server along."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from diarize.errors import DiarizeError, ModelError, SpeakerBookError
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
        self._processes: dict[str, BaseProcess] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End all workers; what they were at waits for the next server."""
        self._stopping.set()
        self._thread.join()
        for name, process in self._processes.items():
            process.terminate()
            process.join()
            self._store.release(name, stopped=True)

    def _watch(self) -> None:
        context = multiprocessing.get_context("spawn")
        while not self._stopping.is_set():
            for name, process in list(self._processes.items()):
                if not process.is_alive():
                    log.error("a worker ended (exit code %s)", process.exitcode)
                    del self._processes[name]
                    self._store.release(name)
                    self._stopping.wait(_REST)
            while len(self._processes) < self._options.workers:
                name = new_id()
                process = context.Process(target=work, args=(self._options, name), daemon=True)
                process.start()
                self._processes[name] = process
            self._stopping.wait(_PAUSE)


def work(options: ServeOptions, worker: str) -> None:
    """Do jobs until the server ends."""
    from diarize.serve.tasks import Models

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server says when to stop
    private()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    storage = Storage(options.folder)
    store = JobStore(storage.jobs)
    models = Models(options)
    while True:
        job = store.claim(worker)
        if job is None:
            time.sleep(_PAUSE)
        else:
            run(job, worker, store, storage, models)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


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
