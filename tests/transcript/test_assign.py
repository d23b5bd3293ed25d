"""Words find their speakers: small cases whose answer is plain."""

from __future__ import annotations

from collections import UserList, deque
from types import SimpleNamespace
from typing import Any
from unicodedata import category

import numpy as np
import pytest

from diarize.annotation import Diarization, Speaker
from diarize.errors import TranscriptError
from diarize.settings import WordSettings
from diarize.timeline import Turn
from diarize.transcript.assign import _boundary_error, _collect, label_transcript
from diarize.transcript.boundaries import BoundaryError, estimate_boundary_error
from diarize.transcript.emissions import TurnIndex, as_diarization
from diarize.transcript.readers import read_transcript
from diarize.transcript.schema import WordTime
from diarize.transcript.segments import runs_of, split_text
from diarize.transcript.sentences import ends_sentence, sentences
from diarize.transcript.tokenize import tokens
from diarize.transcript.viterbi import cheapest_path
from diarize.transcript.word_times import Energy, energy_of, spoken_interval, word_times

A, B = "SPEAKER_00", "SPEAKER_01"


APART = WordSettings(realign=False)  # each word by itself


def talk(*turns: tuple[float, float, str], **rest: Any) -> Diarization:
    made = [Turn(*turn) for turn in turns]
    return Diarization(made, max((turn.end for turn in made), default=0.0), **rest)


def spoken(text: str, *times: float | None, step: float = 0.3) -> list[dict[str, Any]]:
    """Return words from a text; times are their starts, each lasting ``step``."""
    words = []
    for part, start in zip(text.split(), times, strict=True):
        word: dict[str, Any] = {"word": f" {part}", "probability": 1.0}
        if start is not None:
            word.update(start=start, end=round(start + step, 3))
        words.append(word)
    return words


def segment(words: list[dict[str, Any]], **rest: Any) -> dict[str, Any]:
    times = [word[key] for word in words for key in ("start", "end") if key in word]
    made = {"id": 0, "start": min(times), "end": max(times), "words": words}
    return {**made, "text": "".join(word["word"] for word in words), **rest}


def labels(labelled: dict[str, Any]) -> list[str | None]:
    return [word["speaker"] for part in labelled["segments"] for word in part["words"]]


def label(words: list[dict[str, Any]], diarization: Any, **options: Any) -> dict[str, Any]:
    transcript = {"text": "", "segments": [segment(words)], "language": "en"}
    return label_transcript(transcript, diarization, options=WordSettings(**options))


def test_a_segment_is_split_where_the_speaker_changes() -> None:
    words = spoken("Is it late? Yes, very late.", 0, 0.3, 0.6, 2, 2.4, 2.8)
    labelled = label(words, talk((0, 1, A), (1.9, 3.2, B)))
    assert [(part["speaker"], part["text"]) for part in labelled["segments"]] == [
        (A, " Is it late?"),
        (B, " Yes, very late."),
    ]
    assert [(part["start"], part["end"]) for part in labelled["segments"]] == [(0, 0.9), (2, 3.1)]
    assert [part["id"] for part in labelled["segments"]] == [0, 1]
    assert labels(labelled) == [A] * 3 + [B] * 3


def test_the_last_word_of_a_sentence_stays_with_it() -> None:
    """The next speaker's turn begins a little early, as boundaries do."""
    words = spoken("We should leave right now. Fine with me.", 0, 0.3, 0.6, 0.9, 1.2, 1.7, 2, 2.3)
    diarization = talk((0, 1.15, A), (1.15, 3, B))
    assert labels(label(words, diarization)) == [A] * 5 + [B] * 3
    assert labels(label(words, diarization, realign=False))[4] == B


def test_a_whole_remark_keeps_its_own_speaker() -> None:
    words = spoken(
        "So I went home. Yeah. And then I slept.", 0, 0.3, 0.6, 0.9, 1.6, 2.3, 2.6, 2.9, 3.2
    )
    labelled = label(words, talk((0, 1.3, A), (1.55, 1.95, B), (2.25, 3.6, A)))
    assert labels(labelled) == [A] * 4 + [B] + [A] * 4
    assert [part["speaker"] for part in labelled["segments"]] == [A, B, A]


def test_an_island_inside_a_sentence_is_taken_in() -> None:
    words = spoken("one two three four five six.", 0, 0.3, 0.6, 0.9, 1.2, 1.5)
    labelled = label(words, talk((0, 0.65, A), (0.65, 0.95, B), (0.95, 2, A)))
    assert labels(labelled) == [A] * 6
    assert len(labelled["segments"]) == 1


def test_a_clear_voice_wins_over_the_majority() -> None:
    """An interruption in mid-sentence, long and deep inside its own turn, is not taken in."""
    words = spoken(
        "I think that we no you are quite wrong about", 0, 0.3, 0.6, 0.9, *np.arange(2, 3.8, 0.3)
    )
    labelled = label(words, talk((0, 1.2, A), (1.9, 4, B)))
    assert labels(labelled) == [A] * 4 + [B] * 6


def test_words_without_time_are_placed_between_their_neighbours() -> None:
    words = spoken("It costs €500 today. No, $20 only.", 0, 0.3, None, 0.9, 2, None, 2.6)
    labelled = label(words, talk((0, 1.3, A), (1.9, 3, B)))
    assert labels(labelled) == [A] * 4 + [B] * 3
    third = labelled["segments"][0]["words"][2]
    assert (third["start"], third["end"], third["estimated"]) == (0.6, 0.9, True)
    assert "estimated" not in labelled["segments"][0]["words"][1]


def test_a_segment_in_which_no_word_has_a_time() -> None:
    words = [{"word": " 1"}, {"word": " 2"}]
    transcript = {"segments": [{"start": 0.0, "end": 2.0, "text": " 1 2", "words": words}]}
    labelled = label_transcript(transcript, talk((0, 2, A)))
    assert labels(labelled) == [A, A]
    assert [word["start"] for word in labelled["segments"][0]["words"]] == [0.0, 1.0]


def test_words_far_from_any_turn_get_the_likeliest_speaker_marked_unsure() -> None:
    words = spoken("Thanks for watching.", 60, 60.3, 60.6)
    labelled = label(words, talk((0, 5, A)))
    assert labels(labelled) == [A] * 3
    assert labelled["segments"][0]["unsure"] is True
    assert all(word["unsure"] is True for word in labelled["segments"][0]["words"])
    again = label_transcript(labelled, talk((0, 5, A), (59, 62, B)))
    assert labels(again) == [B] * 3
    assert "unsure" not in again["segments"][0]
    assert "unsure" not in again["segments"][0]["words"][0]


def test_words_far_from_any_turn_have_no_speaker_where_words_are_ignored() -> None:
    words = spoken("Thanks for watching.", 60, 60.3, 60.6)
    labelled = label(words, talk((0, 5, A)), trust_words=False)
    assert labels(labelled) == [None] * 3
    assert labelled["segments"][0]["speaker"] is None
    assert "unsure" not in labelled["segments"][0]
    assert labels(label(spoken("Bye.", 6.5), talk((0, 5, A)), trust_words=False)) == [A]


@pytest.mark.parametrize(
    "text", ["[MUSIC]", " (applause)", "♪", "♪ la la ♪", "【拍手】", "*laughs*"]
)
def test_sounds_have_no_speaker(text: str) -> None:
    part = {"start": 0.0, "end": 3.0, "text": text}
    labelled = label_transcript({"segments": [part]}, talk((0, 5, A)))
    assert labelled["segments"][0]["speaker"] is None
    assert labelled["segments"][0]["text"] == text


def test_a_sound_inside_a_sentence_does_not_tear_it() -> None:
    words = spoken("[COUGH] Is it (really) so [inaudible] late?", 0, 0.3, 0.6, 0.9, 1.2, 1.5, 1.8)
    labelled = label(words, talk((0, 3, A)))
    assert labels(labelled) == [None, *[A] * 6]
    assert len(labelled["segments"]) == 1
    assert labelled["segments"][0]["speaker"] == A


def test_no_turns_at_all() -> None:
    labelled = label(spoken("Hello there.", 0, 0.3), talk())
    assert labels(labelled) == [None, None]


def test_names_are_written_and_one_person_is_not_split() -> None:
    words = spoken("one two three four.", 0, 0.3, 1.0, 1.3)
    people = [Speaker(A, name="Ann"), Speaker(B, name="Ann")]
    labelled = label(words, talk((0, 0.7, A), (0.9, 2, B), speakers=people))
    assert labels(labelled) == ["Ann"] * 4
    assert len(labelled["segments"]) == 1


def test_unknown_keys_are_kept_and_copied_to_both_pieces() -> None:
    words = spoken("Is it late? Yes, very late.", 0, 0.3, 0.6, 2, 2.4, 2.8)
    words[0]["mine"] = 1
    part = segment(words, id=7, tokens=[1, 2], avg_logprob=-0.2)
    transcript = {"segments": [part, segment(spoken("So.", 5), id=8)], "extra": {"a": 1}}
    labelled = label_transcript(transcript, talk((0, 1, A), (1.9, 6, B)))
    assert labelled["extra"] == {"a": 1}
    assert [piece["id"] for piece in labelled["segments"]] == [7, 8, 9]
    assert all(piece["tokens"] == [1, 2] for piece in labelled["segments"][:2])
    assert labelled["segments"][0]["words"][0]["mine"] == 1
    assert "speaker" not in words[0]


def test_a_text_without_words_is_split_at_its_punctuation() -> None:
    part = {"id": 0, "start": 0, "end": 4, "text": "Is it late? Yes, very late."}
    labelled = label_transcript({"segments": [part]}, talk((0, 1.9, A), (2.1, 4, B)))
    assert [(piece["speaker"], piece["text"]) for piece in labelled["segments"]] == [
        (A, "Is it late?"),
        (B, " Yes, very late."),
    ]
    assert labelled["word_times"] == "estimated"
    assert all("words" not in piece for piece in labelled["segments"])


def test_texts_without_spaces_are_split_too() -> None:
    part = {"start": 0, "end": 6, "text": "你今天来吗？我不来了。"}
    labelled = label_transcript({"segments": [part]}, talk((0, 3, A), (3, 6, B)))
    assert [piece["text"] for piece in labelled["segments"]] == ["你今天来吗？", "我不来了。"]


def test_segments_without_times_get_them() -> None:
    transcript = {"segments": [{"text": "One.", "start": 0.0, "end": None}, {"text": "Two."}]}
    labelled = label_transcript(transcript, talk((0, 9, A)))
    assert all(part["end"] > part["start"] for part in labelled["segments"])


def test_flat_word_lists_are_labelled_too() -> None:
    words = spoken("Is it? Yes.", 0, 0.3, 2)
    transcript = {"segments": [segment(words)], "word_segments": [dict(word) for word in words]}
    labelled = label_transcript(transcript, talk((0, 1, A), (1.9, 3, B)))
    assert [word["speaker"] for word in labelled["word_segments"]] == [A, A, B]


def test_whisperx_words_without_spaces_keep_the_text() -> None:
    words = [{"word": word} for word in ("Is", "it", "late?", "Yes,", "very", "late.")]
    for place, start in enumerate((0, 0.3, 0.6, 2, 2.4, 2.8)):
        words[place].update(start=start, end=start + 0.3)  # type: ignore[call-overload]
    part = {"start": 0, "end": 3.1, "text": " Is it late? Yes, very late.", "words": words}
    labelled = label_transcript({"segments": [part]}, talk((0, 1, A), (1.9, 3.2, B)))
    assert [piece["text"] for piece in labelled["segments"]] == [" Is it late?", " Yes, very late."]


def test_pyannote_annotations_are_accepted() -> None:
    core = pytest.importorskip("pyannote.core", reason="pip install pyannote.core")
    annotation = core.Annotation()
    annotation[core.Segment(0, 1)] = "x"
    annotation[core.Segment(1.9, 3)] = "y"
    words = spoken("Is it? Yes.", 0, 0.3, 2)
    assert labels(label(words, annotation)) == ["x", "x", "y"]

    class Output:
        speaker_diarization = annotation

    assert labels(label(words, Output())) == ["x", "x", "y"]


def test_whisperx_tables_are_accepted() -> None:
    pandas = pytest.importorskip("pandas", reason="pip install pandas")
    rows = {"segment": [0, 1], "label": "ab", "speaker": ["x", "y"], "start": [0, 1.9]}
    table = pandas.DataFrame({**rows, "label": list("ab"), "end": [1, 3]})
    assert labels(label(spoken("Is it? Yes.", 0, 0.3, 2), table)) == ["x", "x", "y"]
    with pytest.raises(TranscriptError, match="speaker"):
        as_diarization(table[["start", "end"]])


def test_lists_of_turns_are_accepted_and_nonsense_is_not() -> None:
    turns = as_diarization([{"start": 0, "end": 1, "speaker": "x"}, Turn(1, 2, "y")]).turns
    assert turns == (Turn(0.0, 1.0, "x"), Turn(1, 2, "y"))
    for nonsense in (3, "text", {"start": 0}, [1], [{"start": 0}]):
        with pytest.raises(TranscriptError):
            as_diarization(nonsense)


@pytest.mark.parametrize(
    "transcript", [3, "a.json", [3], b"", {"text": "Yes."}, {"segments": ["a"]}, {"segments": 3}]
)
def test_what_is_no_transcript(transcript: Any) -> None:
    with pytest.raises(TranscriptError):
        label_transcript(transcript, talk((0, 1, A)))


def said(transcript: Any) -> list[tuple[str, str]]:
    labelled = label_transcript(transcript, talk((0, 2, A), (2, 4, B)))
    return [(part["speaker"], part["text"]) for part in labelled["segments"]]


def test_other_shapes_than_whispers() -> None:
    expected = [(A, " Is it late?"), (B, " Yes, very late.")]
    times = [(0.0, 1.8), (2.2, 4.0)]
    chunks = [
        {"text": text, "timestamp": time} for (_, text), time in zip(expected, times, strict=True)
    ]
    assert said({"text": "", "chunks": chunks}) == expected
    pieces = [
        {"text": text, "start": start, "end": end}
        for (_, text), (start, end) in zip(expected, times, strict=True)
    ]
    assert said(pieces) == said([SimpleNamespace(**piece) for piece in pieces]) == expected
    for words in (["Is", "it"], "Is it late?", [None]):  # words that are none
        assert said({"segments": [{**piece, "words": words} for piece in pieces]}) == expected


@pytest.mark.parametrize("row", [list, tuple, deque, UserList])
def test_rows_of_any_kind_hold_segments_and_words(row: Any) -> None:
    part = segment(spoken("Is it?", 0, 0.3))
    labelled = label_transcript({"segments": row([{**part, "words": row(part["words"])}])}, talk())
    assert labelled == label_transcript({"segments": [part]}, talk())
    other = {**part, "words": row([{**w, "text": w["word"]} for w in part["words"]])}
    for word in other["words"]:
        del word["word"]
    (read,) = read_transcript(row([other])).segments
    assert [word["word"] for word in read["words"]] == [word["word"] for word in part["words"]]


def test_segments_without_text_have_speakers_too() -> None:
    music = {"start": 2.5, "end": 3.0, "type": "music"}
    part = segment(spoken("Is it?", 0, 0.3))
    labelled = label_transcript({"segments": [part, music]}, talk((0, 2, A), (2, 4, B)))
    assert [one["speaker"] for one in labelled["segments"]] == [A, B]
    assert labelled["segments"][1] == {**music, "speaker": B}
    assert label_transcript({}, talk()) == {"segments": []}


def test_words_under_text_have_texts() -> None:
    words = [
        {"text": text, "start": start, "end": start + 0.4, "confidence": 0.9}
        for text, start in (("Is", 0.2), ("it?", 0.8), ("Yes.", 3.0))
    ]
    part = {"start": 0.0, "end": 4.0, "text": " Is it? Yes.", "words": words}
    assert said({"segments": [part]}) == [(A, " Is it?"), (B, " Yes.")]


def test_all_keys_of_a_whisper_result_stay() -> None:
    piece = {**segment(spoken("Is it?", 0, 0.3)), "seek": 7, "tokens": [1], "mine": "x"}
    result = {"text": " Is it?", "segments": [piece], "language": "en", "mine": {"a": 1}}
    labelled = label_transcript(result, talk((0, 2, A)))
    assert {**labelled, "segments": 0} == {**result, "segments": 0}
    assert labelled["segments"][0].keys() == {*piece, "speaker"}


def test_a_word_at_an_uncertain_edge_counts_for_both_sides() -> None:
    error = BoundaryError(pause=0.05, change=0.15)
    index = TurnIndex(talk((0, 10, A), (10, 20, B)), WordSettings(), error)
    assert index.weights(2.0, 2.3)[0] == pytest.approx(1.0)
    edge = index.weights(9.9, 10.1)
    assert edge[0] == pytest.approx(0.5)
    assert edge[1] == pytest.approx(0.5)
    assert index.costs(edge)[0] == index.costs(edge)[1]  # type: ignore[index]


def test_far_turns_count_by_distance() -> None:
    index = TurnIndex(talk((0, 1, A), (4, 5, B)), WordSettings())
    weights = index.weights(1.8, 2.1)
    assert weights[0] > weights[1] > 0
    assert index.weights(60, 61) == {}


def test_a_stretched_word_is_looked_for_where_its_sound_is() -> None:
    options = WordSettings()
    power = np.full(400, 1e-8, dtype=np.float32)
    power[20:60] = 1e-2  # the word, then silence, then the next speaker
    power[350:400] = 1e-2
    energy = Energy(power)
    time = WordTime(0.1, 3.6)
    found = spoken_interval("now.", time, after_sentence=False, energy=energy, options=options)
    assert found == pytest.approx((0.2, 0.6), abs=0.011)
    opening = spoken_interval("Now", time, after_sentence=True, energy=energy, options=options)
    assert opening[0] >= 3.4 or opening[1] <= 0.61
    blind = spoken_interval("now.", time, after_sentence=False, energy=None, options=options)
    assert blind[0] == 0.1
    assert blind[1] < 1.0


def test_the_energy_envelope_is_measured_in_steps() -> None:
    from diarize.audio.waveform import Waveform

    samples = np.zeros(16000, dtype=np.int16)
    samples[8000:] = 16384
    energy = energy_of(Waveform(samples=samples, path="x"))
    assert len(energy.power) == 100
    assert energy.power[:50].max() == 0
    assert energy.power[50:] == pytest.approx(0.25)
    assert len(energy.between(0.5, 0.6)) == 10
    assert len(energy_of(Waveform(samples=samples[:10], path="x")).power) == 0


def test_broken_word_times_are_mended() -> None:
    words = [
        {"word": "a", "start": 1.0, "end": 0.5},
        {"word": "b", "start": 0.2, "end": 0.4},
        {"word": "c", "start": 99.0, "end": 99.5},
        {"word": "d", "start": 2.0},
    ]
    times = word_times(words, 0.0, 3.0, WordSettings())
    assert [(time.start, time.end) for time in times] == [
        (1.0, 1.0),
        (1.0, 1.0),
        (1.0, 2.0),
        (2.0, 2.56),
    ]
    assert [time.estimated for time in times] == [True, True, True, True]


def test_sentence_ends() -> None:
    assert [ends_sentence(word) for word in ("e.g.", "so...", "Ende!»", "I.", "3.", "Hm")] == [
        False, True, True, True, True, False,
    ]  # fmt: skip
    times = [WordTime(place, place + 0.5) for place in (0, 0.5, 4.0, 4.5)]
    assert sentences(["aa", "bb", "cc.", "dd"], times, WordSettings()) == [(0, 2), (2, 3), (3, 4)]


def test_cheapest_path_of_nothing_and_of_no_evidence() -> None:
    assert cheapest_path([], []) == []
    assert cheapest_path([None, [5, 0], None], [1, 1, 1]) == [1, 1, 1]


def test_runs_are_words_of_one_speaker_in_a_row() -> None:
    assert runs_of([]) == []
    assert [(run.start, run.stop, run.speaker) for run in runs_of([0, 0, 1, 0])] == [
        (0, 2, 0),
        (2, 3, 1),
        (3, 4, 0),
    ]


def test_split_text_where_words_differ_from_the_text() -> None:
    assert split_text("Hello, you!", ["Hello", "you"], [0, 1]) == ["Hello,", " you!"]
    assert split_text("a b c", ["x", "y", "z"], [0, 2]) == ["a b", " c"]
    said = "We came home. Nobody was there at all. Really?"
    words = ["We", "came", "home.", "there", "Really?"]
    assert split_text(said, words, [0, 3]) == ["We came home.", " Nobody was there at all. Really?"]
    assert split_text(said, words, [0, 4]) == ["We came home. Nobody was there at all.", " Really?"]
    assert split_text("…", ["ten", "of", "us"], [0, 1, 2]) == ["", "", "…"]
    assert split_text("", ["ten", "of"], [0, 1]) == ["", ""]


def test_a_segment_keeps_the_text_that_its_words_lack() -> None:
    words = spoken("We came home. there Really?", 8.0, 8.4, 9.0, 11.0, 13.0, step=0.5)
    part = {"start": 8.0, "end": 14.0, "text": " We came home. Nobody was there at all. Really?"}
    labelled = label_transcript(
        {"segments": [{**part, "words": words}]}, talk((0, 10, A), (10, 20, B))
    )
    assert [(piece["speaker"], piece["text"]) for piece in labelled["segments"]] == [
        (A, " We came home."),
        (B, " Nobody was there at all. Really?"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        " Well,  我们 go。 今天!",
        "「你好」他说 OK。",
        "วันนี้อากาศดีมากเลยใช่ครับ",
        "ភាសាខ្មែរពិបាកណាស់",
        "ສະບາຍດີ ທຸກຄົນ",
        "မြန်မာစာ",
    ],
)
def test_tokens_keep_the_text(text: str) -> None:
    assert "".join(tokens(text)) == text
    assert len(tokens(text)) > 3
    assert not any(category(token.strip()[0]).startswith("M") for token in tokens(text))


def test_thai_is_split_where_the_speaker_changes() -> None:
    text = "วันนี้อากาศดีมากเลยใช่ครับผมก็คิดอย่างนั้นเหมือนกัน"
    turns = [Turn(0, 10, "A"), Turn(10, 20, "B")]
    data = {"segments": [{"start": 7.0, "end": 14.0, "text": text}]}
    parts = label_transcript(data, Diarization(turns, 20.0))["segments"]
    assert [part["speaker"] for part in parts] == ["A", "B"]
    assert "".join(part["text"] for part in parts) == text
    assert abs(parts[1]["start"] - 10) < 0.5


def test_hours_take_seconds_of_memory_and_not_of_quadratic_time() -> None:
    """Ten times the words look at ten times the pieces, not a hundred times."""
    turns = [Turn(place * 2.0, place * 2.0 + 2.0, "AB"[place % 2]) for place in range(3000)]
    turns.append(Turn(0.0, 6000.0, "C"))  # one turn over everything defeats careless indexing
    index = TurnIndex(Diarization(turns, 6000.0), WordSettings())
    looked_at = len(index.weights(3000.0, 3000.4))
    assert looked_at <= 3


def test_how_exact_word_times_are() -> None:
    """Words that were laid out over a phrase are as exact as its length allows, up to a limit."""
    options = WordSettings()
    segments = [
        {"start": 0.0, "end": 1.0, "text": " a b"},
        {"start": 2.0, "end": 12.0, "text": " c d"},
        {"start": 12.0, "end": 13.0, "words": [{"word": " e", "start": 12.0, "end": 13.0}]},
    ]
    words = _collect(segments, Diarization([Turn(0, 13, "A")], duration=13), options, None)
    short, long = options.estimated_share * 1.0, options.estimated_std
    assert short < long < options.estimated_share * 10.0
    assert words.stds == pytest.approx([short, short, long, long, 0.0])
    assert words.ranges == [(0, 2), (2, 4), (4, 5)]


def test_staying_wins_ties() -> None:
    assert cheapest_path([[0, 3], [9, 0]], [3]) == [1, 1]
    assert cheapest_path([[0, 4], [9, 0]], [3]) == [0, 1]
    assert cheapest_path([None, None], [0]) == [0, 0]


def test_estimated_times_are_as_uncertain_as_their_room_is_wide() -> None:
    part = segment(spoken("one two three four", 0, 0.4, None, 1.0))
    found = _collect([part], talk((0, 2, A)), WordSettings(), None)
    assert found.stds == pytest.approx([0.0, 0.0, 0.15 * 0.3, 0.0])
    whole = {"start": 0.0, "end": 1.0, "text": " one two"}
    found = _collect([whole], talk((0, 2, A)), WordSettings(), None)
    assert found.stds == pytest.approx([0.15, 0.15])


def test_the_error_of_boundaries_is_told_by_words_and_the_costs_beside_them() -> None:
    times = [0.3 * place for place in range(40)]
    part = segment(spoken("so it is then. " * 10, *times))
    off = [0.05 if number % 2 else -0.05 for number in range(11)]
    diarization = talk(
        *((1.2 * n + off[n] + 0.1, 1.2 * n + 1.2 + off[n + 1] + 0.1, A if n % 2 else B)
          for n in range(10))
    )  # fmt: skip
    options = WordSettings()
    words = _collect([part], diarization, options, None)
    costs = [4.0, 3.0, 4.0, 0.2] * 10
    starts = [(time, cost) for time, cost in zip(times, [0.0, *costs[:-1]], strict=True)]
    ends = [(words.spoken[place][1], cost) for place, cost in enumerate(costs)]
    assert [start for start, _ in words.spoken] == times
    expected = estimate_boundary_error(diarization.turns, starts, ends, options)
    assert expected.change > 0.05
    assert _boundary_error(words, costs, diarization, options) == expected
    exact = _boundary_error(words, costs, diarization, WordSettings(realign=False))
    assert exact == BoundaryError(0.0, 0.0)


def test_segments_that_are_not_split_keep_their_numbers() -> None:
    first, second = (spoken("Is it late?", start, start + 0.3, start + 0.6) for start in (0, 2))
    transcript = {"segments": [segment(first, id=7), segment(second, id=9)]}
    kept = label_transcript(transcript, talk((0, 1, A), (2, 3, B)))["segments"]
    assert [part["id"] for part in kept] == [7, 9]
    split = label_transcript(transcript, talk((0, 1, A), (2, 2.3, B), (2.3, 3, A)), options=APART)
    assert [part["id"] for part in split["segments"]] == [7, 8, 9]


def test_word_times_are_said_to_be_estimated_where_they_are() -> None:
    empty = {"start": 0.0, "end": 3.0, "text": " "}
    late = segment(spoken("Is it late?", 4, 4.3, 4.6))
    diarization = talk((0, 1, A), (1, 3, B), (4, 5, A))
    plain = label_transcript({"segments": [empty, late]}, diarization)
    assert "word_times" not in plain
    assert [part["speaker"] for part in plain["segments"]] == [B, A]  # B talks most of the first
    text = {**empty, "text": " Is it late?"}
    assert label_transcript({"segments": [text]}, diarization)["word_times"] == "estimated"


def test_a_text_that_is_cut_is_looked_at_again_until_nothing_changes() -> None:
    transcript = {"segments": [{"start": 0, "end": 3, "text": " well and"}]}
    diarization = talk((0, 2.25, A), (2.25, 3, B))
    once = label_transcript(transcript, diarization)
    assert label_transcript(once, diarization) == once
