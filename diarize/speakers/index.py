"""All voice samples of a book as one array, memory-mapped where there are many, for fast search."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from diarize.speakers.records import Vectors

if TYPE_CHECKING:
    from diarize.speakers.store import SpeakerBook

#: From this many samples on, the array is kept in a file beside the book; reading fewer from the
#: book itself takes less than 0.1 s, and so a small book has its voice prints in one place only.
CACHED_FROM = 10_000
#: Rows multiplied at once: 32 MB of a 256-dimensional index, and results that stay in the cache.
BLOCK = 32_768

_MAGIC = b"DIARIDX1"
_ALIGN = 64


@dataclass(frozen=True)
class SampleIndex:
    """The samples of a book, grouped by person.

    Parameters
    ----------
    vectors : (N, D) float32 array
        Unit vectors, in memory or memory-mapped.
    starts : (P + 1,) int64 array
        Person ``p`` has the rows from ``starts[p]`` up to ``starts[p + 1]``, at least one.
    names : sequence of P str
    """

    vectors: Vectors
    starts: npt.NDArray[np.int64]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.names)

    def samples(self, person: int) -> Vectors:
        """Return one person's (n, D) vectors."""
        return self.vectors[self.starts[person] : self.starts[person + 1]]

    def maxima(self, queries: Sequence[Vectors]) -> Vectors:
        """Return the highest cosine of each set of queries with any sample of each person.

        Parameters
        ----------
        queries : sequence of C arrays (q, D)
            Unit vectors; the sets may differ in size, and none is empty.

        Returns
        -------
        (C, P) float32 array
        """
        bounds = np.concatenate([[0], np.cumsum([len(query) for query in queries])])[:-1]
        stacked = np.concatenate(list(queries)).astype(np.float32).T.copy()
        best = np.empty((len(self.vectors), len(queries)), np.float32)
        for first in range(0, len(self.vectors), BLOCK):
            cosines = self.vectors[first : first + BLOCK] @ stacked
            np.maximum.reduceat(cosines, bounds, axis=1, out=best[first : first + BLOCK])
        if not len(self.names):
            return np.empty((len(queries), 0), np.float32)
        return np.ascontiguousarray(np.maximum.reduceat(best, self.starts[:-1], axis=0).T)


def load_index(book: SpeakerBook) -> SampleIndex:
    """Return the index of a book: from the file beside it where that is up to date, else anew."""
    from diarize.speakers.store import index_path

    path = index_path(book.path)
    found = read_index(path, book.id, book.revision)
    if found is not None:
        return found
    vectors, starts, names, revision = book.snapshot()
    index = SampleIndex(vectors, starts, names)
    if len(vectors) < CACHED_FROM:
        path.unlink(missing_ok=True)  # of a time when the book was larger
        return index
    write_index(path, index, book.id, revision)
    return read_index(path, book.id, revision) or index


def read_index(path: Path, book: str, revision: int) -> SampleIndex | None:
    """Map the file, if it belongs to this state of this book."""
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                return None
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
        if (header["book"], header["revision"]) != (book, revision):
            return None
        starts = np.array(header["starts"], np.int64)
        shape = (int(starts[-1]), int(header["dimension"]))
        vectors: Vectors = np.memmap(path, np.float32, "r", _aligned(16 + size), shape)
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None
    return SampleIndex(vectors, starts, header["names"])


def write_index(path: Path, index: SampleIndex, book: str, revision: int) -> None:
    """Write the file whole or not at all; where that is impossible, matching does without it."""
    header = json.dumps(
        {
            "book": book,
            "revision": revision,
            "dimension": index.vectors.shape[1],
            "starts": index.starts.tolist(),
            "names": list(index.names),
        }
    ).encode()
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(_MAGIC + len(header).to_bytes(8, "little") + header)
            file.write(b"\0" * (_aligned(file.tell()) - file.tell()))
            for block in _blocks(index.vectors):
                file.write(np.ascontiguousarray(block, "<f4").data)
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGN) * _ALIGN


def _blocks(vectors: Vectors) -> Iterator[Vectors]:
    for first in range(0, len(vectors), BLOCK):
        yield vectors[first : first + BLOCK]
