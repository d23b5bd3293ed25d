"""Many recordings at once: a pool of processes on this machine, or a Dask cluster."""

from __future__ import annotations

import importlib
import logging
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diarize.errors import DiarizeError, UsageError

if TYPE_CHECKING:
    from diarize.annotation import Diarization
    from diarize.embedding.base import Embedder
    from diarize.pipeline.detectors import Detector
    from diarize.settings import Settings
    from diarize.speakers import SpeakerBook
    from diarize.speakers.diarizer import Diarizer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one recording: a diarization, or the error that prevented it."""

    source: str
    diarization: Diarization | None = None
    error: str | None = None


def diarize_many(
    sources: Iterable[str | Path],
    *,
    workers: int | None = None,
    client: Any = None,
    on_done: Callable[[Outcome], None] | None = None,
    vad: str | Path | Detector = "auto",
    embedder: str | Path | Embedder | None = None,
    threshold: float | None = None,
    num_speakers: int | None = None,
    min_speakers: int | None = None,
    max_speakers: int | None = None,
    threads: int | None = None,
    speakers: SpeakerBook | str | Path | None = None,
    identify_segments: bool = False,
    participants: Sequence[str] | None = None,
    settings: Settings | None = None,
    channels: str | int = "mix",
    channel_names: Sequence[str] | None = None,
    audio_track: int | None = None,
) -> list[Outcome]:
    """Diarize many recordings in parallel; one that fails does not stop the others.

    Each worker loads the models once and keeps them. The recordings are independent: voices are
    named apart in each (see :func:`diarize.speakers.linking.link` to link them afterwards).

    Parameters
    ----------
    sources : iterable of path
        The recordings; the workers must be able to read them.
    workers : int, optional
        Processes on this machine; one for every two cores where not given.
    client : dask.distributed.Client, optional
        Where given, the recordings go to this cluster instead, whose workers need this package.
    on_done : callable, optional
        Called with each outcome as it arrives, in any order.
    vad, embedder, threshold, num_speakers, min_speakers, max_speakers, threads, speakers, \
identify_segments, participants, settings
        As for :class:`diarize.Diarizer`. Where ``threads`` is not given, local workers
        share the cores.
    channels, channel_names, audio_track
        As for :meth:`diarize.Diarizer.analyse`, in all recordings.

    Returns
    -------
    list of Outcome
        In the order of ``sources``.

    Raises
    ------
    UsageError
        When ``workers`` is below 1, or an embedder or detector cannot be sent to a process.

    Examples
    --------
    >>> diarize_many([])
    []
    """
    options = {
        "vad": vad,
        "embedder": embedder,
        "threshold": threshold,
        "num_speakers": num_speakers,
        "min_speakers": min_speakers,
        "max_speakers": max_speakers,
        "threads": threads,
        "speakers": speakers,
        "identify_segments": identify_segments,
        "participants": participants,
        "settings": settings,
    }
    taken = {"channels": channels, "channel_names": channel_names, "audio_track": audio_track}
    names = [str(source) for source in sources]
    if workers is not None and workers < 1:
        raise UsageError(f"workers is {workers}; give at least 1")
    if not names:
        return []
    arriving = (
        _on_this_machine(names, workers, options, taken)
        if client is None
        else _on_cluster(names, client, _Job(options, taken))
    )
    outcomes: dict[int, Outcome] = {}
    for index, outcome in arriving:
        outcomes[index] = outcome
        if outcome.error is not None:
            log.error("%s", outcome.error)
        if on_done is not None:
            on_done(outcome)
    return [outcomes[index] for index in range(len(names))]


def _on_this_machine(
    names: list[str], workers: int | None, options: dict[str, Any], taken: dict[str, Any]
) -> Iterator[tuple[int, Outcome]]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed

    from diarize.onnx.session import available_processors

    cores = available_processors()
    count = min(len(names), workers or max(1, cores // 2))
    job = _Job({**options, "threads": options["threads"] or max(1, cores // count)}, taken)
    try:
        sent = pickle.dumps(job)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise UsageError(
            f"what was given cannot be sent to other processes ({error}): give paths and names, or "
            "objects of classes and functions that a module holds"
        ) from None
    # Spawned, not forked: onnxruntime's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        count, mp_context=context, initializer=_begin, initargs=(sent,)
    ) as pool:
        waiting = {pool.submit(_diarize_next, name): index for index, name in enumerate(names)}
        for future in as_completed(waiting):
            index = waiting[future]
            yield index, _outcome(names[index], future)


def _on_cluster(names: list[str], client: Any, job: _Job) -> Iterator[tuple[int, Outcome]]:
    try:
        as_completed: Any = importlib.import_module("dask.distributed").as_completed
    except ImportError:
        from diarize.errors import MissingExtraError

        raise MissingExtraError("dask", "cluster", "work on a cluster") from None
    # Each worker gets the job once, and with it the models of a caller's own embedder.
    shared = client.scatter(job, broadcast=True, hash=False)
    futures = client.map(_diarize_one, names, job=shared, pure=False)
    indices = {future.key: index for index, future in enumerate(futures)}
    for future in as_completed(futures):
        index = indices[future.key]
        yield index, _outcome(names[index], future)


def _outcome(name: str, future: Any) -> Outcome:
    """Read a finished future; a worker that died is an error of its recording alone."""
    try:
        result: Outcome = future.result()
        return result
    except Exception as error:
        return Outcome(name, error=f"{name}: the worker failed ({type(error).__name__}: {error})")


class _Job:
    """What a worker does with each recording; it loads the models at the first one."""

    def __init__(self, options: dict[str, Any], taken: dict[str, Any]) -> None:
        self.options = options
        self.taken = taken

    @cached_property
    def diarizer(self) -> Diarizer:
        from diarize.speakers.diarizer import Diarizer

        return Diarizer(**self.options)


# What this process, one of a pool, does: as it was sent, and unpacked once.
_sent = b""
_job: _Job | None = None


def _begin(sent: bytes) -> None:
    global _sent
    _sent = sent


def _diarize_next(name: str) -> Outcome:
    global _job
    if _job is None:
        _job = pickle.loads(_sent)
    return _diarize_one(name, _job)


def _diarize_one(name: str, job: _Job) -> Outcome:
    try:
        return Outcome(name, diarization=job.diarizer(name, **job.taken))
    except DiarizeError as error:
        return Outcome(name, error=str(error))
