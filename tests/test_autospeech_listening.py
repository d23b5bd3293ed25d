"""Teachers that hear the windows of training as the network does."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pip install torch")
pytest.importorskip("soxr", reason="pip install soxr")

from diarize.embedding import unit  # noqa: E402
from models.autospeech import bank, data, listening, pool, train  # noqa: E402
from models.autospeech.augmentation import Augmenter, blend  # noqa: E402
from models.autospeech.network import AutoSpeech, NetworkConfig  # noqa: E402
from tests.teachers import Ear, write_vectors  # noqa: E402

RATE = 16_000


class Second:
    """A teacher like Resemblyzer: partials of 160 frames by a network, averaged."""

    def __init__(self) -> None:
        torch.manual_seed(1)
        self.network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(160 * 40, 24))
        self.run = None

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        frames = np.stack([piece[: 160 * 160].reshape(160, 160)[:, :40] for piece in padded(batch)])
        return unit(self.run(frames))


def padded(batch: np.ndarray) -> np.ndarray:
    return np.pad(batch, ((0, 0), (0, max(0, 160 * 160 - batch.shape[1]))))


@pytest.fixture
def listener(monkeypatch):
    monkeypatch.setattr(listening, "campplus", lambda path: Ear().eval())
    monkeypatch.setattr(listening, "Resemblyzer", Second)
    return listening.Listener(Path("weights.pt"), "onnxruntime")


@pytest.fixture
def speech():
    rng = np.random.default_rng(0)
    samples = (3000 * rng.normal(size=12 * RATE)).astype(np.int16)
    voices = tuple(
        data.Voice(f"v{i}", "toy", 1.0, i * 6 * RATE, 6 * RATE, ((0, 6 * RATE, "s"),))
        for i in range(2)
    )
    return data.Speech(samples, voices)


@pytest.mark.parametrize("frames", [160, 320])
def test_both_teachers_say_what_they_say_elsewhere(listener, frames):
    rng = np.random.default_rng(0)
    batch = rng.normal(scale=0.1, size=(3, (frames - 1) * 160 + 400)).astype(np.float32)
    first, second = listener(batch)
    assert first.shape == (3, 16)
    assert second.shape == (3, 24)
    expected = bank.teach(Ear(), torch.from_numpy((batch * 32768.0).round().astype(np.int16)))
    # `teach` computes in bfloat16, and from 16-bit samples.
    assert (first * expected.numpy()).sum(axis=1).min() > 0.999
    again = Second()
    again.run = lambda partials: again.network(torch.from_numpy(partials)).detach().numpy()
    assert np.allclose(second, again(batch[:, : (frames - 1) * 160]), atol=1e-3)
    assert len(listener.compiled) == 2
    listener(batch)
    assert len(listener.compiled) == 2


def test_openvino_says_the_same():
    """In a process of its own: it does not bear a fork after it."""
    if importlib.util.find_spec("openvino") is None:
        pytest.skip("pip install openvino")
    code = """if True:
        import numpy as np, torch
        from models.autospeech.listening import compiled
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Conv1d(30, 16, 5), torch.nn.Tanh())
        batch = np.random.default_rng(0).normal(size=(4, 30, 80)).astype(np.float32)
        one, two = (compiled(network, batch.shape, e)(batch) for e in ("onnxruntime", "openvino"))
        print(float(np.abs(one - two).max()))
    """
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    # Eight bits of a number are what bfloat16 keeps.
    assert float(ran.stdout.splitlines()[-1]) < 0.02


@pytest.mark.parametrize("length", [7, 100, 130, 200, 260])
def test_segments_are_averaged_as_the_teacher_does(length):
    """CAM++ pools with a kernel as long as a segment, then repeats what came out."""
    x = torch.randn(2, 3, length)
    pooled = torch.nn.functional.avg_pool1d(x, 100, 100, ceil_mode=True)
    expected = pooled[..., None].expand(*pooled.shape, 100).flatten(2)[..., :length]
    assert torch.allclose(listening.segment_means(x), expected, atol=1e-6)


def test_targets_are_of_the_degraded_windows(listener, speech, tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "SHARD", 6)
    pool.fill(pool.Inventor(speech, np.ones(2)), Ear(), tmp_path / "pool", count=6, seed=0)
    write_vectors(speech, tmp_path / "first.npz")
    with np.load(tmp_path / "first.npz") as stored:
        np.savez(
            tmp_path / "second.npz", rows=stored["rows"], vectors=np.eye(24)[stored["rows"][:, 0]]
        )
    targets = train.Targets([tmp_path / "first.npz", tmp_path / "second.npz"], speech.voices, 0.5)
    config = train.TrainConfig(batch=8, frames=((0.0, 160),), long=0.0, pool=0.5, steps=10)
    heard = []

    def louder_on_one_side(_rng, samples, _strength, _others):
        out = samples * np.linspace(0.2, 1.0, samples.size, dtype=np.float32)
        heard.append(out)
        return out

    front = AutoSpeech(NetworkConfig(8, 8, 40, 16)).front
    shards = pool.shards(tmp_path / "pool")
    batches = train.Batches(
        speech, targets, louder_on_one_side, front, config, shards, listener=listener
    )
    features, wanted, labels, _ = batches[0]
    assert features.shape[0] == wanted.shape[0] == 8
    assert labels.tolist()[4:] == [2] * 4
    expected = targets.answers(listener(np.stack(heard)), ["toy"] * 8)
    assert np.allclose(wanted.numpy(), expected, atol=1e-5)
    assert np.allclose(np.linalg.norm(expected, axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("kept", [True, False])
def test_batches_come_again(speech, tmp_path, kept):
    """The same ones, whether they were kept or have to be made anew."""
    write_vectors(speech, tmp_path / "ear.npz")
    targets = train.Targets([tmp_path / "ear.npz"], speech.voices, 0.5)
    config = train.TrainConfig(batch=4, frames=((0.0, 160),), long=0.0, steps=60, again=2)
    front = AutoSpeech(NetworkConfig(8, 8, 40, 16)).front
    store = tmp_path / "batches" if kept else None
    if store is not None:
        store.mkdir()
    batches = train.Batches(speech, targets, Augmenter([], {}), front, config, store=store)
    seen = [batches[step] for step in range(30)]
    new = seen[::3]
    for step, (features, wanted, labels, _) in enumerate(seen):
        same = [torch.allclose(features, one[0], atol=2e-3) for one in new]
        assert sum(same) == 1
        assert same.index(True) <= step // 3
        one = new[same.index(True)]
        assert torch.allclose(wanted, one[1], atol=1e-3)
        assert torch.equal(labels, one[2])
    assert len({float(features.sum()) for features, *_ in new}) == 10
    if store is not None:
        assert len(list(store.iterdir())) == 10
        assert not list(store.glob("*.part"))


def test_a_run_on_kept_batches_meets_each_before_any_comes_again(speech, tmp_path):
    write_vectors(speech, tmp_path / "ear.npz")
    targets = train.Targets([tmp_path / "ear.npz"], speech.voices, 0.5)
    config = train.TrainConfig(batch=4, frames=((0.0, 160),), long=0.0, steps=7, again=1)
    shape = NetworkConfig(8, 8, 40, 16)
    store = tmp_path / "batches"
    store.mkdir()
    front = AutoSpeech(shape).front
    made = train.Batches(speech, targets, Augmenter([], {}), front, config, store=store)
    new = [made[step] for step in range(0, 7, 2)]
    files = sorted(store.iterdir())
    assert len(files) == 4
    kept = train.KeptBatches(files, 3, train.label_corpora(targets, speech.voices))
    assert kept.families == made.families
    seen = [kept[step] for step in range(12)]
    which = [
        [torch.allclose(features, one[0], atol=2e-3) for one in new].index(True)
        for features, *_ in seen
    ]
    rounds = [which[:4], which[4:8], which[8:]]
    assert all(sorted(one) == [0, 1, 2, 3] for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1
    torch.set_num_threads(1)
    state = train.build(shape, config, targets.means)
    train.loop(state, kept, train.Clock(config, None), tmp_path, save_minutes=60)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 7


def test_blended_windows_lie_between_two_voices_and_are_nobodys(listener, speech, tmp_path):
    write_vectors(speech, tmp_path / "first.npz")
    with np.load(tmp_path / "first.npz") as stored:
        rows = stored["rows"]
    np.savez(tmp_path / "second.npz", rows=rows, vectors=np.eye(24)[rows[:, 0]])
    targets = train.Targets([tmp_path / "first.npz", tmp_path / "second.npz"], speech.voices, 0.5)
    config = train.TrainConfig(batch=32, frames=((0.0, 160),), long=0.0, steps=9, blended=0.5)
    front = AutoSpeech(NetworkConfig(8, 8, 40, 16)).front

    def untouched(_rng, samples, _strength, _others):
        return samples

    plain = replace(config, blended=0.0)
    _, wanted, labels, _ = train.Batches(
        speech, targets, untouched, front, config, listener=listener
    )._fresh(0)
    _, before, voices, _ = train.Batches(
        speech, targets, untouched, front, plain, listener=listener
    )._fresh(0)
    mixed = labels == 2
    assert 8 <= int(mixed.sum()) <= 24
    assert torch.equal(labels[~mixed], voices[~mixed])
    moved = 1.0 - (wanted * before).sum(dim=1)
    assert float(moved[~mixed].max()) < 1e-4
    assert float(moved[mixed].median()) > 1e-3


def test_a_blend_has_the_colours_of_both():
    rng = np.random.default_rng(0)
    time = np.arange(25_840) / RATE
    low, high = (
        np.sin(2 * np.pi * f * time) + 0.01 * rng.normal(size=time.size) for f in (500, 3000)
    )
    first, second = low.astype(np.float32), 0.1 * high.astype(np.float32)
    halves = blend(first, second, 0.5)
    power = np.abs(np.fft.rfft(halves)) ** 2
    bins = np.fft.rfftfreq(halves.size, 1 / RATE)
    tones = [power[np.abs(bins - f) < 60].sum() for f in (500, 3000)]
    # The mean on a logarithmic scale: both tones as strong, both weaker than they were alone.
    assert 0.5 < tones[0] / tones[1] < 2.0
    assert np.mean(halves**2) < 0.2 * np.mean(first**2)
    assert np.allclose(blend(first, first * 0.3, 0.7), first, atol=1e-3)
