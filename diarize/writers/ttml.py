"""TTML subtitles in the text profile of IMSC 1.1; the speakers are its agents.

Source: W3C, "TTML Profiles for Internet Media Subtitles and Captions 1.1":
https://www.w3.org/TR/ttml-imsc1.1/
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.text import one_line
from diarize.writers.base import cues_of, milliseconds, xml_text
from diarize.writers.cues import Cue

_TT = "http://www.w3.org/ns/ttml"
_SPACES = {
    "": _TT,
    "ttm": f"{_TT}#metadata",
    "ttp": f"{_TT}#parameter",
    "tts": f"{_TT}#styling",
}
_PROFILE = f"{_TT}/profile/imsc1.1/text"
_XML = "{http://www.w3.org/XML/1998/namespace}"
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


class TtmlWriter:
    """Writes a ``p`` a cue, whose ``ttm:agent`` is its speaker."""

    extension = "ttml"

    def render(self, result: Result, options: WriterOptions) -> str:
        """Return the file's text."""
        for prefix, space in _SPACES.items():
            ElementTree.register_namespace(prefix, space)
        shown = cues_of(result, options)
        language = str((result.transcript or {}).get("language") or "")
        root = ElementTree.Element(
            _named("tt"),
            {
                f"{_XML}lang": language if _LANGUAGE.fullmatch(language) else "",
                _named("timeBase", "ttp"): "media",
                _named("contentProfiles", "ttp"): _PROFILE,
            },
        )
        speakers = (name for cue in shown for name, _ in cue.voices())
        agents = _add_head(root, list(dict.fromkeys(name for name in speakers if name)))
        division = ElementTree.SubElement(
            ElementTree.SubElement(root, _named("body")), _named("div")
        )
        for cue in shown:
            _add_cue(division, cue, agents)
        text = ElementTree.tostring(root, encoding="unicode")
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _add_head(root: ElementTree.Element, speakers: list[str]) -> dict[str, str]:
    """Write metadata and layout; return each speaker's identifier."""
    head = ElementTree.SubElement(root, _named("head"))
    metadata = ElementTree.SubElement(head, _named("metadata"))
    agents = {name: f"speaker{number}" for number, name in enumerate(speakers, start=1)}
    for name, identifier in agents.items():
        agent = ElementTree.SubElement(
            metadata, _named("agent", "ttm"), {f"{_XML}id": identifier, "type": "person"}
        )
        named = ElementTree.SubElement(agent, _named("name", "ttm"), {"type": "full"})
        named.text = xml_text(one_line(name))
    layout = ElementTree.SubElement(head, _named("layout"))
    ElementTree.SubElement(
        layout,
        _named("region"),
        {
            f"{_XML}id": "bottom",
            _named("origin", "tts"): "10% 80%",
            _named("extent", "tts"): "80% 15%",
            _named("displayAlign", "tts"): "after",
            _named("textAlign", "tts"): "center",
        },
    )
    return agents


def _add_cue(division: ElementTree.Element, cue: Cue, agents: dict[str, str]) -> None:
    paragraph = ElementTree.SubElement(
        division,
        _named("p"),
        {"begin": _stamp(cue.start), "end": _stamp(cue.end), "region": "bottom"},
    )
    voices = cue.voices()
    for place, (name, lines) in enumerate(voices):
        parent = paragraph
        if len(voices) > 1:
            if place:
                ElementTree.SubElement(paragraph, _named("br"))
            parent = ElementTree.SubElement(paragraph, _named("span"))
        if name:
            parent.set(_named("agent", "ttm"), agents[name])
        parent.text = xml_text(lines[0])
        for line in lines[1:]:
            ElementTree.SubElement(parent, _named("br")).tail = xml_text(line)


def _named(name: str, prefix: str = "") -> str:
    return f"{{{_SPACES[prefix]}}}{name}"


def _stamp(seconds: float) -> str:
    whole = milliseconds(seconds)
    minutes, rest = divmod(whole, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
