"""The recordings of a batch on the workers of a Dask cluster."""

from __future__ import annotations

import hashlib
import importlib
import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from time import perf_counter
from typing import Any

from diarize.batch.items import Item
from diarize.batch.job import Job, Outcome
from diarize.batch.local import Task, longest_first, time_limit
from diarize.batch.stores import size_of
from diarize.batch.worker import WorkerDiedError, WorkerPool, failure
from diarize.errors import DiarizeError, MissingExtraError, UsageError
from diarize.files import is_url
from diarize.settings.batch import BATCH, BatchSettings

_CONNECTING = "30s"


class _WithJob:
    """What a Dask worker keeps for a job: processes of its own, one for each of its threads.

    A recording that crashes or hangs ends such a process, and not the Dask worker. Each loads the
    models once.
    """

    def __init__(self, job: Job, name: str) -> None:
        self.name = name
        self.job = job
        self.pool: WorkerPool | None = None

    def setup(self, worker: Any) -> None:
        """Begin; Dask calls it on every worker, also on those that join later."""
        self.pool = WorkerPool(self.job, worker.state.nthreads)

    def teardown(self, worker: Any) -> None:
        """End the processes."""
        if self.pool is not None:
            self.pool.close()


def run_there(
    tasks: Sequence[tuple[Item, str]],
    job: Job,
    scheduler: str,
    *,
    timeout: float | None = None,
    retries: int = 1,
    settings: BatchSettings = BATCH,
) -> Iterator[Outcome | list[Task]]:
    """Yield first the tasks, then the outcome of each as it arrives, as ``run_here`` does.

    The scheduler never holds more than a few recordings for each thread of the cluster. What a lost
    worker had begun is done by another one: outputs appear whole, and their sidecar last.

    Parameters
    ----------
    tasks, job, timeout, retries, settings
        As for :func:`diarize.batch.local.run_here`. Paths must mean the same on all machines.
    scheduler : str
        Its address, such as ``tcp://10.0.0.5:8786``.

    Raises
    ------
    MissingExtraError
        Where Dask is not installed.
    UsageError
        Where no scheduler answers, or its workers cannot take the job.
    """
    if not is_url(job.output):
        job = replace(job, output=os.path.abspath(job.output))  # noqa: PTH100
    ordered = longest_first(
        Task(_absolute(item), place, size_of(item.audio) / settings.bytes_per_second)
        for item, place in tasks
    )
    with _client(scheduler) as client, _prepared(client, job) as name:
        yield ordered
        coming = iter(ordered)
        waiting: dict[str, Task] = {}

        def submitted(task: Task) -> Any:
            future = client.submit(
                _work,
                task.item,
                task.place,
                time_limit(task, timeout, settings),
                name,
                key=f"{name}-{task.place}",
                retries=retries,
                pure=False,
            )
            waiting[future.key] = task
            return future

        def window() -> int:
            threads: dict[str, int] = client.nthreads()
            return settings.window * max(1, sum(threads.values()))

        arriving = _distributed().as_completed(
            [submitted(task) for task in islice(coming, window())]
        )
        for future in arriving:
            yield _outcome(waiting.pop(future.key), future)
            future.release()
            for task in islice(coming, max(0, window() - len(waiting))):
                arriving.add(submitted(task))


def _absolute(item: Item) -> Item:
    """Return the item with paths that mean the same wherever a worker was started."""

    def absolute(place: str | None) -> str | None:
        return place if place is None or is_url(place) else os.path.abspath(place)  # noqa: PTH100

    return replace(
        item, audio=absolute(item.audio) or item.audio, transcript=absolute(item.transcript)
    )


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError:
        raise MissingExtraError("dask.distributed", "cluster", "--scheduler") from None


@contextmanager
def _client(scheduler: str) -> Iterator[Any]:
    distributed = _distributed()
    try:
        client = distributed.Client(scheduler, timeout=_CONNECTING, set_as_default=False)
    except (OSError, ValueError) as error:  # a TimeoutError is an OSError
        raise UsageError(f"{scheduler}: no Dask scheduler answers there ({error})") from None
    with client, client.as_current():
        yield client


@contextmanager
def _prepared(client: Any, job: Job) -> Iterator[str]:
    """Give every worker the job, under a name; take it back in the end."""
    name = f"diarize-{hashlib.sha256(pickle.dumps(job)).hexdigest()[:12]}-{os.getpid()}"
    plugin = type("JobPlugin", (_WithJob, _distributed().WorkerPlugin), {})
    try:
        client.register_plugin(plugin(job, name), name=name)
    except Exception as error:
        raise UsageError(
            f"the cluster's workers cannot take the job ({type(error).__name__}: {error}): install "
            "the same version of diarize on all"
        ) from None
    try:
        yield name
    finally:
        client.unregister_worker_plugin(name)


def _work(item: Item, place: str, timeout: float | None, name: str) -> Outcome:
    """Work on a recording, on a Dask worker; a crash is raised, for Dask to try again elsewhere."""
    pool: WorkerPool = _distributed().get_worker().plugins[name].pool
    begin = perf_counter()
    with pool.worker() as process:
        try:
            return process.run(item, place, timeout)
        except WorkerDiedError as error:
            if error.kind == "crash":
                raise
            return failure(item, place, error, perf_counter() - begin)


def _outcome(task: Task, future: Any) -> Outcome:
    """Read a finished future."""
    try:
        found: Outcome = future.result()
        return found
    except DiarizeError:  # the models, and so all recordings, are concerned
        raise
    except WorkerDiedError as error:
        return failure(task.item, task.place, error, 0.0)
    except Exception as error:  # Dask's own, such as KilledWorker
        message = f"the cluster gave it up ({type(error).__name__}: {error})"
        return failure(task.item, task.place, WorkerDiedError("crash", message), 0.0)
