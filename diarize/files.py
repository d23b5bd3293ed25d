"""Files that are written: whole or not at all, and never over anybody's work.

What this package writes into a folder it notes in ``.diarize.jsonl`` there, one line a file with
its checksum: subtitles and tables have no room for a mark of their own. A file that fits its line
is as it was written and may be replaced; any other belongs to the user.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from diarize.errors import OutputError
from diarize.text import json_text, json_value, printable

log = logging.getLogger(__name__)

RECORD_NAME = ".diarize.jsonl"
# The beginning and the end of a file tell recordings apart; all of a film would take seconds.
_DIGEST_BYTES = 1 << 20
_LONGEST_NAME = 255  # bytes, where the file system does not say
_NUMBERS = itertools.count()  # of files being written, so that threads do not share one


@dataclass(frozen=True)
class Note:
    """One file that was written, as its folder's record holds it.

    Parameters
    ----------
    name : str
        The file's name without its folder.
    sha256 : str
        Checksum of its bytes.
    format : str
        Which writer made it; empty for what is no result.
    words : bool
        Whether it holds anything that was said.
    recording : mapping
        What it was made from, as :func:`describe_recording` says; empty where that is not known.
    options : mapping
        The writer's options that were not at their defaults.
    """

    name: str
    sha256: str = ""
    format: str = ""
    words: bool = False
    recording: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """Return the note as a line of the record, without what says nothing."""
        known = {key: value for key, value in asdict(self).items() if value}
        return json_text(known, sort_keys=True) + "\n"


class Record:
    """What this package has written into one folder.

    Lines are only ever added, so that several processes may write to one folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines: list[str] = []
        with contextlib.suppress(OSError):
            text = (folder / RECORD_NAME).read_text(encoding="utf-8", errors="replace")
            self._lines = text.splitlines(keepends=True)

    def _notes(self, name: str) -> list[Note]:
        """Return the notes of one file; the lines of others are not parsed, which may be many."""
        return [note for note in self._with(json_text(name)) if note.name == name]

    def _with(self, text: str = "") -> Iterator[Note]:
        """Yield the notes of the lines that hold a text."""
        for line in self._lines:
            if text in line:
                with contextlib.suppress(ValueError, TypeError):
                    yield Note(**json_value(line))

    def names(self) -> set[str]:
        """Return the names of all files that were written at some time."""
        return {note.name for note in self._with()}

    def knows(self, name: str) -> bool:
        """Return whether a file of this name was written at some time."""
        return bool(self._notes(name))

    def note_of(self, path: Path) -> Note | None:
        """Return the note of a file that is still as it was written; else None."""
        notes = self._notes(path.name)
        if not notes:
            return None
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:
            return None
        return next((note for note in reversed(notes) if note.sha256 == found), None)

    def add(self, notes: Iterable[Note]) -> None:
        """Note files that have just been written; without a record they count as the user's."""
        lines = [note.line() for note in notes]
        new = [line for line in lines if line not in self._lines]
        if not new:
            return
        end = "" if not self._lines or self._lines[-1].endswith("\n") else "\n"
        with contextlib.suppress(OSError), (self.folder / RECORD_NAME).open("ab") as file:
            file.write((end + "".join(new)).encode())


def objection(
    path: Path,
    record: Record,
    *,
    recording: Mapping[str, Any] | None = None,
    words: bool = True,
    overwrite: bool = False,
) -> str | None:
    """Say why a file must not be replaced; None where it may be, or is not there.

    A file made from another ``recording`` is not replaced, nor one that holds ``words`` by one
    without; only with ``overwrite`` what was written by somebody else, or changed.
    """
    if not is_file(path) or path.stat().st_size == 0:
        return None
    note = record.note_of(path)
    if not words and (note.words if note else path.suffix != ".rttm"):
        return "holds words, and this result has none"
    if overwrite:
        return None
    if note is None:
        if record.knows(path.name):
            return "was changed since diarize wrote it"
        return "was not written by diarize"
    if recording and note.recording and not is_same_recording(note.recording, recording):
        return f"is of another recording ({note.recording.get('path', 'unknown')})"
    return None


def refuse_unless_own(path: Path, *, overwrite: bool = False) -> None:
    """Refuse to replace a file that was changed, or written by somebody else.

    Raises
    ------
    OutputError
        Also where the file system cannot hold the name.
    """
    check_name(path)
    reason = objection(path, Record(path.parent), overwrite=overwrite)
    if reason:
        raise OutputError(
            f"{path} {reason} and is not replaced: choose another name, or add --overwrite"
        )


def describe_recording(path: str | Path, folder: Path) -> dict[str, Any]:
    """Return what tells a recording from others: its path seen from ``folder``, and its bytes."""
    if is_url(path):
        return {"path": str(path)}
    return {"path": relative_path(path, folder), **digest_of(Path(path))}


def is_same_recording(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two descriptions are of one recording: its bytes, or its place, are the same.

    A recording may be moved, and it may be cut or cleaned where it lies.
    """

    def same(*keys: str) -> bool:
        return keys[0] in one and all(one.get(key) == other.get(key) for key in keys)

    return same("digest", "bytes") or same("path")


def digest_of(path: Path) -> dict[str, Any]:
    """Return the length of a file and a checksum of both its ends; nothing if it is unreadable."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            digest = hashlib.sha256(file.read(_DIGEST_BYTES))
            file.seek(max(0, size - _DIGEST_BYTES))
            digest.update(file.read(_DIGEST_BYTES))
    except OSError:
        return {}
    return {"bytes": size, "digest": digest.hexdigest()}


def relative_path(path: str | Path, folder: Path) -> str:
    """Return a path as seen from a folder, with slashes; absolute where there is no way there."""
    absolute = Path(path).parent.resolve() / Path(path).name
    try:
        return Path(os.path.relpath(absolute, folder.resolve())).as_posix()
    except ValueError:  # another drive
        return absolute.as_posix()


def is_url(text: str | os.PathLike[str]) -> bool:
    """Return whether a text is an address of a file elsewhere, and no path.

    Examples
    --------
    >>> is_url("s3://calls/monday.wav"), is_url("C://calls/monday.wav"), is_url("calls/monday.wav")
    (True, False, False)
    """
    return isinstance(text, str) and re.match(r"[A-Za-z][\w+.-]+://", text) is not None


def is_file(path: Path) -> bool:
    """Return whether there is a file; a name that cannot be is none."""
    try:
        return path.is_file()
    except OSError:  # too long a name, a folder that may not be entered
        return False


def identity(path: Path) -> str:
    """Return what makes two spellings of one file equal."""
    return os.path.normcase(os.path.realpath(path))


def existing_folder(folder: Path) -> Path:
    """Return a folder or, where it is not there, the nearest above it that is."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def check_name(path: Path) -> None:
    """Refuse a name that the file system cannot hold.

    Raises
    ------
    OutputError
    """
    try:
        longest = os.pathconf(existing_folder(path.parent), "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):
        longest = _LONGEST_NAME
    length = len(os.fsencode(path.name))
    if length > longest:
        raise OutputError(
            f"{path}: the name is too long ({length} bytes, the folder takes {longest}): give the "
            "recording a shorter name, or name the file with -o FILE"
        )


@contextlib.contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """Open a file that takes the place of ``path`` if the block ends well, and else is gone.

    Its folder is there already; a private file is readable by its owner only.
    """
    beside = path.with_name(f".diarize-{os.getpid()}-{next(_NUMBERS)}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(beside, flags, 0o600 if private else 0o666), "wb") as file:
            yield file
        beside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def encoded(content: str | bytes) -> bytes:
    """Return what a file holds, text as UTF-8.

    A byte of a file's name that is no character is written so that JSON reads it as it was.
    """
    return content if isinstance(content, bytes) else printable(content).encode()


def write_whole(
    texts: Mapping[Path, str | bytes],
    notes: Mapping[Path, Note] | None = None,
    *,
    private: bool = False,
) -> None:
    """Write files as a whole: each beside its place first, then all moved to it.

    Text is written as UTF-8. ``notes`` go into their folders' records, with the checksums added.

    Raises
    ------
    OutputError
        If one cannot be written. No half-written file is left then.
    """
    current: Path | None = None
    data = {path: encoded(text) for path, text in texts.items()}
    try:
        with contextlib.ExitStack() as waiting:
            for current, content in data.items():
                current.parent.mkdir(parents=True, exist_ok=True)
                if current.is_dir():
                    raise IsADirectoryError(None, "there is a folder of that name")
                file = waiting.enter_context(replacing(current, private=private))
                file.write(content)
                file.flush()  # a full disk is noticed before any file is replaced
    except OSError as error:
        reason = error.strerror or str(error)
        where = error.filename2 or current  # the former where moving failed
        raise OutputError(
            f"cannot write {where}: {reason}. Choose another folder with -o DIR"
        ) from None
    for path in data:
        log.info("wrote %s", path)
    written: dict[Path, list[Note]] = {}
    for path, note in (notes or {}).items():
        known = replace(note, name=path.name, sha256=hashlib.sha256(data[path]).hexdigest())
        written.setdefault(path.parent, []).append(known)
    for folder, known_there in written.items():
        Record(folder).add(known_there)
