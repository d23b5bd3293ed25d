"""Speech detection: what is no speech gives none, what is speech is found at any level."""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
import pytest

from diarize.arrays import SAMPLE_RATE
from diarize.audio.loading import load
from diarize.audio.waveform import Waveform
from diarize.errors import DiarizeError, UsageError
from diarize.segmentation.activity import VoiceActivityDetector
from diarize.segmentation.webrtc import BAND_EDGES, WebRtcVad, band_power, prominence
from diarize.settings import WebRtcSettings
from diarize.timeline import Segment
from tests.talk import CONVERSATIONS, recording, true_turns

SECONDS = 20
TIME = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE


def wave(samples: np.ndarray) -> Waveform:
    return load(np.asarray(samples, dtype=np.float32), sample_rate=SAMPLE_RATE)


def total(segments: list[Segment]) -> float:
    return sum(segment.duration for segment in segments)


def noise(level: float, seconds: float = SECONDS) -> np.ndarray:
    return level * np.random.default_rng(0).normal(size=round(seconds * SAMPLE_RATE))


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Ten seconds of a reader, peak at about half of full scale."""
    samples = load(recording("libris_000-1")).block(0, 10 * SAMPLE_RATE)
    return samples / np.abs(samples).max() * 0.5


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(SECONDS * SAMPLE_RATE),
        noise(1e-4),
        noise(0.01),
        noise(0.3),
        np.cumsum(noise(1.0)) / 1500,
        0.3 * np.sin(2 * np.pi * 440 * TIME),
        sum(0.2 * np.sin(2 * np.pi * hertz * TIME) for hertz in (220, 277, 330)),
        0.3 * np.sin(2 * np.pi * 50 * TIME) + noise(0.01),
        np.where(np.arange(TIME.size) % SAMPLE_RATE == 0, 0.9, 0.0),
    ],
    ids=["silence", "faint", "quiet", "loud", "brown", "tone", "chord", "hum", "clicks"],
)
def test_no_speech_where_nobody_speaks(samples: np.ndarray) -> None:
    assert WebRtcVad()(wave(samples)) == []


@pytest.mark.parametrize("length", [1, 100, 319, 320, 4800])
def test_very_short_recordings(length: int) -> None:
    assert WebRtcVad()(Waveform(np.zeros(length, np.int16))) == []
    WebRtcVad()(wave(noise(0.1)[:length]))
    assert WebRtcVad()(Waveform(np.zeros(0, np.int16))) == []


@pytest.mark.parametrize("decibels", [0, -20, -40, -50])
def test_speech_is_found_between_pauses_at_any_level(speech: np.ndarray, decibels: int) -> None:
    quiet = np.concatenate([noise(1e-3, 5), speech + noise(1e-3, 10), noise(1e-3, 5)])
    found = WebRtcVad()(wave(quiet * 10 ** (decibels / 20)))
    inside = sum(segment.overlap(Segment(5, 15)) for segment in found)
    assert inside > 8.5
    assert total(found) - inside < 0.8


def test_speech_is_found_in_loud_noise(speech: np.ndarray) -> None:
    noisy = np.concatenate([noise(0.01, 5), speech + noise(0.01, 10), noise(0.01, 5)])
    found = WebRtcVad()(wave(noisy))
    inside = sum(segment.overlap(Segment(5, 15)) for segment in found)
    assert inside > 7.5
    assert total(found) - inside < 0.8


def test_a_minute_of_speech_in_an_hour_is_not_lost(speech: np.ndarray) -> None:
    rare = np.concatenate([noise(1e-3, 400), speech, noise(1e-3, 400)])
    found = WebRtcVad()(wave(rare))
    assert sum(segment.overlap(Segment(400, 410)) for segment in found) > 8.5
    assert total(found) < 11


def test_real_conversations() -> None:
    missed = false = spoken = 0.0
    for name in CONVERSATIONS:
        waveform = load(recording(name))
        reference = np.zeros(len(waveform) // 160, dtype=bool)
        for turn in true_turns(name):
            reference[round(turn.start * 100) : round(turn.end * 100)] = True
        found = np.zeros_like(reference)
        for part in WebRtcVad()(waveform):
            found[round(part.start * 100) : round(part.end * 100)] = True
        missed += float((reference & ~found).sum())
        false += float((found & ~reference).sum())
        spoken += float(reference.sum())
    assert missed / spoken < 0.06
    assert false / spoken < 0.19


def test_segments_are_ordered_apart_and_inside(speech: np.ndarray) -> None:
    waveform = wave(np.concatenate([speech, speech[:50_000], noise(1e-3, 2), speech]))
    found = WebRtcVad()(waveform)
    assert len(found) > 1
    assert all(0 <= part.start < part.end <= waveform.duration for part in found)
    assert all(b.start - a.end >= 0 for a, b in pairwise(found))
    assert all(part.duration >= WebRtcSettings().min_speech for part in found)
    assert WebRtcVad()(waveform) == found


def test_blocks_leave_no_seam(speech: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    waveform = wave(np.concatenate([speech, noise(1e-3, 3), speech]))
    whole = WebRtcVad()(waveform)
    monkeypatch.setattr("diarize.segmentation.webrtc.BLOCK_SECONDS", 1)
    assert WebRtcVad()(waveform) == whole


@pytest.mark.parametrize("mode", [0, 3])
def test_every_mode_finds_speech(speech: np.ndarray, mode: int) -> None:
    padded = np.concatenate([noise(1e-3, 5), speech, noise(1e-3, 5)])
    assert 8 < total(WebRtcVad(WebRtcSettings(mode=mode))(wave(padded))) < 12


def test_options_are_checked() -> None:
    for wrong in ({"mode": 4}, {"onset": 0.0}, {"padding": -0.1}):
        with pytest.raises(UsageError):
            WebRtcSettings(**wrong)  # type: ignore[arg-type]


def test_it_is_a_voice_activity_detector() -> None:
    assert isinstance(WebRtcVad(), VoiceActivityDetector)


def test_missing_classifier_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_webrtcvad", None)
    with pytest.raises(DiarizeError, match="pip install --force-reinstall webrtcvad-wheels"):
        WebRtcVad()


def test_the_abandoned_webrtcvad_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its module asks for pkg_resources, which newer setuptools no longer bring.
    monkeypatch.setitem(sys.modules, "webrtcvad", None)
    assert WebRtcVad()(wave(noise(0.01))) == []


# --- the steps ----------------------------------------------------------------------------------


def test_band_power_are_decibels_of_full_scale_in_the_right_band() -> None:
    levels = 10 * np.log10(band_power(wave(np.sin(2 * np.pi * 500 * TIME))))
    assert levels.shape == (SECONDS * 50, len(BAND_EDGES) - 1)
    loudest = int(levels[10].argmax())
    assert BAND_EDGES[loudest] <= 500 < BAND_EDGES[loudest + 1]
    assert levels[10].max() == pytest.approx(-3.0, abs=0.3)


def test_prominence_runs_from_floor_to_loud() -> None:
    power = np.full((1000, 10), 1e-6, np.float32)
    power[400:600] = 1e-2
    score = prominence(power)
    assert score[200] == pytest.approx(0, abs=0.01)
    assert score[500] > 0.9
