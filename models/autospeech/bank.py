"""Training speech and its teacher's vectors, held on an accelerator.

All voices of the decoded part lie in one int16 tensor; some also with their formants moved, which
makes further voices that the teacher tells from the first ones. The teacher runs once over every
voice in windows of 3.2 s every 1.6 s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from diarize import fbank
from models.autospeech.targets import CORPUS_WEIGHT, corpus_centres, family

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.autospeech.batched import Draw
    from models.autospeech.data import Speech, Voice

RATE = 16_000
TEACHER_WINDOW, TEACHER_HOP = int(3.2 * RATE), int(1.6 * RATE)
# Formants times these, for voices at these speeds.
WARPS: Mapping[float, Sequence[float]] = {
    1.0: (0.9, 1.1),
    0.9: (0.92, 1.1),
    1.1: (0.9, 1.08),
}
# A quarter of the draws are recordings as they are; the rest is spread over the changed copies.
ORIGINAL_SHARE = 0.25
# Bins of the spectra whose envelopes are changed.
ENVELOPE_BINS = 513
# Size and hop of those spectra, and how many cepstral values an envelope has.
SPECTRUM, SPECTRUM_HOP, CEPSTRUM = 2 * (ENVELOPE_BINS - 1), 256, 36


@dataclass(frozen=True)
class Bank:
    """Voices on the device, ready to be cut and labelled.

    Attributes
    ----------
    samples : Tensor (n,) int16
    start, length : Tensor (voices,) int64
        Where each voice lies in `samples`.
    weight : Tensor (voices,)
        How often each is drawn.
    vectors : Tensor (windows, d)
        The teacher's, centred on the voice's corpus, unit length; voice after voice.
    first, count : Tensor (voices,) int64
        Each voice's windows among `vectors`.
    means : Tensor (voices, d)
        Their means, centred, unit length.
    corpus : Tensor (voices,) int64
        Number of each voice's corpus.
    """

    samples: Tensor
    start: Tensor
    length: Tensor
    weight: Tensor
    vectors: Tensor
    first: Tensor
    count: Tensor
    means: Tensor
    corpus: Tensor

    def cut(self, draw: Draw, n: int, length: int, local: float) -> tuple[Tensor, Tensor, Tensor]:
        """Draw windows (n, length) float32, their targets (n, d) and their voices (n,)."""
        voice = torch.multinomial(self.weight, n, replacement=True, generator=draw.generator)
        room = (self.length[voice] - length).clamp_min(1)
        start = (draw.uniform(0.0, 1.0, n).double() * room).long()
        at = (self.start[voice] + start)[:, None] + torch.arange(length, device=draw.device)
        pieces = self.samples[at.clamp_max(self.samples.numel() - 1)].float() / 32768.0
        middle = start + length // 2 - TEACHER_WINDOW // 2 + TEACHER_HOP // 2
        near = (middle // TEACHER_HOP).clamp_min(0).minimum(self.count[voice] - 1)
        mixed = local * self.vectors[self.first[voice] + near]
        target = functional.normalize(mixed + (1.0 - local) * self.means[voice], dim=1)
        return pieces, target, voice


def move_formants(samples: Tensor, factor: float) -> Tensor:
    """Scale the spectral envelope's frequencies of (n,) float32 and keep the pitch."""
    return reshape_envelope(samples, torch.arange(ENVELOPE_BINS, device=samples.device) / factor)


def reshape_envelope(samples: Tensor, at: Tensor, contrast: float = 1.0) -> Tensor:
    """Give every frame another spectral envelope and keep the pitch.

    The envelope is the cepstrum's first milliseconds of each frame; every frame is multiplied by
    the new envelope over the one it had, between −18 and 18 dB.

    Parameters
    ----------
    samples : Tensor (n,) float32
    at : Tensor (ENVELOPE_BINS,)
        For each bin, the bin (with fractions) whose envelope it gets.
    contrast : float
        What the envelope's deviations from its mean (in decibels) are multiplied by.
    """
    frames, envelope = spectral_envelope(samples)
    low = at.floor().long().clamp(0, envelope.shape[0] - 2)
    part = (at - low).clamp(0.0, 1.0)[:, None]
    moved = envelope[low] * (1.0 - part) + envelope[low + 1] * part
    mean = envelope.mean(dim=0)
    gain = (mean + contrast * (moved - mean) - envelope).clamp(-2.07, 2.07).exp()
    window = torch.hann_window(SPECTRUM, device=samples.device)
    return torch.istft(frames * gain, SPECTRUM, SPECTRUM_HOP, window=window, length=samples.numel())


def spectral_envelope(samples: Tensor) -> tuple[Tensor, Tensor]:
    """Spectra (bins, t) of (n,) float32, and the logarithms of their envelopes.

    The envelope is the cepstrum's first milliseconds.
    """
    window = torch.hann_window(SPECTRUM, device=samples.device)
    frames = torch.stft(samples, SPECTRUM, SPECTRUM_HOP, window=window, return_complex=True)
    cepstrum = torch.fft.irfft((frames.abs() + 1e-5).log(), dim=0)
    cepstrum[CEPSTRUM : SPECTRUM - CEPSTRUM + 1] = 0.0
    return frames, torch.fft.rfft(cepstrum, dim=0).real


def kaldi_fbank(samples: Tensor) -> Tensor:
    """(n, samples) to (n, frames, 80): as :func:`diarize.fbank.fbank` of 16-bit scale."""
    frames = (samples * 32768.0).unfold(1, fbank.FRAME, fbank.HOP)
    frames = frames - frames.mean(dim=2, keepdim=True)
    before = torch.cat([frames[..., :1], frames[..., :-1]], dim=2)
    window = torch.from_numpy(fbank.povey_window()).to(samples.device)
    spectrum = torch.fft.rfft((frames - float(fbank.PREEMPHASIS) * before) * window, fbank.N_FFT)
    filters = torch.from_numpy(fbank.mel_filters(80)).to(samples.device)
    return (spectrum.abs().square() @ filters).clamp_min(float(fbank.FLOOR)).log()


def centred_fbank(samples: Tensor) -> Tensor:
    """The same less each window's mean: what CAM++ wants."""
    features = kaldi_fbank(samples)
    return features - features.mean(dim=1, keepdim=True)


@torch.inference_mode()
def teach(network: nn.Module, samples: Tensor, batch: int = 512) -> Tensor:
    """The teacher's unit vectors (windows, d) of one or many voices' (n, window) int16 pieces."""
    out = []
    for rows in samples.split(batch):
        features = centred_fbank(rows.float() / 32768.0)
        with torch.autocast(samples.device.type, torch.bfloat16):
            vectors = network(features)
        out.append(functional.normalize(vectors.float(), dim=1))
    return torch.cat(out)


def windows_of(length: int) -> list[int]:
    """First samples of a voice's teacher windows."""
    return list(range(0, max(1, length - TEACHER_WINDOW + 1), TEACHER_HOP))


def add_warped(
    samples: Tensor, voices: Sequence[Voice], warps: Mapping[float, Sequence[float]]
) -> tuple[Tensor, list[Voice]]:
    """Append copies with moved formants to the tensor and to the list of voices."""
    pieces, out, position = [samples], list(voices), samples.numel()
    for voice in voices:
        for factor in warps.get(voice.speed, ()):
            original = samples[voice.start : voice.start + voice.length].float() / 32768.0
            moved = move_formants(original, factor).clamp(-1.0, 1.0)
            pieces.append((moved * 32767.0).round().to(torch.int16))
            out.append(replace(voice, speaker=f"{voice.speaker}*{factor}", start=position))
            position += voice.length
    return torch.cat(pieces), out


def build(
    speech: Speech,
    teacher: nn.Module,
    device: torch.device,
    warps: Mapping[float, Sequence[float]] = WARPS,
) -> Bank:
    """Put the decoded part on the device, make the further voices and run the teacher."""
    samples = torch.from_numpy(np.array(speech.samples)).to(device)
    samples, voices = add_warped(samples, speech.voices, warps)
    voices = [voice for voice in voices if voice.length > TEACHER_WINDOW]
    starts = [voice.start + s for voice in voices for s in windows_of(voice.length)]
    count = torch.tensor([len(windows_of(voice.length)) for voice in voices], device=device)
    inside = torch.arange(TEACHER_WINDOW, device=device)
    vectors = torch.cat(
        [
            teach(teacher, samples[rows[:, None] + inside])
            for rows in torch.tensor(starts, device=device).split(2048)
        ]
    )
    owner = torch.repeat_interleave(torch.arange(len(voices), device=device), count)
    sums = torch.zeros(len(voices), vectors.shape[1], device=device).index_add_(0, owner, vectors)
    means = sums / count[:, None]
    centre = torch.from_numpy(corpus_centres(means.cpu().numpy(), voices)).to(device)
    names = sorted({family(voice.corpus) for voice in voices})
    return Bank(
        samples=samples,
        start=torch.tensor([voice.start for voice in voices], device=device),
        length=torch.tensor([voice.length for voice in voices], device=device),
        weight=draw_weights(voices).to(device),
        vectors=functional.normalize(vectors - centre[owner], dim=1),
        first=count.cumsum(0) - count,
        count=count,
        means=functional.normalize(means - centre, dim=1),
        corpus=torch.tensor([names.index(family(voice.corpus)) for voice in voices], device=device),
    )


def draw_weights(voices: Sequence[Voice]) -> Tensor:
    """How often each voice is drawn: by corpus, and unchanged ones more than copies."""
    unchanged = np.array([voice.speed == 1.0 and "*" not in voice.speaker for voice in voices])
    weight = np.array([CORPUS_WEIGHT.get(voice.corpus, 1.0) for voice in voices])
    weight[unchanged] *= ORIGINAL_SHARE / weight[unchanged].sum()
    if not unchanged.all():
        weight[~unchanged] *= (1.0 - ORIGINAL_SHARE) / weight[~unchanged].sum()
    return torch.from_numpy(weight)
