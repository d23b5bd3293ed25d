"""Numbers of the work on many recordings: they decide when it is done, not what comes out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BatchSettings:
    """Memory, time and windows of a batch. Memory and pace: ``examples/benchmark/LENGTHS.md``."""

    worker_megabytes: float = 300.0
    """Memory of a worker with its models, before any recording."""
    megabytes_per_hour: float = 200.0
    """Memory that an hour of audio takes on top of that, at most."""
    memory_share: float = 0.8
    """Share of the memory that is available at the start that may be used, 0 to 1."""
    bytes_per_second: float = 8000.0
    """Of a recording whose length is not known (64 kbit/s)."""
    least_timeout: float = 600.0
    """Seconds after which a worker counts as hung ..."""
    timeout_per_second: float = 20.0
    """... and how many more for each second of audio."""
    probes: int = 64
    """Recordings whose lengths are asked for at once."""
    note_interval: float = 5.0
    """Seconds between two notes of what failed so far."""
    window: int = 2
    """Recordings that a cluster is given ahead, for each of its threads."""


#: Not in :class:`diarize.Settings`, whose digest is of what moves results.
BATCH = BatchSettings()
