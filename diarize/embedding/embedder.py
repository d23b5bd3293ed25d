"""Speech segments to unit vectors, by an embedding network in an ONNX file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from diarize import plugins
from diarize.arrays import Float32, Float64, Progress, unit
from diarize.audio import spectrogram
from diarize.audio.waveform import Waveform
from diarize.embedding.base import Embedder
from diarize.embedding.formats import recognize
from diarize.errors import ModelError
from diarize.onnx.bundled import bundled
from diarize.onnx.files import locate, sha256_of
from diarize.onnx.session import Session, first_line
from diarize.settings import DEFAULTS, EmbeddingSettings
from diarize.timeline import Segment

# Frames by which the lengths of pieces that share a batch differ.
LENGTH_STEP = 16


@dataclass(frozen=True)
class _Partial:
    """Frames ``start`` to ``stop`` of the recording, as a share of segment ``owner``."""

    start: int
    stop: int
    owner: int
    gain: float


class OnnxEmbedder:
    """An embedding network in an ONNX file, run by onnxruntime on the CPU.

    Three kinds of files are known by their metadata and the shape of their input:

    - ours (metadata key ``diarize.kind``): plain magnitudes ``(n, t, 257)``;
    - the public AutoSpeech port: ``(n, 300, 257)``, with ``mean.npy`` and ``std.npy`` beside it;
    - kaldi-style networks (WeSpeaker, CAM++, ECAPA…): ``(n, t, 80)`` log-mel filter banks.

    Parameters
    ----------
    path : str or Path, optional
        The model; None takes the bundled one.
    threads : int, optional
        Threads of onnxruntime; None takes the processors this process may use.
    batch_size : int, optional
        Windows a run, always the same number (the last batch is filled up).

    Raises
    ------
    ModelError
        Where the file is missing, damaged, or of no known kind.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        threads: int | None = None,
        batch_size: int | None = None,
        settings: EmbeddingSettings = DEFAULTS.embedding,
    ) -> None:
        self.settings = settings
        self._session = Session(bundled("autospeech") if path is None else locate(path), threads)
        self.format = recognize(self._session, self.settings)
        self.name, self.thresholds = self.format.name, self.format.thresholds
        self.window, self.hop = self.format.window, self.format.hop
        own = self._session.inputs[0]
        self._input, fixed = own.name, own.shape[0]
        self._fixed_batch = isinstance(fixed, int)
        self._batch = fixed if isinstance(fixed, int) else batch_size or self.settings.batch_size
        self.dimension = self._probe()
        self._checksum: str | None = None

    def __repr__(self) -> str:
        return f"<OnnxEmbedder {self.name!r}: {self.path}>"

    @property
    def path(self) -> Path:
        """The model's file."""
        return self._session.path

    @property
    def checksum(self) -> str:
        """SHA-256 of the model file."""
        if self._checksum is None:
            self._checksum = sha256_of(self.path)
        return self._checksum

    def __getstate__(self) -> dict[str, Any]:
        # The checksum is of the file as it is where the embedder comes to.
        return {**vars(self), "_checksum": None}

    def embed(
        self,
        waveform: Waveform,
        segments: Sequence[Segment],
        on_progress: Progress | None = None,
    ) -> Float32:
        """Return one unit vector a segment.

        A segment longer than the model's window goes through the network in one piece, or in the
        fewest equal pieces of at most ``EmbeddingSettings.max_segment`` seconds, whose vectors are
        averaged; a network that takes windows only gets overlapping ones. A shorter segment is
        repeated until it is long enough. Memory does not depend on the length of the recording.

        Parameters
        ----------
        segments : sequence of Segment
            In any order, of any length; they may overlap.
        on_progress : callable, optional
            Called as ``("embed", partial utterances done, all of them)``.

        Returns
        -------
        (len(segments), dimension) float32 array
            Zeros for a segment that the network has no finite answer to.
        """
        sums = np.zeros((len(segments), self.dimension), dtype=np.float64)
        partials = sorted(
            (
                partial
                for owner, segment in enumerate(segments)
                for partial in self._partials(waveform, segment, owner)
            ),
            key=lambda partial: (partial.start, partial.stop, partial.owner),
        )
        done = 0
        for owners, vectors in self._vectors(waveform, partials):
            np.add.at(sums, owners, vectors)
            done += len(owners)
            if on_progress:
                on_progress("embed", min(done, len(partials)), len(partials))
        return unit(sums)

    def _partials(self, waveform: Waveform, segment: Segment, owner: int) -> list[_Partial]:
        """Cut a segment into partial utterances on the frame grid."""
        form = self.format
        samples = len(waveform.samples)
        last = max(1, 1 + (samples - form.frontend.reach) // spectrogram.HOP)
        start = min(max(0, round(segment.start * spectrogram.FRAME_RATE)), last - 1)
        stop = min(max(start + 1, round(segment.end * spectrogram.FRAME_RATE)), last)
        gain = 1.0
        if form.frontend.level is not None:
            gain = spectrogram.raise_level(_level(waveform, start, stop), form.frontend.level)
        if stop - start <= form.frames:
            return [_Partial(start, stop, owner, gain)]
        if form.max_frames > form.frames:
            count = -(-(stop - start) // form.max_frames)
            edges = np.linspace(start, stop, count + 1).round().astype(int).tolist()
            return [_Partial(a, b, owner, gain) for a, b in pairwise(edges)]
        starts = list(range(start, stop - form.frames + 1, form.shift))
        left_over = stop - (starts[-1] + form.frames)
        if not form.drop_last_partial and left_over > form.shift // 4:
            starts.append(stop - form.frames)
        return [_Partial(first, first + form.frames, owner, gain) for first in starts]

    def _vectors(
        self, waveform: Waveform, partials: Sequence[_Partial]
    ) -> Iterator[tuple[npt.NDArray[np.intp], Float64]]:
        """Run batches of equally long pieces; yield their segments, (B,), and vectors, (B, D)."""
        waiting: dict[int, list[tuple[int, Float32]]] = {}
        for partial, frames in self._frames(waveform, partials):
            for piece in self._pieces(frames):
                same = waiting.setdefault(len(piece), [])
                same.append((partial.owner, self.format.frontend.prepare(piece)))
                if len(same) == self._batch:
                    yield self._answers(waiting.pop(len(piece)))
        for same in waiting.values():
            yield self._answers(same)

    def _answers(self, same: Sequence[tuple[int, Float32]]) -> tuple[npt.NDArray[np.intp], Float64]:
        """Run one batch of equally long pieces, (owner, frames) each."""
        owners, pieces = zip(*same, strict=True)
        # Windows come in batches of one size, so that the runtime plans its memory once.
        full = self._batch if self._fixed_batch or len(pieces[0]) == self.format.frames else 0
        batch = np.stack([*pieces, *[pieces[0]] * (full - len(pieces))])
        return np.asarray(owners), self._run(batch, len(owners))

    def _pieces(self, frames: Float32) -> Iterator[Float32]:
        """Lengthen frames that are too few for a window, then cut them to a few common lengths."""
        form = self.format
        if len(frames) < form.frames:
            frames = form.frontend.lengthen(frames, form.frames)
            frames = frames if form.drop_last_partial else frames[: form.frames]
        if form.max_frames:
            # A few lengths only, so that pieces share batches.
            spare = (len(frames) - form.frames) % LENGTH_STEP
            yield frames[spare // 2 : len(frames) - (spare - spare // 2)]
            return
        stop = len(frames) - form.frames + 1 if form.drop_last_partial else 1
        for start in range(0, stop, form.shift):
            yield frames[start : start + form.frames]

    def _frames(
        self, waveform: Waveform, partials: Sequence[_Partial]
    ) -> Iterator[tuple[_Partial, Float32]]:
        """Compute the frames of all partial utterances, each frame once, block by block."""
        longest = round(self.settings.block_seconds * spectrogram.FRAME_RATE)
        first = 0
        while first < len(partials):
            begin, end = partials[first].start, partials[first].stop
            after = first + 1
            while (
                after < len(partials)
                and partials[after].start <= end
                and partials[after].stop <= max(begin + longest, end)
            ):
                end = max(end, partials[after].stop)
                after += 1
            block = self.format.frontend.frames(self._samples(waveform, begin, end))
            for partial in partials[first:after]:
                frames = block[partial.start - begin : partial.stop - begin]
                yield partial, frames if partial.gain == 1.0 else frames * np.float32(partial.gain)
            first = after

    def _samples(self, waveform: Waveform, begin: int, end: int) -> Float32:
        """Return the samples that frames ``begin`` to ``end`` look at."""
        start = begin * spectrogram.HOP
        stop = (end - 1) * spectrogram.HOP + self.format.frontend.reach
        samples = waveform.block(start, min(stop, len(waveform.samples)))
        # Only a recording shorter than one frame has to be filled up.
        return np.pad(samples, (0, stop - start - len(samples)))

    def _run(self, batch: Float32, count: int) -> Float64:
        """Return the first ``count`` vectors of a batch, ready to be averaged."""
        try:
            output = self._session.run({self._input: batch})[0]
        except Exception as error:
            raise ModelError(f"{self.path}: the network failed ({first_line(error)})") from None
        vectors = np.asarray(output[:count], dtype=np.float64)
        vectors[~np.isfinite(vectors).all(axis=1)] = 0.0
        return unit(vectors).astype(np.float64) if self.format.unit_partials else vectors

    def _probe(self) -> int:
        """Run one batch to learn that the network works, and how long its vectors are."""
        form = self.format
        shape = (self._batch, form.frames, form.frontend.bins)
        try:
            output = self._session.run({self._input: np.full(shape, 0.01, np.float32)})[0]
        except Exception as error:
            raise ModelError(f"{self.path}: the network fails ({first_line(error)})") from None
        if output.ndim != 2 or len(output) != self._batch:
            raise ModelError(
                f"{self.path}: one vector a window is expected, the network answers with the "
                f"shape {output.shape}; is this a speaker embedding model?"
            )
        return int(output.shape[1])


def open_embedder(
    embedder: str | Path | Embedder | None,
    threads: int | None = None,
    settings: EmbeddingSettings = DEFAULTS.embedding,
) -> Embedder:
    """Return an embedder by a model's path or name, or a plug-in's; None: the bundled one."""
    if isinstance(embedder, str) and embedder in plugins.names("embedders"):
        embedder = cast("Embedder", plugins.load("embedders", embedder))
    if embedder is None or isinstance(embedder, str | Path):
        return OnnxEmbedder(embedder, threads=threads, settings=settings)
    return embedder


def _level(waveform: Waveform, start: int, stop: int) -> float:
    """Return the level in dBFS of the samples under frames ``start`` to ``stop``."""
    power = waveform.power(start * spectrogram.HOP, stop * spectrogram.HOP)
    return 10.0 * float(np.log10(power)) if power > 0 else float("-inf")
