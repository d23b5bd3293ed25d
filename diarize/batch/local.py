"""The recordings of a batch on the workers of this machine: longest first, within its memory."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from diarize.batch.items import Item
from diarize.batch.job import Job, Outcome
from diarize.batch.stores import size_of
from diarize.batch.worker import WorkerDiedError, WorkerPool, failure
from diarize.files import is_url
from diarize.onnx.session import available_processors
from diarize.settings.batch import BATCH, BatchSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """A recording that is to be worked on.

    Parameters
    ----------
    place : str
        Where its outputs go.
    seconds : float
        Its length, or what it is likely to be.
    """

    item: Item
    place: str
    seconds: float


def default_jobs(
    count: int, settings: BatchSettings = BATCH, *, available: float | None = None
) -> int:
    """Return how many recordings to work on at a time: one a processor, as memory allows.

    Parameters
    ----------
    count : int
        How many there are.
    available : float, optional
        Megabytes; what this machine has where not given.
    """
    memory = memory_available() if available is None else available
    fitting = int(settings.memory_share * memory / settings.worker_megabytes)
    return max(1, min(count, available_processors(), fitting))


def memory_available() -> float:
    """Return the megabytes that new processes may use: of the machine, and of its control group.

    Where neither is known, 4096.
    """
    found = []
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) / 1024)
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        ),
    ):
        with contextlib.suppress(OSError, ValueError):  # "max": no limit
            left = int(Path(limit).read_text()) - int(Path(used).read_text())
            found.append(max(left, 0) / 2**20)
    if not found:
        with contextlib.suppress(AttributeError, ValueError, OSError):
            pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
            found.append(pages / 2**20 / 2)
    return min(found, default=4096.0)


def time_limit(task: Task, asked: float | None, settings: BatchSettings = BATCH) -> float | None:
    """Return the seconds after which a worker counts as hung; None: never.

    Parameters
    ----------
    asked : float or None
        What the user wants; 0: never. None: by the recording's length.
    """
    if asked is not None:
        return asked or None
    return settings.least_timeout + settings.timeout_per_second * task.seconds


def with_lengths(
    tasks: Sequence[tuple[Item, str]], pool: WorkerPool, jobs: int, settings: BatchSettings = BATCH
) -> list[Task]:
    """Return the recordings with their lengths, the longest first.

    A worker looks at their headers, for a damaged file must not end the command. Where the length
    stays unknown, it is guessed from the size.
    """
    local = [item.audio for item, _ in tasks if not is_url(item.audio)]
    known: dict[str, float] = {}
    chunks = [local[at : at + settings.probes] for at in range(0, len(local), settings.probes)]

    def probe(paths: Sequence[str]) -> list[float | None]:
        try:
            with pool.worker() as worker:
                return worker.lengths(paths, settings.least_timeout)
        except WorkerDiedError:
            return [None] * len(paths)

    with ThreadPoolExecutor(jobs) as threads:
        for paths, found in zip(chunks, threads.map(probe, chunks), strict=True):
            known |= {path: seconds for path, seconds in zip(paths, found, strict=True) if seconds}
    made = [
        Task(item, place, known.get(item.audio) or size_of(item.audio) / settings.bytes_per_second)
        for item, place in tasks
    ]
    return longest_first(made)


def run_here(
    tasks: Sequence[tuple[Item, str]],
    job: Job,
    *,
    jobs: int,
    timeout: float | None = None,
    retries: int = 1,
    settings: BatchSettings = BATCH,
) -> Iterator[Outcome | list[Task]]:
    """Yield first the tasks, in their order, then the outcome of each as it arrives.

    Parameters
    ----------
    tasks : sequence of (Item, str)
        The recordings, and the places of their outputs.
    jobs : int
        How many are worked on at a time.
    timeout : float, optional
        See :func:`time_limit`.
    retries : int
        How often a recording is tried again whose worker crashed.
    """
    threads = max(1, available_processors() // jobs)
    pool = WorkerPool(job, jobs, threads)

    def work(task: Task) -> Outcome:
        begin = perf_counter()
        left = retries
        while True:
            try:
                with pool.worker() as worker:
                    return worker.run(task.item, task.place, time_limit(task, timeout, settings))
            except WorkerDiedError as error:
                if error.kind != "crash" or not left or pool.closed:
                    return failure(task.item, task.place, error, perf_counter() - begin)
                left -= 1

    budget = settings.memory_share * memory_available() - jobs * settings.worker_megabytes
    executor = ThreadPoolExecutor(jobs)
    try:
        waiting = with_lengths(tasks, pool, jobs, settings)
        yield list(waiting)
        running: dict[Future[Outcome], Task] = {}
        while waiting or running:
            while len(running) < jobs:
                task = next_task(waiting, list(running.values()), budget, settings)
                if task is None:
                    break
                waiting.remove(task)
                running[executor.submit(work, task)] = task
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                del running[future]
                yield future.result()
    finally:
        pool.close()
        executor.shutdown(wait=False, cancel_futures=True)


def longest_first(tasks: Iterable[Task]) -> list[Task]:
    """Return tasks in the order in which they are begun."""
    return sorted(tasks, key=lambda task: (-task.seconds, task.place))


def next_task(
    waiting: Sequence[Task],
    running: Sequence[Task],
    budget: float,
    settings: BatchSettings = BATCH,
) -> Task | None:
    """Return the longest recording for which there is memory beside those at work; None: wait.

    Where nothing is at work, the longest is taken whatever it needs.

    Examples
    --------
    >>> tasks = [Task(Item(f"{hours} h.wav", ""), "", 3600.0 * hours) for hours in (9, 2, 1)]
    >>> next_task(tasks, [], 500.0).item.audio
    '9 h.wav'
    >>> next_task(tasks, [tasks[1]], 700.0).item.audio
    '1 h.wav'
    """
    if not running:
        return waiting[0] if waiting else None
    left = budget - sum(_megabytes(task, settings) for task in running)
    return next((task for task in waiting if _megabytes(task, settings) <= left), None)


def _megabytes(task: Task, settings: BatchSettings) -> float:
    return settings.megabytes_per_hour * task.seconds / 3600
