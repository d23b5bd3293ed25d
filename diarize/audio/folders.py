"""The recordings in a folder, found by what is in the files, whatever they are called."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from diarize.audio import decoding
from diarize.errors import AudioError
from diarize.text import counted

One = TypeVar("One")

# FFmpeg reads these as sound, but the sound lies in other files.
_PLAYLISTS = ("hls", "concat", "dash")


@dataclass(frozen=True)
class Folder:
    """Contents of a folder.

    Attributes
    ----------
    recordings : tuple of Path
        In order of their names, those of its sub-folders included.
    others : tuple of Path
        Files that hold no sound; hidden ones are not counted.
    """

    path: Path
    recordings: tuple[Path, ...]
    others: tuple[Path, ...]

    def __str__(self) -> str:
        """Return a line for people: how many of each, and files that only look like recordings."""
        line = f"{self.path}: {counted(len(self.recordings), 'recording')}"
        if self.others:
            line += f"; {counted(len(self.others), 'other file')} skipped"
        odd = [path.name for path in self.others if named_as_sound(path.name)]
        if odd:
            more = f" and {len(odd) - 3} more" if len(odd) > 3 else ""
            line += f", among them {', '.join(odd[:3])}{more}, in which no sound was found"
        return line


def files_in(
    folder: str | Path, on_error: Callable[[OSError], object] | None = None
) -> Iterator[Path]:
    """Yield the files of a folder and its sub-folders by name, but not hidden ones."""
    for place, folders, names in os.walk(folder, onerror=on_error):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def recordings_in(path: str | Path) -> Folder:
    """Look into every file of a folder and its sub-folders.

    Raises
    ------
    AudioError
        Where a folder may not be entered, or holds no recording.
    """
    folder = Path(path)

    def refused(error: OSError) -> None:
        raise AudioError(
            f"{error.filename}: the folder may not be entered ({error.strerror}). "
            "Check its permissions."
        ) from None

    recordings: list[Path] = []
    others: list[Path] = []
    for file in files_in(folder, refused):
        (recordings if has_sound(file) else others).append(file)
    found = Folder(folder, tuple(recordings), tuple(others))
    if not recordings:
        files = counted(len(others), "other file") if others else "nothing at all"
        raise AudioError(f"{path}: holds no recording, but {files}. Name the recordings.")
    return found


def with_folders_opened(
    sources: Iterable[One], on_folder: Callable[[str], None]
) -> list[One | str]:
    """Return recordings, with those of a folder in its place.

    Parameters
    ----------
    sources : iterable
        Recordings of any kind, and folders.
    on_folder : callable
        Told what each folder holds.
    """
    found: list[One | str] = []
    for source in sources:
        # False where it may not look
        if isinstance(source, str | os.PathLike) and source != "-" and os.path.isdir(source):  # noqa: PTH112
            folder = recordings_in(os.fspath(cast("os.PathLike[str]", source)))
            on_folder(str(folder))
            found += map(str, folder.recordings)
        else:
            found.append(source)
    return found


def has_sound(path: Path) -> bool:
    """Return whether a file is a recording, or was one before it was cut off."""
    import av

    if not path.is_file():  # a pipe or a device would wait for somebody to write
        return False
    try:
        with decoding.open_path(path) as container:
            kind = container.format.name.split(",")[0]
            return bool(container.streams.audio) and kind not in _PLAYLISTS
    except (av.error.FFmpegError, OSError):
        return decoding.InputFile(str(path), path.name).head(4, 4) == b"ftyp"


def kind_of(name: str) -> str:
    """Return the kind of file that a name stands for, such as ``audio/mpeg``; else nothing."""
    return mimetypes.guess_type(name)[0] or ""


def named_as_sound(name: str) -> bool:
    """Return whether a file's name is that of a recording, and not of a playlist."""
    kind = kind_of(name)
    return kind.startswith(("audio/", "video/")) and "mpegurl" not in kind
