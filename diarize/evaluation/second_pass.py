"""What hearing the turns once more gives: rows of the ablation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

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
        again = [_again(one, main, length) for one in base]
        name = f"pieces of at most {length:g} windows"
        if length == own.longest:
            name += " (as for names)"
        rows.append((name, _scored(base, again, main), ""))
        if length == own.longest:
            rows += [
                (f"the same, evidence {evidence:g}", _scored(base, again, main, evidence), "")
                for evidence in EVIDENCE
            ]
    return rows


def _again(one: Heard, main: Diarizer, length: float) -> Listening:
    """Hear a recording a second time, in pieces of at most so many windows."""
    from diarize import audio

    before = main.settings
    try:
        main.settings = replace(before, second_pass=replace(before.second_pass, longest=length))
        first = main.decide(one.listening).diarization
        waveform = audio.load(one.recording.audio)
        return main.listen_again(one.listening, first, waveform) or one.listening
    finally:
        main.settings = before


def _scored(
    base: Sequence[Heard],
    heard: Sequence[Listening],
    main: Diarizer,
    evidence: float | None = None,
) -> Score:
    """Score what is decided on what was heard."""
    before = main.settings
    try:
        if evidence is not None:
            second = replace(before.second_pass, evidence=evidence)
            main.settings = replace(before, second_pass=second)
        return total(
            score(one.recording.turns, main.decide(listening).diarization.turns)
            for one, listening in zip(base, heard, strict=True)
        )
    finally:
        main.settings = before
