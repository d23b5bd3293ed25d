"""A process that works on one recording after another, and may crash or hang without harm."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from typing import IO, Any

from diarize.batch.items import Item
from diarize.batch.job import Job, Outcome
from diarize.batch.runner import Runner, lengths
from diarize.errors import DiarizeError, UsageError
from diarize.processes import Child, connected
from diarize.settings.batch import BATCH

# Numeric libraries take their threads from these when they are loaded.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# Bytes of what a worker wrote to its standard error that a crash's message may hold.
_LAST_WORDS = 300


class WorkerDiedError(Exception):
    """A worker process ended in the middle of its work, by itself or because it hung."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(kind, reason)
        self.kind = kind
        self.reason = reason


class Worker:
    """The near side of a worker process, which is started when it is needed.

    Parameters
    ----------
    threads : int
        Of its networks and numeric libraries.

    Raises
    ------
    UsageError
        Where the job cannot be sent to another process.
    """

    def __init__(self, job: Job, threads: int = 1) -> None:
        try:
            self._job = pickle.dumps((job, threads, job.models))
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise UsageError(
                f"what was given cannot be sent to other processes ({error}): give paths and "
                "names, or objects of classes and functions that a module holds"
            ) from None
        self._threads = threads
        self._child: Child | None = None
        self._has_models = False
        self._errors: IO[bytes] | None = None

    def run(self, item: Item, place: str, timeout: float | None = None) -> Outcome:
        """Work on a recording; a process that takes longer than ``timeout`` seconds is killed.

        The time in which it loads its models does not count.

        Raises
        ------
        WorkerDiedError
            Where the process crashed or hung. The next call starts another.
        """
        if not self._has_models:
            self._ask(("open",), BATCH.least_timeout)
            self._has_models = True
        outcome: Outcome = self._ask(("run", item, place), timeout)
        return outcome

    def lengths(self, paths: Sequence[str], timeout: float | None = None) -> list[float | None]:
        """Return the seconds of recordings as their headers say; None where they do not."""
        found: list[float | None] = self._ask(("lengths", tuple(paths)), timeout)
        return found

    def close(self) -> None:
        """End the process, at once."""
        child, self._child = self._child, None
        self._has_models = False
        if child is not None:
            child.close()
        if self._errors is not None:
            self._errors.close()
            self._errors = None

    def _ask(self, request: tuple[Any, ...], timeout: float | None) -> Any:
        child = self._started()
        hung = threading.Event()

        def end() -> None:
            hung.set()
            child.kill()

        clock = threading.Timer(threading.TIMEOUT_MAX if timeout is None else timeout, end)
        clock.daemon = True
        clock.start()
        try:
            child.send(request)
            found = child.receive()
        except (OSError, EOFError):
            cause, last = _cause(child.exit_code(wait=True) or 0), self._last_words()
            self.close()
            if hung.is_set():
                shown = f"{timeout:{'.0f' if timeout and timeout >= 10 else 'g'}} s"
                reason = f"took longer than {shown} and was stopped"
                raise WorkerDiedError("timeout", reason) from None
            raise WorkerDiedError("crash", f"its worker died ({cause}){last}") from None
        finally:
            clock.cancel()
        if isinstance(found, DiarizeError):  # what concerns all recordings: the models
            self.close()
            raise found
        return found

    def _started(self) -> Child:
        if self._child is None:
            environment = {**dict.fromkeys(_THREADS, str(self._threads)), **os.environ}
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115
            self._child = Child(__name__, "serve", self._job, environment, self._errors)
        return self._child

    def _last_words(self) -> str:
        """Return the last line that a worker wrote to its standard error."""
        if self._errors is None:
            return ""
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - _LAST_WORDS))
        lines = self._errors.read().decode("utf-8", errors="replace").strip().splitlines()
        return f": {lines[-1].strip()}" if lines else ""


class WorkerPool:
    """Workers that threads share: each call takes a free one.

    Parameters
    ----------
    count : int
        How many recordings may be worked on at a time.
    threads : int
        Of each worker.
    """

    def __init__(self, job: Job, count: int, threads: int = 1) -> None:
        self.closed = False
        self._workers = [Worker(job, threads) for _ in range(count)]
        self._free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self._workers:
            self._free.put(worker)

    @contextlib.contextmanager
    def worker(self) -> Iterator[Worker]:
        """Give a free worker, when there is one."""
        worker = self._free.get()
        try:
            if self.closed:
                raise WorkerDiedError("crash", "was not begun: the batch was stopped")
            yield worker
        finally:
            self._free.put(worker)

    def close(self) -> None:
        """End all processes, also those at work, and start no more."""
        self.closed = True
        for worker in self._workers:
            worker.close()


def failure(item: Item, place: str, error: WorkerDiedError, elapsed: float) -> Outcome:
    """Return the outcome of a recording whose worker died."""
    message = f"{item.audio}: {error.reason}"
    return Outcome(item.audio, place, "failed", error.kind, message, elapsed=round(elapsed, 3))


def _cause(code: int) -> str:
    """Return why a process ended.

    Examples
    --------
    >>> _cause(3)
    'exit code 3'
    """
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-code).name
        return f"{name}, perhaps for want of memory" if name == "SIGKILL" else name
    return f"signal {-code}"


# --- the far side ---------------------------------------------------------------------------------


def serve() -> None:
    """Work on what comes, until its sender is gone; models are loaded when they are needed."""
    receive, send = connected()
    packed = receive()
    runners: list[Runner] = []
    while True:
        kind, *rest = receive()
        if kind == "lengths":
            send(lengths(*rest))
            continue
        try:
            runners = runners or [Runner(*pickle.loads(packed))]
        except DiarizeError as error:
            send(error)
        else:
            send(runners[0](*rest) if kind == "run" else True)
