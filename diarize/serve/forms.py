"""Uploads: multipart forms, whose files go straight to disk under names of ours."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import unquote

from diarize.serve.guard import TooLarge, too_large
from diarize.serve.storage import TRANSCRIPT, UPLOAD, Storage, has_room
from diarize.text import one_line

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks
    from starlette.requests import Request

FILES = {"file": UPLOAD, "transcript": TRANSCRIPT}  # the form's fields, and what we call them
MOST_TEXT = 16 << 20  # bytes of all text fields together: voices to know come as text
MOST_PARTS = 200
_LONGEST_NAME = 200
_EXTENDED = re.compile(r""";\s*filename\*\s*=\s*"?([\w-]+)'[^']*'([^\s;"]+)""", re.IGNORECASE)


class BadForm(Exception):
    """A request cannot be read; ``status`` is what to answer."""

    def __init__(self, message: str, status: int = 400, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param


@dataclass
class Form:
    """What a form held.

    Parameters
    ----------
    texts : dict of str to list of str
        Fields with their values; ``[]`` behind a name is left out.
    names : dict of str to str
        The files' names by field, for showing alone.
    """

    texts: dict[str, list[str]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def last(self, name: str) -> str | None:
        """Return a field's value; None where it is missing or empty."""
        values = self.texts.get(name)
        return values[-1].strip() or None if values else None


async def read_form(request: Request, storage: Storage, id: str, most: int) -> Form:
    """Read a form, its files into the job's folder of uploads; BadForm or TooLarge if not."""
    from python_multipart.exceptions import MultipartParseError
    from python_multipart.multipart import MultipartParser, parse_options_header

    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise BadForm("send a form: Content-Type multipart/form-data with a boundary", 415)
    if not has_room(storage.uploads, int(request.headers.get("content-length", "0"))):
        raise BadForm("the disk is full", 507)
    reader = _Reader(storage.upload(id, "").parent / id, most)
    reader.folder.mkdir(mode=0o700)
    try:
        parser = MultipartParser(boundary, cast("MultipartCallbacks", reader.callbacks()))
        async for chunk in request.stream():
            parser.write(chunk)
        parser.finalize()
        reader.close()
    except BaseException as error:
        reader.close()
        if isinstance(error, MultipartParseError | UnicodeDecodeError):
            raise BadForm(f"the form cannot be read: {error}") from None
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise BadForm("the disk is full", 507) from None
        raise
    if not reader.ended:
        raise BadForm("the form ends in the middle")
    return reader.form


class _Reader:
    """Takes a form as the parser comes upon its parts."""

    def __init__(self, folder: Path, most: int) -> None:
        self.folder = folder
        self.form = Form()
        self.ended = False
        self._most = most
        self._room = MOST_TEXT
        self._parts = 0
        self._headers: dict[str, bytes] = {}
        self._header = self._value = b""
        self._name = ""
        self._text: bytearray | None = None
        self._file: IO[bytes] | None = None
        self._size = 0

    def callbacks(self) -> dict[str, Callable[..., None]]:
        return {name: getattr(self, name) for name in dir(self) if name.startswith("on_")}

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()

    def on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise BadForm(f"the form has more than {MOST_PARTS} parts")
        self._headers = {}

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        name = self._header.decode("latin-1").lower()
        self._headers[name] = self._value
        self._header = self._value = b""

    def on_headers_finished(self) -> None:
        from python_multipart.multipart import parse_options_header

        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        raw = options.get(b"name")
        if raw is None:
            raise BadForm("a part of the form has no name")
        self._name = raw.decode("utf-8", "replace").removesuffix("[]")
        self._size = 0
        shown = _file_name(self._headers["content-disposition"], options)
        if shown is None and self._name not in FILES:
            self._text = bytearray()
            return
        if self._name not in FILES:
            raise BadForm(f"{self._name}: no file is expected here", param=self._name)
        if shown is None:
            raise BadForm(f"{self._name}: a file is expected, with a filename", param=self._name)
        if self._name in self.form.names:
            raise BadForm(f"{self._name}: one file is expected", param=self._name)
        self.form.names[self._name] = shown_name(shown)
        self._file = (self.folder / FILES[self._name]).open("xb")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = memoryview(data)[start:end]
        self._size += len(part)
        if self._file is not None:
            if self._size > self._most:
                raise TooLarge(too_large(self._most))
            self._file.write(part)
        elif self._text is not None:
            self._room -= len(part)
            if self._room < 0:
                raise BadForm(f"the form's texts are longer than {MOST_TEXT >> 20} MiB", 413)
            self._text += part

    def on_part_end(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        elif self._text is not None:
            values = self.form.texts.setdefault(self._name, [])
            values.append(self._text.decode("utf-8", "replace"))
            self._text = None

    def on_end(self) -> None:
        self.ended = True


def _file_name(header: bytes, options: Mapping[bytes, bytes]) -> str | None:
    """Return the name of a part that is a file; None where it is none.

    Some clients send names that are not ASCII only as ``filename*`` (RFC 5987).
    """
    if b"filename" in options:
        return options[b"filename"].decode("utf-8", "replace")
    found = _EXTENDED.search(header.decode("latin-1"))
    if found is None:
        return None
    try:
        return unquote(found[2], found[1], "replace")
    except LookupError:  # no encoding is called so
        return unquote(found[2])


def shown_name(name: str) -> str:
    """Return an upload's name as it is shown: no folder, one line, not too long.

    Examples
    --------
    >>> shown_name("C:\\\\talks\\\\a.mp3"), shown_name("../../etc/passwd"), shown_name("..")
    ('a.mp3', 'passwd', 'recording')
    """
    last = one_line(name.replace("\\", "/").rsplit("/", 1)[-1].replace("\0", ""))
    return last[:_LONGEST_NAME] if last.strip(". ") else "recording"
