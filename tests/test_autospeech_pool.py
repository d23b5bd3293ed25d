"""Changed voices and the teacher's answers, on synthetic voices."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pip install torch")
pytest.importorskip("soxr", reason="pip install soxr")

from models.autospeech import bank, data, pool, train  # noqa: E402
from models.autospeech.augmentation import Augmenter  # noqa: E402
from models.autospeech.network import NetworkConfig  # noqa: E402
from tests.teachers import Ear, write_vectors  # noqa: E402

RATE = 16_000
SHARD = 6


def buzz(pitch: float, seconds: float, swing: float = 0.0) -> np.ndarray:
    """Harmonics that fall off, getting louder and softer, as int16."""
    time = np.arange(int(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 12))
    tone = tone * (1.0 + swing * np.sin(2 * np.pi * 2.0 * time))
    noise = 0.02 * np.random.default_rng(0).normal(size=time.size)
    return (0.15 * (tone + noise) * 32767).astype(np.int16)


@pytest.fixture(scope="module")
def speech():
    """Three voices of six seconds in two corpora."""
    voices, parts, start = [], [], 0
    for name, pitch in (("north_0", 110), ("north_1", 170), ("south_0", 230)):
        samples = buzz(pitch, 6.0, swing=0.9)
        corpus = name.split("_")[0]
        clips = ((0, samples.size, "s"),)
        voices.append(data.Voice(name, corpus, 1.0, start, samples.size, clips))
        parts.append(samples)
        start += samples.size
    return data.Speech(np.concatenate(parts), tuple(voices))


@pytest.fixture
def folder(speech, tmp_path, monkeypatch):
    """Two shards of six windows, and the teacher's vectors of the recordings."""
    monkeypatch.setattr(pool, "SHARD", SHARD)
    pool.fill(pool.Inventor(speech, np.ones(3)), Ear(), tmp_path / "pool", count=12, seed=1)
    write_vectors(speech, tmp_path / "ear.npz")
    return tmp_path


def pitch_of(samples: np.ndarray) -> float:
    """Where the autocorrelation has its first high peak, in hertz."""
    size = 1 << (2 * len(samples) - 1).bit_length()
    correlation = np.fft.irfft(np.abs(np.fft.rfft(samples, size)) ** 2)[: RATE // 60]
    low = RATE // 400
    peaks = correlation[low:]
    near = int(np.argmax(peaks > 0.9 * peaks.max()))
    return RATE / (low + near + int(np.argmax(peaks[near : near + 8])))


def test_a_changed_voice_says_the_same_at_another_pitch_and_pace():
    before = buzz(150, 3.0)
    pitches = set()
    for seed in range(8):
        after = pool.change_voice(np.random.default_rng(seed), before)
        ratio = len(before) / len(after)
        assert np.exp(-pool.PITCH) * 0.999 < ratio < np.exp(pool.PITCH) * 1.001
        assert pitch_of(after) == pytest.approx(150 * ratio, rel=0.02)
        pitches.add(round(pitch_of(after)))
        again = pool.change_voice(np.random.default_rng(seed), before)
        assert np.array_equal(after, again)
    assert len(pitches) > 4


def test_the_envelope_moves_and_the_pitch_does_not():
    samples = torch.from_numpy(buzz(120, 2.0).astype(np.float32) / 32768.0)
    same = pool.reshape_envelope(samples, torch.arange(513.0))
    assert torch.allclose(same, samples, atol=1e-4)
    flatter = pool.reshape_envelope(samples, torch.arange(513.0), contrast=0.8)
    spectra = [torch.fft.rfft(x).abs() for x in (samples, flatter)]
    low, high = 120 * 2, 1200 * 2  # bins are half a hertz wide
    tilt = [float(s[high - 4 : high + 5].max() / s[low - 4 : low + 5].max()) for s in spectra]
    assert tilt[1] > tilt[0]
    assert pitch_of(flatter.numpy()) == pytest.approx(120, rel=0.02)


def test_shards_hold_what_the_teacher_says_of_them_and_are_made_once(folder, speech):
    paths = pool.shards(folder / "pool")
    assert [path.name for path in paths] == ["001-00000.npz", "001-00001.npz"]
    first, second = (pool.read(path) for path in paths)
    assert first.samples.shape == (SHARD, pool.LENGTH)
    assert not np.array_equal(first.samples, second.samples)
    heard = bank.teach(Ear(), torch.from_numpy(first.samples)).numpy()
    assert np.allclose(heard, first.vectors, atol=5e-3)
    assert set(first.corpus) <= {"north", "south"}
    before = [path.stat().st_mtime_ns for path in paths]
    inventor = pool.Inventor(speech, np.ones(3))
    pool.fill(inventor, Ear(), folder / "pool", count=18, seed=1)
    paths = pool.shards(folder / "pool")
    assert [path.stat().st_mtime_ns for path in paths[:2]] == before
    pool.fill(inventor, Ear(), folder / "again", count=6, seed=1)
    assert np.array_equal(pool.read(pool.shards(folder / "again")[0]).samples, first.samples)


def test_two_voices_at_once_are_of_one_corpus(speech, monkeypatch):
    monkeypatch.setattr(pool, "MIXED_SHARE", 1.0)
    monkeypatch.setattr(pool, "ORIGINAL_SHARE", 1.0)
    inventor = pool.Inventor(speech, np.array([1.0, 1.0, 0.0]))
    samples, corpus = inventor(np.random.default_rng(4))
    assert corpus == "north"
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    hertz = np.arange(len(spectrum)) * RATE / len(samples)
    found = [spectrum[np.abs(hertz - pitch) < 3].max() for pitch in (110, 170, 230)]
    assert min(found[0], found[1]) > 20 * found[2]


def test_a_batch_has_its_share_of_changed_voices(folder, speech):
    config = train.TrainConfig(
        steps=4, batch=8, warm_up=1, frames=((0.0, 160),), seed=3, long=0.0, pool=0.75
    )
    wanted = train.Targets([folder / "ear.npz"], speech.voices, config.local)
    assert sorted(wanted.centres) == ["north", "south"]
    state = train.build(NetworkConfig(8, 8, 40, 16), config, wanted.means)
    augmenter = Augmenter([np.ones(1, dtype=np.float32)], {})
    shards = pool.shards(folder / "pool")
    batches = train.Batches(speech, wanted, augmenter, state.network.front, config, shards)
    features, target, label, told = batches[0]
    assert told.numel() == 0
    assert features.shape == (8, 1, 160, 40)
    assert int((label >= 3).sum()) == 6
    assert int(label.max()) < 3 + 2
    assert torch.allclose(target.norm(dim=1), torch.ones(8), atol=1e-5)
    corpora = torch.tensor([0, 0, 1, 0, 1])
    torch.set_num_threads(1)
    losses = train.train_step(state, batches[0], corpora, config)
    assert bool(torch.isfinite(losses).all())
    assert float(losses[1]) > 0
    nobody = (features[label >= 3], target[label >= 3], label[label >= 3], told)
    assert float(train.train_step(state, nobody, corpora, config)[1]) == 0.0
