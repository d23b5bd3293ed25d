"""A recording's transcript is given, found, kept from before, or made; and made-up parts go."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diarize.annotation import Diarization
from diarize.audio.waveform import Waveform
from diarize.errors import MissingExtraError, ModelError, TranscriptError
from diarize.timeline import Segment, Turn
from diarize.transcript.cache import Outcome
from diarize.transcript.engines import ENGINES, get_engine
from diarize.transcript.hallucinations import doubts, drop_hallucinations
from diarize.transcript.readers import read_transcript
from diarize.transcript.schema import Transcript
from diarize.transcript.sources import find_or_make_transcript, will_transcribe
from diarize.transcript.whisper import WhisperOptions

SPEECH = [Segment(0.5, 4.0), Segment(6.0, 9.0)]


def phrase(start: float, end: float, text: str) -> dict[str, Any]:
    return {"start": start, "end": end, "text": text}


HEARD = {"segments": [phrase(0.5, 4, " Hello."), phrase(6, 9, " Bye.")], "language": "en"}


class Recogniser:
    """A transcriber of one's own, which counts how often it has to work."""

    def __init__(self, result: Any = None, name: str = "mine v1") -> None:
        self.name = name
        self.result = HEARD if result is None else result
        self.calls = 0

    def __call__(self, waveform: Waveform, on_progress: Any = None) -> Any:
        self.calls += 1
        if isinstance(self.result, Exception):
            raise self.result
        return copy.deepcopy(self.result)


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    path = tmp_path / "talk.mp3"
    path.write_bytes(b"the bytes of a recording")
    return path


@pytest.fixture
def waveform() -> Waveform:
    return Waveform(np.zeros(160_000, dtype=np.int16))


def find(waveform: Waveform, audio: Path | None, **options: Any) -> Outcome:
    options.setdefault("directory", audio.parent if audio else None)
    options.setdefault("speech", SPEECH)
    transcriber = options.pop("transcriber", None) or get_engine(
        "auto", options.pop("options", None)
    )
    return find_or_make_transcript(waveform, transcriber, audio=audio, **options)


def test_a_transcript_that_is_given_comes_first(waveform: Waveform, audio: Path) -> None:
    given = audio.with_name("other.json")
    given.write_text(json.dumps({"segments": [phrase(1, 2, " given")]}))
    audio.with_suffix(".json").write_text(json.dumps(HEARD))
    outcome = find(waveform, audio, transcript=given)
    assert (outcome.origin, outcome.inputs) == ("given", (given,))
    assert outcome.transcript is not None
    assert outcome.transcript.segments[0]["text"] == " given"
    with pytest.raises(TranscriptError, match="no such"):
        find(waveform, audio, transcript="none.json")


@pytest.mark.parametrize("name", ["talk.json", "talk.mp3.json"])
def test_a_transcript_beside_the_recording_is_found(
    name: str, waveform: Waveform, audio: Path
) -> None:
    audio.with_name(name).write_text(json.dumps(HEARD))
    outcome = find(waveform, audio)
    assert (outcome.origin, outcome.path) == ("found", audio.with_name(name))
    assert outcome.inputs == (audio.with_name(name),)
    assert outcome.messages == ()


def test_json_that_is_no_transcript_is_passed_over_loudly(waveform: Waveform, audio: Path) -> None:
    recogniser = Recogniser()
    for text in ("[" * 200_000, '{"settings": 1}'):
        audio.with_suffix(".json").write_text(text)
        outcome = find(waveform, audio, make=False)
        assert outcome.transcript is None
        assert "passed over" in outcome.messages[0]
    assert find(waveform, audio, transcriber=recogniser).origin == "transcribed"


def test_what_was_made_is_kept_and_never_made_again(waveform: Waveform, audio: Path) -> None:
    recogniser = Recogniser()
    made = find(waveform, audio, transcriber=recogniser)
    assert made.path == audio.with_name("talk.whisper.json")
    assert made.inputs == ()
    kept = find(waveform, audio, transcriber=recogniser)
    assert (recogniser.calls, kept.origin) == (1, "cached")
    assert kept.transcript is not None
    assert made.transcript is not None
    assert kept.transcript.data == made.transcript.data
    plain = find(waveform, audio)
    assert plain.origin == "cached"
    audio.rename(audio.with_name("copy.mp3"))
    audio.with_name("talk.whisper.json").rename(audio.with_name("copy.whisper.json"))
    assert find(waveform, audio.with_name("copy.mp3")).origin == "cached"


def test_another_transcriber_or_other_options_work_anew(waveform: Waveform, audio: Path) -> None:
    find(waveform, audio, transcriber=Recogniser())
    other = Recogniser(name="mine v2")
    outcome = find(waveform, audio, transcriber=other)
    assert other.calls == 1
    assert "made with other options" in outcome.messages[0]
    note = {"name": "openai-whisper tiny", "task": "transcribe", "language": "de"}
    audio.with_name("talk.whisper.json").write_text(
        json.dumps({**HEARD, "transcriber": {**note, "audio": {"duration": 10.0}}})
    )

    def origin(**wanted: Any) -> str:
        return find(waveform, audio, make=False, options=WhisperOptions(**wanted)).origin

    assert origin() == "cached"
    assert origin(language="de") == "cached"
    assert origin(model="tiny") == "cached"
    assert origin(model="base") == "none"
    assert origin(language="en") == "none"
    assert origin(task="translate") == "none"
    assert origin(initial_prompt="Ann") == "none"


def test_a_kept_transcript_of_another_recording_is_told(waveform: Waveform, audio: Path) -> None:
    recogniser = Recogniser()
    find(waveform, audio, transcriber=recogniser)
    audio.write_bytes(b"the bytes of another one")
    outcome = find(waveform, audio, transcriber=recogniser)
    assert recogniser.calls == 2
    assert "another recording" in outcome.messages[0]


def write_result(
    audio: Path,
    transcript: dict[str, Any] | None,
    duration: float = 10.0,
    formats: Sequence[str] = ("json",),
) -> None:
    from diarize.outputs import write_files
    from diarize.result import Result
    from diarize.transcript.assign import label_transcript

    talk = Diarization([Turn(0, 5, "SPEAKER_00"), Turn(5, 10, "SPEAKER_01")], duration=duration)
    labelled = None if transcript is None else label_transcript(transcript, talk)
    write_files(Result(talk, labelled, str(audio)), formats, audio.parent, audio.stem)


VTT = "WEBVTT\n\n00:00:01.000 --> 00:00:03.000\nhello there\n"


@pytest.mark.parametrize("name", ["talk.en.vtt", "talk.pt-BR.srt", "talk.en-orig.vtt"])
def test_subtitles_in_a_language_are_found(waveform: Waveform, audio: Path, name: str) -> None:
    text = VTT if name.endswith("vtt") else VTT[8:].replace(".000", ",000")
    audio.with_name(name).write_text(text)
    recogniser = Recogniser()
    outcome = find(waveform, audio, make=False)
    assert (outcome.origin, outcome.path) == ("found", audio.with_name(name))
    assert not will_transcribe(get_engine(), audio, None, "talk")
    assert (
        find(waveform, audio, transcriber=recogniser).origin == "transcribed"
    )  # this one was asked for
    audio.with_name("talk.vtt").write_text(VTT.replace("hello", "hi"))
    assert find(waveform, audio, make=False).path == audio.with_name("talk.vtt")


def test_of_several_languages_none_is_guessed(waveform: Waveform, audio: Path) -> None:
    for code in ("en", "de"):
        audio.with_name(f"talk.{code}.vtt").write_text(VTT)
    audio.with_name("talk.notes.vtt").write_text(VTT)
    outcome = find(waveform, audio, make=False)
    assert outcome.transcript is None
    assert "talk.de.vtt, talk.en.vtt" in outcome.messages[0]
    assert "--transcript" in outcome.messages[0]


def test_the_words_of_an_earlier_result_are_used_again(waveform: Waveform, audio: Path) -> None:
    write_result(audio, read_transcript(HEARD).data)
    outcome = find(waveform, audio)
    assert (outcome.origin, outcome.inputs, outcome.messages) == ("cached", (), ())
    assert outcome.transcript is not None
    assert [s["text"] for s in outcome.transcript.segments] == [" Hello.", " Bye."]
    assert all("speaker" not in s for s in outcome.transcript.segments)
    write_result(audio, read_transcript(HEARD).data, duration=99.0)
    outcome = find(waveform, audio, make=False)
    assert outcome.transcript is None
    assert "another recording" in outcome.messages[0]


def test_subtitles_in_a_language_come_before_older_results_alone(
    waveform: Waveform, audio: Path
) -> None:
    english = audio.with_name("talk.en.vtt")
    english.write_text(VTT)
    for formats in (["srt"], ["json"]):
        write_result(audio, read_transcript(HEARD).data, formats=formats)
        ours = audio.with_name(f"talk.{formats[0]}")
        os.utime(english, (1, 1))
        outcome = find(waveform, audio, make=False)
        assert (outcome.origin, outcome.path, outcome.messages) == ("cached", ours, ())
        os.utime(ours, (0, 0))
        outcome = find(waveform, audio, make=False)
        assert (outcome.origin, outcome.path) == ("found", english)
    audio.with_name("talk.de.vtt").write_text(VTT)
    outcome = find(waveform, audio, make=False)
    assert (outcome.path, outcome.messages) == (audio.with_name("talk.json"), ())


def test_subtitles_of_ours_that_were_corrected_come_before_a_languages(
    waveform: Waveform, audio: Path
) -> None:
    write_result(audio, read_transcript(HEARD).data, formats=["srt"])
    audio.with_name("talk.en.vtt").write_text(VTT)
    ours = audio.with_name("talk.srt")
    os.utime(ours, (0, 0))
    assert find(waveform, audio, make=False).path == audio.with_name("talk.en.vtt")
    ours.write_text(ours.read_text().replace("Hello", "Hullo"))
    assert find(waveform, audio, make=False).path == ours


def test_an_earlier_result_without_words_is_no_transcript(waveform: Waveform, audio: Path) -> None:
    write_result(audio, None)
    outcome = find(waveform, audio, make=False)
    assert (outcome.transcript, outcome.messages) == (None, ())


def test_without_whisper_there_is_a_hint(
    waveform: Waveform, audio: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for engine in ENGINES.values():
        monkeypatch.setattr(engine, "is_installed", staticmethod(lambda: False))
    outcome = find(waveform, audio)
    assert outcome.transcript is None
    assert "--transcript FILE" in outcome.messages[-1]
    assert "[faster-whisper]" in outcome.messages[-1]
    with pytest.raises(MissingExtraError):
        find(waveform, audio, options=WhisperOptions(model="base"))


def test_weights_that_are_missing_fail_only_when_asked_for(
    waveform: Waveform, audio: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_model(*args: Any) -> None:
        raise ModelError("no weights here")

    for engine in ENGINES.values():
        monkeypatch.setattr(engine, "is_installed", staticmethod(lambda: True))
        monkeypatch.setattr(engine, "__call__", no_model)
        monkeypatch.setattr(engine, "name", "w")
    assert find(waveform, audio).messages == ("no weights here",)
    with pytest.raises(ModelError):
        find(waveform, audio, options=WhisperOptions(model="base"))


def test_where_nobody_speaks_nothing_is_transcribed(waveform: Waveform, audio: Path) -> None:
    recogniser = Recogniser()
    outcome = find(waveform, audio, transcriber=recogniser, speech=[])
    assert recogniser.calls == 0
    assert outcome.transcript is not None
    assert outcome.transcript.segments == []


def test_a_folder_that_cannot_be_written_to_is_told(waveform: Waveform, audio: Path) -> None:
    (audio.parent / "file").write_text("")
    outcome = find(waveform, audio, transcriber=Recogniser(), directory=audio.parent / "file")
    assert outcome.transcript is not None
    assert "could not be kept" in outcome.messages[0]


def test_standard_input_has_nothing_beside_it(waveform: Waveform, tmp_path: Path) -> None:
    recogniser = Recogniser()
    outcome = find(waveform, None, transcriber=recogniser, directory=tmp_path)
    assert (outcome.origin, outcome.path, list(tmp_path.iterdir())) == ("transcribed", None, [])


def test_json_goes_out_in_the_shape_that_it_came_in() -> None:
    from diarize.formats import WriterOptions, get_writer
    from diarize.result import Result
    from diarize.transcript.assign import label_transcript
    from tests.transcript.test_readers import SOURCES, unlabelled

    talk = Diarization([Turn(0, 5000, "SPEAKER_00")], duration=5000)
    options = WriterOptions(json_shape="source")
    for name, source in SOURCES.items():
        if name == "whisperx":  # words without times get them
            continue
        transcript = read_transcript(source)
        labelled = label_transcript(transcript, talk)
        labelled.pop("word_times", None)
        result = Result(talk, labelled, None, transcript)
        written = json.loads(get_writer("json").render(result, options))
        assert unlabelled(written) == unlabelled(source), name
    plain = json.loads(get_writer("json").render(replace(result, source=None), options))
    assert "diarization" in plain


# --- made-up segments -----------------------------------------------------------------------------

NOBODY = {**phrase(9.6, 10.0, " Thanks for watching!"), "no_speech_prob": 0.8}
MADE_UP = {"segments": [*HEARD["segments"], NOBODY]}


def test_what_was_made_up_is_left_out_and_told(waveform: Waveform, audio: Path) -> None:
    recogniser = Recogniser(MADE_UP)
    for origin in ("transcribed", "cached"):
        outcome = find(waveform, audio, transcriber=recogniser)
        assert outcome.origin == origin
        assert outcome.transcript is not None
        assert outcome.transcript.data["text"] == " Hello. Bye."
        assert "1 segment(s)" in outcome.messages[-1]
        assert "Thanks for watching!" in outcome.messages[-1]
    kept = find(waveform, audio, transcriber=recogniser, keep_nonspeech=True)
    assert kept.transcript is not None
    assert len(kept.transcript.segments) == 3
    on_disk = json.loads(audio.with_name("talk.whisper.json").read_text())
    assert len(on_disk["segments"]) == 3


def test_nothing_is_taken_out_of_a_transcript_of_the_users(waveform: Waveform, audio: Path) -> None:
    audio.with_suffix(".json").write_text(json.dumps(MADE_UP))
    outcome = find(waveform, audio)
    assert outcome.transcript is not None
    assert len(outcome.transcript.segments) == 3


@pytest.mark.parametrize(
    ("start", "end", "stays"),
    [
        (0.6, 0.7, True),  # inside
        (3.9, 8.0, True),  # stretched over the pause
        (4.15, 4.9, True),  # a boundary some tenths late
        (4.4, 5.5, False),
        (2.0, 2.0, True),  # an instant inside speech
        (5.0, 5.0, False),
        (9.5, 30.0, False),
    ],
)
def test_only_what_is_far_from_speech_goes(start: float, end: float, stays: bool) -> None:
    transcript = Transcript({"text": " x", "segments": [phrase(start, end, " x")]})
    kept, dropped = drop_hallucinations(transcript, SPEECH, trust_words=False)
    assert (len(kept.segments), len(dropped)) == ((1, 0) if stays else (0, 1))
    assert transcript.data["text"] == " x"
    if stays:
        assert kept is transcript


@pytest.mark.parametrize(
    ("figures", "stays"),
    [
        ({}, True),
        ({"no_speech_prob": 0.59, "compression_ratio": 2.39}, True),
        ({"no_speech_prob": 0.6}, False),
        ({"compression_ratio": 2.4}, False),
        ({"no_speech_prob": None}, True),
    ],
)
def test_words_far_from_speech_go_only_where_the_recogniser_doubts_them(
    figures: dict[str, Any], stays: bool
) -> None:
    transcript = read_transcript({"segments": [{**phrase(20, 22, " Far away."), **figures}]})
    kept, dropped = drop_hallucinations(transcript, SPEECH)
    assert (len(kept.segments), len(dropped)) == ((1, 0) if stays else (0, 1))


def test_text_that_goes_round_in_circles_is_made_up() -> None:
    again = [phrase(20 + place, 21 + place, " So.") for place in range(3)]
    kept, dropped = drop_hallucinations(read_transcript({"segments": again}), SPEECH)
    assert len(dropped) == 3
    kept, dropped = drop_hallucinations(read_transcript({"segments": again[:2]}), SPEECH)
    assert len(kept.segments) == 2


def test_doubts() -> None:
    transcript = read_transcript(HEARD)
    assert doubts(transcript, 10.0, SPEECH) == []
    assert doubts(transcript, 10.0) == []
    assert "recording ends at 5 s" in doubts(transcript, 5.0, SPEECH)[0]
    assert "nobody speaks" in doubts(transcript, 10.0, [Segment(4.2, 5.8)])[0]
    assert "another 90 s" in doubts(transcript, 120.0, [Segment(0, 9), Segment(20, 110)])[0]
    empty = replace(transcript, data={"text": "", "segments": []})
    assert doubts(empty, 10.0, SPEECH) == ["holds no words"]
    assert doubts(empty, 10.0, []) == []


def test_a_transcript_that_does_not_fit_is_told(waveform: Waveform, audio: Path) -> None:
    audio.with_suffix(".json").write_text(json.dumps({"segments": [phrase(50, 60, " late")]}))
    outcome = find(waveform, audio)
    assert "is it of this recording?" in outcome.messages[0]
    assert outcome.transcript is not None
