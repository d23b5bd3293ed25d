"""Recipes: TOML files that hold every number of a training, read into frozen dataclasses.

A section of the file is a field of the recipe's dataclass, itself a dataclass. A missing key keeps
its default; an unknown one is an error, so that a misspelt number is never ignored.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")


def read_recipe(path: Path, kind: type[T]) -> T:
    """Read a recipe.

    Parameters
    ----------
    path : Path
        A TOML file.
    kind : type
        Dataclass whose fields are dataclasses, one a section.

    Raises
    ------
    SystemExit
        The file cannot be read, or holds a section, a key or a value that `kind` does not know.
    """
    try:
        sections = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SystemExit(f"{path}: {error}") from error
    return _filled(kind, sections, str(path))


def _filled(kind: type[T], values: dict[str, Any], where: str) -> T:
    """A dataclass from a table, nested ones included."""
    hints = get_type_hints(kind)
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(values.keys() - known):
        names = ", ".join(sorted(known))
        raise SystemExit(f"{where}: unknown: {', '.join(unknown)}; known: {names}")
    made: dict[str, Any] = {}
    for name, value in values.items():
        hint = hints[name]
        if is_dataclass(hint):
            if not isinstance(value, dict):
                raise SystemExit(f"{where}: {name} is a section, not a value")
            made[name] = _filled(hint, value, f"{where}, {name}")  # type: ignore[arg-type]
        else:
            made[name] = _checked(value, hint, f"{where}, {name}")
    return kind(**made)


def _checked(value: Any, hint: Any, where: str) -> Any:
    """The value in the type that the field has."""
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list):
        return tuple(value)
    if hint in (int, float, str, bool) and type(value) is not hint:
        raise SystemExit(f"{where}: {value!r} is no {hint.__name__}")
    return value


def digest(*parts: Any) -> str:
    """SHA-256 of values: dataclasses, paths, tuples and plain values.

    >>> digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    True
    """
    text = json.dumps(parts, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{value!r} has no digest")
