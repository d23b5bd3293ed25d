"""What a batch works on: recordings named one by one, in folders, by patterns, or in a manifest."""

from __future__ import annotations

import csv
import glob
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from diarize.audio.folders import files_in, has_sound, kind_of, named_as_sound
from diarize.batch.stores import as_place, filesystem, is_pattern, read_bytes
from diarize.errors import UsageError
from diarize.files import is_url
from diarize.text import counted, json_value

MANIFESTS = (".csv", ".tsv", ".jsonl", ".ndjson")
COLUMNS = ("audio", "transcript", "language", "speakers")
# Named so, a file is a recording, also where the system's table of kinds does not know it.
_SOUNDS = {
    *(".aac", ".aif", ".aiff", ".amr", ".caf", ".flac", ".m4a", ".m4b", ".m4v", ".mka", ".mkv"),
    *(".mov", ".mp3", ".mp4", ".oga", ".ogg", ".opus", ".wav", ".wave", ".webm", ".wma", ".wv"),
}
# Named so, a file is none, and is not opened.
_OTHERS = ("text/", "image/", "application/json", "application/pdf", "application/zip")


@dataclass(frozen=True)
class Item:
    """One recording, and what is known of it alone.

    Parameters
    ----------
    audio : str
        Path or URL.
    inside : str
        Its path below the folder, pattern or manifest that named it, with slashes.
    transcript : str or None
        Path or URL of its words, where they are not to be looked for.
    language : str or None
        What is spoken.
    speakers : int, (int, int), tuple of str, or None
        How many people speak, at least and at most how many, or who was invited.
    """

    audio: str
    inside: str
    transcript: str | None = None
    language: str | None = None
    speakers: int | tuple[int, int] | tuple[str, ...] | None = None

    @property
    def identity(self) -> str:
        """What two spellings of one recording share."""
        return self.audio if is_url(self.audio) else os.path.realpath(self.audio)

    def told(self) -> dict[str, Any]:
        """Return what the manifest says of this recording alone, as JSON takes it."""
        return {
            "transcript": self.transcript,
            "language": self.language,
            "speakers": list(self.speakers) if isinstance(self.speakers, tuple) else self.speakers,
        }

    def settings(self) -> dict[str, Any]:
        """Return those of them that decide on the result; a transcript does by its stamp."""
        told = self.told()
        return {name: told[name] for name in ("language", "speakers") if told[name] is not None}

    @property
    def invited(self) -> tuple[str, ...]:
        """Who was invited, by name."""
        told = self.speakers if isinstance(self.speakers, tuple) else ()
        return tuple(one for one in told if isinstance(one, str))


def collect(inputs: Iterable[str], on_message: Callable[[str], None] | None = None) -> list[Item]:
    """Return the recordings that are meant, each once, in the order given.

    Parameters
    ----------
    inputs : iterable of str
        Recordings, folders, patterns (``calls/**/*.wav``), manifests (CSV, TSV, JSON lines): paths
        or URLs. A recording that is not there is kept: it fails by itself later.
    on_message : callable, optional
        Told what was passed over.

    Raises
    ------
    UsageError
        Where a manifest cannot be read, or an input names no recording.
    """
    tell = on_message or (lambda message: None)
    found: dict[tuple[str, Any], Item] = {}
    for text in inputs:
        for item in _items(as_place(str(text)), tell):
            found.setdefault((item.identity, json.dumps(item.told())), item)
    return list(found.values())


def _items(text: str, tell: Callable[[str], None]) -> Iterator[Item]:
    if text == "-":
        raise UsageError("a batch reads no recording from standard input: name files or folders")
    if is_url(text):
        yield from _at_url(text, tell)
    elif Path(text).is_dir():
        yield from _in_folder(text, tell)
    elif text.lower().endswith(MANIFESTS):
        yield from read_manifest(text, tell)
    elif is_pattern(text) and not Path(text).exists():
        paths = sorted(glob.glob(text, recursive=True))  # noqa: PTH207
        root = _before_pattern(text)
        paths = [path for path in paths if not Path(path).is_dir()]
        if not paths:
            raise UsageError(f"{text}: no file is called so")
        for path in paths:
            yield Item(path, Path(os.path.relpath(path, root or ".")).as_posix())
    else:
        yield Item(text, Path(text).name)


def _before_pattern(text: str) -> str:
    """Return the folder in which a pattern looks.

    Examples
    --------
    >>> _before_pattern("calls/2026/*/a?.wav"), _before_pattern("*.wav")
    ('calls/2026', '')
    """
    parts = text.replace(os.sep, "/").split("/")
    first = next(number for number, part in enumerate(parts) if is_pattern(part))
    return "/".join(parts[:first]) or ("/" if text.startswith("/") else "")


def _in_folder(text: str, tell: Callable[[str], None]) -> Iterator[Item]:
    """Yield the recordings in a folder and its sub-folders.

    What is named as a recording is one, and fails later where it holds no sound; of what has any
    other name the contents decide.
    """
    others = count = 0
    for path in files_in(text):
        if _is_recording(path):
            count += 1
            yield Item(str(path), path.relative_to(text).as_posix())
        else:
            others += 1
    if not count:
        raise UsageError(f"{text}: holds no recording, but {counted(others, 'other file')}")
    if others:
        tell(f"{text}: {counted(count, 'recording')}; {counted(others, 'other file')} skipped")


def _is_recording(path: Path) -> bool:
    if _is_named_as_sound(path.name):
        return True
    return not kind_of(path.name).startswith(_OTHERS) and has_sound(path)


def _is_named_as_sound(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in _SOUNDS or named_as_sound(name)


def _at_url(url: str, tell: Callable[[str], None]) -> Iterator[Item]:
    system, path = filesystem(url)
    if url.lower().endswith(MANIFESTS):
        yield from read_manifest(url, tell)
        return
    if is_pattern(url):
        names = [str(name) for name in system.glob(path) if not system.isdir(name)]
        root = _before_pattern(path)
    elif system.isdir(path):
        named = [str(name) for name in system.find(path)]
        names = [name for name in named if _is_named_as_sound(name)]
        root = path
        if len(named) > len(names):
            skipped = counted(len(named) - len(names), "other file")
            tell(f"{url}: {counted(len(names), 'recording')}; {skipped} skipped")
    else:
        yield Item(url, PurePosixPath(path).name)
        return
    if not names:
        raise UsageError(f"{url}: holds no recording")
    root = root.rstrip("/")
    for name in sorted(names):
        inside = name[name.index(root) + len(root) :].lstrip("/")
        yield Item(str(system.unstrip_protocol(name)), inside)


def read_manifest(place: str, on_message: Callable[[str], None] | None = None) -> list[Item]:
    """Read a table of recordings: ``audio``, and where known ``transcript``, ``language``, \
``speakers``.

    Parameters
    ----------
    place : str
        A CSV or TSV file with a line of column names, or JSON lines. Paths in it are seen from its
        own folder. ``speakers`` is a number, ``2-4``, or names with semicolons (a list in JSON).
    on_message : callable, optional
        Told of columns that mean nothing here.

    Raises
    ------
    UsageError
        With the line that cannot be understood.
    """
    try:
        text = read_bytes(place).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{place}: the manifest cannot be read ({reason})") from None
    lines = place.lower().endswith((".jsonl", ".ndjson"))
    rows = list(_json_rows(text, place) if lines else _csv_rows(text, place))
    unknown = dict.fromkeys(key for _, row in rows for key in row if key not in COLUMNS)
    if unknown and on_message:
        on_message(f"{place}: columns without a meaning here: {', '.join(unknown)}")
    items = [_from_row(row, f"{place}, line {number}", place) for number, row in rows]
    if not items:
        raise UsageError(f"{place}: the manifest names no recording")
    return items


def _json_rows(text: str, place: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                row = json_value(line)
            except ValueError as error:
                raise UsageError(f"{place}, line {number}: no JSON ({error})") from None
            if not isinstance(row, dict):
                raise UsageError(f'{place}, line {number}: write {{"audio": "talk.wav"}}')
            yield number, row


def _csv_rows(text: str, place: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    # read with the file's own line endings, of which an old Mac's are lone carriage returns
    lines = io.StringIO(text, newline=None)
    delimiter = max(",;\t", key=lines.readline().count)
    lines.seek(0)
    reader = csv.DictReader(lines, delimiter="\t" if place.lower().endswith(".tsv") else delimiter)
    try:
        names = [name.strip().lower() for name in reader.fieldnames or ()]
        if "audio" not in names:
            raise UsageError(
                f"{place}: its first line has no column 'audio', but "
                f"{', '.join(names) or 'nothing'}"
            )
        reader.fieldnames = names
        for row in reader:
            if any(isinstance(value, str) and value.strip() for value in row.values()):
                yield reader.line_num, {key: value for key, value in row.items() if key}
    except csv.Error as error:
        raise UsageError(
            f"{place}, line {reader.line_num + 1}: no table ({error}). Check that each quotation "
            "mark is closed"
        ) from None


def _from_row(row: Mapping[str, Any], where: str, manifest: str) -> Item:
    known = {name: row.get(name) for name in COLUMNS}
    texts = {
        name: value.strip() for name, value in known.items() if isinstance(value, str) and value
    }
    if not texts.get("audio"):
        raise UsageError(f"{where}: names no recording in the column 'audio'")
    return Item(
        _seen_from(manifest, texts["audio"]),
        _inside(texts["audio"]),
        _seen_from(manifest, texts["transcript"]) if texts.get("transcript") else None,
        texts.get("language") or None,
        _speakers(known["speakers"], where),
    )


def _seen_from(manifest: str, name: str) -> str:
    """Return the path or URL of a file that a manifest names as seen from its own folder."""
    name = as_place(name)
    if is_url(name):
        return name
    if is_url(manifest):
        return name if name.startswith("/") else f"{manifest.rpartition('/')[0]}/{name}"
    return str(Path(manifest).parent / Path(name).expanduser())


def _inside(name: str) -> str:
    """Return where the results of a file that a manifest names lie; never outside the folder."""
    if is_url(name) or Path(name).is_absolute():
        return PurePosixPath(name.replace(os.sep, "/")).name
    parts = os.path.normpath(name).replace(os.sep, "/").split("/")
    return "/".join(part for part in parts if part != "..")


def _speakers(value: Any, where: str) -> int | tuple[int, int] | tuple[str, ...] | None:
    """Read how many people speak, or who.

    Examples
    --------
    >>> _speakers("3", ""), _speakers("2-4", ""), _speakers("Ann; Bo", ""), _speakers("", "")
    (3, (2, 4), ('Ann', 'Bo'), None)
    """
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return tuple(name.strip() for name in value if name.strip()) or None
    text = "" if value is None else str(value).strip()
    if not text:
        return None
    if re.fullmatch(r"\d{1,9}", text) and int(text) > 0:
        return int(text)
    bounds = re.fullmatch(r"(\d{1,9})\s*(?:-|–|\.\.)\s*(\d{1,9})", text)
    if bounds and 0 < int(bounds[1]) <= int(bounds[2]):
        return int(bounds[1]), int(bounds[2])
    if bounds or not isinstance(value, str) or re.fullmatch(r"[-+.\d]+", text):
        raise UsageError(
            f"{where}: speakers is {value!r}: write a number (3), bounds (2-4), or names (Ann;Bo)"
        )
    return tuple(name.strip() for name in re.split("[;|]", text) if name.strip())
