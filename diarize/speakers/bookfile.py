"""The speaker book's file as the book uses it: opened, closed, read and changed in transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diarize.errors import SpeakerBookError
from diarize.speakers import schema

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


class BookFile:
    """An open speaker book without its meaning: rows, and values by key.

    Parameters
    ----------
    path : Path
    create : bool
        Make the file where there is none.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        self._connection, self.writable = schema.connect(path, create=create)

    def require_writable(self) -> None:
        """Raise SpeakerBookError where the file or its folder is read-only."""
        if not self.writable:
            raise SpeakerBookError(
                f"{self.path}: the speaker book cannot be changed: "
                "the file or its folder is read-only"
            )

    def close(self) -> None:
        """Close the file; the last one to close it also empties SQLite's log."""
        with schema.guarded(self.path):
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One transaction that moves the revision on."""
        with schema.guarded(self.path):
            self.require_writable()
            with schema.transaction(self._connection):
                yield
                self._connection.execute(
                    "UPDATE book SET value = CAST(value AS INTEGER) + 1 WHERE key = 'revision'"
                )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """One view of the book, whatever others write meanwhile."""
        with schema.guarded(self.path):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with schema.guarded(self.path):
            return self._connection.execute(statement, values).fetchall()

    def _value(self, key: str) -> str | None:
        found = self._rows("SELECT value FROM book WHERE key = ?", key)
        return found[0][0] if found else None

    def _set(self, key: str, value: str | None) -> None:
        if value is None:
            self._connection.execute("DELETE FROM book WHERE key = ?", (key,))
        else:
            self._connection.execute(
                "INSERT OR REPLACE INTO book (key, value) VALUES (?, ?)", (key, value)
            )
