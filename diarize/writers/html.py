"""A page to look at, listen to and correct: one HTML file that works without a network.

What is corrected there is a list of edits (:mod:`diarize.edits`); the page applies it as
:func:`diarize.relabel.apply_edits` does and renders text formats as the writers do.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from diarize.arrays import SAMPLE_RATE
from diarize.display import COLOURS
from diarize.errors import AudioError, UsageError
from diarize.excerpts import clear_excerpts, excerpts
from diarize.files import digest_of
from diarize.formats import WriterOptions
from diarize.writers import json as json_writer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from diarize.annotation import Diarization
    from diarize.audio.waveform import Waveform
    from diarize.result import Result

SCRIPTS = (
    *("json.js", "render.js", "words.js", "edits.js", "timeline.js", "transcript.js"),
    *("page.js", "voices.js", "menus.js", "selection.js", "server.js", "hands.js", "begin.js"),
)
PEAKS_A_SECOND = 20.0  # of the waveform, at most ...
MOST_PEAKS = 120_000  # ... and in all
OFFLINE = "media-src * file: blob:"
_SUPPLEMENT, _IDEOGRAPHS, _TAGS = 0x20000, 0x3FFFF, range(0xE0000, 0xE0200)


extension = "html"


def render(result: Result, options: WriterOptions) -> str:
    """Return the page; the recording is referenced beside it, or embedded."""
    document = json_writer.render(result, WriterOptions())
    sound = _sound(result, _audio_path(result, options), options.embed_audio)
    return html_page(result, document, {"audio": _link(result.audio), **sound})


def html_page(result: Result, document: str, sound: Mapping[str, Any]) -> str:
    """Return the page of a result, given as JSON too.

    ``sound`` holds ``audio`` (its address), ``recording`` (its digest), ``embedded``,
    :func:`outline`, and ``server`` where one keeps the corrections.
    """
    facts = {
        "key": hashlib.sha256(document.encode("utf-8", "replace")).hexdigest()[:32],
        "name": Path(result.audio or result.diarization.uri).name,
        "stem": Path(result.audio).stem if result.audio else result.diarization.uri,
        "colours": list(COLOURS),
        "widths": columns(),
        **sound,
    }
    style, script = _asset("page.css"), "\n".join(map(_asset, SCRIPTS))
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src {_hash(style)}; script-src {_hash(script)}; "
        + ("media-src 'self' blob:; connect-src 'self'" if "server" in facts else OFFLINE)
    )
    fields = {
        "policy": escape(policy),
        "title": escape(facts["name"]),
        "style": style,
        "result": _inert(document),
        "facts": _inert(json.dumps(facts, ensure_ascii=False, separators=(",", ":"))),
        "script": script,
    }
    # in one go: what is put in may hold braces itself
    return re.sub(r"{{(\w+)}}", lambda field: fields[field[1]], _asset("page.html"))


def _asset(name: str) -> str:
    return files("diarize.writers").joinpath("page").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return what a content security policy calls an inline style or script."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _inert(text: str) -> str:
    """Return JSON that may stand in a script element whatever it holds."""
    return text.replace("<", "\\u003c")


def _link(audio: str | None) -> str | None:
    """Return the recording's path as the page refers to it."""
    if audio is None:
        return None
    return Path(audio).as_uri() if Path(audio).is_absolute() else quote(os.fsencode(audio))


def _audio_path(result: Result, options: WriterOptions) -> Path | None:
    """Return the recording's file, if it is there."""
    if result.audio is None:
        return None
    # the folder may not be there yet, from which the path goes up
    path = Path(os.path.normpath(Path(options.folder or "").resolve() / result.audio))
    return path if path.is_file() else None


def _sound(result: Result, audio: Path | None, embed: bool) -> dict[str, Any]:
    """Return what the page draws of the recording, and plays."""
    from diarize.audio.encoding import opus
    from diarize.result_file import load_heard

    silent = {**outline(result.diarization), "recording": None, "embedded": None}
    if audio is None:
        if embed:
            raise AudioError("there is no recording to embed: leave out --embed-audio")
        return silent
    try:
        wave = load_heard(result, audio)
    except (AudioError, UsageError):  # the page still shows what was said
        if embed:
            raise
        return silent
    return {
        **outline(result.diarization, wave),
        "recording": digest_of(audio).get("digest"),
        "embedded": base64.b64encode(opus(wave.samples)).decode() if embed else None,
    }


def outline(diarization: Diarization, wave: Waveform | None = None) -> dict[str, Any]:
    """Return the waveform's picture, and where to listen to get to know the voices."""
    if wave is None:
        rate, drawn = 0.0, b""
        found = {label: excerpts(diarization, label) for label in diarization.labels}
    else:
        rate, heights = peaks(wave.samples)
        drawn, found = heights.tobytes(), clear_excerpts(diarization, wave)
    places = sorted(part for parts in found.values() for part in parts)
    return {
        "rate": rate,
        "peaks": base64.b64encode(drawn).decode(),
        "excerpts": [[round(part.start, 3), round(part.end, 3)] for part in places],
    }


def peaks(samples: NDArray[np.int16]) -> tuple[float, NDArray[np.uint8]]:
    """Return the loudest sample of each short stretch, 0 to 255, and the stretches a second.

    Parameters
    ----------
    samples : (n,) int16 array
        At 16 kHz.
    """
    import numpy as np

    size = max(round(SAMPLE_RATE / PEAKS_A_SECOND), -(-samples.size // MOST_PEAKS))
    starts = np.arange(0, samples.size, size)
    if not starts.size:
        return SAMPLE_RATE / size, np.zeros(0, dtype=np.uint8)
    high = np.maximum.reduceat(samples, starts).astype(np.int32)
    low = np.minimum.reduceat(samples, starts).astype(np.int32)
    loudest = np.maximum(high, -low)
    scale = max(1, int(loudest.max()))
    return SAMPLE_RATE / size, (loudest * 255 // scale).astype(np.uint8)


@cache
def columns() -> list[tuple[int, int, int]]:
    """Return the ranges of characters that take no column of a screen, or two.

    The page counts with this table, so that it wraps text as :func:`diarize.writers.cues.width_of`
    does with this Python's characters.
    """
    from diarize.writers.cues import width_of

    found: list[tuple[int, int, int]] = []
    for code in (*range(_SUPPLEMENT), *_TAGS):
        width = width_of(chr(code)) if unicodedata.category(chr(code)) != "Cs" else 1
        if width == 1:
            continue
        if found and found[-1][1] == code - 1 and found[-1][2] == width:
            found[-1] = (found[-1][0], code, width)
        else:
            found.append((code, code, width))
    return [*found, (_SUPPLEMENT, _IDEOGRAPHS, width_of(chr(_SUPPLEMENT)))]
