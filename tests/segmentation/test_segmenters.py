"""Neural segmentation at run time, with stand-in networks of the real ones' signatures."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diarize.audio import spectrogram
from diarize.audio.loading import load
from diarize.audio.waveform import Waveform
from diarize.errors import ModelError
from diarize.segmentation import networks
from diarize.segmentation.activity import SpeechActivity
from diarize.segmentation.aggregation import PERMUTATIONS, score_frames, window_starts
from diarize.segmentation.segmenters import NeuralSegmenter, SileroSegmenter, load_segmentation
from diarize.settings import SegmentationSettings
from diarize.timeline import Segment, union
from tests.conftest import ROOT
from tests.talk import CONVERSATIONS, recording, true_turns

onnx = pytest.importorskip("onnx", reason='pip install "autospeech-diarize[train]"')
RATE = 16_000
PLAIN = SegmentationSettings(min_speech=0.0, min_silence=0.0, min_overlap=0.0, min_turn=0.04)


def bursts(seconds: float, *loud: tuple[float, float]) -> Waveform:
    """Silence with stretches of a loud tone."""
    time = np.arange(round(seconds * RATE)) / RATE
    on = np.zeros(time.size, dtype=bool)
    for start, end in loud:
        on |= (time >= start) & (time < end)
    return Waveform((np.sin(2 * np.pi * 440 * time) * on * 20000).astype(np.int16))


# --- stand-in networks ------------------------------------------------------------------------


def save(nodes: list[Any], inputs: list[Any], outputs: list[Any], **extra: Any) -> Any:
    """A checked ONNX model with metadata."""
    graph = onnx.helper.make_graph(nodes, "stand-in", inputs, outputs, extra.get("constants", []))
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.helper.set_model_props(model, extra.get("metadata", {}))
    onnx.checker.check_model(model)
    onnx.save(model, str(extra["path"]))
    return extra["path"]


def info(name: str, shape: list[Any], kind: int = 1) -> Any:
    return onnx.helper.make_tensor_value_info(name, kind, shape)


def const(name: str, value: Any, kind: type = np.float32) -> Any:
    return onnx.numpy_helper.from_array(np.asarray(value, dtype=kind), name)


# Scores of the seven classes are `slope * level + bias`: nobody below 0.1, speaker 0 above.
SLOPE, BIAS = [0, 200, 0, 0, 0, 0, 0], [0, -20, -90, -90, -90, -90, -90]


def magnitude_model(path: Path, **metadata: str) -> Path:
    """Like the bundled model: (n, t, 257) to (n, t / 2, 7), by the level of frame pairs."""
    node = onnx.helper.make_node
    nodes = [
        node("ReduceMean", ["magnitude"], ["level"], axes=[2], keepdims=0),
        node("Unsqueeze", ["level", "one"], ["row"]),
        node("AveragePool", ["row"], ["half"], kernel_shape=[2], strides=[2]),
        node("Transpose", ["half"], ["column"], perm=[0, 2, 1]),
        node("MatMul", ["column", "slope"], ["steep"]),
        node("Add", ["steep", "bias"], ["scores"]),
        node("LogSoftmax", ["scores"], ["y"], axis=-1),
    ]
    options = SegmentationSettings()
    known = {f"diarize.{k}": str(v) for k, v in vars(options).items()}
    known |= {"diarize.kind": "segmentation", "diarize.window": "10.0", **metadata}
    return save(
        nodes,
        [info("magnitude", ["n", "t", 257])],
        [info("y", ["n", "f", 7])],
        constants=[const("one", [1], np.int64), const("slope", [SLOPE]), const("bias", BIAS)],
        metadata={k: v for k, v in known.items() if v},
        path=path,
    )


def pyannote_model(path: Path, batch: Any = "N") -> Path:
    """Like sherpa-onnx's export: (N, 1, T) samples to (N, 589, 7), windows of 10 s."""
    node = onnx.helper.make_node
    nodes = [
        node("Abs", ["x"], ["loud"]),
        node("AveragePool", ["loud"], ["mean"], kernel_shape=[991], strides=[270]),
        node("Transpose", ["mean"], ["column"], perm=[0, 2, 1]),
        node("MatMul", ["column", "slope"], ["steep"]),
        node("Add", ["steep", "bias"], ["y"]),
    ]
    metadata = {
        "num_speakers": "3", "powerset_max_classes": "2", "num_classes": "7",
        "sample_rate": "16000", "window_size": "160000", "window_shift": "16000",
        "receptive_field_size": "991", "receptive_field_shift": "270",
    }  # fmt: skip
    return save(
        nodes,
        [info("x", [batch, 1, "T"])],
        [info("y", [batch, "frames", 7])],
        constants=[const("slope", [SLOPE]), const("bias", BIAS)],
        metadata=metadata,
        path=path,
    )


def silero_model(path: Path, version: int = 5) -> Path:
    """Like silero_vad.onnx: the probability is the mean of |input|, doubled; the state counts."""
    node = onnx.helper.make_node
    states = ["state"] if version == 5 else ["h", "c"]
    after = ["stateN"] if version == 5 else ["hn", "cn"]
    width = 128 if version == 5 else 64
    nodes = [
        node("Abs", ["input"], ["loud"]),
        node("ReduceMean", ["loud"], ["mean"], axes=[1], keepdims=1),
        node("Add", ["mean", "mean"], ["output"]),
        *(node("Add", [old, "unit"], [new]) for old, new in zip(states, after, strict=True)),
    ]
    return save(
        nodes,
        [info("input", [None, None]), info("sr", [], onnx.TensorProto.INT64)]
        + [info(name, [2, None, width]) for name in states],
        [info("output", [None, 1])] + [info(name, [2, None, width]) for name in after],
        constants=[const("unit", 1.0)],
        path=path,
    )


# --- values -----------------------------------------------------------------------------------


def test_a_list_of_segments_is_wrapped() -> None:
    wrapped = SpeechActivity.of([Segment(3, 4), Segment(0, 1)])
    assert wrapped.speech == (Segment(0, 1), Segment(3, 4))
    assert wrapped.overlaps == ()
    assert wrapped.local is None


# --- windows ----------------------------------------------------------------------------------


@given(st.integers(1, 5000), st.integers(2, 80), st.floats(0.05, 1.0))
def test_windows_cover_every_sample_and_lie_on_the_grid(
    samples: int, units: int, share: float
) -> None:
    shift = 5
    window = units * shift
    hop = max(int(share * window) // shift * shift, shift)
    starts = window_starts(samples, window, hop, shift)
    assert starts[0] == 0
    assert all(start % shift == 0 for start in starts)
    assert all(0 < b - a <= hop for a, b in pairwise(starts))
    assert samples <= starts[-1] + window < samples + window + shift


class Scripted:
    """A network that knows the truth but shuffles its local speakers from window to window."""

    shift, offset = 320, 0

    def __init__(self, truth: np.ndarray[Any, Any]) -> None:
        self.truth = truth
        self.calls: list[int] = []

    def window(self, samples: int) -> int:
        return 100 * self.shift

    def __call__(
        self, waveform: Waveform, starts: Any, window: int
    ) -> np.ndarray[Any, np.dtype[np.float32]]:
        self.calls.append(len(starts))
        out = []
        for start in starts:
            who = self.truth[start // self.shift :][:100]
            order = np.roll([0, 1, 2], start // self.shift // 50)
            shuffled = who[:, order]
            out.append((shuffled[:, None] == networks.POWERSET).all(axis=2))
        return np.stack(out).astype(np.float32)


def test_shuffled_local_speakers_are_put_back_in_order() -> None:
    truth = np.zeros((400, 3))
    truth[20:180, 0] = truth[150:300, 1] = truth[250:390, 2] = 1
    network = Scripted(truth)
    found = NeuralSegmenter(network, PLAIN, batch=2)(Waveform(np.zeros(400 * 320, np.int16)))
    assert found.speech == (Segment(pytest.approx(0.4), pytest.approx(7.8)),)
    assert [(s.start, s.end) for s in found.overlaps] == [
        pytest.approx((3.0, 3.6)),
        pytest.approx((5.0, 6.0)),
    ]
    assert found.changes == pytest.approx((3.0, 3.6, 5.0, 6.0))
    assert found.local is not None
    for window, start in enumerate(found.local.starts):
        mine = found.local.activity[window]
        told = truth[round(start / 0.02) :][:100]
        assert any((mine[:, order] == told).all() for order in map(list, PERMUTATIONS))
    # Bounded memory: the network never sees more windows at once than the batch.
    assert max(network.calls) == 2


@pytest.mark.parametrize(("hop", "windows"), [(0.5, 7), (0.75, 5), (1.0, 4)])
def test_the_hop_sets_how_often_everything_is_read(hop: float, windows: int) -> None:
    truth = np.zeros((400, 3))
    truth[20:180, 0] = truth[150:300, 1] = 1
    network = Scripted(truth)
    segmenter = NeuralSegmenter(network, replace(PLAIN, hop=hop))
    found = segmenter(Waveform(np.zeros(400 * 320, np.int16)))
    assert sum(network.calls) == windows
    assert [(s.start, s.end) for s in found.overlaps] == [pytest.approx((3.0, 3.6))]


def test_progress_counts_windows() -> None:
    told: list[tuple[str, int, int | None]] = []
    network = Scripted(np.zeros((400, 3)))
    NeuralSegmenter(network, PLAIN, batch=3)(
        Waveform(np.zeros(400 * 320, np.int16)), lambda *step: told.append(step)
    )
    assert told == [("speech", 3, 7), ("speech", 6, 7), ("speech", 7, 7)]


# --- networks ---------------------------------------------------------------------------------


def close(found: SpeechActivity, *expected: tuple[float, float], within: float = 0.05) -> None:
    assert [(s.start, s.end) for s in found.speech] == [
        pytest.approx(pair, abs=within) for pair in expected
    ]


def test_the_bundled_kind_runs_over_many_windows(tmp_path: Path) -> None:
    segmenter = load_segmentation(magnitude_model(tmp_path / "m.onnx"), threads=1)
    waveform = bursts(47.3, (1, 3), (9.5, 15.2), (46.8, 47.3))
    close(segmenter(waveform), (1, 3), (9.5, 15.2), (46.8, 47.3))


def test_frames_of_the_bundled_kind_are_centred_on_their_time(tmp_path: Path) -> None:
    """A click in the middle of frame 100 is as loud in the frame before as in the one after."""
    network = load_segmentation(magnitude_model(tmp_path / "m.onnx"), threads=1).network  # type: ignore[attr-defined]
    samples = np.zeros(4 * RATE, dtype=np.int16)
    samples[100 * 320 + 160] = 32767
    seen: list[np.ndarray[Any, Any]] = []

    class Spy:
        def run(self, feed: dict[str, Any]) -> list[Any]:
            seen.append(feed["magnitude"])
            return [np.zeros((1, feed["magnitude"].shape[1] // 2, 7), dtype=np.float32)]

    network.session = Spy()
    network(Waveform(samples), [0], 4 * RATE)
    level = seen[0][0].mean(axis=1).reshape(-1, 2).mean(axis=1)
    assert seen[0].shape == (1, 400, spectrogram.BINS)
    assert level.argmax() == 100
    assert level[99] == pytest.approx(level[101], rel=0.02)


def test_blocks_of_windows_do_not_change_the_result(tmp_path: Path) -> None:
    segmenter = load_segmentation(magnitude_model(tmp_path / "m.onnx"), threads=1)
    assert isinstance(segmenter, NeuralSegmenter)
    waveform = bursts(41.0, (3, 7), (12, 30))
    one = score_frames(segmenter.network, waveform, 1)
    many = score_frames(segmenter.network, waveform, 64)
    np.testing.assert_allclose(one.speech, many.speech, atol=1e-5)


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.3, 1.0, 9.99, 10.0, 10.01])
@pytest.mark.parametrize("make", [magnitude_model, pyannote_model, silero_model])
def test_any_length_works(tmp_path: Path, make: Any, seconds: float) -> None:
    segmenter = load_segmentation(make(tmp_path / "m.onnx"), threads=1)
    found = segmenter(bursts(seconds, (0.0, seconds)))
    assert all(0.0 <= s.start < s.end <= seconds for s in found.speech)
    if seconds >= 1.0:
        close(found, (0.0, seconds), within=0.06)


@pytest.mark.parametrize("batch", ["N", 1])
def test_pyannotes_kind_runs_with_its_own_frames(tmp_path: Path, batch: Any) -> None:
    segmenter = load_segmentation(pyannote_model(tmp_path / "model.onnx", batch), threads=1)
    assert isinstance(segmenter, NeuralSegmenter)
    assert segmenter.network.shift == 270
    found = segmenter(bursts(33.0, (2, 4.5), (14, 21), (32, 32.5)))
    close(found, (2, 4.5), (14, 21), (32, 32.5))
    assert found.local is not None
    assert found.local.activity.shape[1:] == (589, 3)
    assert found.local.step == pytest.approx(270 / RATE)


@pytest.mark.parametrize("version", [4, 5])
def test_silero_runs_with_its_state(tmp_path: Path, version: int) -> None:
    segmenter = load_segmentation(silero_model(tmp_path / "silero_vad.onnx", version), threads=1)
    assert isinstance(segmenter, SileroSegmenter)
    close(segmenter(bursts(6.0, (1, 2), (3.5, 5))), (0.97, 2.03), (3.47, 5.03), within=0.04)


def test_silero_five_gets_the_samples_before_each_chunk(tmp_path: Path) -> None:
    segmenter = load_segmentation(silero_model(tmp_path / "silero_vad.onnx"), threads=1)
    assert isinstance(segmenter, SileroSegmenter)
    fed: list[dict[str, Any]] = []
    real = segmenter.network.session

    class Spy:
        def run(self, feed: dict[str, Any]) -> Any:
            fed.append(feed)
            return real.run(feed)

    segmenter.network.session = Spy()
    samples = np.arange(1, 1281, dtype=np.int16)
    segmenter.network(Waveform(samples))
    assert [feed["input"].shape for feed in fed] == [(1, 576)] * 3
    whole = np.concatenate([np.zeros(64), samples, np.zeros(256)]).astype(np.float32) / 32768
    for index, feed in enumerate(fed):
        np.testing.assert_array_equal(feed["input"][0], whole[index * 512 : index * 512 + 576])
        # The stand-in's state counts the chunks.
        assert feed["state"].flat[0] == index
        assert feed["sr"] == RATE


# --- files that are none ----------------------------------------------------------------------


def test_other_models_are_refused_by_name(tmp_path: Path) -> None:
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    path = save([node], [info("x", [1, 80])], [info("y", [1, 80])], path=tmp_path / "odd.onnx")
    with pytest.raises(ModelError, match=r"odd\.onnx: not a segmentation model.*x \[1, 80\]"):
        load_segmentation(path)


def test_missing_and_damaged_files_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model file"):
        load_segmentation(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"bad\.onnx"):
        load_segmentation(tmp_path / "bad.onnx")


def test_missing_thresholds_are_named(tmp_path: Path) -> None:
    path = magnitude_model(tmp_path / "m.onnx", **{"diarize.onset": ""})
    with pytest.raises(ModelError, match=r"lacks a number for diarize\.onset"):
        load_segmentation(path)


@pytest.mark.parametrize("key", ["sure", "second_turn_onset"])
def test_second_turns_begin_where_the_file_says_by_either_name(tmp_path: Path, key: str) -> None:
    path = magnitude_model(tmp_path / "m.onnx", **{f"diarize.{key}": "0.75"})
    own = load_segmentation(path)
    assert isinstance(own, NeuralSegmenter) and own.settings.second_turn_onset == 0.75


def test_the_hop_is_the_files_own_or_half_a_window(tmp_path: Path) -> None:
    own = load_segmentation(magnitude_model(tmp_path / "m.onnx", **{"diarize.hop": "0.75"}))
    none = load_segmentation(magnitude_model(tmp_path / "n.onnx", **{"diarize.hop": ""}))
    assert isinstance(own, NeuralSegmenter) and own.settings.hop == 0.75
    assert isinstance(none, NeuralSegmenter) and none.settings.hop == 0.5


# --- the real one -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundled() -> Path:
    path = ROOT / "models" / "segmentation" / "segmentation.onnx"
    if not path.is_file():
        pytest.skip("no bundled segmentation model in this checkout")
    return path


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_the_bundled_model_hears_real_speech(bundled: Path, name: str) -> None:
    found = load_segmentation(bundled, threads=1)(load(recording(name)))
    truth = union(turn.segment for turn in true_turns(name))
    spoken = sum(part.duration for part in truth)
    common = sum(a.overlap(b) for a in truth for b in found.speech)
    assert common >= 0.85 * spoken
    assert sum(part.duration for part in found.speech) - common <= 0.12 * spoken


def test_the_bundled_model_ignores_level_and_silence(bundled: Path) -> None:
    segmenter = load_segmentation(bundled, threads=1)
    assert segmenter(Waveform(np.zeros(12 * RATE, np.int16))).speech == ()
    rng = np.random.default_rng(0)
    noise = (rng.normal(size=12 * RATE) * 300).astype(np.int16)
    assert sum(s.duration for s in segmenter(Waveform(noise)).speech) < 1.0
    tone = (np.sin(np.arange(12 * RATE) * 0.1) * 9000).astype(np.int16)
    assert sum(s.duration for s in segmenter(Waveform(tone)).speech) < 1.0


def breathing(seed: int) -> Waveform:
    """20 s of somebody who only breathes into a microphone and knocks against it now and then."""
    rng = np.random.default_rng(seed)
    n = 20 * 16_000
    time, hertz = np.arange(n) / 16_000, np.fft.rfftfreq(n, 1 / 16_000)
    low = np.fft.irfft(
        np.fft.rfft(rng.normal(size=n)) / (1 + (hertz / rng.uniform(120, 350)) ** 4), n
    )
    swell = np.zeros(n)
    for start in np.arange(0.5, 19.0, rng.uniform(1.2, 2.2)):
        width = rng.uniform(0.13, 0.3)
        swell += rng.uniform(0.4, 1.0) * np.exp(-0.5 * ((time - start) / width) ** 2)
    sound = 0.02 * low / low.std() * swell + 3e-4 * rng.normal(size=n)
    for start in rng.integers(0, n - 320, size=8):
        sound[start : start + 320] += 0.02 * rng.normal(size=320) * np.exp(-np.arange(320) / 80)
    return Waveform((np.clip(sound, -1, 1) * 32767).astype(np.int16))


@pytest.mark.parametrize("seed", range(4))
def test_breath_and_knocks_are_no_speech_for_the_bundled_model(bundled: Path, seed: int) -> None:
    found = load_segmentation(bundled, threads=1)(breathing(seed))
    assert sum(segment.duration for segment in found.speech) < 1.0
