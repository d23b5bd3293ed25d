"""WhisperX's own way of putting speakers on words, run where whisperX is installed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from diarize.errors import DiarizeError
from diarize.timeline import Turn
from diarize.transcript.tokenize import tokens

_PROGRAM = """
import json, sys
import pandas
from whisperx.diarize import assign_word_speakers

job = json.load(sys.stdin)
for item in job["items"]:
    table = pandas.DataFrame(item["turns"], columns=["start", "end", "speaker"])
    found = assign_word_speakers(table, item["transcript"], fill_nearest=job["fill_nearest"])
    print(json.dumps(found["segments"]))
"""


def whisperx_labels(
    python: str,
    items: Sequence[tuple[Mapping[str, Any], Sequence[Turn]]],
    *,
    fill_nearest: bool,
) -> list[list[str | None]]:
    """Return the speaker of each word of each transcript, as whisperX gives them.

    Words to which it gives none take their segment's speaker, as its writers show them.

    Parameters
    ----------
    python : str
        Path of a Python with whisperX and pandas.
    items : sequence of (transcript, turns)
    fill_nearest : bool
        whisperX's option.

    Raises
    ------
    DiarizeError
        If whisperX cannot be run there.
    """
    job = {
        "fill_nearest": fill_nearest,
        "items": [
            {
                "transcript": {"segments": transcript["segments"]},
                "turns": [[turn.start, turn.end, turn.speaker] for turn in turns],
            }
            for transcript, turns in items
        ],
    }
    done = subprocess.run(
        [python, "-c", _PROGRAM], input=json.dumps(job), capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise DiarizeError(f"{python} cannot run whisperX: {reason[0]}")
    return [
        [
            word.get("speaker", segment.get("speaker"))
            for segment in json.loads(line)
            for word in segment.get("words") or [{} for _ in tokens(segment["text"])]
        ]
        for line in done.stdout.splitlines()
        if line.startswith("[")
    ]
