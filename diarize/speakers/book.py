"""The speaker book: enrolled people and their voice samples, in one SQLite file.

What is stored: for each person the name, your notes, and for each voice sample a vector of numbers
computed from the voice (the *embedding*, a voice print), the path of the recording it came from and
which part, channel and track of it, its length in seconds, its quality, and the date; the same of
voices of which you said that they are not this person. No audio is stored. Beside that: the name
and checksum of the embedding model, and thresholds where they were calibrated.

Where: one file, by default ``speakers.db`` in the user's data folder (``default_path()``), readable
by its owner only; ``--speakers PATH`` or ``$DIARIZE_SPEAKERS`` name another. While the book is in
use, SQLite keeps ``-wal`` and ``-shm`` files beside it. Nothing leaves the machine.

How to remove: ``diarize forget NAME`` deletes a person: the freed pages are overwritten, the file
is rewritten without them, its log is emptied, and an ``.index`` file of an earlier version is
deleted. Deleting the book and the files beside it removes everybody. Exports, backups, other copies
of the file, and what a file system or a flash disk keeps of overwritten blocks are beyond this
program's reach.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import numpy as np

from diarize.arrays import Float32, Int64
from diarize.embedding.base import Embedder
from diarize.errors import SpeakerBookError, UsageError
from diarize.settings import DEFAULTS, BookSettings
from diarize.speakers.bookrows import BookRows
from diarize.speakers.records import (
    BookModel,
    BookThresholds,
    Note,
    Person,
    Sample,
    consistency,
    decoded,
    now,
    person_name,
    plain_name,
    total_seconds,
)
from diarize.text import NAME_WIDTH, counted, shortened, table


def default_path() -> Path:
    """Return where the book is: ``$DIARIZE_SPEAKERS``, or a file in the user's data folder."""
    chosen = os.environ.get("DIARIZE_SPEAKERS")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("diarize", appauthor=False)) / "speakers.db"


def book_path(book: str | Path | None) -> Path:
    """Return the file that a book's name stands for; None and ``"default"``: the usual one.

    Examples
    --------
    >>> book_path("team.db").name
    'team.db'
    >>> book_path("default") == book_path(None)
    True
    """
    return default_path() if book in (None, "default") else Path(book).expanduser()


def index_path(book: Path) -> Path:
    """Return where the matching index of a book lies."""
    return book.with_name(book.name + ".index")


class SpeakerBook(BookRows):
    """Enrolled people, in one file that several processes may use at once.

    Parameters
    ----------
    path : path-like, optional
        The book's file; :func:`default_path` where not given, or ``"default"``.
    create : bool
        Make the file where there is none.
    settings : BookSettings
        How many samples it keeps of a person.

    Raises
    ------
    SpeakerBookError
        The file is missing, no speaker book, damaged, or from a newer version.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> ones = Sample(np.float32([1, 0]), "ann.wav", (), 8.0, 0.9)
    >>> with SpeakerBook(Path(folder.name) / "book.db", create=True) as book:
    ...     book.add("Ann", [ones], BookModel("tiny", "0" * 64, 2))
    ...     book.names()
    1
    ['Ann']
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        create: bool = False,
        settings: BookSettings = DEFAULTS.book,
    ) -> None:
        super().__init__(book_path(path), create=create)
        self.settings = settings

    def __repr__(self) -> str:
        try:
            held = counted(len(self), "person", "people")
        except SpeakerBookError:
            held = "closed"
        return f"<SpeakerBook {str(self.path)!r}: {held}>"

    def __str__(self) -> str:
        people = self.people()
        rows = [
            [shortened(one.name, NAME_WIDTH), str(one.samples), f"{one.seconds:.1f}"]
            for one in people
        ]
        listed = "\n\n" + table(["name", "samples", "seconds"], rows, [1, 2]) if rows else ""
        return f"{self.path}: {counted(len(people), 'person', 'people')}{listed}"

    def __reduce__(self) -> tuple[partial[SpeakerBook], tuple[str]]:
        return partial(SpeakerBook, settings=self.settings), (str(self.path.absolute()),)

    def __len__(self) -> int:
        return int(self._rows("SELECT count(*) FROM people")[0][0])

    # -- reading ------------------------------------------------------------------------------

    def require(self, embedder: Embedder) -> None:
        """Raise SpeakerBookError unless the samples were made by this very model."""
        self._require(BookModel.of(embedder))

    def people(self) -> list[Person]:
        """Return everybody, by name, with how much is stored of them."""
        found = []
        with self._reading():
            for number, name, created in self._rows("SELECT id, name, created FROM people"):
                samples = self._samples(number)
                vectors = np.array([sample.embedding for sample in samples])
                rejected = self._rows("SELECT count(*) FROM rejections WHERE person = ?", number)
                found.append(
                    Person(
                        name,
                        len(samples),
                        total_seconds(samples),
                        consistency(vectors),
                        created,
                        tuple(self._notes(number)),
                        int(rejected[0][0]),
                    )
                )
        return sorted(found, key=lambda person: (person.name.casefold(), person.name))

    def samples(self, name: str) -> list[Sample]:
        """Return one person's samples, oldest first."""
        return self._samples(self._person(name))

    def notes(self, name: str) -> list[Note]:
        """Return what was noted of a person, oldest first."""
        return self._notes(self._person(name))

    def rejections(self, name: str) -> list[Sample]:
        """Return the voices of which the user said that they are not this person."""
        return self._samples(self._person(name), "rejections")

    def rejected_vectors(self) -> dict[str, Float32]:
        """Return the (n, D) vectors of :meth:`rejections` of those people who have any."""
        with self._reading():
            rows = self._rows(
                "SELECT DISTINCT p.name FROM people p JOIN rejections r ON r.person = p.id"
            )
            return {
                name: np.array([voice.embedding for voice in self.rejections(name)])
                for (name,) in rows
            }

    def enrolled(self, name: str) -> bool:
        """Return whether somebody is called so."""
        wanted = (name, plain_name(name))
        return bool(self._rows("SELECT 1 FROM people WHERE name IN (?, ?)", *wanted))

    def vectors(self) -> tuple[Float32, Int64, list[str]]:
        """Return all samples, read as one whatever others write, grouped by person.

        Returns
        -------
        vectors : (N, D) float32 array
        starts : (P + 1,) int64 array
            Person ``p`` has the rows from ``starts[p]`` up to ``starts[p + 1]``.
        names : list of P str
        """
        with self._reading(), self._readable_samples():
            dimension = self.model.dimension if self.model else 0
            counted = self._rows(
                "SELECT p.name, count(*) FROM people p JOIN samples s ON s.person = p.id "
                "GROUP BY p.id ORDER BY p.id"
            )
            starts = np.zeros(len(counted) + 1, np.int64)
            np.cumsum([count for _, count in counted], out=starts[1:])
            rows = self._connection.execute("SELECT embedding FROM samples ORDER BY person, id")
            vectors = decoded((row[0] for row in rows), int(starts[-1]), dimension)
        return vectors, starts, [name for name, _ in counted]

    # -- changing -----------------------------------------------------------------------------

    def add(
        self, name: str, samples: Sequence[Sample], model: BookModel, *, note: str | None = None
    ) -> int:
        """Enroll a person, or give an enrolled one more samples.

        A voice that was rejected for this person, and that the samples are of, is so no more.

        Parameters
        ----------
        note : str, optional
            Kept with the person, with its date.

        Returns
        -------
        int
            How many of the samples were new. Beyond ``settings.person_samples``, the most
            redundant of the person's samples are dropped.
        """
        notes = {name: [Note(note, now())]} if note else {}
        return self.add_people({name: samples}, model, notes=notes)[person_name(name)]

    def add_people(
        self,
        people: Mapping[str, Sequence[Sample]],
        model: BookModel,
        thresholds: BookThresholds | None = None,
        *,
        notes: Mapping[str, Sequence[Note]] | None = None,
        rejections: Mapping[str, Sequence[Sample]] | None = None,
    ) -> dict[str, int]:
        """Do as :meth:`add` for several people at once: all of it is stored, or nothing.

        ``thresholds`` are taken where the book has none of its own.
        """
        added = {}
        with self._changing():
            self._require(model)
            self._set("model", json.dumps(vars(model)))
            if thresholds and not self.thresholds:
                self._set("thresholds", json.dumps(vars(thresholds)))
            for name, samples in people.items():
                name = person_name(name)
                self._connection.execute(
                    "INSERT OR IGNORE INTO people (name, created) VALUES (?, ?)", (name, now())
                )
                person = self._person(name)
                added[name] = self._insert(person, samples, model.dimension)
                self._prune(person)
                self._withdraw_rejections(person, samples)
            for name, written in (notes or {}).items():
                self._write_notes(self._person(name), written)
            for name, samples in (rejections or {}).items():
                self._insert(self._person(name), samples, model.dimension, "rejections")
        return added

    def reject(self, name: str, voice: Sample, model: BookModel) -> None:
        """Remember that a voice is not this person."""
        with self._changing():
            self._require(model)
            self._insert(self._person(name), [voice], model.dimension, "rejections")

    def rename(self, old: str, new: str) -> None:
        """Give a person another name; the new one must be free."""
        new = person_name(new)
        with self._changing():
            person = self._person(old)
            if new != old and self._rows("SELECT 1 FROM people WHERE name = ?", new):
                raise SpeakerBookError(
                    f"{self.path}: {new!r} is enrolled already; to make both one person: "
                    f"diarize speakers merge {new!r} {old!r}"
                )
            self._connection.execute("UPDATE people SET name = ? WHERE id = ?", (new, person))

    def merge(self, keep: str, other: str) -> None:
        """Give ``keep`` the samples of ``other``, who then is no longer listed."""
        with self._changing():
            target, source = self._person(keep), self._person(other)
            if target == source:
                raise UsageError(f"{keep!r} cannot be merged with itself")
            voices = self._samples(target), self._samples(source)
            for table in ("samples", "notes", "rejections"):
                self._connection.execute(
                    f"UPDATE {table} SET person = ? WHERE person = ?", (target, source)
                )
            self._connection.execute("DELETE FROM people WHERE id = ?", (source,))
            self._prune(target)
            for samples in voices:
                self._withdraw_rejections(target, samples)

    def forget(self, names: Iterable[str]) -> bool:
        """Delete people and everything stored of them, beyond recovery from the file.

        Returns
        -------
        bool
            False where another process holds the book open, so that traces stay in its log
            until that process ends; calling again then removes them.
        """
        with self._changing():
            for person in {self._person(name) for name in names}:
                self._connection.execute("DELETE FROM people WHERE id = ?", (person,))
            if not self._rows("SELECT 1 FROM people LIMIT 1"):
                self._connection.execute("DELETE FROM book WHERE key IN ('model', 'thresholds')")
        index_path(self.path).unlink(missing_ok=True)
        return self._wipe()

    def set_thresholds(self, thresholds: BookThresholds | None) -> None:
        """Store calibrated thresholds, or with None go back to the model's own."""
        with self._changing():
            self._set("thresholds", json.dumps(vars(thresholds)) if thresholds else None)

    def replace_samples(
        self,
        people: Mapping[str, Sequence[Sample]],
        model: BookModel,
        rejections: Mapping[str, Sequence[Sample]] | None = None,
        *,
        revision: int | None = None,
    ) -> None:
        """Put new samples and rejected voices in the place of all old ones, of another model.

        People without new samples are deleted, and calibrated thresholds with them: they
        belonged to the old model.

        Raises
        ------
        SpeakerBookError
            Somebody has changed the book since it was at ``revision``.
        """
        with self._changing():
            if revision not in (None, self.revision):
                raise SpeakerBookError(
                    f"{self.path}: was changed by another program meanwhile, and stays as it is "
                    "now; run the command again"
                )
            self._connection.execute("DELETE FROM samples")
            self._connection.execute("DELETE FROM rejections")
            for name in self.names():
                if not people.get(name):
                    self._connection.execute("DELETE FROM people WHERE name = ?", (name,))
            self._set("model", json.dumps(vars(model)))
            self._set("thresholds", None)
            for name, samples in people.items():
                if samples:
                    self._insert(self._person(name), samples, model.dimension)
                    self._insert(
                        self._person(name),
                        (rejections or {}).get(name, ()),
                        model.dimension,
                        "rejections",
                    )
        self._wipe()


def opened(
    book: SpeakerBook | str | Path, settings: BookSettings = DEFAULTS.book
) -> AbstractContextManager[SpeakerBook]:
    """Return the book as a context: one opened here is closed again, one handed in stays open."""
    if isinstance(book, SpeakerBook):
        return nullcontext(book)
    return SpeakerBook(book, settings=settings)
