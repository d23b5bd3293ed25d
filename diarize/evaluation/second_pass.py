"""What hearing the turns once more gives: rows of the ablation."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from diarize.evaluation.scoring import Score, score, total

if TYPE_CHECKING:
    from diarize.details import Listening
    from diarize.evaluation.ablation import Heard
    from diarize.pipeline import Diarizer

#: Longest pieces tried, in windows, and evidence tried.
LENGTHS = (1.0, 1.5, 2.0, 3.0)
EVIDENCE = (5.0, 7.0, 14.0, 20.0)


def pass_rows(base: Sequence[Heard], main: Diarizer) -> list[tuple[str, Score, str]]:
    """Score one pass, and two with pieces of several lengths and several weights of evidence."""
    own = main.settings.second_pass
    rows = [("one pass", _scored(base, [one.listening for one in base], main), "")]
    for length in LENGTHS:
        longer = _varied(main, longest=length)
        again = [_again(one, longer) for one in base]
        name = f"pieces of at most {length:g} windows"
        if length == own.longest:
            name += " (as for names)"
        rows.append((name, _scored(base, again, main), ""))
        if length == own.longest:
            rows += [
                (
                    f"the same, evidence {evidence:g}",
                    _scored(base, again, _varied(main, evidence=evidence)),
                    "",
                )
                for evidence in EVIDENCE
            ]
    return rows


def _varied(main: Diarizer, **changes: Any) -> Diarizer:
    """Return the same diarizer with other numbers for the second pass."""
    varied = copy(main)
    second = replace(main.settings.second_pass, **changes)
    varied.settings = replace(main.settings, second_pass=second)
    return varied


def _again(one: Heard, diarizer: Diarizer) -> Listening:
    """Hear a recording a second time."""
    from diarize import audio

    first = diarizer.decide(one.listening).diarization
    waveform = audio.load(one.recording.audio)
    return diarizer.listen_again(one.listening, first, waveform) or one.listening


def _scored(base: Sequence[Heard], heard: Sequence[Listening], diarizer: Diarizer) -> Score:
    """Score what is decided on what was heard."""
    return total(
        score(one.recording.turns, diarizer.decide(listening).diarization.turns)
        for one, listening in zip(base, heard, strict=True)
    )
