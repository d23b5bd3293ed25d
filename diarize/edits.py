"""Changes to a finished result, as values: who is renamed, joined, swapped, split or moved.

A list of them is applied by :func:`diarize.relabel.apply_edits`. The result that it began with
stays as it is, so that a change is undone by applying the list without it. As JSON, an edit is an
object: its kind under ``edit``, and its fields.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from diarize.errors import UsageError
from diarize.text import json_value

NEW = "+"  # as whom to give something to: a new speaker without a name


@dataclass(frozen=True)
class Rename:
    """Give a speaker a name; one that another speaker bears joins the two."""

    kind: ClassVar[str] = "rename"
    speaker: str
    name: str


@dataclass(frozen=True)
class Merge:
    """Take several speakers for one person; the first one's label and name are kept."""

    kind: ClassVar[str] = "merge"
    speakers: tuple[str, ...]


@dataclass(frozen=True)
class Swap:
    """Exchange two speakers who were taken for each other throughout."""

    kind: ClassVar[str] = "swap"
    speakers: tuple[str, ...]


@dataclass(frozen=True)
class Reassign:
    """Give what is said in a stretch of time to a speaker.

    Parameters
    ----------
    start, end : float
        Seconds, rounded to milliseconds.
    to : str
        A speaker of the result, or a new one: by a name, a free label (``SPEAKER_04``), or ``+``.
    speaker : str or None
        Only what this speaker says there; None: what anybody says.
    """

    kind: ClassVar[str] = "reassign"
    start: float
    end: float
    to: str
    speaker: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", round(float(self.start), 3))
        object.__setattr__(self, "end", round(float(self.end), 3))
        if not 0 <= self.start < self.end < math.inf:
            raise UsageError(
                f"a stretch of time begins at 0 or later and ends after it begins, unlike "
                f"{self.start:g}-{self.end:g}"
            )


@dataclass(frozen=True)
class Split:
    """Give what a speaker says from an instant on to another one, mostly a new one.

    Parameters
    ----------
    speaker : str
    at : float
        Seconds, rounded to milliseconds.
    to : str
        As in :class:`Reassign`.
    """

    kind: ClassVar[str] = "split"
    speaker: str
    at: float
    to: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", round(float(self.at), 3))
        if not 0 <= self.at < math.inf:
            raise UsageError(f"a speaker is split at an instant from 0 on, not at {self.at:g}")


Edit = Rename | Merge | Swap | Reassign | Split
KINDS: dict[str, type[Edit]] = {kind.kind: kind for kind in (Rename, Merge, Swap, Reassign, Split)}


def to_json(edit: Edit) -> dict[str, Any]:
    """Return an edit as JSON holds it.

    Examples
    --------
    >>> to_json(Reassign(12.3, 15, "Ann"))
    {'edit': 'reassign', 'start': 12.3, 'end': 15.0, 'to': 'Ann', 'speaker': None}
    """
    values = asdict(edit)
    if "speakers" in values:
        values["speakers"] = list(values["speakers"])
    return {"edit": edit.kind, **values}


def edits_from_json(data: Any, name: str = "the list of edits") -> tuple[Edit, ...]:
    """Read a list of edits: ``{"edits": [...]}`` as the page saves it, or the list alone.

    ``name`` is what to call it in error messages.

    Raises
    ------
    UsageError
        If it is no such list, or an entry (named by its number) is no edit.
    """
    items = data.get("edits") if isinstance(data, Mapping) else data
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise UsageError(f'{name} holds no edits: give what the page saved, {{"edits": [...]}}')
    return tuple(_edit(item, f"{name}, edit {number}") for number, item in enumerate(items, 1))


def read_edits(path: str | Path) -> tuple[Edit, ...]:
    """Read the edits of a file; errors as for :func:`edits_from_json`."""
    path = Path(path)
    try:
        data = json_value(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise UsageError(f"{path} is not JSON ({error}): give what the page saved") from None
    return edits_from_json(data, str(path))


def _edit(item: Any, where: str) -> Edit:
    kind = KINDS.get(str(item.get("edit"))) if isinstance(item, Mapping) else None
    if kind is None:
        raise UsageError(f'{where}: "edit" has to be one of {", ".join(KINDS)}')
    names = [field.name for field in fields(kind)]
    unknown = sorted(set(item) - {"edit", *names})
    if unknown:
        raise UsageError(f"{where}: {kind.kind} knows no {', '.join(unknown)}")
    values = {key: _value(key, item[key], where) for key in names if item.get(key) is not None}
    optional = {"speaker"} if kind is Reassign else set()
    missing = [key for key in names if key not in {*values, *optional}]
    if missing:
        raise UsageError(f"{where}: {kind.kind} needs {', '.join(missing)}")
    try:
        return kind(**values)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


def _value(key: str, value: Any, where: str) -> Any:
    """Return a field's value as the edit holds it."""
    if key == "speakers":
        texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
        if texts and len(value) > 1:
            return tuple(value)
        raise UsageError(f"{where}: speakers has to be a list of at least two")
    if key in ("start", "end", "at"):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        raise UsageError(f"{where}: {key} has to be a number of seconds, not {value!r}")
    if isinstance(value, str) and value.strip():
        return value
    raise UsageError(f"{where}: {key} has to be a name, not {value!r}")
