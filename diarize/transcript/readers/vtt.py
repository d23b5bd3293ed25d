"""WebVTT subtitles: cues with settings, voices (``<v Ann>``), tags and HTML entities."""

from __future__ import annotations

import html
import re

from diarize.transcript.readers.common import Data, Format, finish, make_segment
from diarize.transcript.readers.labels import set_text

_CLOCK = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMING = re.compile(rf"^\s*{_CLOCK}\s*-->\s*{_CLOCK}(?:[ \t]+(?P<settings>.*))?\s*$")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
_TAG = re.compile(r"</?[^>]*>")
_LANGUAGE = re.compile(r"^Language:\s*(\S+)", re.MULTILINE)


def _matches(source: object) -> bool:
    return isinstance(source, str) and re.match(r"\s*WEBVTT(\s|$)", source) is not None


def _read(source: str) -> Data:
    blocks = re.split(r"\n[ \t]*\n", source.replace("\r\n", "\n").replace("\r", "\n").strip())
    segments: list[Data] = []
    for block in blocks:
        lines = block.split("\n")
        timed = next((i for i, line in enumerate(lines[:3]) if _TIMING.match(line)), None)
        if timed is not None and not lines[0].startswith("NOTE"):
            segments.append(_segment(lines, timed, len(segments)))
    language = _LANGUAGE.search(blocks[0])
    return finish({"language": language[1]} if language else {}, segments)


def _segment(lines: list[str], timed: int, index: int) -> Data:
    match = _TIMING.match(lines[timed])
    assert match is not None
    clock = match.groups()
    extra: Data = {}
    if timed and lines[timed - 1].strip() and not lines[timed - 1].startswith("WEBVTT"):
        extra["cue"] = lines[timed - 1].strip()
    if match["settings"]:
        extra["settings"] = match["settings"].strip()
    raw = " ".join(line.strip() for line in lines[timed + 1 :])
    voices = list(dict.fromkeys(html.unescape(voice).strip() for voice in _VOICE.findall(raw)))
    if voices:
        extra["original_speaker"] = ", ".join(voices)
    text = " ".join(html.unescape(_TAG.sub("", raw)).split())
    start, end = _seconds(clock[:4]), _seconds(clock[4:8])
    return set_text(make_segment(extra, index, start=start, end=end), text)


def _seconds(clock: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = clock
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return whole + int((fraction or "0").ljust(3, "0")) / 1000


FORMAT = Format("vtt", "WebVTT subtitles", _matches, _read)
