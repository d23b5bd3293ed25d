"""Real voices that lie in the checkout: four conversations and three readers (``data/talk``)."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from diarize.rttm import read_rttm
from diarize.timeline import Turn

TALK = Path(__file__).parent / "data" / "talk"
CONVERSATIONS = ("readers", "interview", "call", "meeting")


def recording(name: str) -> Path:
    """Return the sound of a conversation, or of a reader's chapter (``libris_000-1``)."""
    return TALK / f"{name}.opus"


def true_turns(name: str) -> list[Turn]:
    """Return who really speaks when in a conversation."""
    return read_rttm(TALK / f"{name}.rttm")[name]


def transcript(name: str) -> tuple[dict[str, Any], list[str]]:
    """Return a conversation's transcript in Whisper's shape, and the true speaker of each word.

    A segment ends at a pause of a second or after ten seconds, whoever speaks.
    """
    with (TALK / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    segments: list[dict[str, Any]] = []
    for row in rows:
        start, end = float(row["start"]), float(row["end"])
        last = segments[-1] if segments else None
        if last is None or start - last["end"] > 1.0 or end - last["start"] > 10.0:
            last = {"start": start, "end": end, "text": "", "words": []}
            segments.append(last)
        last["end"] = max(last["end"], end)
        last["text"] += f" {row['word']}"
        last["words"].append({"word": f" {row['word']}", "start": start, "end": end})
    return {"language": "en", "segments": segments}, [row["speaker"] for row in rows]
