"""Results that lie in files: found again, and brought up to date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from diarize.errors import AudioError, TranscriptError
from diarize.files import Note, Record, describe_recording, encoded, objection, write_whole
from diarize.formats import WriterOptions, get_writer, names
from diarize.outputs import Output, note_of, plain_stem, variants, write_files
from diarize.result import Result
from diarize.result_file import read_result


def earlier_result(place: Output, audio: str | None) -> tuple[Path, Result] | None:
    """Return what an earlier run made of a recording, and its file; None where there is nothing.

    Looked at are the JSON files at the place of the results and beside the recording; the one
    that is still as it was written comes first.
    """
    folders = [place.folder, None if audio is None else Path(audio).parent]
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

    ``formats`` are written beside those that are there; each file with the options that it was
    written with, where none are given. ``overwrite`` replaces files that were changed by hand too.
    """
    folder = path.parent
    stem = plain_stem(path)
    record = Record(folder)
    recording = describe_recording(after.audio, folder) if after.audio else {}
    texts: dict[Path, str | bytes] = {}
    notes: dict[Path, Note] = {}
    left: dict[str, list[str]] = {}

    def put(file: Path, name: str, known: Note | None) -> None:
        chosen = options or WriterOptions(**(known.options if known else {}))
        texts[file] = after.render(name, chosen, folder=folder)
        notes[file] = note_of(after, name, recording, chosen)

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
                try:
                    put(file, name, known)
                except AudioError as error:  # a page holds its recording, which has gone
                    left.setdefault(str(error), []).append(file.name)
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
    ours = result.render(name, WriterOptions(), folder=file.parent)
    return file.read_bytes() == encoded(ours)
