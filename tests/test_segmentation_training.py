"""The recipe of the segmentation model: labels, losses, data, resuming, export."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, pairwise, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='pip install "autospeech-diarize[train]"')
pytest.importorskip("onnx", reason='pip install "autospeech-diarize[train]"')
pytest.importorskip("pyroomacoustics", reason='pip install "autospeech-diarize[train]"')

from diarize import powerset, spectrogram  # noqa: E402
from diarize.audio import Waveform  # noqa: E402
from diarize.evaluation import acoustics  # noqa: E402
from diarize.segmentation import NeuralSegmenter, SegmentationOptions, load_segmentation  # noqa: E402
from models.segmentation import (  # noqa: E402
    channel,
    data,
    feeding,
    material,
    network,
    noises,
    talks,
    train,
    turns,
    weights,
)
from models.segmentation.export import export, stamp  # noqa: E402
from models.segmentation.trainer import Recipe, Trainer, averaged, learning_rate  # noqa: E402

RATE = 16_000
SMALL = network.Shape(fine=16, channels=16, hidden=8, dilations=(1, 2), layers=1, dropout=0.1)


# --- classes and losses -----------------------------------------------------------------------


def test_the_recipe_and_the_runtime_agree_on_the_classes() -> None:
    members = [[int(k in talkers) for k in range(3)] for talkers in network.POWERSET]
    assert members == powerset.MEMBERS.astype(int).tolist()
    every = torch.tensor(members)[None]
    assert network.to_classes(every).tolist() == [[0, 1, 2, 3, 4, 5, 6]]


def test_class_orders_follow_the_speakers() -> None:
    table = network.class_orders()
    members = torch.tensor(powerset.MEMBERS)
    for row, order in zip(table, permutations(range(3)), strict=True):
        for old, new in enumerate(row):
            moved = torch.zeros(3)
            moved[list(order)] = members[old]
            assert torch.equal(members[new], moved)


def test_the_loss_is_exact() -> None:
    """Two frames, the truth is speaker 2 and then speakers 0 and 2."""
    activity = torch.tensor([[[0, 0, 1], [1, 0, 1]]])
    p = torch.full((1, 2, 7), 0.05)
    p[0, 0, 1], p[0, 1, 4] = 0.7, 0.7  # the same under the order that puts 2 first
    loss = network.permutation_invariant_loss(p.log(), activity)
    assert loss.item() == pytest.approx(-np.log(0.7), abs=1e-6)
    weights = torch.tensor([1.0, 1, 1, 1, 3, 3, 3])
    p[0, 1] = torch.tensor([0.0, 0, 0, 0, 0.2, 0.4, 0.4]) + 1e-9
    weighted = network.permutation_invariant_loss(p.log(), activity, weights)
    # Best: 2 becomes 0 (0.7 there), the pair becomes (0, 2), which has 0.4.
    assert weighted.item() == pytest.approx(-(np.log(0.7) + 3 * np.log(0.4)) / 4, abs=1e-5)


def test_the_loss_does_not_care_who_is_called_what() -> None:
    torch.manual_seed(0)
    scores, activity = torch.randn(4, 30, 7), torch.rand(4, 30, 3) > 0.6
    activity[..., 2] &= ~(activity[..., 0] & activity[..., 1])
    plain = network.permutation_invariant_loss(scores, activity)
    for order in permutations(range(3)):
        shuffled = network.permutation_invariant_loss(scores, activity[..., list(order)])
        torch.testing.assert_close(shuffled, plain)


def test_affinity_loss_is_exact() -> None:
    talk = torch.tensor([[[1, 0, 0], [0, 1, 0]]])
    same = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    # Of the four pairs of frames, the two of different people are off by one.
    assert float(network.affinity_loss(same, talk)) == pytest.approx(0.5)
    assert float(network.affinity_loss(same, torch.zeros(1, 2, 3))) == 0.0


def test_voice_loss_aims_between_the_voices_of_an_overlap() -> None:
    voices = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]])
    both = torch.tensor([[[1, 1, 0], [0, 0, 1], [0, 0, 0]]])
    between = torch.tensor([[[1.0, 9.0, 9.0], [1.0, 9.0, 9.0]]])
    assert float(network.voice_loss(between, both, voices)) == pytest.approx(0.0, abs=1e-6)
    one = torch.tensor([[[1.0, 9.0, 9.0], [0.0, 9.0, 9.0]]])
    # Voice 2 has no vector, and nobody talks in the last frame.
    assert float(network.voice_loss(one, both, voices)) == pytest.approx(1 - np.sqrt(0.5), abs=1e-6)
    assert float(network.voice_loss(one, torch.zeros(1, 3, 3), voices)) == 0.0


# --- front end --------------------------------------------------------------------------------


def test_training_features_are_the_runtimes() -> None:
    """The recipe's log-mel equals what the graph makes of the package's spectrogram."""
    rng = np.random.default_rng(0)
    samples = (rng.normal(size=RATE) * 0.1).astype(np.float32)
    margin = (spectrogram.N_FFT - spectrogram.HOP) // 2
    magnitude = spectrogram.magnitude(np.pad(samples, margin))
    expected = np.log(magnitude @ network.mel_filters() + network.LOG_FLOOR)
    np.testing.assert_allclose(channel.log_mel(samples), expected, atol=1e-3)


def test_level_and_colour_cancel() -> None:
    torch.manual_seed(0)
    mels = torch.randn(2, 50, network.MELS)
    shifted = mels - 4.0
    torch.testing.assert_close(network.normalise(shifted), network.normalise(mels))
    assert float(network.normalise(mels).mean(dim=1).abs().max()) < 1e-5


def test_every_mel_band_hears_something() -> None:
    filters = network.mel_filters()
    assert filters.shape == (257, 64)
    np.testing.assert_allclose(filters.sum(axis=0), 1.0, rtol=1e-5)


# --- data -------------------------------------------------------------------------------------


def test_schedules_begin_in_mid_talk_and_fill_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "SPARSE", 0.0)
    for seed in range(20):
        plans = turns.schedule(np.random.default_rng(seed), 3, 1000)
        assert min(plan.start for plan in plans) <= 0
        assert any(plan.start > 500 for plan in plans)
        assert {plan.speaker for plan in plans} <= {0, 1, 2}
        assert all(plan.length > 0 for plan in plans)


def test_some_talk_takes_up_a_part_of_the_window_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "SPARSE", 1.0)
    found = [turns.schedule(np.random.default_rng(seed), 1, 1000) for seed in range(40)]
    starts = [plan.start for plans in found for plan in plans]
    assert min(starts) >= 0
    assert np.mean([min(plan.start for plan in plans) > 100 for plans in found if plans]) > 0.5


# --- noises -----------------------------------------------------------------------------------


def shares_below(samples: np.ndarray[Any, Any], hertz: float) -> float:
    """Share of a sound's power below a frequency."""
    power = np.square(np.abs(np.fft.rfft(samples)))
    return float(power[np.fft.rfftfreq(len(samples), 1 / RATE) < hertz].sum() / power.sum())


def test_most_breaths_are_low_and_none_starts_with_a_jump() -> None:
    made = [noises.breath(np.random.default_rng(seed)) for seed in range(60)]
    low = np.array([shares_below(one, 700.0) for one in made])
    assert 0.4 < (low > 0.7).mean() < 0.9
    for one in made:
        assert one.dtype == np.float32
        assert np.abs(one[[0, -1]]).max() < 0.05 * np.abs(one).max()


def test_knocks_are_sharp() -> None:
    for seed in range(20):
        one = noises.knocks(np.random.default_rng(seed))
        assert np.isfinite(one).all()
        loud = np.square(one[: len(one) // 160 * 160].reshape(-1, 160)).mean(axis=1)
        assert loud.max() > 3.0 * loud.mean()


def test_gusts_swell() -> None:
    ranges = []
    for seed in range(20):
        one = noises.gusts(np.random.default_rng(seed), 10 * RATE)
        level = 10 * np.log10(np.square(one.reshape(-1, RATE // 5)).mean(axis=1))
        ranges.append(level.max() - level.min())
    assert np.median(ranges) > 15.0
    assert np.isfinite(noises.gusts(np.random.default_rng(0), RATE // 10)).all()


def test_breath_fills_pauses_and_counts_as_speech() -> None:
    rng = np.random.default_rng(0)
    active = np.zeros(700, dtype=bool)
    for start, stop in ((50, 150), (200, 300), (305, 400), (600, 650)):
        active[start:stop] = True
    talk = np.repeat(active, data.HOP).astype(np.float32) * 0.05
    heard, counted = data.breathe(rng, talk, active)
    # The pauses of 0.5 s are filled; that of 0.05 s, that of 2 s and the ends are not.
    filled = np.flatnonzero(counted & ~active)
    np.testing.assert_array_equal(filled, np.arange(150, 200))
    changed = (heard != talk).reshape(-1, data.HOP).any(axis=1)
    assert changed[150:200].mean() > 0.4
    assert not changed[~counted].any()
    assert not changed[active].any()
    level = acoustics.level(heard[150 * data.HOP : 200 * data.HOP])
    assert -26.0 - 40.0 < level < -26.0 - 10.0


def test_leaks_are_far_below_the_talk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any other noise, what is added now and then lies 28 to 42 dB below the talk."""
    silence = lambda *_args: np.zeros(RATE, dtype=np.float32)  # noqa: E731
    monkeypatch.setattr(noises.NoiseBank, "steady", silence)
    monkeypatch.setattr(noises.NoiseBank, "events", silence)
    tone = np.sin(np.arange(RATE) * 0.1).astype(np.float32)
    bank = noises.NoiseBank({}, np.random.default_rng(0), leaks=[tone])
    levels = [
        float(acoustics.level(bank.add(np.random.default_rng(seed), silence(), 0.1)))
        for seed in range(200)
    ]
    heard = np.array([level for level in levels if level > -80.0])
    assert 0.05 < len(heard) / len(levels) < 0.2
    assert (heard < -10.0 - 27.9).all()
    assert (heard > -10.0 - 42.1).all()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight synthetic voices, decoded, and a noise: what the recipe reads."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    voices: list[dict[str, Any]] = []
    pieces: list[np.ndarray[Any, Any]] = []
    position = 0
    for index in range(8):
        n = 4 * RATE
        time = np.arange(n) / RATE
        pitch = 90.0 * 1.25**index
        tone = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 12))
        wobble = 0.6 + 0.4 * np.sin(2 * np.pi * 3.0 * time)
        pieces.append((tone * wobble * 4000 + rng.normal(size=n)).astype(np.int16))
        clips = [(0, 2 * RATE, f"s{index}"), (2 * RATE + 1600, n, f"s{index}")]
        voices.append(
            {"speaker": f"v{index}", "corpus": "ocean", "start": position,
             "length": n, "clips": clips}
        )  # fmt: skip
        position += n
    (folder / "train.i16").write_bytes(np.concatenate(pieces).tobytes())
    (folder / "train.json").write_text(json.dumps(voices))
    import soundfile

    (folder / "noise").mkdir()
    soundfile.write(folder / "noise" / "hiss.flac", rng.normal(size=5 * RATE) * 0.05, RATE)
    return folder


@pytest.fixture(scope="module", autouse=True)
def short_noises() -> Iterator[None]:
    """Synthetic noises of a length that is made in no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noises, "BANK_SECONDS", 1.0)
        yield


@pytest.fixture(scope="module")
def source(corpus: Path) -> data.Conversations:
    return data.Conversations(corpus, corpus / "noise", seconds=4.0, rooms=4)


def test_windows_follow_from_seed_and_index_alone(corpus: Path, source: data.Conversations) -> None:
    again = data.Conversations(corpus, corpus / "noise", seconds=4.0, rooms=4)
    again.window(3)
    for index in (0, 7):
        one, two = source.window(index), again.window(index)
        np.testing.assert_array_equal(one.mels, two.mels)
        np.testing.assert_array_equal(one.activity, two.activity)
    assert not np.array_equal(source.window(0).mels, source.window(1).mels)


def test_windows_are_what_they_claim(source: data.Conversations) -> None:
    windows = [source.window(index) for index in range(40)]
    assert all(w.mels.shape == (400, 64) and w.mels.dtype == np.float16 for w in windows)
    assert all(w.activity.shape == (200, 3) for w in windows)
    assert all(np.isfinite(w.mels).all() for w in windows)
    activity = np.stack([w.activity for w in windows])
    assert activity.sum(axis=2).max() == 2
    assert 0.3 < activity.any(axis=2).mean() < 0.95
    # Local speakers that nobody plays are silent.
    for window in windows:
        assert not window.activity[:, window.voices < 0].any()


def test_talks_are_the_simulators_and_are_cut_with_their_labels(tmp_path: Path) -> None:
    """Where the cut says that somebody talks there is sound, elsewhere there is next to none."""
    import soundfile

    (tmp_path / "train").mkdir()
    rng = np.random.default_rng(0)
    for person in range(5):
        said = []
        for seconds in rng.uniform(1.0, 3.0, 12):
            t = np.arange(int(seconds * RATE)) / RATE
            said += [0.3 * np.sign(np.sin(2 * np.pi * (90 + 30 * person) * t)), np.zeros(RATE)]
        soundfile.write(tmp_path / "train" / f"p{person}.flac", np.concatenate(said), RATE)
    talks.make(tmp_path, tmp_path / "talks", count=3)
    voices = {f"p{person}": 10 + person for person in range(4)}
    made = talks.Talks(tmp_path / "talks", voices)
    assert len(made) == 3
    level: dict[bool, list[float]] = {True: [], False: []}
    known = set()
    for _ in range(12):
        samples, activity, local = made.cut(rng, 400, 3)
        assert samples.shape == (64_000,) and activity.shape == (400, 3)
        known |= set(local.tolist())
        power = np.square(samples.reshape(400, 160)).mean(axis=1)
        for talk in (True, False):
            level[talk] += power[activity.any(axis=1) == talk].tolist()
        first = [int(row.argmax()) for row in activity.T if row.any()]
        assert first == sorted(first)
    assert known <= {-1, 10, 11, 12, 13} and len(known) > 3
    assert np.mean(level[True]) > 10 * np.mean(level[False])


def test_windows_come_from_talks_where_there_are_any(corpus: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    for file in corpus.glob("*.*"):
        (cache / file.name).symlink_to(file)
    (cache / "talks").mkdir()
    activity = np.zeros((2, 500, talks.PEOPLE), dtype=bool)
    activity[:, :, 2] = True
    np.save(cache / "talks" / "samples.npy", np.full((2, 160_000), 77, np.int16))
    np.savez(cache / "talks" / "labels.npz", activity=activity)
    names = [["v0", "v1", "v2", "v3"]] * 2
    (cache / "talks" / "speakers.json").write_text(json.dumps(names))
    source = data.Conversations(cache, corpus / "noise", seconds=4.0, rooms=4)
    windows = [source.window(index) for index in range(60)]
    flat = [w for w in windows if (w.mels[50:-50] == w.mels[50]).all()]
    assert 8 <= len(flat) <= 30
    assert all(w.activity[:, 0].all() and not w.activity[:, 1:].any() for w in flat)
    assert all(w.voices.tolist() == [2, -1, -1] for w in flat)


def test_speech_frames_find_inner_pauses(source: data.Conversations) -> None:
    """The gap of 0.1 s between the clips of a voice is silent, the clips are not."""
    mask = source.masks[2]
    assert mask[:199].all()
    assert not mask[201:209].any()
    assert mask[211:399].all()


def test_speech_frames_are_kept_and_made_again_for_another_decoding(
    corpus: Path, source: data.Conversations, tmp_path: Path
) -> None:
    path = tmp_path / "frames.npz"
    found = material.speech_frames(path, corpus, "train")
    again = material.speech_frames(path, corpus, "train")
    for one, two, kept in zip(found, again, source.masks, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, kept)
    np.savez(path, packed=np.zeros(3, dtype=np.uint8), ends=np.array([5]))
    np.testing.assert_array_equal(material.speech_frames(path, corpus, "train")[0], found[0])


def test_rooms_are_kept_and_comparable(tmp_path: Path) -> None:
    made = material.rooms(tmp_path / "rooms.npz", 5, seed=3)
    kept = material.rooms(tmp_path / "rooms.npz", 99, seed=4)
    assert len(made) == len(kept) == 5
    for room, same in zip(made, kept, strict=True):
        gains = [float(np.sqrt(np.square(response).sum())) for response in room]
        assert max(gains) == pytest.approx(1.0, abs=0.01)
        assert min(gains) > 0.19
        assert max(response.size for response in room) <= material.LONGEST_ROOM
        for response, other in zip(room, same, strict=True):
            np.testing.assert_array_equal(response, other)


def test_convolution_by_blocks_is_convolution() -> None:
    rng = np.random.default_rng(0)
    tracks = rng.normal(size=(2, 70_000)).astype(np.float32)
    tracks[1, :40_000] = 0.0
    responses = [rng.normal(size=n).astype(np.float32) for n in (material.LONGEST_ROOM, 40)]
    pairs = zip(tracks, responses, strict=True)
    wanted = sum(np.convolve(track, response)[:70_000] for track, response in pairs)
    got = channel.convolved_sum(tracks, responses, [None, None])
    np.testing.assert_allclose(got, wanted, atol=1e-2)


def test_workers_share_the_series(source: data.Conversations) -> None:
    messages = feeding.drawn_by(source, first=10, size=2, workers=2)
    for index, message in enumerate(islice(messages, 3)):
        for row, mels in enumerate(message.mels):
            np.testing.assert_array_equal(mels, source.window(10 + 2 * index + row).mels)


# --- batches ----------------------------------------------------------------------------------


def numbered(first: int, size: int, frames: int = 8) -> Iterator[feeding.Message]:
    """Endless messages of windows whose every value is their number."""
    while True:
        numbers = np.arange(first, first + size).reshape(-1, 1, 1)
        mels = np.zeros((size, frames, 64), dtype=np.float16) + numbers.astype(np.float16)
        activity = np.repeat(numbers % 2 == 1, frames // 2, 1).repeat(3, 2)
        yield feeding.Message(mels, activity, numbers[:, :, 0].repeat(3, 1).astype(np.int64))
        first += size


def test_the_pool_holds_the_newest_windows() -> None:
    pool = feeding.Pool(5, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    for message in islice(numbered(0, 3), 4):
        pool.add(message)
    batch = pool.draw(300, 3, generator)
    drawn = batch.mels[:, 0, 0].long().tolist()
    assert drawn[:3] == [11, 10, 9]
    assert set(drawn) == {7, 8, 9, 10, 11}
    assert torch.equal(batch.activity[:, 0, 0], batch.mels[:, 0, 0].long() % 2 == 1)


def test_batches_take_what_is_ready_without_waiting() -> None:
    recipe = Recipe(windows=4, fresh=0, message=2, pool=8)
    more = threading.Event()

    def slow() -> Iterator[feeding.Message]:
        yield from islice(numbered(0, 2), 3)
        more.wait()

    series = train.batches(recipe, slow(), 0, torch.device("cpu"))
    found = [next(series) for _ in range(5)]
    more.set()
    assert all(batch.mels.shape == (4, 8, 64) for batch, _ in found)
    assert all(4 <= drawn <= 6 for _, drawn in found)


def test_an_error_of_a_worker_is_heard() -> None:
    def broken() -> Iterator[feeding.Message]:
        yield from islice(numbered(0, 2), 1)
        raise OSError("the disk is gone")

    ahead = feeding.Ahead(broken())
    ahead.wait()
    with pytest.raises(OSError, match="disk"):
        ahead.wait()


def test_masks_hide_bands_of_some_windows() -> None:
    talk, voices = torch.zeros(200, 10, 3, dtype=torch.bool), torch.zeros(200, 3, dtype=torch.long)
    batch = feeding.Batch(torch.randn(200, 20, 64), talk, voices)
    masked = feeding.mask_bands(batch, torch.Generator().manual_seed(1)).mels
    hidden = (masked != batch.mels).all(dim=1)
    assert 0.15 < hidden.any(dim=1).float().mean() < 0.45
    for row in hidden[hidden.any(dim=1)]:
        bands = torch.nonzero(row).flatten()
        assert 2 <= len(bands) <= 10 and int(bands[-1] - bands[0]) == len(bands) - 1


# --- training ---------------------------------------------------------------------------------

RECIPE = Recipe(
    steps=6,
    windows=2,
    fresh=1,
    pool=2,
    warmup=2,
    precision="float32",
    workers=0,
    validate=3,
)


def run(source: data.Conversations, folder: Path, steps: int) -> Trainer:
    """Train to a step, continuing what is there."""
    trainer = Trainer(RECIPE, SMALL, folder)
    trainer.resume()
    first = train.first_window(RECIPE, trainer.drawn)
    messages = feeding.drawn_by(source, first, RECIPE.fresh, 0)
    series = train.batches(RECIPE, messages, trainer.drawn, trainer.device)
    while trainer.step < steps:
        batch, trainer.drawn = next(series)
        trainer.update(batch)
    trainer.save()
    return trainer


def test_a_resumed_run_equals_an_uninterrupted_one(
    source: data.Conversations, tmp_path: Path
) -> None:
    whole = run(source, tmp_path / "whole", 5)
    run(source, tmp_path / "parts", 3)
    parts = run(source, tmp_path / "parts", 5)
    assert parts.step == whole.step == 5
    for name, value in whole.average.items():
        torch.testing.assert_close(parts.average[name], value)


def test_training_logs_and_lowers_the_loss(source: data.Conversations, tmp_path: Path) -> None:
    recipe = Recipe(
        steps=50,
        windows=2,
        fresh=1,
        warmup=5,
        rate=5e-3,
        precision="float32",
        workers=0,
        validate=25,
    )
    trainer = Trainer(recipe, SMALL, tmp_path)
    windows = feeding.to_message([source.window(i) for i in range(4)])
    before = train.validate(trainer, windows)["val_loss"]
    one = [feeding.Message(*(array[i : i + 1] for array in windows)) for i in range(4)]
    train.train(trainer, (one[i % 4] for i in range(1000)), windows)
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["25", "50"]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert float(rows[-1]["val_loss"]) < 0.8 * before
    assert (tmp_path / "checkpoint.pt").exists()
    small = averaged(tmp_path / "average.pt").state_dict()
    for name, value in trainer.average.items():
        torch.testing.assert_close(small[name], value)


def test_learning_rate_warms_up_and_falls() -> None:
    rates = [learning_rate(step, step / 6, RECIPE) for step in range(7)]
    assert rates[0] < rates[1] <= RECIPE.rate
    assert rates[6] == pytest.approx(0.01 * RECIPE.rate)
    assert all(a >= b for a, b in pairwise(rates[1:]))


def test_the_schedule_ends_with_the_minutes(
    source: data.Conversations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step takes ten seconds of a clock of our own: six of ten thousand fit into a minute."""
    clock = [1000.0]
    monkeypatch.setattr(train.time, "monotonic", lambda: clock[0])
    recipe = Recipe(steps=10_000, windows=2, fresh=1, warmup=2, log=1, validate=0, save=30.0)
    message = feeding.to_message([source.window(1)])

    def messages() -> Iterator[feeding.Message]:
        while True:
            yield message

    class Slow(Trainer):
        def update(self, batch: feeding.Batch) -> Any:
            clock[0] += 10.0
            return super().update(batch)

    train.train(Slow(recipe, SMALL, tmp_path, minutes=0.5), messages(), None)
    # The second part has half of the minute left.
    trainer = Slow(recipe, SMALL, tmp_path, minutes=1.0)
    clock[0] += 500.0
    assert trainer.resume()
    assert trainer.share == pytest.approx(0.5)
    train.train(trainer, messages(), None)
    assert trainer.step == 6
    with (tmp_path / "log.csv").open() as file:
        rates = [float(row["rate"]) for row in csv.DictReader(file)]
    assert rates[2] == rates[5] == pytest.approx(0.01 * recipe.rate)
    assert rates[3] > rates[4] > rates[5]


def test_crops_stay_aligned() -> None:
    frames = np.arange(200)
    mels = np.repeat(np.arange(400, dtype=np.float32)[:, None], 64, axis=1)
    activity = np.stack([frames % 2 == 0, frames % 3 == 0, frames % 5 == 0], axis=1)
    window = data.Window(mels.astype(np.float16), activity, np.arange(3))
    whole = feeding.to_batch(feeding.to_message([window]))
    cropped = feeding.crop(whole, torch.Generator().manual_seed(0))
    assert cropped.mels.shape == (2, 200, 64)
    for row, talk in zip(cropped.mels, cropped.activity, strict=True):
        index = (row[::2, 0] / 2).long()
        assert torch.equal(talk, torch.from_numpy(activity)[index])


def test_training_knows_the_voices(source: data.Conversations, tmp_path: Path) -> None:
    """Windows name their voices, and the loss on them falls."""
    recipe = Recipe(steps=30, windows=4, rate=5e-3, warmup=2, precision="float32", halves=0.5)
    known = torch.nn.functional.normalize(torch.randn(40, network.VOICE), dim=1)
    trainer = Trainer(recipe, SMALL, tmp_path, voices=known)
    assert trainer.voices is not None
    assert torch.equal(trainer.voices[-1], torch.zeros(network.VOICE))
    batch = feeding.to_batch(train.drawn(source, 4))
    assert batch.voices.shape == (4, 3)
    assert int(batch.voices.max()) >= 0
    found = [float(trainer.update(batch)[2]) for _ in range(30)]
    assert found[-1] < 0.9 * found[0]
    unknown = Trainer(recipe, SMALL, tmp_path)
    assert float(unknown.update(batch)[2]) == 0.0


# --- export -----------------------------------------------------------------------------------


def test_the_exported_model_runs_in_the_package(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = network.SegmentationNet(SMALL).eval()
    options = SegmentationOptions(onset=0.45, min_silence=0.21)
    path = export(net, options, "made up", tmp_path / "small.onnx")
    segmenter = load_segmentation(path, threads=1)
    assert isinstance(segmenter, NeuralSegmenter)
    assert segmenter.options == options
    rng = np.random.default_rng(1)
    waveform = Waveform((rng.normal(size=25 * RATE) * 2000).astype(np.int16))
    track = powerset.run(segmenter.network, waveform)
    assert track.speech.shape == (25 * 50,)
    # The same by torch, for the first window.
    samples = np.pad(waveform.block(0, 10 * RATE + 176), (176, 0))
    magnitude = torch.from_numpy(spectrogram.magnitude(samples))[None]
    with torch.no_grad():
        wanted = network.FromMagnitude(net)(magnitude).exp().numpy()
    got = segmenter.network(waveform, [0], 10 * RATE)
    np.testing.assert_allclose(got, wanted, atol=1e-4)
    # Other thresholds need no checkpoint.
    later = replace(options, onset=0.8, hop=0.9)
    assert stamp(path, later, "made up", path) == path
    again = load_segmentation(path, threads=1)
    assert isinstance(again, NeuralSegmenter)
    assert again.options == later
    np.testing.assert_array_equal(again.network(waveform, [0], 10 * RATE), got)


def test_blocks_that_the_other_network_lacks_change_next_to_nothing(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first = Trainer(Recipe(), SMALL, tmp_path / "first")
    first.save()
    longer = replace(SMALL, dilations=(*SMALL.dilations, 4, 1))
    second = Trainer(Recipe(), longer, tmp_path / "second")
    second.begin_with(tmp_path / "first" / "average.pt")
    weights = [block.norm.weight.mean().item() for block in second.network.context]
    assert weights == pytest.approx([1.0, 1.0, 0.05, 0.05])
    mels = torch.randn(4, 200, network.MELS)
    with torch.no_grad():
        before, after = (one.network.eval()(mels) for one in (first, second))
    assert float((after - before).abs().mean()) < 0.05 * float(before.std())


@pytest.mark.parametrize("layers", [1, 2])
def test_an_exported_model_can_be_trained_on(tmp_path: Path, layers: int) -> None:
    torch.manual_seed(0)
    shape = replace(SMALL, layers=layers)
    net = network.SegmentationNet(shape)
    mels = torch.randn(8, 200, network.MELS)
    net.train()
    for _ in range(20):  # so that the normalisations know something
        net(mels)
    path = export(net.eval(), SegmentationOptions(), "made up", tmp_path / "small.onnx")
    state = weights.read_onnx(path, mels)
    again = network.SegmentationNet(shape).eval()
    missing = again.load_state_dict(state, strict=False).missing_keys
    assert {name.split(".")[0] for name in missing} == {"alike", "voice"}
    with torch.no_grad():
        torch.testing.assert_close(again(mels), net(mels), atol=1e-4, rtol=1e-4)
        # Normalising by the batch itself, as training does, changes little on the same windows.
        again.train()
        again.entry.eval()  # keeps its own statistics
        for module in again.modules():
            if isinstance(module, torch.nn.Dropout | torch.nn.LSTM):
                module.eval()
        assert float((again(mels) - net(mels)).abs().mean()) < 0.05
    trainer = Trainer(Recipe(), shape, tmp_path / "run")
    trainer.begin_with(path, mels)
    torch.testing.assert_close(trainer.average["head.weight"], net.head.weight.detach())
    (tmp_path / "other.onnx").write_bytes(b"")
    with pytest.raises(SystemExit, match="not an exported segmentation model"):
        weights.read_onnx(tmp_path / "other.onnx")
