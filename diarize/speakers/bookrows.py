"""Rows of a speaker book as the values they stand for: the model, people, samples and notes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from diarize.errors import SpeakerBookError
from diarize.settings import BookSettings
from diarize.speakers.database import BookFile
from diarize.speakers.records import (
    BookModel,
    BookThresholds,
    Note,
    Sample,
    centroid_of,
    person_name,
    redundant,
)


class BookRows(BookFile):
    """What the book reads and writes inside its transactions."""

    settings: BookSettings

    @property
    def revision(self) -> int:
        """A counter that grows with every change."""
        return int(self._value("revision") or 0)

    @property
    def model(self) -> BookModel | None:
        """The embedding model of all samples; None while nobody is enrolled."""
        found = self._value("model")
        return BookModel(**json.loads(found)) if found else None

    @property
    def thresholds(self) -> BookThresholds | None:
        """Thresholds calibrated for this book; None where the model's own are in force."""
        found = self._value("thresholds")
        return BookThresholds(**json.loads(found)) if found else None

    def names(self) -> list[str]:
        """Return everybody's name, in order of enrollment."""
        return [row[0] for row in self._rows("SELECT name FROM people ORDER BY id")]

    def unknown(self, name: str) -> str:
        """Return the line that says that nobody is called so, and who may have been meant."""
        import difflib

        close = difflib.get_close_matches(name, self.names(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else "see: diarize speakers"
        return f"{self.path}: nobody called {name!r} is enrolled; {hint}"

    def _require(self, model: BookModel) -> None:
        stored = self.model
        if stored and (stored.checksum, stored.dimension) != (model.checksum, model.dimension):
            raise SpeakerBookError(
                f"{self.path}: enrolled with the model {stored.name} ({stored.checksum[:8]}), "
                f"not with {model.name} ({model.checksum[:8]}); embed its recordings anew with: "
                f"diarize speakers re-enroll --speakers {str(self.path)!r}"
            )

    def _person(self, name: str) -> int:
        found = self._rows("SELECT id FROM people WHERE name = ?", name)
        if not found:
            found = self._rows("SELECT id FROM people WHERE name = ?", person_name(name))
        if not found:
            raise SpeakerBookError(self.unknown(name))
        return int(found[0][0])

    def _samples(self, person: int, table: str = "samples") -> list[Sample]:
        dimension = self.model.dimension if self.model else 0
        rows = self._rows(
            "SELECT embedding, source, regions, seconds, quality, created, channel, track "
            f"FROM {table} WHERE person = ? ORDER BY id",
            person,
        )
        with self._readable_samples():
            return [Sample.from_row(row, dimension) for row in rows]

    @contextmanager
    def _readable_samples(self) -> Iterator[None]:
        """Name the book where a stored vector is no unit vector."""
        try:
            yield
        except ValueError as error:
            raise SpeakerBookError(
                f"{self.path}: the speaker book is damaged ({error}); "
                "restore it from a backup or an export"
            ) from error

    def _notes(self, person: int) -> list[Note]:
        rows = self._rows("SELECT text, created FROM notes WHERE person = ? ORDER BY id", person)
        return [Note(*row) for row in rows]

    def _write_notes(self, person: int, notes: Sequence[Note]) -> None:
        known = self._notes(person)
        for note in notes:
            if note not in known:
                self._connection.execute(
                    "INSERT INTO notes (person, text, created) VALUES (?, ?, ?)",
                    (person, note.text, note.created),
                )

    def _insert(
        self, person: int, samples: Sequence[Sample], dimension: int, table: str = "samples"
    ) -> int:
        known = {
            row[0] for row in self._rows(f"SELECT embedding FROM {table} WHERE person = ?", person)
        }
        added = 0
        for sample in samples:
            row = sample.to_row()
            if len(row[0]) != 4 * dimension:
                raise SpeakerBookError(
                    f"{self.path}: a sample of {sample.source} has {len(row[0]) // 4} numbers, "
                    f"the book's have {dimension}"
                )
            if row[0] in known:
                continue
            known.add(row[0])
            self._connection.execute(
                f"INSERT INTO {table} (person, embedding, source, regions, seconds, quality,"
                " created, channel, track) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (person, *row),
            )
            added += 1
        return added

    def _withdraw_rejections(self, person: int, samples: Sequence[Sample]) -> None:
        """Forget those rejected voices of a person that new samples are of."""
        rows = self._rows("SELECT id, embedding FROM rejections WHERE person = ?", person)
        for number, blob in rows if samples else ():
            if np.frombuffer(blob, "<f4") @ centroid_of(samples) >= self.settings.same_voice:
                self._connection.execute("DELETE FROM rejections WHERE id = ?", (number,))

    def _prune(self, person: int) -> None:
        """Drop the most redundant samples beyond those that the book keeps."""
        rows = self._rows(
            "SELECT id, embedding, quality FROM samples WHERE person = ? ORDER BY id", person
        )
        vectors = np.array([np.frombuffer(blob, "<f4") for _, blob, _ in rows])
        for index in redundant(vectors, [row[2] for row in rows], self.settings.person_samples):
            self._connection.execute("DELETE FROM samples WHERE id = ?", (rows[index][0],))
