"""Recordings with their windows and embeddings, extracted once and kept on disk."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diarize.arrays import Int64
from diarize.clustering.speakers import centroids
from diarize.evaluation.scoring import Score
from diarize.pipeline import resegmentation
from diarize.pipeline.assignment import turns_from_centroids
from diarize.pipeline.intermediate import WindowEmbeddings
from diarize.settings import DEFAULTS, Settings
from diarize.timeline import Turn
from models.benchmark import options
from models.benchmark.pages import model_checksum
from models.benchmark.recordings import Recording

if TYPE_CHECKING:
    from diarize.audio.waveform import Waveform
    from diarize.speakers.diarizer import Diarizer

TABLE_HEAD = (
    "| choice | Full DER | missed + false + confused | Forgiving DER | JER | count right "
    "| off by | |",
    "|---|--:|--:|--:|--:|--:|--:|---|",
)


@dataclass(frozen=True)
class Extracted:
    """A recording and what the pipeline's costly half made of it."""

    recording: Recording
    extracted: WindowEmbeddings


class Cache:
    """Keeps windows and embeddings in a folder, for each recording and choice that changes them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def extract(self, name: str, diarizer: Diarizer, items: Sequence[Recording]) -> list[Extracted]:
        """Return all recordings' windows and embeddings; ``name`` tells choices apart."""
        return [Extracted(item, self.extract_one(name, diarizer, item)) for item in items]

    def extract_one(
        self, name: str, diarizer: Diarizer, item: Recording, waveform: Waveform | None = None
    ) -> WindowEmbeddings:
        """Return one recording's windows and embeddings."""
        from diarize.audio import loading

        segmentation = model_checksum("segmentation")
        key = f"{name}|{diarizer.embedder.checksum}|{segmentation}|{item.audio.resolve()}"
        key += f"|{item.audio.stat().st_mtime_ns}|{diarizer.settings.embedding}"
        file = self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.pickle"
        if file.is_file():
            try:
                kept: WindowEmbeddings = pickle.loads(file.read_bytes())
                return kept
            except (AttributeError, ImportError):  # kept by a version with other class names
                pass
        options.notify(f"{name}: {item.uri}")
        found = diarizer.extract_embeddings(waveform or loading.load(item.audio))
        file.write_bytes(pickle.dumps(found))
        return found


def turns_of_labels(
    extracted: WindowEmbeddings,
    labels: Int64,
    settings: Settings = DEFAULTS,
    quietest: resegmentation.Quietest | None = None,
) -> list[Turn]:
    """Return the turns that the rest of the pipeline makes of windows labeled 0, 1, …

    Parameters
    ----------
    labels : (N,) int64 array
        The speaker of each window; −1 for a window that belongs to nobody.
    """
    centers = centroids(extracted.embeddings, extracted.seconds, labels)
    return turns_from_centroids(extracted, centers, settings, quietest)[0]


def table_row(name: str, result: Score, note: str = "", best: float | None = None) -> str:
    """Return a row of a table below :data:`TABLE_HEAD`; the best Full DER is bold."""
    full = result.errors["Full"]
    parts = " + ".join(
        f"{100 * part / max(full.total, 1e-9):.1f}"
        for part in (full.missed, full.false_alarm, full.confusion)
    )
    rate = f"{100 * full.rate:.1f}"
    return (
        f"| {name} | {f'**{rate}**' if full.rate == best else rate} | {parts} "
        f"| {100 * result.errors['Forgiving'].rate:.1f} | {100 * result.jaccard.rate:.1f} "
        f"| {100 * result.count_exact:.0f} % | {result.count_error:.2f} | {note} |"
    )
