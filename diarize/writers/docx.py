"""Minutes as a Word document: who spoke how long, then the dialogue."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from typing import Any

from diarize.errors import MissingExtraError
from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.writers.base import UNKNOWN, clock, talk_shares, xml_line

# The same input gives the same bytes, so no date is today's; ZIP knows none before 1980.
_DATE = (1980, 1, 1, 0, 0, 0)


extension = "docx"


def render(result: Result, options: WriterOptions) -> bytes:
    """Return DOCX, made by python-docx, a paragraph a turn.

    Raises
    ------
    MissingExtraError
        When python-docx is not installed.
    """
    try:
        import docx
    except ImportError:
        raise MissingExtraError("python-docx", "docx", "-f docx") from None
    document = docx.Document()
    about = document.core_properties
    about.author, about.title = "diarize", xml_line(result.diarization.uri)
    about.created = about.modified = datetime(*_DATE)
    document.add_heading(xml_line(result.diarization.uri), level=1)
    _add_speakers(document, result)
    document.add_paragraph(f"Length: {clock(result.diarization.duration)}")
    document.add_heading("Dialogue", level=2)
    for part in result.paragraphs():
        paragraph = document.add_paragraph()
        paragraph.add_run(xml_line(part.speaker or UNKNOWN)).bold = True
        said = f": {xml_line(part.text)}" if part.text else f" to {clock(part.end)}"
        paragraph.add_run(f" ({clock(part.start)}){said}")
    raw = io.BytesIO()
    document.save(raw)
    return _undated(raw.getvalue())


def _add_speakers(document: Any, result: Result) -> None:
    rows = [("Speaker", "Talk time", "Share", "Turns")]
    rows += [
        (xml_line(name), clock(seconds), f"{share:.0%}", str(turns))
        for name, seconds, share, turns in talk_shares(result.diarization)
    ]
    table = document.add_table(rows=0, cols=4, style="Light Grid Accent 1")
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text


def _undated(raw: bytes) -> bytes:
    """Return a ZIP archive with the same files and no dates."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(raw)) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in source.namelist():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, source.read(name))
    return target.getvalue()
