"""The queue: jobs in an SQLite file, so that they outlive whatever ends the server or a worker."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

QUEUED, RUNNING, DONE, FAILED, DELETED = "queued", "running", "done", "failed", "deleted"
MOST_ATTEMPTS = 3  # of a job whose worker ended in the midst of it
_PATIENCE = 60.0  # seconds that a writer waits for another one
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL,
  created TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, request TEXT NOT NULL,
  listed INTEGER NOT NULL, state TEXT NOT NULL, worker TEXT, attempts INTEGER NOT NULL DEFAULT 0,
  progress TEXT NOT NULL DEFAULT '{}', error TEXT, summary TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS by_revision ON jobs (revision);
CREATE INDEX IF NOT EXISTS by_state ON jobs (state, number);
"""
_NEXT = "revision = (SELECT max(revision) + 1 FROM jobs)"


@dataclass(frozen=True)
class Job:
    """One piece of work.

    Parameters
    ----------
    id : str
        32 hexadecimal digits that cannot be guessed; names the job's files.
    revision : int
        Grows with every change to any job.
    created : str
        ISO 8601, UTC.
    kind : str
        ``recording`` (for a page), ``transcription``, ``diarization`` or ``enrollment``.
    name : str
        The upload's name, for showing alone.
    request : mapping
        What was asked for.
    listed : bool
        Whether it is kept in the list of results; else it belongs to a request that waits for it.
    state : str
        ``queued``, ``running``, ``done``, ``failed`` or ``deleted``.
    attempts : int
        How many workers have begun it.
    progress : mapping
        ``stage``, ``share`` done from 0 to 1, and seconds ``left``, where known.
    error : mapping or None
        ``message``, and ``code``: ``recording`` where the request is to blame, else ``server``.
    summary : mapping
        What came of it: ``seconds`` and ``messages``, with the number of ``speakers`` and whether
        there are ``words``; of an enrollment, the number of ``samples``.
    """

    id: str
    revision: int
    created: str
    kind: str
    name: str
    request: Mapping[str, Any]
    listed: bool
    state: str
    attempts: int
    progress: Mapping[str, Any]
    error: Mapping[str, Any] | None
    summary: Mapping[str, Any]

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in (DONE, FAILED, DELETED)


class JobStore:
    """The jobs in one file, which the server and its workers share.

    Every change is one transaction: a job is never half in a state.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(
            path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("PRAGMA secure_delete = ON")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _select(self, where: str, *values: Any) -> list[Job]:
        columns = ", ".join(field.name for field in fields(Job))
        with self._lock:
            rows = self._database.execute(
                f"SELECT {columns} FROM jobs WHERE {where}", values
            ).fetchall()
        return [_job(row) for row in rows]

    # -- the server's side ----------------------------------------------------------------------

    def add(
        self,
        kind: str,
        name: str,
        request: Mapping[str, Any],
        *,
        id: str | None = None,
        listed: bool = False,
    ) -> Job:
        """Put a job at the end of the queue."""
        id = id or new_id()
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        with self._changing() as database:
            database.execute(
                "INSERT INTO jobs (id, revision, created, kind, name, request, listed, state) "
                "VALUES (?, (SELECT coalesce(max(revision), 0) + 1 FROM jobs), ?, ?, ?, ?, ?, ?)",
                (id, now, kind, name, json.dumps(dict(request)), int(listed), QUEUED),
            )
        return self._select("id = ?", id)[0]

    def get(self, id: str) -> Job | None:
        """Return a job; None where there is none, or no more."""
        found = self._select("id = ? AND state != ?", id, DELETED)
        return found[0] if found else None

    def listed(self, limit: int, before: str | None = None) -> list[Job]:
        """Return jobs of the list of results, the newest first, those older than ``before``."""
        older = "AND number < (SELECT number FROM jobs WHERE id = ?)" if before else ""
        return self._select(
            f"listed AND state != ? {older} ORDER BY number DESC LIMIT ?",
            *((DELETED, before, limit) if before else (DELETED, limit)),
        )

    def changed(self, revision: int) -> list[Job]:
        """Return what changed since a revision, deleted jobs too, in the order of change."""
        return self._select("revision > ? ORDER BY revision", revision)

    @property
    def revision(self) -> int:
        """The number of the latest change."""
        with self._lock:
            rows = self._database.execute("SELECT coalesce(max(revision), 0) FROM jobs").fetchall()
        return int(rows[0][0])

    def waiting(self) -> int:
        """Return how many jobs are in the queue."""
        with self._lock:
            rows = self._database.execute("SELECT count(*) FROM jobs WHERE state = ?", (QUEUED,))
            return int(rows.fetchone()[0])

    def delete(self, id: str) -> bool:
        """Take a job out, and what it tells of anybody; a worker that is at it notices and stops.

        The row stays until the next start, so that pages hear of it.
        """
        with self._changing() as database:
            done = database.execute(
                "UPDATE jobs SET state = ?, name = '', request = '{}', progress = '{}', "
                f"error = NULL, summary = '{{}}', {_NEXT} WHERE id = ? AND state != ?",
                (DELETED, id, DELETED),
            )
        self._forget()
        return done.rowcount == 1

    def _forget(self) -> None:
        """Empty the log of changes, which holds rows as they were before they were deleted."""
        with self._lock:
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def recover(self) -> None:
        """Begin anew after an end of any kind: what was running waits again, and is kept.

        The requests that waited for jobs are gone with the server; what they asked for is listed.
        """
        with self._changing() as database:
            database.execute("DELETE FROM jobs WHERE state = ?", (DELETED,))
            database.execute(
                "DELETE FROM jobs WHERE NOT listed AND state IN (?, ?)", (DONE, FAILED)
            )
            database.execute("UPDATE jobs SET listed = 1 WHERE kind != 'enrollment'")
        self._forget()
        self.release(None)

    def release(self, worker: str | None, *, stopped: bool = False) -> None:
        """Queue again what a worker was at that has ended (None: any worker), or was stopped."""
        whose, values = ("", ()) if worker is None else ("AND worker = ?", (worker,))
        message = json.dumps(
            {
                "message": f"the work on this recording broke off {MOST_ATTEMPTS} times: it may be "
                "too long for this machine's memory, or damaged",
                "code": "server",
            }
        )
        with self._changing() as database:
            database.execute(
                f"UPDATE jobs SET state = ?, worker = NULL, error = ?, {_NEXT} "
                f"WHERE state = ? AND attempts - ? >= ? {whose}",
                (FAILED, message, RUNNING, int(stopped), MOST_ATTEMPTS, *values),
            )
            database.execute(
                f"UPDATE jobs SET state = ?, worker = NULL, progress = '{{}}', {_NEXT}, "
                f"attempts = attempts - ? WHERE state = ? {whose}",
                (QUEUED, int(stopped), RUNNING, *values),
            )

    # -- a worker's side ------------------------------------------------------------------------

    def claim(self, worker: str) -> Job | None:
        """Take the job that waits longest; None where none waits."""
        with self._changing() as database:
            row = database.execute(
                "SELECT id FROM jobs WHERE state = ? ORDER BY number LIMIT 1", (QUEUED,)
            ).fetchone()
            if row is None:
                return None
            database.execute(
                f"UPDATE jobs SET state = ?, worker = ?, attempts = attempts + 1, {_NEXT} "
                "WHERE id = ?",
                (RUNNING, worker, row[0]),
            )
        return self.get(row[0])

    def report(self, id: str, worker: str, progress: Mapping[str, Any]) -> bool:
        """Note how far a job is; return whether it is still this worker's to do."""
        return self._settle(id, worker, "progress = ?", json.dumps(dict(progress)))

    def finish(self, id: str, worker: str, summary: Mapping[str, Any]) -> bool:
        """Note that a job is done; return whether it was this worker's."""
        change = f"state = '{DONE}', worker = NULL, error = NULL, summary = ?"
        return self._settle(id, worker, change, json.dumps(dict(summary)))

    def fail(self, id: str, worker: str, message: str, code: str) -> bool:
        """Note why a job cannot be done; return whether it was this worker's."""
        change = f"state = '{FAILED}', worker = NULL, error = ?"
        return self._settle(id, worker, change, json.dumps({"message": message, "code": code}))

    def _settle(self, id: str, worker: str, change: str, value: str) -> bool:
        with self._changing() as database:
            done = database.execute(
                f"UPDATE jobs SET {change}, {_NEXT} WHERE id = ? AND worker = ? AND state = ?",
                (value, id, worker, RUNNING),
            )
            return done.rowcount == 1


def new_id() -> str:
    """Return a name that cannot be guessed."""
    return secrets.token_hex(16)


def _job(row: Sequence[Any]) -> Job:
    """Return a job from its row: texts of mappings are JSON."""
    values = {field.name: value for field, value in zip(fields(Job), row, strict=True)}
    for name in ("request", "progress", "summary"):
        values[name] = json.loads(values[name])
    values["error"] = json.loads(values["error"]) if values["error"] else None
    return Job(**{**values, "listed": bool(values["listed"])})
