"""The whole pipeline on real sound."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diarize.audio.waveform import Waveform
from diarize.embedding.base import Thresholds
from diarize.embedding.embedder import OnnxEmbedder
from diarize.errors import ModelError, UsageError
from diarize.segmentation.activity import SpeechActivity
from diarize.speakers.diarizer import Diarizer, diarize
from diarize.timeline import Segment
from tests.networks import write_mean_network

RATE = 16000


def whole(waveform: Waveform) -> list[Segment]:
    """Take everything for speech."""
    return [Segment(0.0, waveform.duration)]


def buzz(frequency: float, seconds: float, seed: int = 0) -> np.ndarray:
    """A "voice": harmonics of one pitch, and a little noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * frequency * k * time) / k for k in range(1, 12))
    return (3000 * tone + 30 * rng.standard_normal(len(time))).astype(np.int16)


@pytest.fixture
def tiny(tmp_path: Path) -> Diarizer:
    """A pipeline around a network that answers with the mean spectrum."""
    embedder = OnnxEmbedder(write_mean_network(tmp_path / "tiny.onnx"), threads=1)
    return Diarizer(vad=whole, embedder=embedder)


@pytest.fixture
def dialogue() -> Waveform:
    """Two buzzing voices take turns: 0-5, 5-9, 9-15 and 15-20 s."""
    parts = [(110.0, 5), (247.0, 4), (110.0, 6), (247.0, 5)]
    return Waveform(np.concatenate([buzz(f, s, i) for i, (f, s) in enumerate(parts)]), "two.wav")


def test_two_voices_take_turns(tiny: Diarizer, dialogue: Waveform) -> None:
    result = tiny(dialogue)
    assert [turn.speaker for turn in result] == ["SPEAKER_00", "SPEAKER_01"] * 2
    assert [turn.end for turn in result] == pytest.approx([5, 9, 15, 20], abs=0.4)
    assert set(result.embeddings) == {"SPEAKER_00", "SPEAKER_01"}
    assert result.uri == "two"
    assert result.duration == 20.0
    assert result.parameters["threshold"] == 0.3
    assert len(result.parameters["model_sha256"]) == 64


def test_details_tell_the_windows_behind_a_speaker(tiny: Diarizer, dialogue: Waveform) -> None:
    details = tiny.analyse(dialogue)
    assert len(details.windows) == len(details.embeddings) == len(details.labels)
    for label in details.diarization.labels:
        mine = details.embeddings[np.array(details.labels) == label]
        assert (mine @ details.diarization.embeddings[label]).max() > 0.9


def test_thresholds_can_be_tried_without_listening_again(
    tiny: Diarizer, dialogue: Waveform
) -> None:
    heard = tiny.extract_embeddings(dialogue)
    counts = [
        len(tiny.cluster(heard, threshold=threshold).diarization.speakers)
        for threshold in (0.3, 1.9)
    ]
    assert counts == [2, 1]
    assert len(tiny.cluster(heard, threshold=1.9, num_speakers=2).diarization.speakers) == 2


@pytest.mark.parametrize("threshold", [float("nan"), "x", "0.5", [0.5]])
def test_a_threshold_is_a_number(tiny: Diarizer, dialogue: Waveform, threshold: Any) -> None:
    with pytest.raises(UsageError, match="threshold is "):
        Diarizer(vad=whole, embedder=tiny.embedder, threshold=threshold)
    with pytest.raises(UsageError, match="threshold is "):
        tiny.cluster(tiny.extract_embeddings(dialogue), threshold=threshold)


def test_details_can_be_compared(tiny: Diarizer, dialogue: Waveform) -> None:
    details = tiny.analyse(dialogue)
    assert details == details
    assert details != copy.deepcopy(details)  # as arrays, they are equal to themselves alone
    assert details.diarization == copy.deepcopy(details).diarization


def test_a_path_may_be_the_uri(tiny: Diarizer, dialogue: Waveform) -> None:
    assert tiny(dialogue, uri=Path("a/b")).to_rttm().split()[1] == "a/b"  # type: ignore[arg-type]


def test_changes_bound_the_windows_and_the_turns(tiny: Diarizer, dialogue: Waveform) -> None:
    found = SpeechActivity((Segment(0.0, 20.0),), changes=(5.0, 9.0, 15.0))
    details = Diarizer(vad=lambda waveform: found, embedder=tiny.embedder).analyse(dialogue)
    assert not any(w.start < 9.0 - 1e-6 < 9.0 + 1e-6 < w.end for w in details.windows)
    assert [turn.end for turn in details.diarization] == [5.0, 9.0, 15.0, 20.0]


def test_the_number_of_speakers_may_be_given_to_either(tiny: Diarizer, dialogue: Waveform) -> None:
    assert len(tiny(dialogue, num_speakers=1).speakers) == 1
    one = Diarizer(vad=whole, embedder=tiny.embedder, num_speakers=1)
    assert len(one(dialogue).speakers) == 1
    assert len(one(dialogue, num_speakers=2).speakers) == 2
    with pytest.raises(UsageError):
        tiny(dialogue, min_speakers=3, max_speakers=2)
    with pytest.raises(UsageError):
        Diarizer(vad=whole, num_speakers=0)


@pytest.mark.parametrize("bare", [True, False])
def test_what_a_detector_finds_outside_of_the_recording(
    tiny: Diarizer, dialogue: Waveform, bare: bool
) -> None:
    found = [Segment(-2.0, 8.0), Segment(11.0, 50.0), Segment(60.0, 70.0)]
    whole = SpeechActivity(
        tuple(found),
        overlaps=(Segment(19.0, 21.0),),
        changes=(-1.0, 5.0, 30.0),
        confident_overlaps=(Segment(20.5, 21.0),),
    )
    diarizer = Diarizer(vad=lambda waveform: found if bare else whole, embedder=tiny.embedder)
    assert diarizer(dialogue).speech == (Segment(0.0, 8.0), Segment(11.0, 20.0))
    heard = diarizer.extract_embeddings(dialogue).activity
    assert heard.overlaps == (() if bare else (Segment(19.0, 20.0),))
    assert heard.changes == (() if bare else (5.0,))
    assert heard.confident_overlaps == (None if bare else ())


class Picky:
    """An embedder that cannot be given nothing to embed."""

    name, dimension, window, hop, checksum = "picky", 2, 1.0, 0.5, ""
    thresholds = Thresholds(clustering=0.5, verification=0.5)

    def embed(
        self, waveform: Waveform, segments: Sequence[Segment], on_progress: object = None
    ) -> np.ndarray:
        return np.stack([np.array([1.0, 0.0], np.float32) for _ in segments])


@pytest.mark.parametrize("channels", ["mix", "split"])
def test_an_embedder_is_not_asked_for_nothing(channels: str) -> None:
    silence = np.zeros((2, RATE), np.float32)
    diarizer = Diarizer(vad=lambda waveform: [], embedder=Picky())
    assert diarizer(silence, channels=channels, sample_rate=RATE).turns == ()


class Wrong(Picky):
    """An embedder that returns what it is told to."""

    def __init__(self, answer: Callable[[int], Any]) -> None:
        self.answer = answer

    def embed(self, waveform: Any, segments: Any, on_progress: object = None) -> Any:
        return self.answer(len(segments))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda n: None, r"an array of shape \(\)"),
        (lambda n: ["x"] * n, "a list"),
        (lambda n: np.ones((n, 3)), r"an array of shape \(39, 3\)"),
        (lambda n: np.ones((n - 1, 2)), r"an array of shape \(38, 2\)"),
        (lambda n: np.ones(n), r"an array of shape \(39,\)"),
        (lambda n: np.eye(n, 2) * np.nan, "NaN or infinity"),
    ],
)
def test_an_embedder_that_returns_something_else(
    dialogue: Waveform, answer: Callable[[int], Any], said: str
) -> None:
    with pytest.raises(UsageError, match=f"the embedder 'picky' returned {said}: its embed"):
        Diarizer(vad=whole, embedder=Wrong(answer))(dialogue)


def test_vectors_of_an_embedder_are_made_unit_vectors(dialogue: Waveform) -> None:
    def vectors(count: int) -> np.ndarray:
        made = np.array([[1.0, 0.1], [0.1, 1.0]])[np.arange(count) * 2 // count]
        made[3] = 0  # no answer
        return made / np.linalg.norm(made, axis=1, keepdims=True).clip(1)

    plain = Diarizer(vad=whole, embedder=Wrong(vectors)).analyse(dialogue)
    assert len(plain.diarization.speakers) == 2
    for factor in (0.1, 100):
        wrong = Wrong(lambda count, factor=factor: (vectors(count) * factor).tolist())
        found = Diarizer(vad=whole, embedder=wrong).analyse(dialogue)
        assert found.diarization.turns == plain.diarization.turns
        assert np.allclose(found.embeddings, plain.embeddings)
        assert not found.embeddings[3].any()


@pytest.mark.parametrize(
    "answer",
    [None, [(0.8, 9.7)], [{"start": 0.8, "end": 9.7}], "speech", [Segment(float("nan"), 5)], 3],
)
def test_a_detector_that_returns_something_else(
    tiny: Diarizer, dialogue: Waveform, answer: Any
) -> None:
    def mine(waveform: Waveform) -> Any:
        return answer

    with pytest.raises(UsageError, match=r"the detector 'mine' returned .*diarize.Segment\(start"):
        Diarizer(vad=mine, embedder=tiny.embedder)(dialogue)


def test_a_diarizer_of_no_known_vad_is_refused() -> None:
    with pytest.raises(UsageError, match="auto, webrtc, neural, the path"):
        Diarizer(vad="silence-o-matic")
    for none in (None, 5, b"x"):
        with pytest.raises(UsageError, match=f"vad is {none!r}: auto, webrtc"):
            Diarizer(vad=none)  # type: ignore[arg-type]
    for path in ("./nope.onnx", "nope.onnx", "models/nope"):
        with pytest.raises(ModelError, match=f"{path}: no such model file"):
            Diarizer(vad=path)


def test_progress_is_told_in_order(tiny: Diarizer, dialogue: Waveform) -> None:
    stages: list[str] = []
    tiny(dialogue, on_progress=lambda stage, done, total: stages.append(stage))
    assert list(dict.fromkeys(stages)) == ["speech", "embed", "cluster"]


@pytest.fixture(scope="module")
def real() -> Diarizer:
    pytest.importorskip("webrtcvad", reason="pip install webrtcvad-wheels")
    return Diarizer(vad="webrtc", threads=1)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(RATE * 5, np.int16),
        np.zeros(0, np.int16),
        np.zeros(100, np.int16),
        (300 * np.random.default_rng(0).standard_normal(RATE // 5)).astype(np.int16),
        (300 * np.random.default_rng(0).standard_normal(RATE * 5)).astype(np.int16),
        np.full(RATE * 2, 32767, np.int16),
        buzz(440.0, 0.2),
    ],
    ids=["silence", "nothing", "100 samples", "0.2 s", "noise", "direct current", "beep"],
)
def test_odd_recordings_hold_nobody(real: Diarizer, samples: np.ndarray) -> None:
    result = real(Waveform(samples))
    assert (result.turns, result.speakers, result.to_rttm()) == ((), (), "")
    assert result.duration == len(samples) / RATE


@pytest.mark.usefixtures("anew")
def test_the_example_meeting_has_four_voices_each_time(real: Diarizer, example_dir: Path) -> None:
    meeting = example_dir / "meeting.mp3"
    if not meeting.is_file():
        pytest.skip("examples/make_meeting.py has not been run")
    first, second = (real(str(meeting)) for _ in range(2))
    assert len(first.speakers) == 4
    assert first.to_rttm() == second.to_rttm()
    assert [turn.confidence for turn in first] == [turn.confidence for turn in second]
    for label in first.labels:
        assert first.embeddings[label].tobytes() == second.embeddings[label].tobytes()


def test_an_array_is_a_recording(real: Diarizer) -> None:
    result = real(np.zeros(8000, np.float32), sample_rate=8000, uri="quiet")
    assert (result.uri, result.duration) == ("quiet", 1.0)


def test_a_network_of_the_public_port_runs(tmp_path: Path) -> None:
    np.save(tmp_path / "mean.npy", np.zeros(257, np.float32))
    np.save(tmp_path / "std.npy", np.ones(257, np.float32))
    model = write_mean_network(tmp_path / "port.onnx", ("n", 300, 257), {})
    voices = Waveform(np.concatenate([buzz(110.0, 4), buzz(247.0, 4)]))
    result = diarize(voices, vad=whole, embedder=model, threads=1, num_speakers=2)
    assert [turn.speaker for turn in result] == ["SPEAKER_00", "SPEAKER_01"]
    assert result.turns[0].end == pytest.approx(4.0, abs=0.3)


@pytest.mark.slow
def test_the_published_network_of_full_size_runs_untrained(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="pip install torch")
    pytest.importorskip("onnx", reason="pip install onnx")
    network = pytest.importorskip("models.autospeech.network")
    export = pytest.importorskip("models.autospeech.export")
    torch.manual_seed(0)
    model = tmp_path / "proposed_veri.onnx"
    export.write_paper_onnx(network.PaperNetwork(channels=128), model)
    np.save(tmp_path / "mean.npy", np.full(257, 0.1, np.float32))
    np.save(tmp_path / "std.npy", np.full(257, 0.2, np.float32))
    voices = Waveform(np.concatenate([buzz(110.0, 3), buzz(247.0, 3)]))
    diarizer = Diarizer(vad=whole, embedder=OnnxEmbedder(model, threads=1, batch_size=2))
    assert diarizer.embedder.dimension == 2048
    result = diarizer(voices, num_speakers=2)
    assert [turn.speaker for turn in result] == ["SPEAKER_00", "SPEAKER_01"]
    assert result.turns[0].end == pytest.approx(3.0, abs=0.5)
