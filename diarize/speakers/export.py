"""The speaker book as JSON: to keep a copy, to move it, or to make a book with other tools."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from diarize.errors import SpeakerBookError
from diarize.files import Note as FileNote
from diarize.files import refuse_unless_own, write_whole
from diarize.speakers.book import SpeakerBook
from diarize.speakers.records import BookModel, BookThresholds, Note, Sample
from diarize.text import decode, json_value
from diarize.timeline import Segment

#: Value of the JSON's ``format`` key.
FORMAT = "diarize-speakers"
#: Value of the JSON's ``version`` key; readers refuse greater ones.
VERSION = 1
# What a sample has only where it was chosen.
HEARD = ("channel", "track")


def export_book(book: SpeakerBook) -> dict[str, Any]:
    """Return all that a book holds as plain JSON values; vectors as lists of D numbers."""
    model, thresholds = book.model, book.thresholds
    return {
        "format": FORMAT,
        "version": VERSION,
        "model": vars(model) if model else None,
        "thresholds": vars(thresholds) if thresholds else None,
        "people": [
            {
                "name": name,
                "notes": [vars(note) for note in book.notes(name)],
                "samples": [_sample_out(sample) for sample in book.samples(name)],
                "rejections": [_sample_out(sample) for sample in book.rejections(name)],
            }
            for name in book.names()
        ],
    }


def _sample_out(sample: Sample) -> dict[str, Any]:
    return {
        "source": sample.source,
        "regions": [[region.start, region.end] for region in sample.regions],
        "seconds": sample.seconds,
        "quality": sample.quality,
        "created": sample.created,
        **{name: number for name in HEARD if (number := getattr(sample, name)) is not None},
        # Nine digits give a float32 back exactly.
        "embedding": [float(f"{value:.9g}") for value in sample.embedding.tolist()],
    }


def import_book(book: SpeakerBook, data: Any) -> dict[str, int]:
    """Add the people of an export to a book, in one transaction.

    Returns
    -------
    dict
        How many samples of each person were new.

    Raises
    ------
    SpeakerBookError
        ``data`` is no export, or was made with another model than the book.
    """
    try:
        content = _parse(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SpeakerBookError(
            f"the JSON is not an export of a speaker book ({type(error).__name__}: {error}); "
            "make one with: diarize speakers export"
        ) from error
    if content.model is None:
        return {}
    return book.add_people(
        content.samples,
        content.model,
        content.thresholds,
        notes=content.notes,
        rejections=content.rejections,
    )


@dataclass
class _Content:
    """What an export holds."""

    model: BookModel | None = None
    thresholds: BookThresholds | None = None
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    notes: dict[str, list[Note]] = field(default_factory=dict)
    rejections: dict[str, list[Sample]] = field(default_factory=dict)


def _parse(data: Any) -> _Content:
    if data["format"] != FORMAT:
        raise ValueError(f"format is {data['format']!r}")
    if int(data["version"]) > VERSION:
        raise ValueError(f"version {data['version']} is newer than {VERSION}; update this program")
    model = data["model"] and BookModel(
        str(data["model"]["name"]),
        str(data["model"]["checksum"]),
        int(data["model"]["dimension"]),
    )
    content = _Content(model or None)
    for person in data["people"]:
        name = str(person["name"])
        for stored, kind in (
            (content.samples, person["samples"]),
            (content.rejections, person.get("rejections") or ()),
        ):
            stored.setdefault(name, []).extend(_sample_in(sample) for sample in kind)
        content.notes.setdefault(name, []).extend(
            Note(str(note["text"]), str(note["created"])) for note in person.get("notes") or ()
        )
    if content.samples and not content.model:
        raise ValueError("people without a model")
    if data.get("thresholds"):
        own = data["thresholds"]
        content.thresholds = BookThresholds(
            float(own["verification"]), float(own["margin"]), str(own["note"])
        )
    return content


def _sample_in(sample: Mapping[str, Any]) -> Sample:
    vector = np.asarray(sample["embedding"], np.float32)
    if vector.ndim != 1 or not np.isfinite(vector).all() or not vector.any():
        raise ValueError("a sample's embedding is not a list of numbers")
    regions = tuple(Segment(float(start), float(end)) for start, end in sample["regions"])
    return Sample(
        vector,
        str(sample["source"]),
        regions,
        float(sample["seconds"]),
        float(sample["quality"]),
        str(sample["created"]),
        **{name: int(sample[name]) for name in HEARD if sample.get(name) is not None},
    )


def export_json(book: SpeakerBook) -> str:
    """Return :func:`export_book` as text."""
    return json.dumps(export_book(book), indent=1, ensure_ascii=False) + "\n"


def write_export(book: SpeakerBook, path: Path, *, overwrite: bool = False) -> None:
    """Write the book as JSON to ``path``, completely or not at all, readable by its owner only.

    Raises
    ------
    OutputError
        The file cannot be written, or was changed or written by somebody else, and not
        ``overwrite``.
    """
    refuse_unless_own(path, overwrite=overwrite)
    write_whole({path: export_json(book)}, {path: FileNote(path.name)}, private=True)


def read_export(path: Path) -> Any:
    """Return the JSON in ``path``."""
    try:
        return json_value(decode(path.read_bytes())[0])
    except OSError as error:
        raise SpeakerBookError(f"{path}: cannot read the export: {error.strerror}") from error
    except ValueError as error:
        raise SpeakerBookError(f"{path}: not a JSON file ({error})") from error
