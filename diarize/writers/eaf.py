"""ELAN's annotation format, one tier a speaker."""

from __future__ import annotations

import mimetypes
from itertools import count
from pathlib import PureWindowsPath
from xml.etree.ElementTree import (
    Element,
    SubElement,
    indent,
    register_namespace,
    tostring,
)

from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.text import milliseconds
from diarize.writers.base import UNKNOWN, tiers, xml_line

_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
# ELAN wants a date; the same input must give the same bytes, so it is not today's.
_DATE = "1970-01-01T00:00:00+00:00"

extension = "eaf"


def render(result: Result, options: WriterOptions) -> str:
    """Return EAF 3.0."""
    register_namespace("xsi", _INSTANCE)
    root = Element("ANNOTATION_DOCUMENT", AUTHOR="diarize", DATE=_DATE, FORMAT="3.0", VERSION="3.0")
    root.set(f"{{{_INSTANCE}}}noNamespaceSchemaLocation", _SCHEMA)
    header = SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    if result.audio is not None:
        url = xml_line(_media_url(result.audio))
        mime = mimetypes.guess_type(result.audio)[0] or "unknown"
        SubElement(
            header, "MEDIA_DESCRIPTOR", MEDIA_URL=url, MIME_TYPE=mime, RELATIVE_MEDIA_URL=url
        )
    rows = tiers(result)
    order = SubElement(root, "TIME_ORDER")
    edges = {edge for row in rows.values() for part in row for edge in (part.start, part.end)}
    slots = {}
    for number, instant in enumerate(sorted(map(milliseconds, edges)), start=1):
        slots[instant] = f"ts{number}"
    for instant, slot in slots.items():
        SubElement(order, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(instant))
    numbers = count(1)
    for name, row in rows.items():
        shown = xml_line(name)
        tier = SubElement(
            root, "TIER", LINGUISTIC_TYPE_REF="default-lt", PARTICIPANT=shown, TIER_ID=shown
        )
        for part in row:
            annotation = SubElement(
                SubElement(tier, "ANNOTATION"),
                "ALIGNABLE_ANNOTATION",
                ANNOTATION_ID=f"a{next(numbers)}",
                TIME_SLOT_REF1=slots[milliseconds(part.start)],
                TIME_SLOT_REF2=slots[milliseconds(part.end)],
            )
            value = SubElement(annotation, "ANNOTATION_VALUE")
            value.text = xml_line(part.text or part.speaker or UNKNOWN)
    kind = {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": "default-lt"}
    SubElement(root, "LINGUISTIC_TYPE", kind, TIME_ALIGNABLE="true")
    indent(root, "    ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


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
