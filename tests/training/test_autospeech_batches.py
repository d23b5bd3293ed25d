"""Speech, targets, batches, degradations and losses of the embedding's training."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from diarize.audio import spectrogram
from models.autospeech import data, targets
from models.autospeech.augmentation import Augmenter
from models.autospeech.batches import NOBODY, Batches, magnitude
from models.autospeech.losses import Distillation, MarginSoftmax, distillation
from models.autospeech.network import AutoSpeech, NetworkConfig
from models.autospeech.recipe import BatchSettings, LossSettings
from models.simulation import acoustics
from models.training.trainer import Optimization, Trainer
from tests.training.corpus import buzz

RATE = 16_000


# --- speech -----------------------------------------------------------------------------------


def test_prepare_decodes_a_part_and_what_belongs_to_it(speech, tmp_path):
    data.prepare(speech, "train", tmp_path)
    found = data.load(tmp_path, "train")
    assert [voice.speaker for voice in found.voices] == [
        "cv-4", "cv-5", "toy_000", "toy_001", "toy_002", "toy_003"
    ]  # fmt: skip
    assert {(voice.corpus, voice.language) for voice in found.voices} == {("cv", "pl"), ("toy", "")}
    voice = found.voices[2]
    assert voice.length == pytest.approx(12 * RATE, abs=RATE // 10)
    assert [session for _, _, session in voice.clips] == ["toy_000_0", "toy_000_1"]
    whole = acoustics.decode((speech / "train" / "toy_000.opus").read_bytes())
    assert np.allclose(found.cut(voice, 0, voice.length), whole, atol=1e-4)
    data.prepare(speech, "dev", tmp_path)
    assert len(data.load(tmp_path, "dev").voices) == 4
    with pytest.raises(SystemExit, match="no clips of part 'nobody'"):
        data.prepare(speech, "nobody", tmp_path)


def test_cut_repeats_what_is_too_short():
    samples = np.arange(100, dtype=np.int16)
    speech = data.Speech(samples, (data.Voice("a", "a", 20, 30, ()),))
    piece = speech.cut(speech.voices[0], 0, 70) * 32768
    assert piece[:30].tolist() == list(range(20, 50))
    assert piece[30:60].tolist() == list(range(20, 50))
    inside = speech.cut(speech.voices[0], 25, 10) * 32768
    assert inside.tolist() == list(range(40, 50))


# --- targets ----------------------------------------------------------------------------------


def test_targets_of_two_teachers_share_their_angles():
    """Voices alike to the first teacher and unlike to the second end up in between."""
    voices = [data.Voice(f"toy_{i}", "toy", 0, 1, ()) for i in range(4)]
    rows = np.repeat(np.arange(4), 2)
    first = np.eye(4, dtype=np.float32)[[0, 0, 1, 2]][rows]
    second = np.eye(4, dtype=np.float32)[rows]
    means = targets.Targets(rows, [first, second], voices).means
    assert means.shape == (4, 4)
    assert 0.3 < means[0] @ means[1] < 0.95
    assert np.allclose(np.linalg.norm(means, axis=1), 1.0, atol=1e-5)
    with pytest.raises(SystemExit, match="no teacher vector"):
        targets.Targets(rows, [first, second], [*voices, voices[0]])


@pytest.mark.parametrize(("few", "north"), [(0.0, [2.0, 0.0]), (2.0, [1.5, 1.5])])
def test_centres_are_of_corpora_and_of_few_people_only_a_part(few, north):
    means = np.array([[1, 0], [3, 0], [0, 5], [0, 7]], dtype=np.float32)
    voices = [data.Voice(f"v{i}", c, 0, 1, ()) for i, c in enumerate(("n", "n", "s", "s"))]
    assert np.allclose(targets.centres(means, voices, few)["n"], north)


def test_centres_of_a_language_lie_around_those_of_its_corpus():
    means = np.array([[1, 0], [3, 0], [0, 8]], dtype=np.float32)
    spoken = (("cv", "pl"), ("cvs", "pl"), ("cv", "it"))
    voices = [data.Voice(f"v{i}", c, 0, 1, (), said) for i, (c, said) in enumerate(spoken)]
    found = targets.centres(means, voices, few=1.0)
    corpus = means.mean(axis=0)
    assert np.allclose(found["cv/pl"], corpus + 2 / 3 * (np.array([2, 0]) - corpus))
    assert np.allclose(found["cv/it"], corpus + 1 / 2 * (np.array([0, 8]) - corpus))


def test_hear_goes_on_where_it_stopped(speech, tmp_path):
    data.prepare(speech, "train", tmp_path)
    people = data.load(tmp_path, "train")
    calls = []

    def listen(batch):
        calls.append(len(batch))
        if len(calls) == 8:
            raise KeyboardInterrupt
        return [batch[:, :3], batch[:, 3:7]]

    with pytest.raises(KeyboardInterrupt):
        targets.hear(listen, people, tmp_path / "vectors.npz", 4, batch=2, save_every=3)
    calls.append(0)
    targets.hear(listen, people, tmp_path / "vectors.npz", 4, batch=2, save_every=3)
    with np.load(tmp_path / "vectors.npz") as stored:
        rows, first = stored["rows"], stored["first"]
    plan = targets.plan(people, 4)
    assert rows.tolist() == [voice for voice, _ in plan]
    voice, start = plan[-1]
    assert np.allclose(first[-1], people.cut(people.voices[voice], start, targets.WINDOW)[:3])


# --- batches ----------------------------------------------------------------------------------

SMALL = BatchSettings(size=6, seed=3, frames=48, long=0.0, respeeded=0.0)


@pytest.fixture
def source(listener):
    """Makes batches of four voices of six seconds in two corpora, by changed settings."""
    voices, parts, start = [], [], 0
    for i, pitch in enumerate((90, 130, 190, 260)):
        samples = (buzz(pitch, 6.0, i) * 32767 * 0.5).astype(np.int16)
        voices.append(data.Voice(f"v{i}", "toy" if i < 3 else "other", start, samples.size, ()))
        parts.append(samples)
        start += samples.size
    speech = data.Speech(np.concatenate(parts), tuple(voices))
    both = listener()
    rows = targets.plan(speech, 2)
    pieces = np.stack([speech.cut(speech.voices[v], s, targets.WINDOW) for v, s in rows])
    numbers = np.array([voice for voice, _ in rows])
    wanted = targets.Targets(numbers, both(pieces), speech.voices)
    augmenter = Augmenter([np.array([1.0, 0.0, 0.3], dtype=np.float32)], {"hum": buzz(50, 1.0)})
    front = AutoSpeech(NetworkConfig(8, 8, 40, 16)).front

    def make(degrade=augmenter, **changes) -> Batches:
        settings = replace(SMALL, **changes)
        return Batches(speech, wanted, degrade, front, settings, both, steps=50)

    return make


def test_batches_depend_on_the_seed_and_the_number_alone(source):
    first, second = source(), source()
    first[0]
    for a, b in zip(first[4], second[4], strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first[3][0], first[4][0])
    assert not torch.equal(first[4][0], source(seed=4)[4][0])
    features, target, label, corpus = first[4]
    assert features.shape == (6, 1, 48, 40)
    assert torch.allclose(target.norm(dim=1), torch.ones(6), atol=1e-5)
    assert label.min() >= 0 and label.max() < 4
    assert (corpus == (label == 3).logical_not().long()).all()


def test_targets_of_a_batch_are_of_the_degraded_windows(source):
    heard = []

    def louder_on_one_side(_rng, samples, _strength, _others):
        out = samples * np.linspace(0.2, 1.0, samples.size, dtype=np.float32)
        heard.append(out)
        return out

    batches = source(louder_on_one_side)
    _, wanted, labels, _ = batches[0]
    groups = [batches.groups[label] for label in labels.tolist()]
    expected = batches.targets.answers(batches.listener(np.stack(heard)), groups)
    assert np.allclose(wanted.numpy(), expected, atol=1e-5)


def test_some_batches_have_windows_of_twice_the_length(source):
    features, _, label, _ = source(long=1.0)[0]
    assert features.shape == (3, 1, 96, 40)
    assert label.shape == (3,)
    lengths = [source(long=0.2).frames(step) for step in range(1000)]
    assert set(lengths) == {48, 96}
    assert lengths.count(96) == pytest.approx(200, abs=50)


def test_draw_takes_people_evenly_and_two_windows_of_each_inside_a_corpus(source):
    rng = np.random.default_rng(0)
    inside, mixed = source(inside=1.0), source(inside=0.0)
    counts = np.zeros(4)
    for _ in range(400):
        people = inside.draw(rng, 4)
        assert len(set(inside.corpus[people].tolist())) == 1
        assert people[0] == people[1] and people[2] == people[3]
        counts += np.bincount(people, minlength=4)
        assert sorted(mixed.draw(rng, 4).tolist()) == [0, 1, 2, 3]
    assert counts / counts.sum() == pytest.approx([0.25] * 4, abs=0.06)


def test_windows_of_another_speed_are_nobodys_and_sound_so(source):
    untouched = lambda _rng, samples, _strength, _others: samples  # noqa: E731
    _, _, label, _ = source(untouched, respeeded=1.0)[0]
    assert label.tolist() == [NOBODY] * 6
    batches = source()
    tone = (20_000 * np.sin(2 * np.pi * 400 * np.arange(6 * RATE) / RATE)).astype(np.int16)
    batches.speech = data.Speech(tone, (data.Voice("tone", "toy", 0, tone.size, ()),))
    for speed in (1.0, 1.25):
        piece = batches.window(np.random.default_rng(0), 0, RATE, speed)
        assert piece.shape == (RATE,)
        assert np.argmax(np.abs(np.fft.rfft(piece))) == pytest.approx(400 * speed, abs=2)


def test_magnitude_is_the_packages():
    samples = buzz(120, 1.0)
    ours = magnitude(torch.from_numpy(samples)[None])[0].numpy()
    theirs = spectrogram.magnitude(np.pad(samples, (56, 56)))
    n = min(len(ours), len(theirs))
    assert n > 90
    assert np.allclose(ours[:n], theirs[:n], atol=1e-3)


def test_training_learns(source, tmp_path):
    torch.set_num_threads(1)
    batches = source(ramp=1000)
    torch.manual_seed(3)
    network = AutoSpeech(NetworkConfig(8, 8, 40, 16))
    margin = MarginSoftmax(torch.from_numpy(batches.targets.means))
    settings = Optimization(steps=100, warm_up=2, anneal=10, rate=3e-3)
    objective = Distillation(network, margin, LossSettings())
    trainer = Trainer(network, objective, settings, tmp_path, extra=margin)
    few = [batches[i] for i in range(4)]
    found = [float(trainer.update(few[i % 4])[0]) for i in range(32)]
    assert found[0] > 0.7
    assert np.mean(found[-4:]) < 0.75 * found[0]


# --- degradations and losses ------------------------------------------------------------------


def test_augmentation_is_off_at_zero_seeded_and_finite():
    clean = buzz(120, 1.0)
    augment = Augmenter([np.array([1.0, 0.5], dtype=np.float32)], {"hum": buzz(50, 0.3)})
    assert np.array_equal(augment(np.random.default_rng(0), clean, 0.0, [buzz(200, 1)]), clean)
    changed = 0
    for seed in range(30):
        one = augment(np.random.default_rng(seed), clean, 1.0, [buzz(200, 1)])
        two = augment(np.random.default_rng(seed), clean, 1.0, [buzz(200, 1)])
        assert np.array_equal(one, two)
        assert (one.shape, one.dtype) == (clean.shape, np.float32)
        assert np.isfinite(one).all()
        changed += not np.array_equal(one, clean)
    assert changed > 20


def test_distillation_is_cosine_distance():
    a = torch.tensor([[3.0, 0.0], [0.0, 2.0]])
    b = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert distillation(a, b).item() == pytest.approx(0.5)


def test_margin_softmax_by_hand():
    directions = torch.eye(3)
    loss = MarginSoftmax(directions, scale=10.0)
    x = torch.tensor([[1.0, 1.0, 0.0]])
    label = torch.tensor([0])
    c = math.sqrt(0.5)
    for margin in (0.0, 0.3):
        own = math.cos(math.acos(c) + margin)
        want = math.log(sum(math.exp(10 * v) for v in (own, c, 0.0))) - 10 * own
        assert loss(x, label, margin).item() == pytest.approx(want, abs=1e-4)
    opposite = loss(-directions[:1], label, 0.3)
    assert torch.isfinite(opposite)
