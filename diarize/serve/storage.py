"""The server's folder: uploads that wait, and results. Every name in it is made here."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from diarize.edits import Edit, edits_from_json, to_json
from diarize.errors import OutputError
from diarize.files import write_whole
from diarize.relabel import apply_edits, replay
from diarize.result import Result
from diarize.result_file import from_json, read_json

UPLOAD, TRANSCRIPT, REFERENCE = "recording", "transcript", "reference"
RESULT, EDITS, AUDIO, OUTLINE = "result.json", "edits.json", "audio.ogg", "outline.json"
_ID = re.compile(r"[0-9a-f]{32}")


class Storage:
    """A folder that belongs to the server; only its owner may enter it.

    Raises
    ------
    OutputError
        If it cannot be made or written to, or another server uses it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uploads, self.results = folder / "uploads", folder / "results"
        try:
            for path in (folder, self.uploads, self.results):
                path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise OutputError(
                f"cannot use {folder}: {error.strerror or error}. Choose another folder with -o DIR"
            ) from None

    @property
    def jobs(self) -> Path:
        """The file of the queue."""
        return self.folder / "jobs.db"

    def upload(self, id: str, part: str = UPLOAD) -> Path:
        """Return where a part of an upload lies."""
        return self.uploads / checked(id) / part

    def result(self, id: str, name: str = RESULT) -> Path:
        """Return where a file of a result lies."""
        return self.results / checked(id) / name

    def drop_upload(self, id: str) -> None:
        """Delete what was uploaded for a job."""
        shutil.rmtree(self.uploads / checked(id), ignore_errors=True)

    def drop(self, id: str) -> None:
        """Delete everything of a job."""
        self.drop_upload(id)
        shutil.rmtree(self.results / checked(id), ignore_errors=True)

    def sweep(self, waiting: Iterable[str], known: Iterable[str]) -> None:
        """Delete uploads that nothing waits for, and results of no job: remains of an ending."""
        for folder, wanted in ((self.uploads, set(waiting)), (self.results, set(known))):
            for path in folder.iterdir():
                if _ID.fullmatch(path.name) and path.name not in wanted:
                    shutil.rmtree(path, ignore_errors=True)

    def write_result(self, id: str, result: Result, more: Mapping[str, str | bytes]) -> None:
        """Write a result and what belongs to it: all of it, or nothing."""
        folder = self.results / checked(id)
        text = rendered(result, "json")
        write_whole({folder / RESULT: text, **{folder / name: one for name, one in more.items()}})

    def read_result(self, id: str) -> Result:
        """Return a result as it was made; its ``audio`` is the upload's name, which is no path."""
        return from_json(read_json(self.result(id)), "the result")

    def corrected(self, id: str) -> Result:
        """Return a result with its edits made."""
        return replay(self.read_result(id), self.read_edits(id))

    def read_edits(self, id: str) -> tuple[Edit, ...]:
        """Return the edits of a result."""
        path = self.result(id, EDITS)
        return edits_from_json(read_json(path)) if path.is_file() else ()

    def write_edits(self, id: str, edits: Sequence[Edit]) -> None:
        """Keep the edits of a result; errors as for :func:`diarize.relabel.apply_edits`."""
        apply_edits(self.read_result(id), edits)
        text = json.dumps(
            {"edits": [to_json(edit) for edit in edits]}, ensure_ascii=False, indent=2
        )
        write_whole({self.result(id, EDITS): text + "\n"})

    def read_outline(self, id: str) -> dict[str, Any]:
        """Return what :func:`diarize.writers.html.outline` made of the recording."""
        found: dict[str, Any] = json.loads(self.result(id, OUTLINE).read_text(encoding="utf-8"))
        return found


def rendered(result: Result, name: str) -> str | bytes:
    """Return a result in a format; its recording is named as if it lay beside."""
    here = Path("/")
    if result.audio is not None:
        result = replace(result, audio=str(here / result.audio))
    return result.render(name, folder=here)


@contextlib.contextmanager
def locked(storage: Storage) -> Iterator[None]:
    """Hold the folder for one server; released with the process, however it ends.

    Raises
    ------
    OutputError
        If another server holds it.
    """
    lock = sqlite3.connect(storage.folder / "lock.db", timeout=5.0, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        lock.close()
        raise OutputError(
            f"{storage.folder} is in use by another `diarize serve`: stop it, or choose another "
            "folder with -o DIR"
        ) from None
    try:
        yield
    finally:
        lock.close()


def checked(id: str) -> str:
    """Return an id that may name a folder.

    Raises
    ------
    ValueError
        If it is none of ours.
    """
    if not _ID.fullmatch(id):
        raise ValueError(f"{id!r} is no id")
    return id


def has_room(folder: Path, size: int) -> bool:
    """Return whether a folder's disk has room for so many bytes, and some more."""
    usage = shutil.disk_usage(folder)
    return usage.free > size + (256 << 20)


def private() -> None:
    """Make files of this process readable by its owner only."""
    os.umask(0o077)
