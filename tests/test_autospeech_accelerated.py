"""Training with everything on one device, here the processor, on synthetic voices."""

from __future__ import annotations

import csv

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pip install torch")

from diarize import fbank  # noqa: E402
from models.autospeech import accelerated, bank, data, train  # noqa: E402
from models.autospeech.batched import BatchAugmenter, Draw, mu_law, power  # noqa: E402
from models.autospeech.network import NetworkConfig  # noqa: E402
from tests.teachers import Ear  # noqa: E402

RATE = 16_000
CPU = torch.device("cpu")


def vowel(pitch: float, formant: float, seconds: float) -> np.ndarray:
    """Harmonics under one broad formant."""
    time = np.arange(int(seconds * RATE)) / RATE
    hertz = pitch * np.arange(1, int(7000 / pitch))
    gain = 1.0 / (1.0 + ((hertz - formant) / 300.0) ** 2)
    tone = (gain[:, None] * np.sin(2 * np.pi * hertz[:, None] * time)).sum(axis=0)
    return (0.3 * tone / np.abs(tone).max()).astype(np.float32)


@pytest.fixture(scope="module")
def speech():
    """Four voices of seven seconds in two corpora, one of them a speed copy."""
    voices, parts, start = [], [], 0
    for i, (pitch, speed) in enumerate(((90, 1.0), (140, 1.0), (200, 1.0), (220, 1.1))):
        samples = (vowel(pitch, 800 + 200 * i, 7.0) * 32767).astype(np.int16)
        corpus = "north" if i < 2 else "south"
        clips = ((0, samples.size, "s"),)
        voices.append(data.Voice(f"{corpus}_{i}", corpus, speed, start, samples.size, clips))
        parts.append(samples)
        start += samples.size
    return data.Speech(np.concatenate(parts), tuple(voices))


@pytest.fixture(scope="module")
def voices(speech):
    return bank.build(speech, Ear(), CPU, {1.0: (0.9, 1.1)})


def augmenter() -> BatchAugmenter:
    rooms = [np.array([1.0, 0.0, 0.4], dtype=np.float32), np.ones(1, dtype=np.float32)]
    return BatchAugmenter(rooms, [vowel(50, 100, 1.0), vowel(60, 300, 0.5)], CPU)


def draw(seed: int = 0) -> Draw:
    return Draw(torch.Generator().manual_seed(seed))


def test_features_are_those_of_the_package():
    samples = np.random.default_rng(0).normal(size=16_000).astype(np.float32) * 0.1
    ours = bank.kaldi_fbank(torch.from_numpy(samples)[None])[0].numpy()
    assert np.abs(ours - fbank.fbank(samples * 32768.0)).max() < 1e-2


def test_moving_formants_keeps_the_pitch():
    before = torch.from_numpy(vowel(100, 1000, 2.0))
    after = bank.move_formants(before, 1.2)
    spectra = [torch.fft.rfft(x).abs() for x in (before, after)]
    hertz = torch.fft.rfftfreq(before.numel(), 1 / RATE)
    centres = [float((hertz * s**2).sum() / (s**2).sum()) for s in spectra]
    assert centres[1] / centres[0] == pytest.approx(1.2, abs=0.08)
    # All energy still lies on the harmonics of 100 Hz.
    on = (hertz % 100 < 5) | (hertz % 100 > 95)
    assert float((spectra[1][on] ** 2).sum() / (spectra[1] ** 2).sum()) > 0.98
    same = bank.move_formants(before, 1.0)
    assert torch.allclose(same, before, atol=1e-4)


def test_the_bank_knows_every_voice_and_its_copies(voices):
    assert len(voices.start) == 4 + 3 * 2
    assert voices.corpus.tolist() == [0, 0, 1, 1, 0, 0, 0, 0, 1, 1]
    assert torch.allclose(voices.means.norm(dim=1), torch.ones(10), atol=1e-5)
    assert voices.weight[:3].sum() == pytest.approx(bank.ORIGINAL_SHARE)
    assert voices.weight.sum() == pytest.approx(1.0)
    assert voices.count.sum() == len(voices.vectors)


def test_windows_come_from_the_voice_that_is_named(voices):
    pieces, target, voice = voices.cut(draw(), 16, 8000, local=0.5)
    assert pieces.shape == (16, 8000)
    assert torch.allclose(target.norm(dim=1), torch.ones(16), atol=1e-5)
    for piece, number in zip(pieces, voice.tolist(), strict=True):
        first = int(voices.start[number])
        whole = voices.samples[first : first + int(voices.length[number])].float() / 32768.0
        assert any(torch.equal(piece, part) for part in whole.unfold(0, 8000, 1))


def test_degradations_are_off_at_zero_seeded_and_finite(voices):
    clean = voices.cut(draw(), 24, 8000, 0.5)[0]
    assert torch.equal(augmenter()(draw(1), clean, 0.0), clean)
    one, same, other = (augmenter()(draw(s), clean, 1.0) for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.isfinite().all()
    assert (one != clean).any(dim=1).float().mean() > 0.5
    assert (power(one) > 0).all()


def test_mu_law_is_the_packages():
    from diarize.evaluation import acoustics

    x = np.linspace(-1.2, 1.2, 101, dtype=np.float32)
    assert np.allclose(mu_law(torch.from_numpy(x)).numpy(), acoustics.mu_law(x), atol=1e-6)


def start(voices, **changes):
    config = train.TrainConfig(**({"steps": 4, "batch": 8, "warm_up": 1, "seed": 5} | changes))
    state = train.build(NetworkConfig(8, 8, 40, 16), config, voices.means.numpy())
    trainer = accelerated.Trainer(state, voices, augmenter(), config, CPU)
    trainer.lengths = accelerated.Lengths(0.3, (48,), (64,))
    return trainer


def test_training_learns(voices):
    torch.set_num_threads(1)
    trainer = start(voices, steps=100, rate=3e-3, ramp=10.0)
    for i in range(24):
        trainer.step(i / 100)
        if i == 3:
            early = trainer.sums.clone() / 4
            trainer.sums.zero_()
    assert float(trainer.sums[0]) / 20 < 0.8 * float(early[0])


def test_a_run_stops_and_goes_on_identically(voices, tmp_path):
    torch.set_num_threads(1)
    whole = start(voices)
    accelerated.run(whole, tmp_path, train.Clock(whole.config, None), 60)
    stopped = start(voices)
    for step in range(2):
        stopped.step(step / 4)
    stopped.state.save(tmp_path / "half.pt", stopped.config)
    resumed = start(voices)
    resumed.state.restore(torch.load(tmp_path / "half.pt", weights_only=True))
    accelerated.run(resumed, tmp_path, train.Clock(resumed.config, None), 60)
    for a, b in zip(
        whole.state.average.parameters(), resumed.state.average.parameters(), strict=True
    ):
        assert torch.allclose(a, b, atol=1e-5)
    header = next(csv.reader((tmp_path / "log.csv").open(newline="")))
    assert header[-4:] == ["distil", "margin", "similarity", "hint"]
