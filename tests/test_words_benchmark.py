"""The benchmark of words with the wrong speaker: its parts, and what it must show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diarize.annotation import Diarization
from diarize.audio import Waveform
from diarize.errors import DiarizeError
from diarize.evaluation import words as benchmark
from diarize.evaluation.dialogues import (
    Dialogue,
    DialogueWord,
    TimingErrors,
    TurnErrors,
    disturbed,
    make_dialogue,
    transcribe,
)
from diarize.evaluation.wordtimes import SpokenClip, SpokenWord, spoken_clips
from diarize.timeline import Turn
from diarize.transcript.word_times import energy_of

RATE = 16000


@pytest.fixture(scope="module")
def clips() -> list[SpokenClip]:
    """Words made of noise: their times and speakers matter, not their sound."""
    rng = np.random.default_rng(5)
    made = []
    for speaker in ("ann", "bo", "cy"):
        for _ in range(25):
            words, clock, parts = [], 0.05, [np.zeros(800)]
            for _ in range(int(rng.integers(1, 6))):
                length = float(rng.uniform(0.12, 0.5))
                gap = float(rng.choice([0.0, 0.0, 0.3]))
                parts += [rng.normal(0, 2000, round(length * RATE)), np.zeros(round(gap * RATE))]
                words.append(SpokenWord("word", clock, clock + length))
                clock += length + gap
            samples = np.concatenate(parts).astype(np.int16)
            made.append(SpokenClip(speaker, "noise", samples, tuple(words)))
    return made


@pytest.fixture(scope="module")
def dialogues(clips: list[SpokenClip]) -> list[Dialogue]:
    return benchmark.dialogues_of(clips, range(200, 206))


def test_dialogues_are_what_they_say(dialogues: list[Dialogue]) -> None:
    for dialogue in dialogues:
        speakers = {word.speaker for word in dialogue.words}
        assert 2 <= len(speakers) <= 3
        assert 60 < dialogue.duration < 130
        energy = energy_of(Waveform(samples=dialogue.samples, path="x"))
        inside = np.concatenate([energy.between(word.start, word.end) for word in dialogue.words])
        assert np.median(inside) > 20 * np.percentile(energy.power, 5)
        for word in dialogue.words:
            assert any(
                turn.speaker == word.speaker
                and turn.start <= word.start + 1e-9
                and word.end <= turn.end + 1e-9
                for turn in dialogue.turns
            )


def test_a_seed_gives_the_same_dialogue(clips: list[SpokenClip]) -> None:
    first, second = (make_dialogue(clips, np.random.default_rng(3), seconds=20) for _ in range(2))
    assert first.words == second.words
    assert np.array_equal(first.samples, second.samples)


def test_transcripts_hold_every_word_in_order(dialogues: list[Dialogue]) -> None:
    for errors in (None, TimingErrors()):
        transcript = transcribe(dialogues[0], np.random.default_rng(1), errors)
        words = benchmark._words(transcript)
        said = [word.text.strip(" .?!,") for word in dialogues[0].words]
        assert [word["word"].strip(" .?!,") for word in words] == said
        missing = sum("start" not in word for word in words)
        assert (missing > 0) == (errors is not None)
        starts = [word["start"] for word in words if "start" in word]
        if errors is not None:
            assert starts == sorted(starts)


def test_timing_errors_are_as_large_as_they_say(dialogues: list[Dialogue]) -> None:
    transcript = transcribe(dialogues[0], np.random.default_rng(1), TimingErrors(missing=0.0))
    words = benchmark._words(transcript)
    off = [
        abs(found["start"] - true.start)
        for found, true in zip(words, dialogues[0].words, strict=True)
    ]
    assert 0.05 < np.median(off) < 0.2
    stretched = sum(word["end"] - word["start"] > 0.75 for word in words)
    assert stretched > 3


def test_disturbed_turns_keep_most_of_the_truth(dialogues: list[Dialogue]) -> None:
    turns = disturbed(dialogues[0].turns, np.random.default_rng(1), TurnErrors())
    assert turns != list(dialogues[0].turns)
    assert {turn.speaker for turn in turns} <= {turn.speaker for turn in dialogues[0].turns}
    found, true = (sum(turn.duration for turn in t) for t in (turns, dialogues[0].turns))
    assert found == pytest.approx(true, rel=0.15)


def small(times: list[tuple[float, float] | None]) -> dict[str, Any]:
    words: list[dict[str, Any]] = [{"word": f" {place}"} for place in range(len(times))]
    for word, pair in zip(words, times, strict=True):
        if pair is not None:
            word.update(start=pair[0], end=pair[1])
    return {"segments": [{"start": 0.0, "end": 4.0, "text": "", "words": words}]}


def test_the_baselines_do_what_they_say() -> None:
    transcript = small([(0, 1), (1, 2.6), None, (3, 4)])
    talk = Diarization([Turn(0, 2.5, "A"), Turn(2.5, 4, "B")], 4)
    energy = energy_of(Waveform(samples=np.zeros(64000, dtype=np.int16), path="x"))
    assert benchmark.segment_majority(transcript, talk, energy) == ["A"] * 4
    assert benchmark.word_overlap(transcript, talk, energy) == ["A", "A", "A", "B"]
    assert benchmark.sentence_majority(transcript, talk, energy) == ["A"] * 4


def test_errors_are_counted_by_word() -> None:
    words = tuple(
        DialogueWord(f" {place}.", place, place + 0.5, "AB"[place > 2]) for place in range(4)
    )
    samples = np.zeros(5 * RATE, dtype=np.int16)
    dialogue = Dialogue(samples, words, (Turn(0, 2.5, "A"), Turn(3, 3.5, "B")))
    condition = benchmark.Condition("exact", None, "true")
    methods = {
        "all A": lambda transcript, *_: ["A"] * 4,
        "nobody": lambda transcript, *_: [None] * 4,
    }
    errors, total = benchmark.word_errors([dialogue], condition, methods, [1])
    assert (errors, total) == ({"all A": 1, "nobody": 4}, 4)


def test_ours_has_less_than_half_the_errors_of_plain_overlap(dialogues: list[Dialogue]) -> None:
    """What the merge promises; the real table comes from recorded speech."""
    methods = {
        "plain": benchmark.METHODS["word overlap (whisperX's way)"],
        "ours": benchmark.METHODS["ours"],
    }
    seeds = list(range(200, 206))
    for condition in benchmark.CONDITIONS:
        errors, total = benchmark.word_errors(dialogues, condition, methods, seeds)
        assert total > 500
        if condition.timing is None and condition.turns == "true":
            assert errors["ours"] <= errors["plain"] + total // 1000
        else:
            assert errors["ours"] < errors["plain"] / 2, condition.name


def test_one_word_clips_of_the_corpora(speech_dir: Path) -> None:
    found = spoken_clips(speech_dir, "dev", corpora=["dspspeech20"], max_seconds=5)
    assert len({clip.speaker for clip in found}) == 3
    for clip in found:
        (word,) = clip.words
        assert 0 <= word.start < word.end <= len(clip.samples) / RATE + 0.01


def test_running_speech_of_the_corpora(speech_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("pocketsphinx", reason="pip install pocketsphinx")
    cache = tmp_path / "words.json"
    found = spoken_clips(speech_dir, "dev", corpora=["wuw2"], max_seconds=1.2, cache=cache)
    assert sum(len(clip.words) for clip in found) > 3
    assert cache.is_file()
    again = spoken_clips(speech_dir, "dev", corpora=["wuw2"], max_seconds=1.2, cache=cache)
    assert [clip.words for clip in again] == [clip.words for clip in found]


def test_no_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DiarizeError, match=r"clips\.csv"):
        spoken_clips(tmp_path, "dev")
    assert benchmark.main([str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
