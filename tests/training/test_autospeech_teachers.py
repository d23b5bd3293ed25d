"""Teachers that hear the windows of training as the network does."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
import torch

from diarize.arrays import unit
from models.autospeech import teachers
from tests.training.corpus import FirstEar, SecondEar


@pytest.mark.parametrize("frames", [160, 320])
def test_both_teachers_say_what_they_say_alone(listener, frames):
    rng = np.random.default_rng(0)
    batch = rng.normal(scale=0.1, size=(3, (frames - 1) * 160 + 400)).astype(np.float32)
    both = listener()
    first, second = both(batch)
    features = teachers.centred_fbank(torch.from_numpy(batch))
    alone = unit(FirstEar()(features).detach().numpy())
    assert np.allclose(first, alone, atol=1e-4)
    assert np.allclose(second, SecondEar()(batch[:, : (frames - 1) * 160]), atol=1e-3)
    assert len(both.compiled) == 2
    both(batch)
    assert len(both.compiled) == 2


def test_openvino_says_the_same():
    """In a process of its own: it does not bear a fork after it."""
    if importlib.util.find_spec("openvino") is None:
        pytest.skip("pip install openvino")
    code = """if True:
        import numpy as np, torch
        from models.autospeech.teachers import compiled
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
def test_segment_means_are_those_of_the_teacher(length):
    """CAM++ pools with a kernel as long as a segment, then repeats what came out."""
    x = torch.randn(2, 3, length)
    pooled = torch.nn.functional.avg_pool1d(x, 100, 100, ceil_mode=True)
    expected = pooled[..., None].expand(*pooled.shape, 100).flatten(2)[..., :length]
    assert torch.allclose(teachers.segment_means(x), expected, atol=1e-6)


def test_centred_fbank_is_kaldis():
    knf = pytest.importorskip("kaldi_native_fbank", reason="pip install kaldi-native-fbank")
    samples = np.random.default_rng(1).normal(scale=0.1, size=8000).astype(np.float32)
    options = knf.FbankOptions()
    options.frame_opts.dither = 0.0
    options.mel_opts.num_bins = 80
    computer = knf.OnlineFbank(options)
    computer.accept_waveform(16_000, (samples * 32768.0).tolist())
    computer.input_finished()
    theirs = np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)])
    ours = teachers.centred_fbank(torch.from_numpy(samples)[None])[0].numpy()
    assert np.allclose(ours, theirs - theirs.mean(axis=0), atol=2e-3)
