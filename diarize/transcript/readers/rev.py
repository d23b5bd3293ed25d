"""Rev AI's transcript: monologues of timed texts and punctuation that bears the spaces.

Source: Rev AI documentation, "Asynchronous Speech-to-Text API, Get transcript":
https://docs.rev.ai/api/asynchronous/transcripts/
"""

from __future__ import annotations

from typing import Any

from diarize.transcript.readers.common import Data, Format, dicts, has_items, without
from diarize.transcript.readers.words import group_words, interleaved, spoken


def _matches(source: Any) -> bool:
    return has_items(source, "monologues")


def _read(source: Data) -> Data:
    words: list[Data] = []
    for monologue in source["monologues"]:
        first, space = len(words), " " if words else ""
        for element in dicts(monologue.get("elements")):
            value = str(element.get("value") or "")
            if element.get("type") == "punct":
                mark, space = value.rstrip(), value[len(value.rstrip()) :]
                if len(words) > first:
                    words[-1]["word"] += mark
                else:
                    space = mark + space
                continue
            speaker = monologue.get("speaker")
            times = element.get("ts"), element.get("end_ts")
            words.append(spoken(space + value, *times, element.get("confidence"), speaker))
            space = ""
    return interleaved(without(source, "monologues"), [group_words(words)])


FORMAT = Format("rev-ai", "Rev AI ({monologues: [{speaker, elements}]})", _matches, _read)
