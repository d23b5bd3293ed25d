"""Data, augmentation, losses and training on synthetic voices."""

from __future__ import annotations

import csv
import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pip install torch")

from diarize import spectrogram  # noqa: E402
from models.autospeech import data, schedule, targets, teacher, train  # noqa: E402
from models.autospeech.augmentation import Augmenter  # noqa: E402
from models.autospeech.batches import magnitude  # noqa: E402
from models.autospeech.losses import MarginSoftmax, distillation  # noqa: E402
from models.autospeech.network import NetworkConfig  # noqa: E402

RATE = 16_000
ONE_CORPUS = torch.zeros(4, dtype=torch.long)


def buzz(pitch: float, seconds: float, seed: int = 0) -> np.ndarray:
    """A voice made of harmonics."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 12))
    return (0.1 * tone + 0.01 * rng.normal(size=time.size)).astype(np.float32)


@pytest.fixture
def cache(tmp_path):
    """Four voices of six seconds, decoded, with a teacher's vectors."""
    rng = np.random.default_rng(0)
    voices, parts, start = [], [], 0
    for i, pitch in enumerate((90, 130, 190, 260)):
        samples = (buzz(pitch, 6.0, i) * 32767 * 0.5).astype(np.int16)
        clips = ((0, 40_000, f"s{i}_0"), (41_600, 96_000, f"s{i}_1"))
        voices.append(data.Voice(f"toy_{i}", "toy", 1.0, start, samples.size, clips))
        parts.append(samples)
        start += samples.size
    speech = data.Speech(np.concatenate(parts), tuple(voices))
    directions = rng.normal(size=(4, 16)).astype(np.float32)
    rows = teacher.plan(speech)
    noisy = directions[rows[:, 0]] + 0.1 * rng.normal(size=(len(rows), 16)).astype(np.float32)
    np.savez(tmp_path / "toy.npz", rows=rows, vectors=noisy.astype(np.float32))
    return tmp_path, speech


def start(cache, **changes):
    """A tiny run: state, batches and configuration."""
    path, speech = cache
    settings = {"steps": 6, "batch": 6, "warm_up": 2, "frames": ((0.0, 48),), "seed": 3}
    settings["long"] = 0.0
    config = train.TrainConfig(**(settings | changes))
    wanted = train.Targets([path / "toy.npz"], speech.voices, config.local)
    shape = NetworkConfig(8, 8, 40, 16)
    state = train.build(shape, config, wanted.means)
    rooms = [np.array([1.0, 0.0, 0.3], dtype=np.float32)]
    augmenter = Augmenter(rooms, {"hum": buzz(50, 1.0)})
    batches = train.Batches(speech, wanted, augmenter, state.network.front, config)
    return state, batches, config


def test_batches_depend_on_the_seed_and_the_number_alone(cache):
    _, first, _ = start(cache)
    _, second, _ = start(cache)
    first[0]
    for a, b in zip(first[4], second[4], strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first[3][0], first[4][0])
    assert not torch.equal(first[4][0], start(cache, seed=4)[1][4][0])
    features, target, label, told = first[4]
    assert told.numel() == 0
    assert features.shape == (6, 1, 48, 40)
    assert torch.allclose(target.norm(dim=1), torch.ones(6), atol=1e-5)
    assert label.max() < 4


def test_training_learns(cache):
    torch.set_num_threads(1)
    state, batches, config = start(cache, steps=100, rate=3e-3, warm_up=2, ramp=10.0)
    losses = [train.train_step(state, batches[i % 4], ONE_CORPUS, config)[0] for i in range(24)]
    assert losses[0] > 0.7
    assert np.mean(losses[-4:]) < 0.5 * losses[0]


def test_a_run_logs_and_leaves_a_checkpoint(cache, tmp_path):
    torch.set_num_threads(1)
    state, batches, config = start(cache, steps=3)
    train.loop(state, batches, train.Clock(config, None), tmp_path, save_minutes=60)
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["step"], row["windows"], row["frames"]) for row in rows] == [("3", "18", "48")]
    stored = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert stored["step"] == 3
    assert stored["shape"]["channels"] == 8


def test_a_stopped_run_goes_on_identically(cache, tmp_path):
    torch.set_num_threads(1)
    whole, batches, config = start(cache)
    for i in range(6):
        train.train_step(whole, batches[i], ONE_CORPUS, config)
    stopped, batches, config = start(cache)
    for i in range(3):
        train.train_step(stopped, batches[i], ONE_CORPUS, config)
    stopped.save(tmp_path / "c.pt", config)
    resumed, batches, config = start(cache)
    resumed.restore(torch.load(tmp_path / "c.pt", weights_only=True))
    assert resumed.step == 3
    for i in range(3, 6):
        train.train_step(resumed, batches[i], ONE_CORPUS, config)
    for part in ("network", "average", "margin"):
        pairs = zip(
            getattr(whole, part).state_dict().items(),
            getattr(resumed, part).state_dict().values(),
            strict=True,
        )
        for (name, a), b in pairs:
            assert torch.allclose(a, b, atol=1e-6), f"{part}.{name}"


def test_schedule_rises_stays_and_falls():
    config = train.TrainConfig(steps=100, warm_up=10, rate=1.0, anneal=0.4)
    rates = [train.learning_rate(config, step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10:61] == [1.0] * 51
    assert (np.diff(rates[61:]) < 0).all()
    assert rates[100] == pytest.approx(0.01)
    plain = replace(config, long=0.0)
    lengths = [schedule.window_frames(plain, step) for step in (0, 50, 99)]
    assert lengths == sorted(lengths)


def test_some_steps_have_windows_of_twice_the_length(cache):
    config = train.TrainConfig(steps=1000, long=0.2)
    lengths = [schedule.window_frames(config, step) for step in range(1000)]
    assert set(lengths[:650]) == {96, 128}
    assert set(lengths[650:]) == {160, 320}
    assert lengths.count(320) == pytest.approx(0.2 * 350, abs=25)
    _, batches, _ = start(cache, long=1.0)
    features, _, label, _ = batches[0]
    assert features.shape == (3, 1, 96, 40)
    assert label.shape == (3,)


def test_the_schedule_follows_the_clock_where_minutes_are_given():
    config = train.TrainConfig(steps=1000, warm_up=1, anneal=0.5, rate=1.0)
    assert train.Clock(config, None).share(500) == 0.5
    assert train.Clock(config, 10.0, done=9.0).share(0) == pytest.approx(0.9, abs=0.01)
    assert train.learning_rate(config, 5, 0.4) == 1.0
    assert train.learning_rate(config, 5, 0.75) == pytest.approx(0.505, abs=1e-3)
    assert train.learning_rate(config, 5, 1.0) == pytest.approx(0.01)


def test_a_run_ends_with_its_minutes(cache, tmp_path):
    state, batches, config = start(cache, steps=10_000)
    train.loop(state, batches, train.Clock(config, 0.02), tmp_path, save_minutes=60)
    assert 0 < state.step < 10_000
    stored = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert stored["step"] == state.step


def test_magnitude_is_the_packages():
    samples = buzz(120, 1.0)
    ours = magnitude(torch.from_numpy(samples)[None])[0].numpy()
    theirs = spectrogram.magnitude(np.pad(samples, (56, 56)))
    n = min(len(ours), len(theirs))
    assert n > 90
    assert np.allclose(ours[:n], theirs[:n], atol=1e-3)


def test_targets_mix_the_window_and_the_voice(cache):
    path, speech = cache
    only_mean = train.Targets([path / "toy.npz"], speech.voices, local=0.0)
    mixed = train.Targets([path / "toy.npz"], speech.voices, local=0.5)
    assert np.allclose(only_mean(2, 0), only_mean.means[2], atol=1e-6)
    assert not np.allclose(mixed(2, 0), mixed.means[2], atol=1e-4)
    with pytest.raises(SystemExit, match="no teacher vector"):
        train.Targets([path / "toy.npz"], [*speech.voices, speech.voices[0]], local=0.5)


def test_two_teachers_share_the_angles_of_the_targets(cache):
    """Voices alike to the first teacher and unlike to the second end up in between."""
    path, speech = cache
    rows = teacher.plan(speech)
    first = np.eye(4, dtype=np.float32)[[0, 0, 1, 2]]
    second = np.eye(4, dtype=np.float32)
    np.savez(path / "one.npz", rows=rows, vectors=first[rows[:, 0]])
    np.savez(path / "two.npz", rows=rows, vectors=second[rows[:, 0]])
    alone = train.Targets([path / "one.npz"], speech.voices, local=0.5).means
    both = train.Targets([path / "one.npz", path / "two.npz"], speech.voices, local=0.5)
    assert both.means.shape == alone.shape
    assert np.allclose(alone[0], alone[1], atol=1e-6)
    assert 0.3 < both.means[0] @ both.means[1] < 0.95
    assert (np.einsum("nd,nd->n", both.means, alone) > 0.8).all()
    np.savez(path / "three.npz", rows=rows[::-1], vectors=second[rows[:, 0]])
    with pytest.raises(SystemExit, match=r"three\.npz: not of the same windows"):
        train.Targets([path / "one.npz", path / "three.npz"], speech.voices, local=0.5)


@pytest.mark.parametrize(("few", "north"), [(0.0, [2.0, 0.0]), (2.0, [1.5, 1.5])])
def test_what_a_corpus_shares_is_taken_out(few, north):
    means = np.array([[1, 0], [3, 0], [0, 5], [0, 7]], dtype=np.float32)
    voices = [
        data.Voice(f"v{i}", corpus, 1.0, 0, 1, ())
        for i, corpus in enumerate(("north", "north", "south", "south"))
    ]
    centres = targets.corpus_centres(means, voices, few)
    assert np.allclose(centres[:2], north)
    assert np.allclose(centres[2], centres[3])


def test_teacher_plan_takes_voices_in_turn(cache):
    _, speech = cache
    rows = teacher.plan(speech)
    assert sorted(rows[:4, 0].tolist()) == [0, 1, 2, 3]
    assert len({tuple(row) for row in rows.tolist()}) == len(rows)
    lengths = np.array([v.length for v in speech.voices])
    assert (rows[:, 1] + int(teacher.WINDOW * RATE) <= lengths[rows[:, 0]]).all()


def test_cut_repeats_what_is_too_short():
    samples = np.arange(100, dtype=np.int16)
    speech = data.Speech(samples, (data.Voice("a", "a", 1.0, 20, 30, ()),))
    piece = speech.cut(speech.voices[0], 0, 70) * 32768
    assert piece[:30].tolist() == list(range(20, 50))
    assert piece[30:60].tolist() == list(range(20, 50))
    inside = speech.cut(speech.voices[0], 25, 10) * 32768
    assert inside.tolist() == list(range(40, 50))


def test_speed_moves_pitch_and_length():
    tone = np.sin(2 * np.pi * 400 * np.arange(RATE) / RATE)
    faster = data.change_speed((20_000 * tone).astype(np.int16), 1.1)
    assert faster.size == pytest.approx(RATE / 1.1, abs=2)
    peak = np.argmax(np.abs(np.fft.rfft(faster.astype(float)))) * RATE / faster.size
    assert peak == pytest.approx(440, abs=2)


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


def test_kept_batches_have_to_be_there_and_to_fit(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "RUNS", tmp_path)
    _, batches, config = start(cache)
    speech, targets = batches.speech, batches.targets
    store = tmp_path / "one" / "batches"
    store.mkdir(parents=True)
    with pytest.raises(SystemExit, match="no batches were kept by one"):
        train.kept(["one"], config, speech, targets, 40)
    torch.save(batches[0], store / "0-000000.pt")
    with pytest.raises(SystemExit, match="do not all have 64 bands"):
        train.kept(["one"], config, speech, targets, 64)
    found = train.kept(["one"], config, speech, targets, 40)
    assert torch.equal(found[5][0], batches[0][0])
