"""Where results go: a place for each recording, settled before any work begins; and writing."""

from __future__ import annotations

import glob
import mimetypes
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from diarize.errors import OutputError, UsageError
from diarize.files import (
    Note,
    Record,
    check_name,
    describe_recording,
    existing_folder,
    identity,
    is_file,
    objection,
    refuse_unless_own,
    write_whole,
)
from diarize.formats import WriterOptions, changed_options, get_writer, names

OWN_SUFFIX = ".diarized"  # of a result beside a file that is not to be replaced
_OWN_ENDING = re.compile(rf"{re.escape(OWN_SUFFIX)}(\.\d+)?$")


def plain_stem(path: Path) -> str:
    """Return a result's stem without what kept it from replacing another file.

    Examples
    --------
    >>> plain_stem(Path("talk.json")), plain_stem(Path("talk.diarized.2.json"))
    ('talk', 'talk')
    """
    return _OWN_ENDING.sub("", path.stem)


class Renderable(Protocol):
    """What can be written: a :class:`diarize.Result`, which is above this module."""

    @property
    def audio(self) -> str | None: ...
    @property
    def has_words(self) -> bool: ...
    def render(
        self, name: str, options: WriterOptions | None = None, *, folder: Path | None = None
    ) -> str | bytes: ...


@dataclass(frozen=True)
class Output:
    """Where one recording's results go: a folder (None: standard output) and the files' stem there.

    ``file`` is exactly the one to write, where one was named.
    """

    folder: Path | None
    stem: str
    file: Path | None = None


def named_file(output: str | None, formats: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Tell a file's name from a folder's in ``-o``; return it, and the formats to write.

    Where no format is asked for, a file's name tells it.

    Raises
    ------
    UsageError
        If the file's name fits no format, or not the one asked for.
    """
    if output in (None, "-") or output.endswith(("/", os.sep)) or Path(output).is_dir():
        return None, list(formats)
    path = Path(output)
    # the longest extension first: talk.seglst.json is no JSON of ours
    known = sorted((-len(ending := _ending(name)), ending, name) for name in names())
    fits = [name for _, ending, name in known if path.name.lower().endswith(ending)]
    asked = any(f".{_ending(name).rpartition('.')[2]}" == path.suffix.lower() for name in formats)
    if not fits and mimetypes.guess_type(path.name)[0] is None:
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


def _ending(name: str) -> str:
    """Return how the names of a format's files end, in lower case."""
    return f".{get_writer(name).extension.lower()}"


def plan_outputs(
    sources: Sequence[str], folder: Path | None, file: Path | None = None
) -> list[Output]:
    """Give each recording (``-``: standard input) a place: in the folder, or beside the recording.

    Recordings of one name keep their sub-folders below ``folder``; those that lie in one folder
    keep their extension (``talk.wav.srt`` beside ``talk.mp3.srt``). ``file`` is the one to write.

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
    shared = Counter(map(_key, places))
    return [index for index, place in enumerate(places) if shared[_key(place)] > 1]


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
        nearest = existing_folder(place.folder)
        if not nearest.is_dir():
            raise OutputError(f"{nearest} is a file, not a folder: choose another -o DIR")
        if not os.access(nearest, os.W_OK):
            raise OutputError(
                f"cannot write to {nearest}: permission denied. Choose another folder with -o DIR"
            )
        if place.file is not None:
            refuse_unless_own(place.file, overwrite=overwrite)
            continue
        for name in formats:
            check_name(place.folder / f"{place.stem}{OWN_SUFFIX}.{get_writer(name).extension}")


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


def write_files(
    result: Renderable,
    formats: Iterable[str],
    directory: str | os.PathLike[str],
    stem: str,
    options: WriterOptions | None = None,
    *,
    inputs: Sequence[str | os.PathLike[str]] = (),
    overwrite: bool = False,
    file: str | os.PathLike[str] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> list[Path]:
    """Write a result in several formats: all files whole, or none of them.

    Replaced are files that an earlier call wrote for the same recording and nobody changed since.
    Beside any other, ``STEM.diarized.EXTENSION`` is written: a recording's ``talk.json`` from
    Whisper, and a ``talk.srt`` corrected by hand, stay as they are.

    Parameters
    ----------
    inputs : sequence of path
        Files that must not be overwritten, whoever wrote them.
    overwrite : bool
        Replace files that were changed or written by others too; never words by none.
    file : path, optional
        Exactly this file is written, in the one format given.
    on_message : callable, optional
        Called with a sentence for every file that is left alone.

    Returns
    -------
    list of Path
        The files, in the order of ``formats``.

    Raises
    ------
    OutputError
        If a file cannot be written, or ``file`` must not be.
    """
    options = options or WriterOptions()
    folder = Path(directory) if file is None else Path(file).parent
    record = Record(folder)
    protected = {identity(Path(path)) for path in inputs}
    recording = {} if result.audio is None else describe_recording(result.audio, folder)
    texts: dict[Path, str | bytes] = {}
    notes: dict[Path, Note] = {}
    for name in dict.fromkeys(formats):
        writer = get_writer(name)
        note = note_of(result, name, recording, options)

        def refused(path: Path, words: bool = note.words) -> str | None:
            if identity(path) in protected:
                return "is an input"
            return objection(path, record, recording=recording, words=words, overwrite=overwrite)

        path, message = free_place(folder, stem, writer.extension, file, refused)
        if message and on_message:
            on_message(message)
        texts[path] = result.render(name, options, folder=folder)
        notes[path] = note
    write_whole(texts, notes)
    return list(texts)


def note_of(
    result: Renderable, name: str, recording: Mapping[str, Any], options: WriterOptions
) -> Note:
    """Return what to note of a file of a format; its own name is filled in when it is written."""
    words = name != "rttm" and result.has_words
    return Note("", "", name, words, recording, changed_options(options))


def free_place(
    folder: Path,
    stem: str,
    extension: str,
    file: str | os.PathLike[str] | None,
    refused: Callable[[Path], str | None],
) -> tuple[Path, str | None]:
    """Return where to write a file, and a sentence if that is not where it was to go.

    ``refused`` says why a file must not be replaced, or None.

    Raises
    ------
    OutputError
        If exactly ``file`` was asked for and must not be replaced.
    """
    first = Path(file) if file is not None else folder / f"{stem}.{extension}"
    reason = refused(first)
    if reason is None:
        return first, None
    if file is not None:
        raise OutputError(
            f"{first} {reason} and is not replaced: choose another name"
            + ("" if reason.startswith(("is an input", "holds")) else ", or add --overwrite")
        )
    for number in count(1):
        suffix = OWN_SUFFIX if number == 1 else f"{OWN_SUFFIX}.{number}"
        path = folder / f"{stem}{suffix}.{extension}"
        if refused(path) is None:
            return path, f"{first} {reason} and is left alone: {path.name} is written instead"
    raise AssertionError("unreachable")
