"""A process that works on one recording after another, and may crash or hang without harm."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

from diarize.batch.items import Item
from diarize.batch.job import Job, Outcome
from diarize.batch.runner import Runner, lengths
from diarize.errors import DiarizeError, UsageError
from diarize.settings.batch import BATCH

_FRAME = struct.Struct("<Q")
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
    job : Job
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
        self._process: subprocess.Popen[bytes] | None = None
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
        self._started()
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
        process, self._process = self._process, None
        self._has_models = False
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, self._errors):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()

    def _ask(self, request: tuple[Any, ...], timeout: float | None) -> Any:
        process = self._started()
        assert process.stdin and process.stdout
        hung = threading.Event()

        def end() -> None:
            hung.set()
            process.kill()

        clock = None if timeout is None else threading.Timer(timeout, end)
        if clock is not None:
            clock.daemon = True
            clock.start()
        try:
            _send(process.stdin, pickle.dumps(request))
            answer = _receive(process.stdout)
        except OSError:
            answer = None
        finally:
            if clock is not None:
                clock.cancel()
        if answer is not None:
            found = pickle.loads(answer)
            if isinstance(found, DiarizeError):  # what concerns all recordings: the models
                self.close()
                raise found
            return found
        code = process.wait()
        last = self._last_words()
        self.close()
        if hung.is_set():
            raise WorkerDiedError("timeout", f"took longer than {timeout:.0f} s and was stopped")
        raise WorkerDiedError("crash", f"its worker died ({_cause(code)}){last}")

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            count = str(self._threads)
            environment = {**dict.fromkeys(_THREADS, count), **os.environ}
            code = (
                f"import sys; sys.path[:] = {sys.path!r}; "
                "from diarize.batch.worker import serve; serve()"
            )
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment,
                start_new_session=True,  # Ctrl-C is for the command, which ends its workers
            )
            assert self._process.stdin
            with contextlib.suppress(OSError):  # one that died at once is noticed by its silence
                _send(self._process.stdin, self._job)
        return self._process

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
    job : Job
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


def _send(stream: IO[bytes], content: bytes) -> None:
    stream.write(_FRAME.pack(len(content)) + content)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes | None:
    """Return the next message; None where the other side is gone."""
    head = stream.read(_FRAME.size)
    if len(head) < _FRAME.size:
        return None
    (length,) = _FRAME.unpack(head)
    content = stream.read(length)
    return content if len(content) == length else None


# --- the far side ---------------------------------------------------------------------------------


def serve() -> None:
    """Work on what comes through standard input, until it is closed: then end at once."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not come between the answers, nor read the requests.
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests, waiting), daemon=True).start()
    answer = _answering(waiting.get())
    while True:
        found = answer(pickle.loads(waiting.get()))
        _send(answers, pickle.dumps(found))


def _read(requests: IO[bytes], waiting: queue.SimpleQueue[bytes]) -> None:
    while (message := _receive(requests)) is not None:
        waiting.put(message)
    os._exit(1)  # whoever gave the work is gone, so nobody waits for what is being done


def _answering(packed: bytes) -> Callable[[tuple[Any, ...]], Any]:
    """Return what answers requests; the models are loaded when the first recording comes."""
    runners: list[Runner] = []

    def answer(request: tuple[Any, ...]) -> Any:
        kind, *rest = request
        if kind == "lengths":
            return lengths(*rest)
        if not runners:
            try:
                runners.append(Runner(*pickle.loads(packed)))
            except DiarizeError as error:
                return error
        return runners[0](*rest) if kind == "run" else True

    return answer
