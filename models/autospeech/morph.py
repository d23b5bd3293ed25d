"""One person's words with another person's voice, for training.

Moving pitch and formants makes voices that a network which knows the originals also knows: it is as
near to the teacher on them as on training speech. Here the spectral envelope of every moment is
replaced by those of the other person's moments that sound most alike, each person compared to
themselves (frame selection, as in Sündermann et al., "Text-independent voice conversion based on
unit selection", ICASSP 2006; Baas et al., "Voice conversion with just nearest neighbors", 2023,
with learnt features), and the pitch is moved to theirs; what is said and its melody stay. To the
teacher the outcome is neither of the two, but somebody new.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.autospeech import data
from models.autospeech.bank import ENVELOPE_BINS, SPECTRUM, SPECTRUM_HOP, spectral_envelope
from models.autospeech.network import mel_matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 16_000
# What moments are compared by: so many mel cepstral coefficients, and their changes.
BANDS, COEFFICIENTS = 32, 14
# Lowest and highest pitch in hertz, and how far it is moved at most, as a factor.
LOWEST, HIGHEST, FARTHEST = 70, 400, 1.55
# Largest change of the envelope, in nepers (26 dB).
MOST = 3.0


def morph(
    rng: np.random.Generator,
    words: NDArray[np.int16],
    voice: NDArray[np.int16],
    share: float,
) -> NDArray[np.float32]:
    """What is said in `words`, as somebody on the way to the person of `voice`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Says of how many moments each envelope is the mean.
    words, voice : ndarray (n,), (m,) int16
        Two people at 16 kHz.
    share : float
        How far on the way: 0 changes nothing, 1 goes all of it.

    Returns
    -------
    ndarray (k,) float32
        Up to 1.55 times shorter or longer than `words`, for the pitch's sake.
    """
    speed = step(words, voice, share)
    moved = data.change_speed(words, speed).astype(np.float32) / 32768.0
    frames, own = spectral_envelope(torch.from_numpy(moved))
    _, theirs = spectral_envelope(torch.from_numpy(voice.astype(np.float32) / 32768.0))
    alike = torch.cdist(phonetic(own), phonetic(theirs))
    nearest = alike.topk(int(rng.integers(2, 7)), largest=False).indices
    theirs = theirs - theirs.mean(dim=0)
    own = own - own.mean(dim=0)
    wanted = smooth(theirs[:, nearest].mean(dim=2))
    gain = (share * (wanted - smooth(own))).clamp(-MOST, MOST).exp()
    window = torch.hann_window(SPECTRUM)
    out: NDArray[np.float32] = torch.istft(
        frames * gain, SPECTRUM, SPECTRUM_HOP, window=window, length=len(moved)
    ).numpy()
    return out


def step(words: NDArray[np.int16], voice: NDArray[np.int16], share: float) -> float:
    """Part of the way from one pitch to the other, as a factor within bounds; 1 without pitch."""
    have, want = pitch(words), pitch(voice)
    if have is None or want is None:
        return 1.0
    return float(np.clip((want / have) ** share, 1.0 / FARTHEST, FARTHEST))


def pitch(samples: NDArray[np.int16]) -> float | None:
    """Median pitch in hertz of the voiced moments, by autocorrelation; None if there are few.

    >>> time = np.arange(16_000) / 16_000
    >>> tone = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 8))
    >>> round(pitch((8000 * tone).astype(np.int16)))
    120
    """
    size = 1024
    if len(samples) < size:
        return None
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float32), size)[
        :: size // 2
    ]
    frames = frames - frames.mean(axis=1, keepdims=True)
    power = np.square(frames).mean(axis=1)
    frames = frames[power > 0.1 * power.mean()]
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, 2 * size, axis=1)) ** 2, axis=1)[:, :size]
    correlation /= (correlation[:, :1] + 1e-9) * (1.0 - 0.98 * np.arange(size) / size)
    low, high = RATE // HIGHEST, RATE // LOWEST
    near = correlation[:, low:high]
    # Twice and three times the period fit as well as the period does: the first good peak counts.
    peak = np.pad(
        (near[:, 1:-1] >= near[:, :-2]) & (near[:, 1:-1] >= near[:, 2:]), ((0, 0), (1, 1))
    )
    good = peak & (near > 0.85 * near.max(axis=1, keepdims=True)) & (near > 0.5)
    lag = low + good.argmax(axis=1)[good.any(axis=1)]
    return RATE / float(np.median(lag)) if len(lag) > 3 else None


def phonetic(envelope: Tensor) -> Tensor:
    """(bins, t) log envelopes to (t, 2 * COEFFICIENTS) of what is said rather than of who says it.

    Each coefficient is on the scale of the person's own louder half.
    """
    mel, cosine = _bases()
    cepstrum = envelope.t() @ mel @ cosine
    loud = cepstrum[:, 0]
    kept = cepstrum[loud >= 0.5 * (loud.max() + loud.min())]
    spread = kept.std(dim=0, correction=0) + 1e-3
    cepstrum = (cepstrum - kept.mean(dim=0)) / spread
    change = torch.zeros_like(cepstrum)
    change[1:-1] = (cepstrum[2:] - cepstrum[:-2]) / 2.0
    return torch.cat([cepstrum, change], dim=1)


@lru_cache(maxsize=1)
def _bases() -> tuple[Tensor, Tensor]:
    """(bins, bands) mel triangles and (bands, coefficients) cosines."""
    coarse = torch.from_numpy(mel_matrix(BANDS)).t()[None]
    mel = functional.interpolate(coarse, size=ENVELOPE_BINS, mode="linear")[0].t()
    angle = torch.pi * (torch.arange(BANDS)[:, None] + 0.5) * torch.arange(COEFFICIENTS) / BANDS
    return mel / mel.sum(dim=0), angle.cos()


def smooth(envelope: Tensor) -> Tensor:
    """(bins, t), each moment's mean with its neighbours."""
    wide = functional.pad(envelope[None], (1, 1), mode="replicate")
    return functional.avg_pool1d(wide, 3, 1)[0]
