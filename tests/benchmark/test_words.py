"""The benchmark of words with the wrong speaker: its parts, and what it must show."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diarize.annotation import Diarization
from diarize.audio.waveform import Waveform
from diarize.errors import DiarizeError
from diarize.settings import WordSettings
from diarize.timeline import Turn
from diarize.transcript.word_times import energy_of
from models.benchmark import words as benchmark
from models.benchmark.__main__ import main
from models.benchmark.whisperx_words import whisperx_labels
from models.simulation.dialogues import (
    Dialogue,
    TimingErrors,
    TurnErrors,
    disturbed,
    make_dialogue,
    transcribe,
)
from models.simulation.wordtimes import SpokenClip, SpokenWord, spoken_clips
from models.simulation.written_dialogues import WRITTEN, Difficulty, write_dialogue
from tests.conftest import ROOT

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
        words = [word for part in transcript["segments"] for word in part["words"]]
        said = [word.text.strip(" .?!,") for word in dialogues[0].words]
        assert [word["word"].strip(" .?!,") for word in words] == said
        missing = sum("start" not in word for word in words)
        assert (missing > 0) == (errors is not None)
        starts = [word["start"] for word in words if "start" in word]
        if errors is not None:
            assert starts == sorted(starts)


def test_timing_errors_are_as_large_as_they_say(dialogues: list[Dialogue]) -> None:
    transcript = transcribe(dialogues[0], np.random.default_rng(1), TimingErrors(missing=0.0))
    words = [word for part in transcript["segments"] for word in part["words"]]
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
    talk = Diarization([Turn(0, 2.5, "A"), Turn(2.5, 4, "B")], 4)
    case = benchmark.Case(small([(0, 1), (1, 2.6), None, (3, 4), (9, 9)]), talk, [])
    assert benchmark.largest_overlap(case) == ["A", "A", "A", "B", "B"]
    assert benchmark.sentence_majority(case) == ["A"] * 5


def test_errors_are_counted_by_word() -> None:
    case = benchmark.Case({}, Diarization([], 1), ["A", "A", "B"])
    labels = [["A", None, "A"], ["A", "A", "B"]]
    assert benchmark.wrong_words(labels, [case, case]) == 2


def test_ours_has_less_than_half_the_errors_of_plain_overlap(dialogues: list[Dialogue]) -> None:
    """What the merge promises; the real table comes from recorded speech."""
    seeds = list(range(200, 206))
    for condition in benchmark.CONDITIONS:
        cases = benchmark.recorded_cases(dialogues, condition, seeds)
        total = sum(len(case.truth) for case in cases)
        plain, ours = (
            benchmark.wrong_words([benchmark.METHODS[name](case) for case in cases], cases)
            for name in ("largest overlap", "ours")
        )
        assert total > 500
        if condition.timing is None and condition.turns == "true":
            assert ours <= plain + total // 1000
        else:
            assert ours < plain / 2, condition.name


@pytest.mark.parametrize("name", list(WRITTEN))
def test_no_difficulty_makes_ours_worse_than_largest_overlap(name: str) -> None:
    """On seeds that are neither tuned on nor reported."""
    cases = benchmark.written_cases(WRITTEN[name], [300, 301])
    plain, ours = (
        benchmark.wrong_words([benchmark.METHODS[method](case) for case in cases], cases)
        for method in ("largest overlap", "ours")
    )
    assert ours <= max(1, plain)
    if name.startswith("punctuated"):
        assert ours <= plain / 2


def test_written_dialogues_hold_what_they_say() -> None:
    rng = np.random.default_rng(3)
    hard = Difficulty(punctuation=False, answers=1.0, pause=0.2, missing=0.5, islands=True)
    written = write_dialogue(hard, rng, seconds=30)
    words = [word for part in written.transcript["segments"] for word in part["words"]]
    assert len(words) == len(written.speakers)
    assert not any(set(word["word"]) & set(".?!,") for word in words)
    assert 0.2 < sum("start" not in word for word in words) / len(words) < 0.8
    again = write_dialogue(hard, np.random.default_rng(3), seconds=30)
    assert again == written
    silent = write_dialogue(Difficulty(words=False, language="th"), rng, seconds=20)
    assert all("words" not in part for part in silent.transcript["segments"])


def test_the_table_has_a_row_a_difficulty(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(name, benchmark.written_cases(WRITTEN[name], [300])) for name in list(WRITTEN)[:2]]
    lines = list(benchmark.report(rows))
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == list(WRITTEN)[:2]
    assert lines[0].endswith("ours |")


def test_whisperx_labels_come_from_a_python_of_its_own(tmp_path: Path) -> None:
    """A stand-in for whisperX's package: what is sent and read is the same."""
    package = tmp_path / "whisperx"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "diarize.py").write_text(
        "def assign_word_speakers(table, result, fill_nearest):\n"
        "    for part in result['segments']:\n"
        "        part['speaker'] = 'S'\n"
        "        for word in part.get('words', [])[:1]:\n"
        "            word['speaker'] = 'near' if fill_nearest else table.speaker[0]\n"
        "    return result\n"
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    pytest.importorskip("pandas", reason="pip install pandas")
    items = [(small([(0, 1), (1, 2)]), [Turn(0, 1, "A")])]
    assert whisperx_labels(str(python), items, fill_nearest=False) == [["A", "S"]]
    assert whisperx_labels(str(python), items, fill_nearest=True) == [["near", "S"]]
    (package / "diarize.py").write_text("raise RuntimeError('broken')")
    with pytest.raises(DiarizeError, match="broken"):
        whisperx_labels(str(python), items, fill_nearest=True)


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


def test_no_folder_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DiarizeError, match=r"clips\.csv"):
        spoken_clips(tmp_path, "dev")
    rows = list(benchmark.WRITTEN)
    for name in rows[1:]:
        monkeypatch.delitem(benchmark.WRITTEN, name)
    assert main(["words", "--speech", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_example_meeting_has_every_word_right_and_no_sentence_torn() -> None:
    cases = benchmark.meeting_cases(ROOT / "examples")
    for name, (case,) in cases.items():
        assert len(case.truth) == 426
        assert benchmark.METHODS["ours"](case) == case.truth, name


# A number of the merge, another value, and a dialogue in which that costs words.
NUMBERS = [
    ("word_seconds", 0.1, "no punctuation, boundaries ±0.6 s", 300),
    ("word_seconds_per_character", 0.01, "segment times only, no punctuation", 301),
    ("pause_std", 0.4, "segment times only, remarks", 300),
    ("change_std", 0.6, "turns missed and invented, no punctuation", 300),
    ("std_spread", 0.1, "no punctuation, boundaries ±0.6 s", 301),
    ("estimated_std", 0.02, "segment times only, answers", 300),
    ("estimated_share", 0.01, "segment times only, answers", 301),
    ("outlier_probability", 0.2, "answers inside sentences, no pause", 300),
    ("nested_share", 0.1, "no punctuation, pause 0.2 s, boundaries ±0.2 s", 300),
    ("nested_weight", 1.0, "remarks in segments of their own under speech", 300),
    ("word_step", 3.0, "short replies, boundaries ±0.6 s", 301),
    ("switch_inside", 0.3, "punctuated, boundaries ±0.2 s", 300),
    ("switch_capital", 8.0, "short replies, boundaries ±0.6 s", 301),
    ("switch_sentence", 3.0, "answers, pause 0.2 s, boundaries ±0.2 s", 301),
    ("switch_unpunctuated", 0.1, "no punctuation, boundaries ±0.6 s", 300),
    ("pause_scale", 0.05, "punctuated, boundaries ±0.2 s", 300),
    ("unpunctuated_pause_scale", 2.0, "no punctuation, pause 0.2 s, boundaries ±0.2 s", 300),
    ("max_sentence_words", 3, "punctuated, boundaries ±0.3 s", 300),
    ("capital_share", 0.0, "answers, pause 0.2 s, boundaries ±0.2 s", 300),
]


@pytest.mark.parametrize(("number", "value", "row", "seed"), NUMBERS)
def test_each_number_of_the_merge_matters(number: str, value: float, row: str, seed: int) -> None:
    cases = benchmark.written_cases(WRITTEN[row], [seed])
    best, other = (
        benchmark.wrong_words([benchmark.ours(options)(case) for case in cases], cases)
        for options in (WordSettings(), WordSettings(**{number: value}))
    )
    assert best < other
