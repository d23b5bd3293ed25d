"""Files by path or URL: those of this machine directly, all others through fsspec."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from diarize.errors import AudioError, MissingExtraError, OutputError, UsageError
from diarize.files import is_url, replacing

# What file systems say of a file's state, each by a name of its own: the surest first.
_STATES = (
    *("ETag", "etag", "md5Hash", "mtime", "modify"),
    *("LastModified", "last_modified", "updated", "created"),
)


def as_place(text: str) -> str:
    """Return a URL as it is, and ``file://`` as a path."""
    if text.startswith(("file://", "local://")):
        return url2pathname(unquote(urlsplit(text).path, errors="surrogateescape"))
    return text


def filesystem(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL, and the path in it.

    Raises
    ------
    MissingExtraError
        Where fsspec is not installed.
    UsageError
        Where the file system needs another package, or its credentials are not right.
    """
    try:
        core = importlib.import_module("fsspec.core")
    except ImportError:
        raise MissingExtraError("fsspec", "cluster", url) from None
    try:
        system, path = core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise UsageError(f"{url}: {error}") from None
    return system, path


def stamp_of(place: str) -> str:
    """Return what changes when a file is written anew, without reading it; empty: no such file."""
    try:
        if not is_url(place):
            status = os.stat(place)  # noqa: PTH116
            return f"{status.st_size} {status.st_mtime_ns}"
        system, path = filesystem(place)
        return _stamp(system.info(path))
    except OSError:
        return ""


def _stamp(about: Mapping[str, Any]) -> str:
    """Return the size of a file elsewhere, and what its file system says of its state."""
    state = next((about[name] for name in _STATES if about.get(name)), "")
    return f"{about.get('size')} {state}"


@lru_cache(maxsize=64)
def stamps_in(url: str) -> Mapping[str, str]:
    """Return the stamps of all files in a folder elsewhere, by name: one request for all."""
    system, path = filesystem(url)
    try:
        listed = system.ls(path, detail=True)
    except OSError:
        return {}
    return {str(one["name"]).rpartition("/")[2]: _stamp(one) for one in listed}


def size_of(place: str) -> int:
    """Return the bytes of a file; 0 where there is none."""
    try:
        if not is_url(place):
            return os.stat(place).st_size  # noqa: PTH116
        system, path = filesystem(place)
        return int(system.size(path) or 0)
    except OSError:
        return 0


def read_bytes(place: str) -> bytes:
    """Return the whole of a file."""
    if not is_url(place):
        return Path(place).read_bytes()
    system, path = filesystem(place)
    return bytes(system.cat_file(path))


def fetch(place: str, folder: Path) -> Path:
    """Copy a file that is not on this machine into a folder, under its own name.

    Raises
    ------
    AudioError
        Where there is no such file, or it cannot be had.
    """
    system, path = filesystem(place)
    target = folder / PurePosixPath(path).name
    try:
        system.get_file(path, str(target))
    except Exception as error:  # each file system has errors of its own
        raise AudioError(f"{place}: cannot be fetched ({type(error).__name__}: {error})") from None
    return target


class Store:
    """A folder that files are read from and written to, each whole or not at all.

    Parameters
    ----------
    root : str
        A path, or a URL that fsspec knows.
    """

    def __init__(self, root: str) -> None:
        self.root = as_place(root)
        self.remote = is_url(self.root)

    def place(self, name: str) -> str:
        """Return the path or URL of a file by its name below the root, with slashes."""
        if self.remote:
            return f"{self.root.rstrip('/')}/{name}"
        return str(Path(self.root, *name.split("/")))

    def names(self, ending: str) -> list[str]:
        """Return the files below the root whose names end so, in order."""
        if not self.remote:
            root = Path(self.root)
            return sorted(
                Path(folder, name).relative_to(root).as_posix()
                for folder, _, files in os.walk(root)
                for name in files
                if name.endswith(ending)
            )
        system, path = filesystem(self.root)
        system.invalidate_cache()
        with contextlib.suppress(FileNotFoundError):
            prefix = path.rstrip("/") + "/"
            found = (str(one) for one in system.find(path))
            return sorted(
                one[one.index(prefix) + len(prefix) :] for one in found if one.endswith(ending)
            )
        return []

    def read(self, name: str) -> bytes | None:
        """Return the whole of a file, None where there is none."""
        try:
            return read_bytes(self.place(name))
        except FileNotFoundError:
            return None

    def read_all(self, names: list[str]) -> Mapping[str, bytes]:
        """Return the contents of many files; at once where that saves waiting for a network."""
        if not self.remote or not names:
            return {name: Path(self.place(name)).read_bytes() for name in names}
        system, path = filesystem(self.root)
        places = {f"{path.rstrip('/')}/{name}": name for name in names}
        found = system.cat(list(places), on_error="omit")
        return {places[place]: bytes(content) for place, content in found.items()}

    def write(self, name: str, content: bytes, *, private: bool = False) -> None:
        """Write a file; OutputError where that cannot be done."""
        place = self.place(name)
        try:
            if not self.remote:
                path = Path(place)
                path.parent.mkdir(parents=True, exist_ok=True)
                with replacing(path, private=private) as file:
                    file.write(content)
                return
            system, path_there = filesystem(place)
            system.makedirs(path_there.rpartition("/")[0], exist_ok=True)
            system.pipe_file(path_there, content)
        except OSError as error:
            raise OutputError(f"cannot write {place}: {error.strerror or error}") from None

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[Any]:
        """Open a file for writing that is there, whole, when the block has ended well."""
        place = self.place(name)
        if not self.remote:
            Path(place).parent.mkdir(parents=True, exist_ok=True)
            with replacing(Path(place)) as file:
                yield file
            return
        system, path = filesystem(place)
        with system.open(path, "wb") as file:
            yield file

    def has(self, name: str) -> bool:
        """Return whether there is a file."""
        return bool(stamp_of(self.place(name)))


def is_pattern(text: str) -> bool:
    """Return whether a text has the wildcards of a shell.

    Examples
    --------
    >>> is_pattern("calls/*.wav"), is_pattern("calls/one.wav")
    (True, False)
    """
    return re.search(r"[*?\[]", text) is not None
