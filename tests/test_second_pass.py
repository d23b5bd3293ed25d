"""Turns heard once more, in pieces of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diarize.annotation import Segment
from diarize.audio import Waveform
from diarize.decision import decide
from diarize.details import Listening
from diarize.embedding import Thresholds, unit
from diarize.pipeline import Diarizer
from diarize.segmentation import SpeechActivity
from diarize.settings import SecondPassSettings, Settings

RATE = 16_000


class Ear:
    """Hears who speaks how long in a segment, with noise that longer segments have less of."""

    name, checksum, dimension, window, hop = "ear", "0" * 64, 16, 1.6, 0.8
    thresholds = Thresholds(clustering=0.3, verification=0.6)

    def __init__(self, truth) -> None:
        self.truth = truth
        self.asked: list[list[Segment]] = []

    def embed(self, waveform, segments, on_progress=None):
        self.asked.append(list(segments))
        rows = []
        for segment in segments:
            vector = np.zeros(self.dimension)
            for voice, region in self.truth:
                vector[voice] += region.overlap(segment)
            seed = [round(1000 * segment.start), round(1000 * segment.end)]
            noise = np.random.default_rng(seed).normal(size=self.dimension)
            rows.append(unit(vector) + 0.12 * noise / np.sqrt(max(segment.duration, 0.1)))
        return unit(np.array(rows).reshape(-1, self.dimension)).astype(np.float32)


def talk(lengths: list[tuple[int, float]]):
    """Voices one after another: (voice, region)."""
    at, out = 0.0, []
    for voice, seconds in lengths:
        out.append((voice, Segment(at, at + seconds)))
        at += seconds
    return out


TRUTH = talk([(0, 7.0), (1, 6.0), (2, 8.0), (0, 5.0), (2, 6.0), (1, 8.0)])


def sound() -> Waveform:
    """Noise that pauses for a moment at every change of voice."""
    samples = np.random.default_rng(0).normal(scale=3000.0, size=40 * RATE).astype(np.int16)
    for _, region in TRUTH:
        at = round(region.end * RATE)
        samples[at - RATE // 20 : at + RATE // 20] = 0
    return Waveform(samples)


WHOLE = sound()


def diarizer(**changes) -> Diarizer:
    second = replace(SecondPassSettings(), **({"always": True, "least": 30.0} | changes))
    settings = replace(Settings(), second_pass=second)
    return Diarizer(
        vad=lambda waveform: [Segment(0.0, 40.0)], embedder=Ear(TRUTH), settings=settings
    )


def test_the_second_time_pieces_of_the_turns_are_heard():
    ours = diarizer()
    details = ours.analyse(WHOLE)
    windows, pieces = ours.embedder.asked
    assert {round(window.duration, 6) for window in windows} == {1.6}
    assert all(0.3 <= piece.duration <= 2.4 + 1e-9 for piece in pieces)
    assert list(details.windows) == pieces
    assert len(details.labels) == len(pieces)
    spoken = sum(piece.duration for piece in pieces)
    assert spoken == pytest.approx(40.0, abs=0.5)
    found = [turn.speaker for turn in details.diarization.turns]
    assert found == [f"SPEAKER_0{n}" for n in (0, 1, 2, 0, 2, 1)]
    for turn, (_, region) in zip(details.diarization.turns, TRUTH, strict=True):
        assert turn.start == pytest.approx(region.start, abs=0.45)


def test_no_second_pass_where_it_is_off_or_there_is_nothing_to_tell_apart():
    ours = diarizer(always=False)
    details = ours.analyse(WHOLE)
    assert len(ours.embedder.asked) == 1
    assert len(details.diarization.labels) == 3
    little = diarizer(least=41.0)
    assert little.analyse(WHOLE).diarization.turns == details.diarization.turns
    assert len(little.embedder.asked) == 1
    short = Diarizer(vad=lambda waveform: [Segment(0.0, 1.0)], embedder=Ear(TRUTH))
    assert len(short.analyse(Waveform(np.zeros(RATE, np.int16))).diarization.turns) == 1
    assert len(short.embedder.asked) == 1
    silent = Diarizer(vad=lambda waveform: [], embedder=Ear(TRUTH))
    assert not silent.analyse(WHOLE).diarization


def test_bounds_of_the_number_hold_in_both_passes():
    for count in (1, 2, 3):
        assert len(diarizer().analyse(WHOLE, num_speakers=count).diarization.labels) == count


def test_windows_of_the_first_pass_have_a_say_in_the_turns():
    """One long piece cannot tell where in it the voice changes; the windows it is made of can."""
    truth = talk([(0, 4.0), (1, 4.0)])
    ear = Ear(truth)
    windows = tuple(Segment(0.8 * k, 0.8 * k + 1.6) for k in range(9))
    speech = SpeechActivity.of([Segment(0.0, 8.0)])
    first = Listening(speech, windows, ear.embed(WHOLE, windows))
    pieces = (Segment(0.0, 2.0), Segment(2.0, 6.0), Segment(6.0, 8.0))
    vectors = ear.embed(WHOLE, pieces)
    blind = decide(Listening(speech, pieces, vectors), threshold=0.3, num_speakers=2)
    seeing = decide(Listening(speech, pieces, vectors, first), threshold=0.3, num_speakers=2)
    assert len(blind.labels) == len(seeing.labels) == 3
    errors = [abs(found.turns[0].end - 4.0) for found in (blind, seeing)]
    assert errors[1] < 1.0 < errors[0]
