"""How segmentation models are scored and their thresholds chosen."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from diarize.audio.waveform import Waveform
from diarize.segmentation.activity import LocalSpeakers, SpeechActivity
from diarize.segmentation.aggregation import FrameScores
from diarize.settings import SegmentationSettings
from diarize.timeline import Segment, Turn
from models.segmentation import evaluate, tune
from models.simulation.conversations import SimulatedConversation, write

RATE = 16_000
TURNS = [Turn(1.0, 4.0, "a"), Turn(3.5, 6.0, "b"), Turn(7.0, 9.0, "a")]


def recording(turns: list[Turn], seconds: float = 10.0) -> evaluate.Recording:
    return evaluate.Recording("made", Waveform(np.zeros(round(seconds * RATE), np.int16)), turns)


def test_a_perfect_detector_has_no_errors() -> None:
    score = evaluate.Score()
    speech = (Segment(1.0, 6.0), Segment(7.0, 9.0))
    found = SpeechActivity(speech, (Segment(3.5, 4.0),), (3.5, 4.0))
    evaluate.add(score, recording(TURNS), found)
    assert score.missed == score.false == 0.0
    assert score.speech == pytest.approx(7.0)
    assert score.pair == score.pair_hit == score.pair_found == pytest.approx(0.5)
    assert (score.changes, score.changes_hit) == (1, 1)
    assert (score.boundaries, score.boundaries_hit) == (6, 6)


def test_errors_are_counted_in_seconds() -> None:
    score = evaluate.Score()
    found = SpeechActivity((Segment(0.5, 5.0),), (Segment(3.0, 3.75),))
    evaluate.add(score, recording(TURNS), found)
    assert score.missed == pytest.approx(3.0)
    assert score.false == pytest.approx(0.5)
    assert score.pair_found == pytest.approx(0.75)
    assert score.pair_hit == pytest.approx(0.25)
    assert score.changes_hit == 0


def test_rows_fit_the_head_with_and_without_a_pipeline() -> None:
    score = evaluate.Score()
    evaluate.add(score, recording(TURNS), SpeechActivity((Segment(0.5, 5.0),)))
    columns = evaluate.HEAD.splitlines()[0].count("|")
    assert evaluate.row("model", score).count("|") == columns
    score.embed_cpu = 0.02
    row = evaluate.row("model", score)
    assert row.count("|") == columns
    assert row.split("|")[2:5] == ["   42.9 ", "    7.1 ", "   50.0 "]
    assert row.split("|")[-2] == "   2.00 "


def test_conversations_are_read_where_they_are_kept(tmp_path: Path) -> None:
    samples = np.arange(RATE, dtype=np.int16)
    talk = SimulatedConversation("dev-far-0007", samples, (Turn(0.25, 0.5, "x"),), None, {})
    write(talk, tmp_path / "dev-0.5min-2to3")
    (found,) = evaluate.simulated(tmp_path / "no speech here", tmp_path, [7], 0.5, most=3)
    assert found.uri == "dev-far-0007"
    assert found.turns == [Turn(0.25, 0.5, "x")]
    assert np.array_equal(found.waveform.samples, samples)


# --- thresholds -------------------------------------------------------------------------------


def heard(speech: list[tuple[int, float]], pair: list[tuple[int, float]]) -> tune.Heard:
    """What a network said, as (frames of 20 ms, probability), of a truth that lies in TURNS."""

    def spread(parts: list[tuple[int, float]]) -> np.ndarray[Any, np.dtype[np.float32]]:
        return np.concatenate([np.full(n, p, dtype=np.float32) for n, p in parts])

    local = LocalSpeakers(np.zeros(1), 0.02, np.zeros((1, 500, 3), dtype=bool))
    voices = np.zeros((500, 3), dtype=np.float32)
    track = FrameScores(0.02, 0.0, spread(speech), spread(pair), voices, local)
    made = recording(TURNS)
    return tune.Heard(made, evaluate.counts(TURNS, 10.0), track)


def test_tuning_finds_the_thresholds_that_part_truth_from_error() -> None:
    one = heard(
        [(50, 0.5), (250, 0.7), (50, 0.5), (100, 0.7), (50, 0.1)],
        [(50, 0.1), (100, 0.3), (25, 0.1), (25, 0.5), (300, 0.1)],
    )
    options = SegmentationSettings(onset=0.3, offset=0.3, min_turn=0.4, hop=0.75)
    before = tune.speech_error([one], options)
    best = tune.tune([one], options)
    assert before == pytest.approx(2.0 / 7.0)
    assert tune.speech_error([one], best) == 0.0
    assert tune.overlap_scores([one], best) == (1.0, 1.0)
    assert 0.5 < best.onset <= 0.7 and 0.3 < best.overlap_onset <= 0.5
    assert (best.min_turn, best.hop) == (0.4, 0.75)


def test_precision_comes_before_f1() -> None:
    """Half of the overlap is likely; the rest is not more so than half a second elsewhere."""
    one = heard(
        [(500, 0.9)],
        [(50, 0.1), (25, 0.4), (100, 0.1), (11, 0.8), (2, 0.1), (12, 0.4), (300, 0.1)],
    )
    options = SegmentationSettings()
    strict, lax = (tune.tune([one], options, precision) for precision in (0.9, 0.3))
    assert tune.overlap_scores([one], strict) == pytest.approx((1.0, 2 * 22 / (22 + 50)))
    assert tune.overlap_scores([one], lax) == pytest.approx((46 / 96, 2 * 46 / (96 + 50)))
    assert lax.overlap_onset <= 0.4 < strict.overlap_onset


def test_offsets_follow_their_onsets() -> None:
    options = tune.with_drops(SegmentationSettings(onset=0.5, offset=0.3), onset=0.8)
    assert (options.onset, options.offset) == (0.8, pytest.approx(0.6))
    options = tune.with_drops(options, drop=0.0, overlap_drop=0.1, overlap_onset=0.4)
    assert options.offset == options.onset
    assert options.overlap_offset == pytest.approx(0.3)


def test_other_models_are_not_tuned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tune, "load_segmentation", lambda *_, **__: SimpleNamespace())
    with pytest.raises(SystemExit):
        tune.main(["--speech", str(tmp_path), "--model", str(tmp_path / "silero.onnx")])
    assert "not a model with overlaps" in capsys.readouterr().err
