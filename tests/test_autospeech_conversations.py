"""Models compared on conversations: voices are tones here, so that every answer is known."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="pip install torch")

from diarize.annotation import Segment, Turn
from diarize.audio import Waveform
from diarize.evaluation import ablation, benchmark, tuning
from diarize.evaluation.benchmark import Recording
from diarize.evaluation.scoring import score
from models.autospeech import conversations

RATE = 16_000
TONES = {"low": 300.0, "high": 1500.0}


def conversation(folder: Path, name: str, order: list[tuple[str, float]]) -> Recording:
    """People take turns by their tones, half a second of silence between them."""
    pieces, turns, now = [], [], 0.0
    for speaker, seconds in order:
        time = np.arange(round(seconds * RATE)) / RATE
        pieces += [0.3 * np.sin(2 * np.pi * TONES[speaker] * time), np.zeros(RATE // 2)]
        turns.append(Turn(now, now + seconds, speaker))
        now += seconds + 0.5
    path = folder / f"{name}.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.concatenate(pieces) * 32767).astype("<i2").tobytes())
    return Recording(name, path, tuple(turns), "made up")


def by_tone(batch):
    """The two bands' shares of the energy."""
    power = np.square(np.abs(np.fft.rfft(batch, axis=1)))
    middle = round(900 * batch.shape[1] / RATE)
    shares = np.stack([power[:, :middle].sum(axis=1), power[:, middle:].sum(axis=1)], axis=1)
    return (shares / np.linalg.norm(shares, axis=1, keepdims=True)).astype(np.float32)


def deaf(batch):
    """Hears no difference."""
    return np.full((len(batch), 2), np.sqrt(0.5), dtype=np.float32)


@pytest.fixture
def talks(tmp_path):
    order = [("low", 6.0), ("high", 5.0), ("low", 4.0), ("high", 7.0)]
    return [conversation(tmp_path, f"talk{i}", order[i:] + order[:i]) for i in range(2)]


def test_a_model_that_hears_is_right_and_a_deaf_one_is_not(talks):
    found = conversations.measure("tones", by_tone, talks[:1], talks[1:])
    for kind in ("known", "unknown"):
        assert found[kind]["full"]["der"] == pytest.approx(0.0, abs=0.01)
        assert found[kind]["speaker_count_exact"] == 1.0
    none = conversations.measure("deaf", deaf, talks[:1], talks[1:])
    low = sum(t.duration for t in talks[1].turns if t.speaker == "low")
    everything = sum(t.duration for t in talks[1].turns)
    assert none["unknown"]["full"]["der"] == pytest.approx(min(low / everything, 10 / 22), abs=0.02)
    page = conversations.markdown(
        {"conversations": 1, "minutes": 1.0, "bound": 0.0, "models": {"tones": found}}
    )
    assert f"| tones | {found['distance']:.2f} | 0.0 / 0.0 | 0.0 / 0.0 | 0.00 | 100 % |" in page


def test_every_window_has_one_length(talks):
    lengths = []

    def watch(batch):
        lengths.append(batch.shape)
        return deaf(batch)

    embedder = conversations.Windows("watch", watch, 1.6, 0.8)
    waveform = Waveform(np.ones(5 * RATE, dtype=np.int16))
    parts = [Segment(0.0, 0.4), Segment(1.0, 2.6), Segment(3.0, 5.0)] * 15
    assert embedder.embed(waveform, parts).shape == (45, 2)
    assert lengths == [(32, 25_600), (13, 25_600)]


def test_the_bound_is_missed_overlap():
    turns = (Turn(0.0, 6.0, "a"), Turn(5.0, 9.0, "b"), Turn(6.0, 7.0, "c"))
    item = Recording("x", Path("x.wav"), turns, "made up")
    # 5..6 has a and b, 6..7 has b and c: two of eleven seconds.
    assert conversations.bound([item]) == pytest.approx(2 / 11)


def test_nothing_is_scored_on_what_it_was_chosen_on():
    seeds = [
        range(first, first + count)
        for first, count in (
            (benchmark.FIRST_SEED, benchmark.CONVERSATIONS),
            (ablation.FIRST_SEED, ablation.CONVERSATIONS),
            (conversations.FIRST_SEED, conversations.CONVERSATIONS),
            (tuning.FIRST_SEED, tuning.CONVERSATIONS),
        )
    ]
    assert len(set().union(*seeds)) == sum(map(len, seeds))


def test_the_distance_is_the_middle_of_a_valley_not_a_lucky_point():
    def point(distance: float, error: float) -> tuning.Point:
        made = score([Turn(0, 10, "a")], [Turn(0, 10 * (1 - error), "x")])
        return tuning.Point(distance, made)

    errors = [0.9, 0.2, 0.9, 0.9, 0.5, 0.3, 0.3, 0.3, 0.5, 0.9, 0.9]
    points = [point(0.1 * index, error) for index, error in enumerate(errors)]
    assert tuning.best(points) == pytest.approx(0.6)
    flat = [point(0.1 * index, error) for index, error in enumerate([0.9] * 5 + [0.3] * 9)]
    assert tuning.best(flat) == pytest.approx(1.0)  # 0.7 to 1.3 are as good as the best
    assert points[1].error == pytest.approx(0.4, abs=0.02)  # both protocols
    assert "| 0.60 | 30.0 |" in tuning.as_markdown(points)
