"""Many recordings: a folder, an archive, a cluster."""

from __future__ import annotations

from diarize.batch.items import Item, read_manifest
from diarize.batch.job import Job, Outcome
from diarize.batch.run import run_batch
from diarize.batch.summary import Summary

__all__ = ["Item", "Job", "Outcome", "Summary", "read_manifest", "run_batch"]
