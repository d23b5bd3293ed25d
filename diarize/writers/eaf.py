"""ELAN's annotation format, one tier a speaker."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import PureWindowsPath
from xml.etree import ElementTree

from diarize.formats import WriterOptions
from diarize.result import Result, Utterance
from diarize.text import one_line
from diarize.writers.base import UNKNOWN, milliseconds, tiers, xml_text

_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
# ELAN wants a date; the same input must give the same bytes, so it is not today's.
_DATE = "1970-01-01T00:00:00+00:00"


class EafWriter:
    """Writes EAF 3.0."""

    extension = "eaf"

    def render(self, result: Result, options: WriterOptions) -> str:
        """Return the file's text."""
        schema = "{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation"
        ElementTree.register_namespace("xsi", "http://www.w3.org/2001/XMLSchema-instance")
        root = ElementTree.Element(
            "ANNOTATION_DOCUMENT",
            {"AUTHOR": "diarize", "DATE": _DATE, "FORMAT": "3.0", "VERSION": "3.0"},
        )
        root.set(schema, _SCHEMA)
        _add_header(root, result.audio)
        rows = tiers(result)
        order = ElementTree.SubElement(root, "TIME_ORDER")
        edges = {edge for row in rows.values() for part in row for edge in (part.start, part.end)}
        slots = _TimeSlots(sorted(map(milliseconds, edges)), order)
        numbers = count(1)
        for name, row in rows.items():
            _add_tier(root, name, row, slots, numbers)
        ElementTree.SubElement(
            root,
            "LINGUISTIC_TYPE",
            {
                "GRAPHIC_REFERENCES": "false",
                "LINGUISTIC_TYPE_ID": "default-lt",
                "TIME_ALIGNABLE": "true",
            },
        )
        ElementTree.indent(root, "    ")
        text = ElementTree.tostring(root, encoding="unicode")
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


class _TimeSlots:
    """The document's instants, each written once."""

    def __init__(self, instants: list[int], parent: ElementTree.Element) -> None:
        self._names = {instant: f"ts{number}" for number, instant in enumerate(instants, start=1)}
        for instant, name in self._names.items():
            ElementTree.SubElement(
                parent, "TIME_SLOT", {"TIME_SLOT_ID": name, "TIME_VALUE": str(instant)}
            )

    def name(self, seconds: float) -> str:
        return self._names[milliseconds(seconds)]


def _add_tier(
    root: ElementTree.Element,
    name: str,
    row: Sequence[Utterance],
    slots: _TimeSlots,
    numbers: Iterator[int],
) -> None:
    shown = _clean(name)
    tier = ElementTree.SubElement(
        root,
        "TIER",
        {"LINGUISTIC_TYPE_REF": "default-lt", "PARTICIPANT": shown, "TIER_ID": shown},
    )
    for part in row:
        annotation = ElementTree.SubElement(
            ElementTree.SubElement(tier, "ANNOTATION"),
            "ALIGNABLE_ANNOTATION",
            {
                "ANNOTATION_ID": f"a{next(numbers)}",
                "TIME_SLOT_REF1": slots.name(part.start),
                "TIME_SLOT_REF2": slots.name(part.end),
            },
        )
        value = ElementTree.SubElement(annotation, "ANNOTATION_VALUE")
        value.text = _clean(part.text or part.speaker or UNKNOWN)


def _add_header(root: ElementTree.Element, audio: str | None) -> None:
    header = ElementTree.SubElement(
        root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"}
    )
    if audio is None:
        return
    place = _clean(_media_url(audio))
    ElementTree.SubElement(
        header,
        "MEDIA_DESCRIPTOR",
        {
            "MEDIA_URL": place,
            "MIME_TYPE": mimetypes.guess_type(audio)[0] or "unknown",
            "RELATIVE_MEDIA_URL": place,
        },
    )


def _media_url(audio: str) -> str:
    """Return a recording's path as ELAN wants it: with ``./`` or ``../`` from the file's folder.

    Examples
    --------
    >>> _media_url("talk.mp3"), _media_url("../in/talk.mp3"), _media_url("/in/talk.mp3")
    ('./talk.mp3', '../in/talk.mp3', 'file:///in/talk.mp3')
    >>> _media_url("C:/in/talk.mp3")
    'file:///C:/in/talk.mp3'
    """
    if audio.startswith("/"):
        return f"file://{audio}"
    if PureWindowsPath(audio).drive:
        return f"file:///{audio}"
    return audio if audio.startswith("../") else f"./{audio}"


def _clean(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return one_line(xml_text(text))
