"""Simulated conversations: timing, an honest reference, and files that others can read."""

from __future__ import annotations

import csv
import json
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diarize.errors import DiarizeError
from diarize.rttm import read_rttm
from diarize.timeline import union
from models.simulation.conversations import simulate, simulate_many, write
from models.simulation.scenes import SCENES, SimulationOptions
from models.simulation.turntaking import TurnTaking, schedule
from models.simulation.voices import Talker, VoiceBank, frame_energy, speech_runs

RATE = 16_000
QUIET = SimulationOptions(speakers=(2, 2), minutes=(0.4, 0.5), scenes=("clean",))


def burst(rng: np.random.Generator, pitch: float, seconds: float) -> np.ndarray:
    """A buzzing syllable-like sound."""
    time = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * pitch * k * time + rng.uniform(0, 6)) / k for k in range(1, 8))
    return (0.2 * tone * np.hanning(time.size) ** 0.2).astype(np.float32)


def save(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four people who say one-word clips with known text."""
    folder = tmp_path_factory.mktemp("voices")
    rng = np.random.default_rng(1)
    rows = []
    for person in range(4):
        pieces, now = [], 0.0
        for number in range(40):
            seconds = float(rng.uniform(0.3, 0.8))
            pieces += [burst(rng, 90.0 + 40 * person, seconds), np.zeros(1600, np.float32)]
            rows.append([f"p{person}", "dev", "toy", "s", now, now + seconds, f"w{number}"])
            now += (pieces[-2].size + 1600) / RATE
        save(folder / "dev" / f"p{person}.wav", np.concatenate(pieces))
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["speaker", "part", "corpus", "session", "start", "end", "text"])
        writer.writerows(rows)
    return folder


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.floats(1.5, 200.0))
def test_schedules_are_possible(seed: int, people: int, duration: float) -> None:
    turns = schedule(np.random.default_rng(seed), people, duration)
    assert turns == schedule(np.random.default_rng(seed), people, duration)
    assert [turn.start for turn in turns] == sorted(turn.start for turn in turns)
    assert all(0 <= turn.start < turn.end <= duration for turn in turns)
    assert len({turn.draw for turn in turns}) == len(turns)
    for person in range(people):
        own = [turn for turn in turns if turn.speaker == person]
        assert all(a.end <= b.start for a, b in pairwise(own))


def test_overlap_and_silence_follow_the_options() -> None:
    rng = np.random.default_rng(0)
    polite = schedule(rng, 4, 600.0, TurnTaking(overlap=0.0, backchannels=0.0))
    assert all(a.end <= b.start for a, b in pairwise(polite))
    lively = schedule(rng, 4, 600.0, TurnTaking(overlap=0.6, backchannels=10.0))
    assert any(turn.is_backchannel for turn in lively)
    assert sum(a.end > b.start for a, b in pairwise(lively)) > len(lively) / 3


def test_length_callback_decides_and_draw_finds_it_again() -> None:
    asked: list[tuple[int, float]] = []

    def length(speaker: int, seconds: float, _short: bool) -> float:
        asked.append((speaker, seconds / 2))
        return asked[-1][1]

    turns = schedule(np.random.default_rng(3), 3, 60.0, length=length)
    for turn in turns:
        speaker, seconds = asked[turn.draw]
        assert speaker == turn.speaker
        assert turn.end - turn.start == pytest.approx(min(seconds, 60.0 - turn.start))


def test_speech_runs_split_at_long_pauses_only() -> None:
    sound = burst(np.random.default_rng(0), 120.0, 0.5)
    hush = np.random.default_rng(0).normal(0, 1e-4, RATE).astype(np.float32)
    made = np.concatenate([hush[:8000], sound, hush[:3200], sound, hush[:8000], sound, hush])
    runs = [(start / RATE, end / RATE) for start, end in speech_runs(made)]
    assert runs == [
        (pytest.approx(0.5, abs=0.03), pytest.approx(1.7, abs=0.03)),
        (pytest.approx(2.2, abs=0.03), pytest.approx(2.7, abs=0.03)),
    ]
    assert speech_runs(np.zeros(RATE, np.float32)) == []
    assert speech_runs(np.zeros(10, np.float32)) == []


def test_same_seed_same_bytes_other_seed_other_bytes(voices: Path) -> None:
    one, same, other = (simulate(voices, "dev", seed, QUIET) for seed in (5, 5, 6))
    assert np.array_equal(one.samples, same.samples)
    assert one.turns == same.turns and one.words == same.words and one.info == same.info
    assert one.turns != other.turns


def test_reference_is_where_the_sound_is(voices: Path) -> None:
    made = simulate(voices, "dev", 2, QUIET)
    assert set(made.speakers) == set(made.info["speakers"]) and len(made.speakers) == 2
    energy = frame_energy(made.samples.astype(np.float32) / 32768)
    times = (np.arange(energy.size) + 0.5) / 100
    speech = np.zeros(energy.size, bool)
    for part in union(turn.segment for turn in made.turns):
        speech |= (times >= part.start) & (times < part.end)
    loud = energy > np.median(energy[speech]) - 20
    assert loud[speech].mean() > 0.78  # what is missing are pauses under 0.3 s
    assert loud[~speech].mean() < 0.03


def test_words_lie_inside_their_speakers_turns(voices: Path) -> None:
    made = simulate(voices, "dev", 2, QUIET)
    assert made.words
    for word in made.words:
        own = [turn for turn in made.turns if turn.speaker == word["speaker"]]
        inside = sum(
            max(0.0, min(turn.end, word["end"]) - max(turn.start, word["start"])) for turn in own
        )
        assert inside > 0.8 * (word["end"] - word["start"])


def test_written_files(voices: Path, tmp_path: Path) -> None:
    made = simulate(voices, "dev", 2, QUIET)
    sound, rttm, info, transcript = write(made, tmp_path)
    with wave.open(str(sound)) as file:
        assert (file.getframerate(), file.getnchannels()) == (RATE, 1)
        assert np.array_equal(np.frombuffer(file.readframes(10**9), "<i2"), made.samples)
    read = read_rttm(rttm)[made.uri]
    assert [turn.speaker for turn in read] == [turn.speaker for turn in made.turns]
    assert max(abs(a.end - b.end) for a, b in zip(read, made.turns, strict=True)) < 0.0011
    assert json.loads(info.read_text())["scene"] == "clean"
    spoken = json.loads(transcript.read_text())
    words = [word for segment in spoken["segments"] for word in segment["words"]]
    assert [word["word"].strip() for word in words] == [word["word"] for word in made.words or ()]
    assert all(word["speaker"] in made.speakers for word in words)


def test_plain_folder_of_recordings(voices: Path, tmp_path: Path) -> None:
    for person in range(2):
        target = tmp_path / f"person{person}.wav"
        target.write_bytes((voices / "dev" / f"p{person}.wav").read_bytes())
    nested = tmp_path / "person2" / "monday.wav"
    nested.parent.mkdir()
    nested.write_bytes((voices / "dev" / "p2.wav").read_bytes())
    made = simulate(tmp_path, "", 0, SimulationOptions((3, 3), (0.4, 0.4), ("clean",)))
    assert set(made.speakers) == {"person0", "person1", "person2"}
    assert made.words is None


def test_a_table_without_parts_has_its_files_beside_it(voices: Path, tmp_path: Path) -> None:
    rows = ["speaker,session,start,end"]
    for name in ("p0", "p1"):
        (tmp_path / f"{name}.wav").write_bytes((voices / "dev" / f"{name}.wav").read_bytes())
        rows += [f"{name},monday,0,1", f"{name},tuesday,1,2"]
    (tmp_path / "clips.csv").write_text("\n".join(rows))
    bank = VoiceBank(tmp_path, "")
    assert set(bank.voices) == {"p0", "p1"}
    assert [clip.session for clip in bank.voices["p1"].clips] == ["monday", "tuesday"]
    with pytest.raises(DiarizeError, match="column 'part' is missing"):
        VoiceBank(tmp_path, "dev")


def test_clips_repeat_only_when_all_were_heard(voices: Path) -> None:
    talker = Talker(VoiceBank(voices, "dev"), "p0", np.random.default_rng(0))
    heard: list[str | None] = []
    while len(heard) < 40:
        heard += [text for _, _, text in talker.utterance(2.0)[1]]
    assert sorted(text or "" for text in heard[:40]) == sorted(f"w{n}" for n in range(40))


def test_what_cannot_be_made_is_told(voices: Path, tmp_path: Path) -> None:
    with pytest.raises(DiarizeError, match="fewer speakers"):
        simulate(voices, "dev", 0, SimulationOptions(speakers=(9, 9), minutes=(0.5, 0.5)))
    with pytest.raises(DiarizeError, match="no speaker of part 'test'"):
        VoiceBank(voices, "test")
    with pytest.raises(DiarizeError, match="no speaker"):
        VoiceBank(tmp_path / "none", "dev")
    with pytest.raises(DiarizeError, match="choose from clean"):
        SimulationOptions(scenes=("bathroom",))


@pytest.mark.parametrize("scene", SCENES)
def test_every_scene_with_real_voices(speech_dir: Path, scene: str) -> None:
    pytest.importorskip("pyroomacoustics", reason="pip install pyroomacoustics")
    options = SimulationOptions(minutes=(0.5, 0.6), scenes=(scene,))
    made = next(simulate_many(speech_dir, "dev", [7], options, speakers=[4]))
    assert len(made.speakers) == 4 and made.info["scene"] == scene
    assert 30.0 <= made.duration <= 36.0
    assert 0.5 < made.info["speech"] <= 1.0
    assert all(0 <= turn.start < turn.end <= made.duration for turn in made.turns)
    assert np.abs(made.samples).max() > 300
