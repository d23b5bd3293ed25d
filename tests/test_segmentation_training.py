"""The recipe of the segmentation model: labels, losses, data, resuming, export."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
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
from diarize.segmentation import NeuralSegmenter, SegmentationOptions, load_segmentation  # noqa: E402
from models.segmentation import data, network, noises, train  # noqa: E402
from models.segmentation.export import export  # noqa: E402

RATE = 16_000
SMALL = network.Shape(channels=16, hidden=8, dilations=(1, 2), layers=1, dropout=0.1)


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


# --- front end --------------------------------------------------------------------------------


def test_training_features_are_the_runtimes() -> None:
    """The recipe's log-mel equals what the graph makes of the package's spectrogram."""
    rng = np.random.default_rng(0)
    samples = (rng.normal(size=RATE) * 0.1).astype(np.float32)
    margin = (spectrogram.N_FFT - spectrogram.HOP) // 2
    magnitude = spectrogram.magnitude(np.pad(samples, margin))
    expected = np.log(magnitude @ network.mel_filters() + network.LOG_FLOOR)
    np.testing.assert_allclose(data.log_mel(samples), expected, atol=1e-3)


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


def test_schedules_begin_in_mid_talk_and_fill_the_window() -> None:
    for seed in range(20):
        plans = data.schedule(np.random.default_rng(seed), 3, 1000)
        assert min(plan.start for plan in plans) <= 0
        assert any(plan.start > 500 for plan in plans)
        assert {plan.speaker for plan in plans} <= {0, 1, 2}
        assert all(plan.length > 0 for plan in plans)


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
            {"speaker": f"v{index}", "corpus": "ocean", "speed": 1.0, "start": position,
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


def test_speech_frames_find_inner_pauses(source: data.Conversations) -> None:
    """The gap of 0.1 s between the clips of a voice is silent, the clips are not."""
    mask = source.mask(2)
    assert mask[:199].all()
    assert not mask[201:209].any()
    assert mask[211:399].all()


def test_workers_share_the_series(source: data.Conversations) -> None:
    odd = list(islice(data.stream(source, 10, worker=1, workers=2), 2))
    np.testing.assert_array_equal(odd[0].mels, source.window(11).mels)
    np.testing.assert_array_equal(odd[1].mels, source.window(13).mels)


# --- training ---------------------------------------------------------------------------------

RECIPE = train.Recipe(
    steps=6,
    windows=2,
    fresh=1,
    pool=2,
    warmup=2,
    precision="float32",
    workers=0,
    validate=3,
    save=2,
)


def run(source: data.Conversations, folder: Path, steps: int) -> train.Trainer:
    """Train to a step, continuing what is there."""
    trainer = train.Trainer(RECIPE, SMALL, folder)
    trainer.resume()
    windows = data.stream(source, train.first_window(RECIPE, trainer.step))
    series = train.batches(RECIPE, windows, trainer.step)
    while trainer.step < steps:
        trainer.update(next(series))
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
    recipe = train.Recipe(
        steps=50,
        windows=2,
        fresh=1,
        warmup=5,
        rate=5e-3,
        precision="float32",
        workers=0,
        validate=25,
    )
    trainer = train.Trainer(recipe, SMALL, tmp_path)
    windows = [source.window(i) for i in range(4)]
    before = train.validate(trainer, windows)["val_loss"]
    train.train(trainer, (windows[i % 4] for i in range(1000)), windows, 10.0)
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["25", "50"]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert float(rows[-1]["val_loss"]) < 0.8 * before
    assert (tmp_path / "checkpoint.pt").exists()


def test_learning_rate_warms_up_and_falls() -> None:
    rates = [train.learning_rate(step, RECIPE) for step in range(7)]
    assert rates[0] < rates[1] == rates[2] == RECIPE.rate
    assert rates[6] == pytest.approx(0.01 * RECIPE.rate)
    assert all(a >= b for a, b in pairwise(rates[2:]))


def test_crops_stay_aligned() -> None:
    frames = np.arange(200)
    mels = np.repeat(np.arange(400, dtype=np.float32)[:, None], 64, axis=1)
    activity = np.stack([frames % 2 == 0, frames % 3 == 0, frames % 5 == 0], axis=1)
    window = data.Window(mels.astype(np.float16), activity, np.arange(3))
    cropped = train.crop(train.to_batch([window]), np.random.default_rng(0))
    assert cropped.mels.shape == (2, 200, 64)
    for row, talk in zip(cropped.mels, cropped.activity, strict=True):
        index = (row[::2, 0] / 2).long()
        assert torch.equal(talk, torch.from_numpy(activity)[index])


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
