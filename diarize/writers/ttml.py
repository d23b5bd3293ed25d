"""TTML subtitles in the text profile of IMSC 1.1; the speakers are its agents.

Source: W3C, "TTML Profiles for Internet Media Subtitles and Captions 1.1":
https://www.w3.org/TR/ttml-imsc1.1/
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from diarize.formats import WriterOptions
from diarize.result import Result
from diarize.text import stamp
from diarize.writers.base import xml_line
from diarize.writers.cues import Cue, cues

_TT = "http://www.w3.org/ns/ttml"
_TTM, _TTP, _TTS = f"{_TT}#metadata", f"{_TT}#parameter", f"{_TT}#styling"
_SPACES = {"": _TT, "ttm": _TTM, "ttp": _TTP, "tts": _TTS}
_XML = "{http://www.w3.org/XML/1998/namespace}"
_REGION = {
    f"{_XML}id": "bottom",
    f"{{{_TTS}}}origin": "10% 80%",
    f"{{{_TTS}}}extent": "80% 15%",
    f"{{{_TTS}}}displayAlign": "after",
    f"{{{_TTS}}}textAlign": "center",
}
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")

extension = "ttml"


def render(result: Result, options: WriterOptions) -> str:
    """Return a ``p`` a cue, whose ``ttm:agent`` is its speaker."""
    for prefix, space in _SPACES.items():
        register_namespace(prefix, space)
    shown = cues(result.utterances, options)
    language = str((result.transcript or {}).get("language") or "")
    about = {
        f"{_XML}lang": language if _LANGUAGE.fullmatch(language) else "",
        f"{{{_TTP}}}timeBase": "media",
        f"{{{_TTP}}}contentProfiles": f"{_TT}/profile/imsc1.1/text",
    }
    root = Element(f"{{{_TT}}}tt", about)
    speakers = (name for cue in shown for name, _ in cue.voices())
    agents = _add_head(root, list(dict.fromkeys(name for name in speakers if name)))
    division = _add(_add(root, "body"), "div")
    for cue in shown:
        _add_cue(division, cue, agents)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _add(parent: Element, name: str, attributes: dict[str, str] | None = None) -> Element:
    return SubElement(parent, f"{{{_TT}}}{name}", attributes or {})


def _add_head(root: Element, speakers: list[str]) -> dict[str, str]:
    """Write metadata and layout; return each speaker's identifier."""
    head = _add(root, "head")
    metadata = _add(head, "metadata")
    agents = {name: f"speaker{number}" for number, name in enumerate(speakers, start=1)}
    for name, identifier in agents.items():
        kind = {f"{_XML}id": identifier, "type": "person"}
        agent = SubElement(metadata, f"{{{_TTM}}}agent", kind)
        named = SubElement(agent, f"{{{_TTM}}}name", {"type": "full"})
        named.text = xml_line(name)
    _add(_add(head, "layout"), "region", _REGION)
    return agents


def _add_cue(division: Element, cue: Cue, agents: dict[str, str]) -> None:
    times = {"begin": stamp(cue.start), "end": stamp(cue.end), "region": "bottom"}
    paragraph = _add(division, "p", times)
    voices = cue.voices()
    for place, (name, lines) in enumerate(voices):
        parent = paragraph
        if len(voices) > 1:
            if place:
                _add(paragraph, "br")
            parent = _add(paragraph, "span")
        if name:
            parent.set(f"{{{_TTM}}}agent", agents[name])
        parent.text = xml_line(lines[0])
        for line in lines[1:]:
            _add(parent, "br").tail = xml_line(line)
