"""Transcripts on another clock than the recording's are noticed, and can be shifted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diarize.cli import main
from diarize.errors import UsageError
from diarize.labeler import LabelOptions
from diarize.timeline import Segment
from diarize.transcript.clock import find_offset, on_recordings_clock, shifted
from diarize.transcript.hallucinations import doubts
from diarize.transcript.readers import read_transcript
from diarize.transcript.schema import Transcript


def talk(seed: int, phrases: int = 20) -> tuple[Transcript, list[Segment]]:
    """Return a transcript with words, and the speech that it fits as real ones do."""
    generator = np.random.default_rng(seed)
    clock, segments, speech = 60.0, [], []
    for number in range(phrases):
        clock += float(generator.uniform(0.4, 3.0))
        begin, words = clock, []
        for _ in range(int(generator.integers(2, 12))):
            length = float(generator.uniform(0.1, 0.5))
            start, end = clock + float(generator.normal(0, 0.08)), clock + length
            words.append({"word": " word", "start": max(0.0, start), "end": max(start, end)})
            clock += length
        speech.append(Segment(begin - 0.1, clock + 0.1))
        text = "".join(word["word"] for word in words)
        segments.append({"id": number, "start": begin, "end": clock, "text": text, "words": words})
    return Transcript({"text": "", "segments": segments}), speech


def without_words(transcript: Transcript) -> Transcript:
    segments = [{k: v for k, v in s.items() if k != "words"} for s in transcript.segments]
    return replace(transcript, data={**transcript.data, "segments": segments})


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.5, 50) | st.floats(-50, -0.5), st.booleans())
def test_an_offset_is_found(seed: int, late: float, words: bool) -> None:
    transcript, speech = talk(seed)
    if not words:
        transcript = without_words(transcript)
    found = find_offset(shifted(transcript, late), speech)
    assert found is not None
    assert found.is_sure()
    assert found.seconds == pytest.approx(-late, abs=0.15)


@pytest.mark.parametrize("seconds", [np.float32(1.5), np.int64(2), 1.5])
def test_numbers_of_any_type_shift(seconds: float) -> None:
    transcript, speech = talk(0)
    moved, _ = on_recordings_clock(transcript, speech, seconds, "a.json")
    assert moved.data == shifted(transcript, float(seconds)).data


@pytest.mark.parametrize("offset", ["1.5", "x", np.nan, np.inf, True, [1]])
def test_offsets_that_are_none(offset: Any) -> None:
    with pytest.raises(UsageError, match=r"offset is .*a number of seconds, 'auto' or None"):
        LabelOptions(offset=offset)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_the_right_clock_is_left_alone(seed: int, words: bool) -> None:
    transcript, speech = talk(seed)
    transcript = transcript if words else without_words(transcript)
    assert on_recordings_clock(transcript, speech, None, "a.json") == (transcript, None)
    same, message = on_recordings_clock(transcript, speech, "auto", "a.json")
    assert same is transcript
    assert message is not None and "no offset" in message


def test_too_little_to_tell_by() -> None:
    transcript, speech = talk(1, phrases=1)
    assert find_offset(without_words(transcript), speech) is None
    assert find_offset(transcript, []) is None


def test_shifting_keeps_everything_else() -> None:
    transcript, _ = talk(1)
    later = shifted(transcript, -63.5)
    assert later.segments[0]["start"] == 0.0
    assert [w["word"] for w in later.words()] == [w["word"] for w in transcript.words()]
    first, moved = next(transcript.words()), list(later.words())[-1]
    last = list(transcript.words())[-1]
    assert moved["start"] == pytest.approx(last["start"] - 63.5, abs=1e-3)
    assert first["start"] > 60, "the transcript itself must not change"


def test_whispers_padding_at_the_end_is_no_alarm() -> None:
    speech = [Segment(0, 9)]
    told = [{"start": 0.0, "end": 8.0, "text": "a"}, {"start": 8.0, "end": 30.0, "text": "b"}]
    assert doubts(Transcript({"segments": told}), 10.0, speech) == []
    told.append({"start": 40.0, "end": 41.0, "text": "c"})
    assert "goes on until 41 s" in doubts(Transcript({"segments": told}), 10.0, speech)[0]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    transcript, speech = talk(7)
    lines = (f"SPEAKER a 1 {s.start:.3f} {s.duration:.3f} <NA> <NA> A <NA> <NA>" for s in speech)
    (tmp_path / "a.rttm").write_text("\n".join(lines) + "\n")
    (tmp_path / "late.json").write_text(json.dumps(shifted(transcript, 1.5).data))
    return {"late": tmp_path / "late.json", "rttm": tmp_path / "a.rttm"}


def merge(files: dict[str, Path], *options: str) -> int:
    given_files = ["--transcript", str(files["late"]), "--rttm", str(files["rttm"])]
    return main(["merge", *given_files, "-f", "json", "-o", "-", *options])


def test_merge_warns_and_shifts(files: dict[str, Path], capsys: Any) -> None:
    before = read_transcript(files["late"]).segments[0]["start"]
    assert merge(files) == 0
    out, err = capsys.readouterr()
    assert " s late beside the recording" in err and "--transcript-offset=-1.4" in err
    assert json.loads(out)["segments"][0]["start"] == before
    for option in ("-1.5", "auto"):
        assert merge(files, f"--transcript-offset={option}") == 0
        out, err = capsys.readouterr()
        start = json.loads(out)["segments"][0]["start"]
        assert start == pytest.approx(before - 1.5, abs=0.1)
        assert ("is shifted by" in err) == (option == "auto")
    assert merge(files, "--transcript-offset=soon") == 2
    assert "neither seconds" in capsys.readouterr().err
