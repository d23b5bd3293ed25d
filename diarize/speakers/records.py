"""What a speaker book holds: people, their voice samples, the model, and thresholds."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import numpy as np

from diarize.arrays import Float32, unit
from diarize.embedding.base import Embedder
from diarize.errors import UsageError
from diarize.timeline import Segment, union

#: How far a stored vector's length may be from 1 before the book counts as damaged.
UNIT_TOLERANCE = 1e-3
#: Sources that are no files: another recording may have the same.
NAMELESS = ("-", "array")


@dataclass(frozen=True)
class BookModel:
    """The embedding model that a book's vectors were made with."""

    name: str
    checksum: str
    dimension: int

    @classmethod
    def of(cls, embedder: Embedder) -> BookModel:
        """Return the identity of ``embedder``."""
        return cls(embedder.name, embedder.checksum, embedder.dimension)


@dataclass(frozen=True)
class Sample:
    """One stretch of a person's speech, as a vector.

    Parameters
    ----------
    embedding : (D,) float32 array
        Unit vector.
    source : str
        Path of the recording.
    regions : tuple of Segment
        The parts of it that were used, in seconds; empty where they are not known.
    seconds : float
        How much speech that is.
    quality : float
        Mean cosine of the windows inside the sample to their mean, 0 to 1.
    created : str
        Date and time, ISO 8601, UTC.
    channel, track : int or None
        Which channel and audio track of the recording was heard; None where none was chosen.
    """

    embedding: Float32 = field(repr=False, compare=False)
    source: str
    regions: tuple[Segment, ...]
    seconds: float
    quality: float
    created: str = ""
    channel: int | None = None
    track: int | None = None

    @classmethod
    def of(cls, vectors: Float32, source: str, regions: Sequence[Segment]) -> Sample:
        """Return the sample of (n, D) unit vectors of segments that lie in regions of speech."""
        mean = unit(vectors.mean(axis=0))
        seconds = sum(region.duration for region in regions)
        return cls(mean, source, tuple(regions), seconds, float(np.mean(vectors @ mean)))

    def to_row(self) -> tuple[Any, ...]:
        """Return the sample as the book's table holds it; its date is now where it has none."""
        regions = json.dumps([[round(s.start, 3), round(s.end, 3)] for s in self.regions])
        # What has length 1 is stored bit for bit, so that copies stay equal.
        is_unit = abs(float(np.linalg.norm(self.embedding)) - 1.0) < 1e-6
        blob = (self.embedding if is_unit else unit(self.embedding)).astype("<f4").tobytes()
        seconds, quality = round(float(self.seconds), 3), round(float(self.quality), 4)
        source: str | bytes = self.source
        try:
            self.source.encode()
        except UnicodeEncodeError:  # the name of a file, which may be no UTF-8
            source = self.source.encode("utf-8", "surrogatepass")
        created = self.created or now()
        return blob, source, regions, seconds, quality, created, self.channel, self.track

    @classmethod
    def from_row(cls, row: Sequence[Any], dimension: int) -> Sample:
        """Build from a row of the book's table; ValueError where the vector is damaged."""
        blob, source, regions, *rest = row
        if isinstance(source, bytes):
            source = source.decode("utf-8", "surrogatepass")
        parts = tuple(Segment(start, end) for start, end in json.loads(regions))
        return cls(decoded([blob], 1, dimension)[0], source, parts, *rest)


@dataclass(frozen=True)
class Note:
    """What the user wrote down about a person, and when (ISO 8601, UTC)."""

    text: str
    created: str


@dataclass(frozen=True)
class Person:
    """A row of the list of enrolled people; notes are oldest first."""

    name: str
    samples: int
    seconds: float
    consistency: float | None
    created: str
    notes: tuple[Note, ...] = ()
    rejections: int = 0


@dataclass(frozen=True)
class BookThresholds:
    """Decision thresholds calibrated on the book's own people."""

    verification: float
    margin: float
    note: str


def decoded(blobs: Iterable[bytes], count: int, dimension: int) -> Float32:
    """Return stored vectors as (count, D) float32; ValueError where one is no unit vector."""
    vectors = np.empty((count, dimension), np.float32)
    for row, blob in enumerate(blobs):
        if len(blob) != 4 * dimension:
            raise ValueError("a voice sample has the wrong length")
        vectors[row] = np.frombuffer(blob, "<f4")
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    if not np.all(np.abs(lengths - 1) < UNIT_TOLERANCE):  # also catches NaN
        raise ValueError("a voice sample is no unit vector")
    return vectors


def plain_name(text: str) -> str:
    """Return a name as the book spells it: characters composed, one space between words."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def person_name(text: str) -> str:
    """Return ``text`` as a name fit for the book.

    Examples
    --------
    >>> person_name("  Ann   Lee ")
    'Ann Lee'
    """
    name = plain_name(text)
    if not name or len(name) > 200 or not name.isprintable():
        raise UsageError(f"{text!r} is no name: 1 to 200 printable characters are needed")
    if name.upper().startswith("SPEAKER_"):
        raise UsageError(f"{name!r} is a label for unknown voices; give the person's name")
    return name


def total_seconds(samples: Sequence[Sample]) -> float:
    """Return how much speech samples hold; what several of them share counts once."""
    parts: dict[tuple[str, str], list[Segment]] = {}
    for sample in samples:
        when = sample.created if sample.source in NAMELESS else ""
        parts.setdefault((sample.source, when), []).extend(sample.regions)
    known = sum(region.duration for regions in parts.values() for region in union(regions))
    return known + sum(sample.seconds for sample in samples if not sample.regions)


def redundant(vectors: Float32, quality: Sequence[float], keep: int) -> list[int]:
    """Return which of ``vectors`` to drop so that the ``keep`` most different ones stay.

    Of the closest pair, the one of lower quality goes (the older one where both are equal),
    until few enough are left.

    Examples
    --------
    >>> redundant(np.float32([[1, 0], [0, 1], [0.6, 0.8]]), [0.9, 0.9, 0.7], keep=2)
    [2]
    """
    dropped: list[int] = []
    if len(vectors) <= keep:
        return dropped
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    while len(vectors) - len(dropped) > keep:
        first, second = np.unravel_index(int(np.argmax(cosines)), cosines.shape)
        worse = int(first) if quality[int(first)] <= quality[int(second)] else int(second)
        dropped.append(worse)
        cosines[worse, :] = cosines[:, worse] = -np.inf
    return sorted(dropped)


def consistency(vectors: Float32) -> float | None:
    """Return the mean cosine of (N, D) samples to the mean of the others; None below two.

    Examples
    --------
    >>> consistency(np.float32([[1, 0], [1, 0]]))
    1.0
    """
    return float(np.mean(likeness_to_others(vectors))) if len(vectors) > 1 else None


def likeness_to_others(vectors: Float32) -> Float32:
    """Return the cosine of each of (N, D) vectors to the mean of the others, (N,)."""
    total = vectors.sum(axis=0)
    return np.array([unit(total - vector) @ vector for vector in vectors])


def centroid_of(samples: Sequence[Sample]) -> Float32:
    """Return the mean of samples as a (D,) unit vector."""
    return unit(np.mean([sample.embedding for sample in samples], axis=0))


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
