"""The speaker book's file: its SQLite schema, migrations, how it is opened, read and changed."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diarize.errors import SpeakerBookError

if TYPE_CHECKING:
    from typing_extensions import Self

#: Marks an SQLite file as a speaker book ("DIAR").
APPLICATION_ID = 0x44494152
#: How long one process waits for another to finish writing, in seconds.
BUSY_SECONDS = 30.0
#: Structure is checked on opening up to this size in bytes; above it, checking would take seconds.
CHECKED_SIZE = 64 * 2**20

#: One tuple of statements for each version; the first makes an empty file into version 1.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE book (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
        " created TEXT NOT NULL)",
        "CREATE TABLE samples (id INTEGER PRIMARY KEY,"
        " person INTEGER NOT NULL REFERENCES people(id) ON DELETE CASCADE,"
        " embedding BLOB NOT NULL, source TEXT NOT NULL, seconds REAL NOT NULL,"
        " quality REAL NOT NULL, created TEXT NOT NULL)",
        "CREATE INDEX samples_person ON samples(person)",
    ),
    (  # which part of the source a sample was made from, and a counter for what is cached
        "ALTER TABLE samples ADD COLUMN regions TEXT NOT NULL DEFAULT '[]'",
        "INSERT INTO book VALUES ('id', lower(hex(randomblob(16))))",
        "INSERT INTO book VALUES ('revision', '0')",
    ),
    (  # what the user noted of a person, and voices that are not the person
        "CREATE TABLE notes (id INTEGER PRIMARY KEY,"
        " person INTEGER NOT NULL REFERENCES people(id) ON DELETE CASCADE,"
        " text TEXT NOT NULL, created TEXT NOT NULL)",
        "CREATE TABLE rejections (id INTEGER PRIMARY KEY,"
        " person INTEGER NOT NULL REFERENCES people(id) ON DELETE CASCADE,"
        " embedding BLOB NOT NULL, source TEXT NOT NULL, regions TEXT NOT NULL,"
        " seconds REAL NOT NULL, quality REAL NOT NULL, created TEXT NOT NULL)",
    ),
    tuple(  # which channel and audio track of the source was heard, where one was chosen
        f"ALTER TABLE {table} ADD COLUMN {column} INTEGER"
        for table in ("samples", "rejections")
        for column in ("channel", "track")
    ),
)
SCHEMA_VERSION = len(MIGRATIONS)


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into one clear line that names the book and what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise SpeakerBookError(f"{path}: {_explain(str(error))}") from error


def _explain(reason: str) -> str:
    """Return what an SQLite message means to somebody who wants to name speakers."""
    explanations = (
        (
            "not a database",
            "not a speaker book (not an SQLite file); give another file by --speakers",
        ),
        (
            "malformed",
            "the speaker book is damaged; restore it from a backup or an export, or delete it "
            "and enroll again",
        ),
        (
            "readonly",
            "the speaker book cannot be changed: the file or its folder is read-only",
        ),
        ("locked", "the speaker book is in use by another program; try again when it is done"),
        (
            "locking protocol",
            "the file system cannot lock the speaker book; move it to a local disk",
        ),
        ("full", "no space left on the disk; the speaker book is unchanged"),
        ("unable to open", "cannot open the speaker book; check the path and its permissions"),
        ("disk I/O", "the disk failed to read or write the speaker book"),
    )
    for fragment, explanation in explanations:
        if fragment in reason:
            return explanation
    return f"the speaker book cannot be used: {reason}"


def connect(path: Path, *, create: bool) -> tuple[sqlite3.Connection, bool]:
    """Open the book at ``path``, made or migrated as needed.

    Parameters
    ----------
    create : bool
        Make the file where there is none.

    Returns
    -------
    (sqlite3.Connection, bool)
        The connection, in autocommit mode, and whether the book can be written.

    Raises
    ------
    SpeakerBookError
        There is no such file, it is no speaker book, is damaged, or comes from a newer version.
    """
    _check_path(path, create)
    with guarded(path):
        connection, writable = _open(path)
        try:
            _check_identity(connection, path)
            if writable:
                _prepare(connection)
            elif connection.execute("PRAGMA user_version").fetchone()[0] < SCHEMA_VERSION:
                connection = _migrated_copy(connection)
            _check_structure(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection, writable


def _check_path(path: Path, create: bool) -> None:
    if path.is_dir():
        raise SpeakerBookError(f"{path}: is a folder; give the speaker book's file by --speakers")
    if path.exists():
        if path.stat().st_size == 0 and not create:
            raise SpeakerBookError(f"{path}: is empty, not a speaker book; enroll somebody first")
        return
    if not create:
        raise SpeakerBookError(
            f"{path}: no such speaker book; enroll somebody first: diarize enroll NAME FILE"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Voice prints are nobody else's business: the file is made private before it is filled.
        path.touch(mode=0o600)
    except OSError as error:
        raise SpeakerBookError(
            f"{path}: cannot make the speaker book: {error.strerror}; give another --speakers path"
        ) from error


def _open(path: Path) -> tuple[sqlite3.Connection, bool]:
    """Open for writing where that is possible, else for reading only."""
    uri = path.resolve().as_uri()
    if os.access(path, os.W_OK) and os.access(path.resolve().parent, os.W_OK):
        connection = _raw(f"{uri}?mode=rw")
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection, True
    try:
        connection = _raw(f"{uri}?mode=ro")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        connection.close()
        leftover = path.with_name(path.name + "-wal")
        if leftover.exists() and leftover.stat().st_size:
            raise
        # A read-only folder has no place for WAL's side files; nobody can be writing there either.
        connection = _raw(f"{uri}?immutable=1")
    return connection, False


def _raw(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri,
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,  # BookFile has a lock
    )
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging, which SQLite refuses at once when others write."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _check_identity(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse SQLite files of other programs, and books of versions to come."""
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if tables and owner != APPLICATION_ID:
        raise SpeakerBookError(
            f"{path}: an SQLite file of another program, not a speaker book; "
            "give another file by --speakers"
        )
    if version > SCHEMA_VERSION:
        raise SpeakerBookError(
            f"{path}: made by a newer version of this program (book version {version}, "
            f"known up to {SCHEMA_VERSION}); update with: pip install -U autospeech-diarize"
        )


def _prepare(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging and bring the schema up to date."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        _use_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")
    if connection.execute("PRAGMA user_version").fetchone()[0] < SCHEMA_VERSION:
        with transaction(connection):
            migrate(connection)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema to the current version, inside the caller's transaction."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _migrated_copy(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return an up-to-date copy in memory of an old book on a read-only disk."""
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.backup(copy)
    connection.close()
    with transaction(copy):
        migrate(copy)
    return copy


def _check_structure(connection: sqlite3.Connection, path: Path) -> None:
    if path.stat().st_size > CHECKED_SIZE:
        return
    if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("database disk image is malformed")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the write lock from the first statement on; commit all of it, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def wipe(connection: sqlite3.Connection) -> bool:
    """Rewrite the file without what was deleted, and empty the log; False if others hold it."""
    try:
        connection.execute("VACUUM")
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if "locked" not in str(error) and "busy" not in str(error):
            raise
        return False
    return not busy


class BookFile:
    """An open speaker book without its meaning: rows, and values by key.

    Several threads may use it: each waits until the others' reading or change is done.

    Parameters
    ----------
    create : bool
        Make the file where there is none.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection, self.writable = connect(path, create=create)

    def require_writable(self) -> None:
        """Raise SpeakerBookError where the file or its folder is read-only."""
        if not self.writable:
            raise SpeakerBookError(f"{self.path}: {_explain('readonly')}")

    def close(self) -> None:
        """Close the file; the last one to close it also empties SQLite's log."""
        with self._lock, guarded(self.path):
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One transaction that moves the revision on."""
        with self._lock, guarded(self.path):
            self.require_writable()
            with transaction(self._connection):
                yield
                self._connection.execute(
                    "UPDATE book SET value = CAST(value AS INTEGER) + 1 WHERE key = 'revision'"
                )

    def _wipe(self) -> bool:
        """Do as :func:`wipe`; say what is done and what is not where the disk fails."""
        try:
            with self._lock:
                return wipe(self._connection)
        except sqlite3.DatabaseError as error:
            raise SpeakerBookError(
                f"{self.path}: the file could not be rewritten ({error}), so traces of what was "
                "deleted from the book may stay in it; make room on the disk, then run: diarize "
                "speakers clean"
            ) from error

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """One view of the book, whatever others write meanwhile."""
        with self._lock, guarded(self.path):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock, guarded(self.path):
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
