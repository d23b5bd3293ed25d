"""The segmentation's training: labels, losses, data, batches, export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from diarize.audio import spectrogram
from diarize.audio.waveform import Waveform
from diarize.segmentation import networks
from diarize.segmentation.aggregation import score_frames
from diarize.segmentation.segmenters import NeuralSegmenter, load_segmentation
from diarize.settings import SegmentationSettings
from models.segmentation import (
    channel,
    data,
    export,
    feeding,
    material,
    network,
    noises,
    objective,
    talks,
    turns,
    weights,
)
from models.segmentation.recipe import BatchSettings, LossSettings
from models.simulation import acoustics
from models.training.trainer import Optimization, Trainer

RATE = 16_000
SMALL = network.Shape(fine=16, channels=16, hidden=8, dilations=(1, 2), layers=1, dropout=0.1)


# --- classes and losses -----------------------------------------------------------------------


def test_the_recipe_and_the_runtime_agree_on_the_classes() -> None:
    members = [[int(k in talkers) for k in range(3)] for talkers in network.POWERSET]
    assert members == networks.POWERSET.astype(int).tolist()
    every = torch.tensor(members)[None]
    assert network.to_classes(every).tolist() == [[0, 1, 2, 3, 4, 5, 6]]


def test_class_orders_follow_the_speakers() -> None:
    table = network.class_orders()
    members = torch.tensor(networks.POWERSET)
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
    monkeypatch.setattr(noises.NoiseBank, "jingle", silence)
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


def test_jingles_are_as_loud_as_talk_and_pass() -> None:
    bank = noises.NoiseBank({}, np.random.default_rng(0))
    for seed in range(8):
        jingle = bank.jingle(np.random.default_rng(seed), 10 * RATE, -20.0)
        sounding = np.flatnonzero(jingle)
        assert jingle.size == 10 * RATE
        assert 0.7 * RATE < sounding[-1] - sounding[0] < 6.1 * RATE
        assert acoustics.level(jingle[sounding[0] : sounding[-1] + 1]) == pytest.approx(-20, abs=1)


def test_laughter_is_its_owner_s_voice_in_bursts() -> None:
    """A laugh of a tone of 300 Hz: sound around that, which comes and goes."""
    vowel = np.sin(2 * np.pi * 300 * np.arange(RATE // 10) / RATE).astype(np.float32)
    for seed in range(5):
        laugh = noises.laughter_of(np.random.default_rng(seed), vowel)
        spectrum = np.abs(np.fft.rfft(laugh))
        assert 200 < spectrum.argmax() * RATE / laugh.size < 420
        envelope = np.abs(laugh)[: laugh.size // 160 * 160].reshape(-1, 160).mean(axis=1)
        rhythm = np.abs(np.fft.rfft(envelope - envelope.mean()))
        assert 3.5 < rhythm.argmax() * 100 / envelope.size < 14.0


def test_drift_is_slow() -> None:
    curves = [data.drift(np.random.default_rng(seed), 10 * RATE) for seed in range(40)]
    values = np.stack(curves)
    assert abs(values.mean()) < 0.3 and 0.4 < values.std() < 1.1
    assert np.abs(np.diff(values, axis=1)).max() < 8.0 / (0.8 * RATE)


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


def test_who_moves_is_now_louder_now_quieter(source: data.Conversations) -> None:
    steady = np.full((2, 64_000), 0.05, dtype=np.float32)
    steady *= np.sin(np.arange(64_000) * 0.3).astype(np.float32)
    levels = {}
    for moving in (False, True):
        spread = []
        for seed in range(12):
            out = source._rooms(np.random.default_rng(seed), steady, moving=moving)
            assert out.shape == (64_000,) and np.isfinite(out).all()
            power = np.square(out[16_000:].reshape(-1, 4000)).mean(axis=1)
            spread.append(np.ptp(10 * np.log10(power)))
        levels[moving] = np.median(spread)
    assert levels[False] < 2.0 < 3.0 < levels[True]


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


# --- batches ----------------------------------------------------------------------------------


def to_batch(message: feeding.Message) -> feeding.Batch:
    """A batch of whole windows."""
    mels, activity, voices = (torch.from_numpy(array) for array in message)
    return feeding.Batch(mels.float(), activity, voices)


def numbered(first: int, size: int, frames: int = 8) -> Iterator[feeding.Message]:
    """Endless messages of windows whose every value is their number."""
    while True:
        numbers = np.arange(first, first + size).reshape(-1, 1, 1)
        mels = np.zeros((size, frames, 64), dtype=np.float16) + numbers.astype(np.float16)
        activity = np.repeat(numbers % 2 == 1, frames // 2, 1).repeat(3, 2)
        yield feeding.Message(mels, activity, numbers[:, :, 0].repeat(3, 1).astype(np.int64))
        first += size


def test_the_pool_holds_the_newest_windows() -> None:
    pool = feeding.Pool(5)
    generator = torch.Generator().manual_seed(0)
    for message in islice(numbered(0, 3), 4):
        pool.add(message)
    batch = pool.draw(300, 3, generator)
    drawn = batch.mels[:, 0, 0].long().tolist()
    assert drawn[:3] == [11, 10, 9]
    assert set(drawn) == {7, 8, 9, 10, 11}
    assert torch.equal(batch.activity[:, 0, 0], batch.mels[:, 0, 0].long() % 2 == 1)


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_of_a_run_that_goes_on_are_the_same(
    source: data.Conversations, workers: int
) -> None:
    settings = BatchSettings(size=3, fresh=2, pool=5)
    whole = list(feeding.batches(source, settings, 0, 7, workers=0))
    rest = list(feeding.batches(source, settings, 4, 7, workers))
    assert (len(whole), len(rest)) == (7, 3)
    for one, two in zip(whole[4:], rest, strict=True):
        assert torch.equal(one.mels, two.mels)
        assert torch.equal(one.voices, two.voices)
    newest = source.window(13).mels
    np.testing.assert_array_equal(whole[6].mels[0].numpy(), newest.astype(np.float32))


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


def trainer(folder: Path, steps: int, voices: torch.Tensor, **changes: Any) -> Trainer[Any]:
    torch.manual_seed(0)
    net = network.SegmentationNet(replace(SMALL, voice=voices.shape[1]))
    batches = BatchSettings(size=2, fresh=1, pool=2, **changes)
    losses = objective.Segmentation(net, LossSettings(), batches, steps, voices)
    settings = Optimization(steps=steps, warm_up=2, anneal=2, rate=5e-3)
    return Trainer(net, losses, settings, folder)


def test_losses_follow_from_the_step_alone(source: data.Conversations, tmp_path: Path) -> None:
    """Crops, masks and dropout are drawn from the step, so that a run can go on."""
    run = trainer(tmp_path, 6, torch.eye(8))
    batch = next(feeding.batches(source, BatchSettings(size=2, fresh=2), 0, 1, 0))
    first, again, other = (run.objective(batch, step)[0] for step in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_training_lowers_all_losses(source: data.Conversations, tmp_path: Path) -> None:
    known = torch.nn.functional.normalize(torch.randn(8, 12), dim=1)
    run = trainer(tmp_path, 40, known, halves=0.5)
    batch = to_batch(feeding.to_message([source.window(i) for i in range(4)]))
    assert batch.voices.shape == (4, 3) and int(batch.voices.max()) >= 0
    found = torch.stack([run.update(batch) for _ in range(40)])
    assert (found[-4:].mean(dim=0) < 0.9 * found[:4].mean(dim=0)).all()


def test_a_window_of_nobody_has_no_voice_loss(source: data.Conversations, tmp_path: Path) -> None:
    run = trainer(tmp_path, 6, torch.eye(8))
    window = source.window(0)
    nobody = replace(window, voices=np.full(3, -1), activity=np.zeros_like(window.activity))
    _, parts = run.objective(to_batch(feeding.to_message([nobody])), 5)
    assert float(parts[2]) == 0.0


def test_crops_stay_aligned() -> None:
    frames = np.arange(200)
    mels = np.repeat(np.arange(400, dtype=np.float32)[:, None], 64, axis=1)
    activity = np.stack([frames % 2 == 0, frames % 3 == 0, frames % 5 == 0], axis=1)
    window = data.Window(mels.astype(np.float16), activity, np.arange(3))
    whole = to_batch(feeding.to_message([window]))
    cropped = feeding.crop(whole, torch.Generator().manual_seed(0))
    assert cropped.mels.shape == (2, 200, 64)
    for row, talk in zip(cropped.mels, cropped.activity, strict=True):
        index = (row[::2, 0] / 2).long()
        assert torch.equal(talk, torch.from_numpy(activity)[index])


# --- export -----------------------------------------------------------------------------------


def test_the_exported_model_runs_in_the_package(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = network.SegmentationNet(SMALL).eval()
    options = SegmentationSettings(onset=0.45, min_silence=0.21)
    path = export.export(net, options, tmp_path / "small.onnx", {"version": "test"})
    segmenter = load_segmentation(path, threads=1)
    assert isinstance(segmenter, NeuralSegmenter)
    assert segmenter.settings == options
    rng = np.random.default_rng(1)
    waveform = Waveform((rng.normal(size=25 * RATE) * 2000).astype(np.int16))
    track = score_frames(segmenter.network, waveform)
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
    export.stamp(path, path, later, {"note": "made up"})
    again = load_segmentation(path, threads=1)
    assert isinstance(again, NeuralSegmenter)
    assert again.settings == later
    np.testing.assert_array_equal(again.network(waveform, [0], 10 * RATE), got)
    import onnx

    metadata = {entry.key: entry.value for entry in onnx.load(str(path)).metadata_props}
    assert (metadata["diarize.version"], metadata["diarize.note"]) == ("test", "made up")


@pytest.mark.parametrize("layers", [1, 2])
def test_an_exported_model_can_be_trained_on(tmp_path: Path, layers: int) -> None:
    torch.manual_seed(0)
    shape = replace(SMALL, layers=layers)
    net = network.SegmentationNet(shape)
    mels = torch.randn(8, 200, network.MELS)
    net.train()
    for _ in range(20):  # so that the normalisations know something
        net(mels)
    path = export.export(net.eval(), SegmentationSettings(), tmp_path / "small.onnx")
    again = network.SegmentationNet(shape).eval()
    missing = again.load_state_dict(weights.read_onnx(path, mels), strict=False).missing_keys
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
    (tmp_path / "other.onnx").write_bytes(b"")
    with pytest.raises(SystemExit, match="not an exported segmentation model"):
        weights.read_onnx(tmp_path / "other.onnx", mels)
