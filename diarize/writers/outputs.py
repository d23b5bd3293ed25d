"""Where the results of recordings go: one place a recording, settled before any work begins."""

from __future__ import annotations

import glob
import mimetypes
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from diarize.errors import OutputError, TranscriptError, UsageError
from diarize.files import (
    Note,
    Record,
    check_name,
    describe_recording,
    encoded,
    is_file,
    objection,
    write_whole,
)
from diarize.result import Result, read_result
from diarize.writers import (
    OWN_SUFFIX,
    WriterOptions,
    changed_options,
    get_writer,
    names,
    render,
    seen_from,
    write_files,
)


@dataclass(frozen=True)
class Output:
    """Where one recording's results go.

    Parameters
    ----------
    folder : Path or None
        None: standard output.
    stem : str
        The files' name without extension.
    file : Path or None
        Exactly this file, where one was named.
    """

    folder: Path | None
    stem: str
    file: Path | None = None


def named_file(output: str | None, formats: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Tell a file's name from a folder's in ``-o``; return it, and the formats to write.

    Parameters
    ----------
    output : str or None
        What ``-o`` says.
    formats : sequence of str
        The formats asked for; where there is none, a file's name tells it.

    Raises
    ------
    UsageError
        If the file's name fits no format, or not the one asked for.
    """
    if output in (None, "-") or output.endswith(("/", os.sep)) or Path(output).is_dir():
        return None, list(formats)
    path = Path(output)
    # the longest extension first: talk.seglst.json is no JSON of ours
    known = sorted(((get_writer(name).extension, name) for name in names()), key=_by_length)
    fits = [name for extension, name in known if path.name.lower().endswith(_dotted(extension))]
    endings = {name: get_writer(name).extension.rpartition(".")[2] for name in formats}
    asked = [name for name, ending in endings.items() if _dotted(ending) == path.suffix.lower()]
    if not fits and not _is_file_name(path):
        return None, list(formats)
    if len(formats) > 1:
        raise UsageError(
            f"-o {output} names one file, but {', '.join(formats)} are asked for: give a folder"
        )
    if formats and not asked:
        raise UsageError(
            f"-o {output} is no name for {formats[0]}: end it in "
            f".{get_writer(formats[0]).extension}, or with / if it is a folder"
        )
    if not formats and not fits:
        raise UsageError(
            f"-o {output}: no output format is called so; choose from {', '.join(names())}, "
            "or end it with / if it is a folder"
        )
    return path, list(formats) or fits[:1]


def _by_length(pair: tuple[str, str]) -> tuple[int, str]:
    return -len(pair[0]), pair[0]


def _dotted(extension: str) -> str:
    return f".{extension.lower()}"


def _is_file_name(path: Path) -> bool:
    """Return whether a name is one that only files bear, as far as the system knows."""
    return mimetypes.guess_type(path.name)[0] is not None


def plan_outputs(
    sources: Sequence[str], folder: Path | None, file: Path | None = None
) -> list[Output]:
    """Give each recording a place of its own.

    Recordings of one name keep their sub-folders below ``folder``; those that lie in one folder
    keep their extension (``talk.wav.srt`` beside ``talk.mp3.srt``).

    Parameters
    ----------
    sources : sequence of str
        Recordings, ``-`` for standard input.
    folder : Path or None
        Where all results go; None: beside each recording.
    file : Path or None
        The one file to write.

    Raises
    ------
    UsageError
        If one file is named for several recordings.
    """
    if file is not None:
        if len(sources) > 1:
            raise UsageError(f"-o {file} names one file, but there are {len(sources)} recordings")
        return [Output(file.parent, Path(sources[0]).stem if sources[0] != "-" else "stdin", file)]
    plain = [_place(source, folder) for source in sources]
    crowded = _crowded(plain)
    if folder is not None and crowded:
        top = _common_folder([Path(sources[index]) for index in crowded])
        for index in crowded:
            inside = Path(sources[index]).resolve().parent.relative_to(top)
            plain[index] = Output(folder / inside, plain[index].stem)
    for index in _crowded(plain):
        plain[index] = Output(plain[index].folder, Path(sources[index]).name)
    taken: Counter[str] = Counter()
    for index, place in enumerate(plain):
        taken[_key(place)] += 1
        if taken[_key(place)] > 1:
            plain[index] = Output(place.folder, f"{place.stem}.{taken[_key(place)]}")
    return plain


def _place(source: str, folder: Path | None) -> Output:
    if source == "-":
        return Output(Path.cwd() if folder is None else folder, "stdin")
    return Output(Path(source).parent if folder is None else folder, Path(source).stem)


def _key(place: Output) -> str:
    """Return what two places share where their files would be the same, on any file system."""
    return str((place.folder or Path()).resolve() / place.stem).casefold()


def _crowded(places: Sequence[Output]) -> list[int]:
    count = Counter(map(_key, places))
    return [index for index, place in enumerate(places) if count[_key(place)] > 1]


def _common_folder(paths: Iterable[Path]) -> Path:
    folders = [path.resolve().parent for path in paths]
    try:
        return Path(os.path.commonpath(folders))
    except ValueError:  # on different drives
        raise UsageError(
            "recordings of one name lie on different drives: give them one at a time, each with "
            "an -o DIR of its own"
        ) from None


def check_outputs(places: Sequence[Output], formats: Sequence[str], overwrite: bool) -> None:
    """Refuse what could not be written in the end, before any work begins.

    Raises
    ------
    OutputError
        If a folder is a file, a name is too long, or the one file named must not be replaced.
    """
    for place in places:
        if place.folder is None:
            continue
        nearest = place.folder
        while not nearest.exists() and nearest != nearest.parent:
            nearest = nearest.parent
        if not nearest.is_dir():
            raise OutputError(f"{nearest} is a file, not a folder: choose another -o DIR")
        if not os.access(nearest, os.W_OK):
            raise OutputError(
                f"cannot write to {nearest}: permission denied. Choose another folder with -o DIR"
            )
        if place.file is not None:
            check_name(place.file)
            reason = objection(place.file, Record(place.folder), overwrite=overwrite)
            if reason:
                raise OutputError(
                    f"{place.file} {reason} and is not replaced: choose another name, or add "
                    "--overwrite"
                )
            continue
        for name in formats:
            check_name(place.folder / f"{place.stem}{OWN_SUFFIX}.{get_writer(name).extension}")


def earlier_result(place: Output, source: str) -> tuple[Path, Result] | None:
    """Return what an earlier run made of a recording, and its file; None where there is nothing.

    Looked at are the JSON files at the place of the results and beside the recording; the one
    that is still as it was written comes first.
    """
    folders = [place.folder, None if source == "-" else Path(source).parent]
    for folder in dict.fromkeys(folder for folder in folders if folder is not None):
        record = Record(folder)
        candidates = [*([place.file] if place.file else []), *variants(folder, place.stem, "json")]
        candidates.sort(key=lambda path: record.note_of(path) is None)
        for path in candidates:
            try:
                result = read_result(path)
            except TranscriptError:
                continue
            if result.relabelling or result.diarization.parameters:
                return path, result
    return None


def variants(folder: Path, stem: str, extension: str) -> list[Path]:
    """Return the files that a result may have been written to, as far as they are there."""
    beside = folder.glob(f"{glob.escape(stem)}{OWN_SUFFIX}*.{extension}")
    names = re.compile(rf"{re.escape(stem + OWN_SUFFIX)}(\.\d+)?\.{re.escape(extension)}")
    found = [folder / f"{stem}.{extension}", *sorted(beside)]
    return [
        path
        for index, path in enumerate(found)
        if is_file(path) and (index == 0 or names.fullmatch(path.name))
    ]


@dataclass(frozen=True)
class Written:
    """What came of writing: the files, and sentences on those that were left alone."""

    files: tuple[Path, ...]
    messages: tuple[str, ...] = ()


def rewrite(
    path: Path,
    before: Result,
    after: Result,
    formats: Sequence[str] = (),
    options: WriterOptions | None = None,
    *,
    overwrite: bool = False,
) -> Written:
    """Write a changed result over its JSON file, and over what was written from it.

    Parameters
    ----------
    path : Path
        The JSON file.
    before, after : Result
        What it held, and what it is to hold.
    formats : sequence of str
        Formats to write beside those that are there.
    options : WriterOptions, optional
        For all files; those that each was written with, where none is given.
    overwrite : bool
        Replace files that were changed by hand too.
    """
    folder = path.parent
    stem = re.sub(rf"{re.escape(OWN_SUFFIX)}(\.\d+)?$", "", path.stem)
    record = Record(folder)
    recording = describe_recording(after.audio, folder) if after.audio else {}
    texts: dict[Path, str | bytes] = {}
    notes: dict[Path, Note] = {}
    left: dict[str, list[str]] = {}

    def put(file: Path, name: str, known: Note | None) -> None:
        chosen = options or WriterOptions(**(known.options if known else {}))
        shown = seen_from(after, folder)
        texts[file] = render(name, shown, chosen)
        words = name != "rttm" and after.has_words
        notes[file] = Note(file.name, "", name, words, recording, changed_options(chosen))

    put(path, "json", record.note_of(path))
    for name in (name for name in names() if name != "json"):
        for file in variants(folder, stem, get_writer(name).extension):
            known = record.note_of(file)
            reason = objection(
                file,
                record,
                recording=recording,
                overwrite=overwrite and (name in formats or record.knows(file.name)),
            )
            if reason is None or _is_rendering(file, name, before):
                put(file, name, known)
            else:
                left.setdefault(reason, []).append(file.name)
    write_whole(texts, notes)
    written = list(texts)
    messages = [f"left alone: {', '.join(files)} ({reason})" for reason, files in left.items()]
    done = {note.format for note in notes.values()}
    missing = [name for name in formats if name not in done]
    written += write_files(
        after, missing, folder, stem, options, inputs=[path], on_message=messages.append
    )
    return Written(tuple(written), tuple(messages))


def _is_rendering(file: Path, name: str, result: Result) -> bool:
    """Return whether a file is exactly what a result gives, whatever the record holds of it."""
    ours = get_writer(name).render(seen_from(result, file.parent), WriterOptions())
    return file.read_bytes() == encoded(ours)
