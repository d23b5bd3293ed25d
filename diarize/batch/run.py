"""A batch from its inputs to its summary."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from time import perf_counter
from typing import Any

from diarize.batch.archive import link_archive
from diarize.batch.items import Item, collect
from diarize.batch.job import Job, Outcome, outcome_of
from diarize.batch.local import Task, default_jobs, run_here
from diarize.batch.places import plan_places
from diarize.batch.sidecar import each_sidecar, forget_folders
from diarize.batch.stores import Store
from diarize.batch.summary import FAILURES, SUMMARY, Summary
from diarize.batch.tables import write_tables
from diarize.errors import MissingExtraError, UsageError
from diarize.files import is_url
from diarize.settings.batch import BATCH, BatchSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """How far a batch is, in seconds of audio.

    Parameters
    ----------
    done, total : float
        Of the recordings that are worked on in this run.
    """

    done: float = 0.0
    total: float = 0.0


#: Told of each outcome, of the counts so far, and of how far the run is.
OnOutcome = Callable[[Outcome | None, Summary, Pace], None]


def run_batch(
    inputs: Iterable[str],
    job: Job,
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    timeout: float | None = None,
    retries: int = 1,
    on_outcome: OnOutcome | None = None,
    on_message: Callable[[str], None] | None = None,
    settings: BatchSettings = BATCH,
) -> Summary:
    """Label many recordings; one that fails, crashes or hangs does not stop the others.

    Beside its outputs each recording gets a sidecar, ``NAME.batch.json``. What is done is skipped
    the next time; so a run that was stopped goes on where it was. ``summary.json`` and
    ``failures.jsonl`` in the output folder tell what came of it.

    Parameters
    ----------
    inputs : iterable of str
        Recordings, folders, patterns and manifests: see :func:`diarize.batch.items.collect`.
    job : Job
        The output folder, and all that decides on the results.
    jobs : int, optional
        Recordings at a time on this machine; one a processor where not given, as memory allows.
        The processors are shared out among them.
    scheduler : str, optional
        The address of a Dask scheduler, whose workers do the work instead.
    timeout : float, optional
        Seconds after which a worker is stopped; 0: never. By the recording's length where not
        given.
    retries : int
        How often a recording is tried again whose worker died.
    on_outcome : callable, optional
    on_message : callable, optional
        Told what was passed over among the inputs.
    settings : BatchSettings

    Returns
    -------
    Summary

    Raises
    ------
    DiarizeError
        Where nothing can be done at all: no recordings, no models, no scheduler.

    Examples
    --------
    >>> summary = run_batch(["calls/"], Job("out"), jobs=2)                  # doctest: +SKIP
    >>> summary.done, [one.error for one in summary.failures]                # doctest: +SKIP
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"jobs is {jobs}; give at least 1")
    items = collect(inputs, on_message)
    _check(items, job)
    store = Store(job.output)
    book = _Log(store, Summary(len(items)), on_outcome, settings.note_interval)
    todo = []
    for item, place, done in _with_states(items, job, store):
        if done is not None:
            book.add(done)
        else:
            todo.append((item, place))
    book.write_failures()
    trying = {"timeout": timeout, "retries": retries, "settings": settings}
    for arrived in _arriving(todo, job, jobs, scheduler, trying):
        if isinstance(arrived, Outcome):
            book.add(arrived)
        else:
            book.expect(arrived)
    summary = book.summary
    if job.voices:
        summary.people = link_archive(
            job.output, job.link_threshold, settings=job.linking, on_message=on_message
        )
    if job.tables:
        write_tables(job.output)
    book.close()
    return summary


class _Log:
    """Counts outcomes, tells of them, and notes failures, every ``interval`` seconds at most."""

    def __init__(
        self, store: Store, summary: Summary, on_outcome: OnOutcome | None, interval: float
    ) -> None:
        self.summary = summary
        self._store = store
        self._tell = on_outcome or (lambda outcome, summary, pace: None)
        self._interval = interval
        self._pace = Pace()
        self._expected: dict[str, float] = {}
        self._begin = self._noted = perf_counter()

    def expect(self, tasks: Sequence[Task]) -> None:
        """Take note of what is worked on from now on."""
        self._expected = {task.place: task.seconds for task in tasks}
        self._pace = Pace(0.0, sum(self._expected.values()))
        self._tell(None, self.summary, self._pace)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self.summary.add(outcome)
        self.summary.elapsed = perf_counter() - self._begin
        done = self._pace.done + self._expected.get(outcome.place, 0.0)
        self._pace = replace(self._pace, done=done)
        if outcome.state == "failed":
            log.error("%s", outcome.error)
            if perf_counter() - self._noted >= self._interval:
                self.write_failures()
        self._tell(outcome, self.summary, self._pace)

    def write_failures(self) -> None:
        """Write what failed so far."""
        self._noted = perf_counter()
        self._store.write(FAILURES, self.summary.encoded_failures())

    def close(self) -> None:
        """Write what came of it all."""
        self.write_failures()
        self.summary.elapsed = perf_counter() - self._begin
        self._store.write(SUMMARY, self.summary.encoded())


def _check(items: Sequence[Item], job: Job) -> None:
    """Refuse what could not be written in the end."""
    if job.writer.json_shape != "whisper":
        raise UsageError("a batch writes JSON in its own shape: leave out --json-shape")
    if job.tables and find_spec("pyarrow") is None:
        raise MissingExtraError("pyarrow", "parquet", "--tables")
    places = (job.output, *(item.audio for item in items))
    if "html" in job.formats and any(map(is_url, places)):
        raise UsageError("html plays the recording from where it lies: leave it out with URLs")


def _with_states(
    items: Sequence[Item], job: Job, store: Store
) -> Iterator[tuple[Item, str, Outcome | None]]:
    """Yield recordings with their places, and with the outcome of those that are done."""
    forget_folders()
    sidecars = dict(each_sidecar(store))
    for item, place in zip(items, plan_places(items, sidecars, store), strict=True):
        sidecar = sidecars.get(place)
        done = sidecar is not None and job.is_done(sidecar, item, place)
        yield item, place, outcome_of(item, place, sidecar) if sidecar and done else None


def _arriving(
    todo: Sequence[tuple[Item, str]],
    job: Job,
    jobs: int | None,
    scheduler: str | None,
    trying: Mapping[str, Any],
) -> Iterator[Outcome | list[Task]]:
    """Yield the tasks and then their outcomes, from this machine or from a cluster."""
    if not todo:
        return iter(())
    if scheduler is None:
        count = min(len(todo), jobs or default_jobs(len(todo), trying["settings"]))
        return run_here(todo, job, jobs=count, **trying)
    from diarize.batch.cluster import run_there

    return run_there(todo, job, scheduler, **trying)
