"""What a teacher hears moment by moment, from the pool to the loss."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pip install torch")
pytest.importorskip("soxr", reason="pip install soxr")

from models.autospeech import data, fast, hints, pool, train  # noqa: E402
from models.autospeech.augmentation import Augmenter, hide  # noqa: E402
from models.autospeech.batches import FRAME, HOP  # noqa: E402
from models.autospeech.losses import HintLoss  # noqa: E402
from models.autospeech.network import AutoSpeech, NetworkConfig  # noqa: E402
from tests.teachers import Ear, write_vectors  # noqa: E402

RATE = 16_000
DIMENSION = 3


def loudness(samples: np.ndarray) -> np.ndarray:
    """A listener whose features are the level of every 80 ms, its square and a constant."""
    rows = samples.reshape(len(samples), hints.COUNT, hints.STEP).astype(np.float32)
    level = np.log10(np.sqrt(np.square(rows).mean(axis=2)) + 1.0)
    return np.stack([level, level**2, np.ones_like(level)], axis=2).astype(np.float16)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A pool of two shards of six windows of two voices, with hints."""
    monkeypatch.setattr(pool, "SHARD", 6)
    rng = np.random.default_rng(0)
    swing = 1.0 + 0.9 * np.sin(2 * np.pi * 1.5 * np.arange(6 * RATE) / RATE)
    parts = [(3000 * rng.normal(size=6 * RATE) * swing).astype(np.int16) for _ in range(2)]
    voices = tuple(
        data.Voice(f"v{i}", "toy", 1.0, i * 6 * RATE, 6 * RATE, ((0, 6 * RATE, "s"),))
        for i in range(2)
    )
    speech = data.Speech(np.concatenate(parts), voices)
    pool.fill(pool.Inventor(speech, np.ones(2)), Ear(), tmp_path / "pool", count=12, seed=0)
    write_vectors(speech, tmp_path / "ear.npz")
    hints.fill(pool.shards(tmp_path / "pool"), loudness, batch=4)
    return tmp_path, speech


def test_features_become_one_every_80_ms():
    frames = np.arange(4 * hints.COUNT - 1, dtype=np.float32)
    out = hints.by_step(np.stack([frames, 2 * frames])[None])
    assert out.shape == (1, hints.COUNT, 2)
    assert out[0, :3, 0].tolist() == [1.5, 5.5, 9.5]
    # The frame that is missing at the end is the last one once more.
    assert out[0, -1, 1] == 2 * np.mean([156, 157, 158, 158])


def test_hints_are_merged_to_what_a_position_of_the_map_covers():
    out = hints.merge(np.arange(8, dtype=np.float16).reshape(1, 8, 1))
    assert out.tolist() == [[[1.5], [5.5]]]
    network = AutoSpeech(NetworkConfig(8, 8, 40, 16)).eval()
    for frames in (160, 320):
        samples = (frames - 1) * HOP + FRAME
        last = fast.last_map(network, torch.zeros(1, 1, frames, 40))
        assert hints.covered(samples) == last.shape[2] * hints.MERGED


def test_what_is_written_once_stays(folder):
    path, _ = folder
    shards = pool.shards(path / "pool")
    files = [hints.beside(shard) for shard in shards]
    assert [file.name for file in files] == ["000-00000.npy", "000-00001.npy"]
    assert np.array_equal(np.load(files[0]), loudness(pool.read(shards[0]).samples))
    before = [file.stat().st_mtime_ns for file in files]
    hints.fill(shards, loudness)
    assert [file.stat().st_mtime_ns for file in files] == before


def test_the_teacher_is_cut_off_before_it_pools():
    class Tail(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = torch.nn.Identity()
            self.xvector = torch.nn.Sequential()
            self.xvector.add_module("body", torch.nn.Conv1d(80, 5, 2, 2))
            self.xvector.add_module("stats", torch.nn.AdaptiveAvgPool1d(1))
            self.xvector.add_module("dense", torch.nn.Flatten())

    whole = Tail()
    x = torch.randn(2, 20, 80)
    features = hints.Unpooled(whole)(x)
    assert features.shape == (2, 5, 10)
    expected = whole.xvector(whole.head(x.permute(0, 2, 1)))
    assert torch.allclose(features.mean(dim=2), expected, atol=1e-6)


def test_the_loss_is_one_for_the_means_and_falls_when_it_learns():
    torch.manual_seed(0)
    last = torch.randn(16, 6, 5, 2)
    told = torch.einsum("nctf,cd->ntd", last, torch.randn(6, 4)) + 7.0
    flat = told.reshape(-1, 4)
    loss = HintLoss(6, flat.mean(dim=0), flat.std(dim=0))
    with torch.no_grad():
        loss.foretell.weight.zero_()
        loss.foretell.bias.zero_()
    assert float(loss(last, told).detach()) == pytest.approx(1.0, abs=0.02)
    optimiser = torch.optim.Adam(loss.parameters(), lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        loss(last, told).backward()
        optimiser.step()
    assert float(loss(last, told).detach()) < 0.01


def test_a_batch_tells_of_the_very_window_and_training_uses_it(folder):
    path, speech = folder
    config = train.TrainConfig(
        steps=40, batch=8, warm_up=1, frames=((0.0, 160),), long=0.0, pool=0.5, hint=1.0, seed=2
    )
    wanted = train.Targets([path / "ear.npz"], speech.voices, config.local)
    shards = pool.shards(path / "pool")
    scale = hints.scale(shards)
    assert scale[0].shape == (DIMENSION,)
    state = train.build(NetworkConfig(8, 8, 40, 16), config, wanted.means, scale=scale)
    heard = []

    def listen(_rng, samples, _strength, _others):
        heard.append(samples)
        return samples

    batches = train.Batches(speech, wanted, listen, state.network.front, config, shards)
    told = batches[0][3]
    assert told.shape == (4, 5, DIMENSION)
    for samples, moments in zip(heard[4:], told, strict=True):
        whole = np.pad((samples * 32768.0).astype(np.int16), (0, pool.LENGTH - len(samples)))
        assert np.allclose(hints.merge(loudness(whole[None])[:, :20])[0], moments, atol=0.02)
    torch.set_num_threads(1)
    corpora = torch.zeros(3, dtype=torch.int64)
    losses = [train.train_step(state, batches[i % 2], corpora, config)[3] for i in range(20)]
    assert losses[-1] < losses[0]
    state.save(path / "c.pt", config)
    again = train.build(NetworkConfig(8, 8, 40, 16), config, wanted.means, scale=scale)
    again.restore(torch.load(path / "c.pt", weights_only=True))
    assert torch.equal(again.hint.foretell.weight, state.hint.foretell.weight)


def test_hidden_bands_and_moments_are_bounded():
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(50):
        features = np.ones((160, 80), dtype=np.float32)
        hide(rng, features)
        assert (features.max(axis=0) == 0).sum() <= 2 * 16
        assert (features.max(axis=1) == 0).sum() <= 2 * 24
        shares.append((features == 0).mean())
    assert 0.1 < np.mean(shares) < 0.4


def test_some_windows_of_a_batch_are_hidden_in_part(folder):
    path, speech = folder
    config = train.TrainConfig(
        steps=10, batch=16, frames=((0.0, 160),), long=0.0, hidden=0.5, ramp=0.01, seed=1
    )
    wanted = train.Targets([path / "ear.npz"], speech.voices, config.local)
    front = AutoSpeech(NetworkConfig(8, 8, 40, 16)).front
    batches = train.Batches(speech, wanted, Augmenter([], {}), front, config)
    hidden = (batches[5][0] == 0).float().mean(dim=(1, 2, 3)) > 0.01
    assert 2 <= int(hidden.sum()) <= 14
