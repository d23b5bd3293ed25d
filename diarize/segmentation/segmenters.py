"""Segmenters: speech, overlaps and changes of speaker in a recording, by a network in an ONNX file.

A network reads overlapping windows and tells up to three local speakers apart in each of them. What
they do frame by frame gives all that the later stages need: regions of speech, overlaps, changes of
speaker, and the frames in which one voice is alone.
"""

from __future__ import annotations

from pathlib import Path

from diarize.arrays import Progress
from diarize.audio.waveform import Waveform
from diarize.errors import ModelError
from diarize.onnx.bundled import bundled
from diarize.onnx.session import Session
from diarize.segmentation.activity import SpeechActivity
from diarize.segmentation.aggregation import score_frames
from diarize.segmentation.binarization import binarize, hysteresis, postprocess
from diarize.segmentation.energy_gate import drop_inaudible
from diarize.segmentation.networks import (
    POWERSET,
    BundledNetwork,
    PowersetNetwork,
    PyannoteNetwork,
    SileroNetwork,
)
from diarize.settings import DEFAULTS, EnergyGateSettings, SegmentationSettings, Settings
from diarize.timeline import runs

# Of networks that bring no thresholds of their own, such as pyannote's.
PLAIN_SETTINGS = SegmentationSettings()
# Silero's own defaults (get_speech_timestamps of github.com/snakers4/silero-vad); only the silence
# is longer than its 0.1 s, so that pauses between words do not cut turns.
SILERO_SETTINGS = SegmentationSettings(min_speech=0.25, min_silence=0.3, pad=0.03)


class NeuralSegmenter:
    """Segmentation by a powerset network that reads overlapping windows.

    Probabilities of overlapping windows are averaged after the local speakers of each window were
    matched with those of the one before, middle frames counting most.

    Parameters
    ----------
    network : PowersetNetwork
        See :mod:`diarize.segmentation.networks`.
    batch : int
        Windows a run of the network: bounds the memory whatever the recording's length.
    energy_gate : EnergyGateSettings
        Limits below which regions are too faint to count.
    """

    def __init__(
        self,
        network: PowersetNetwork,
        settings: SegmentationSettings = PLAIN_SETTINGS,
        batch: int = 4,
        energy_gate: EnergyGateSettings = DEFAULTS.energy_gate,
    ) -> None:
        self.network = network
        self.settings = settings
        self.batch = batch
        self.energy_gate = energy_gate

    def __call__(self, waveform: Waveform, on_progress: Progress | None = None) -> SpeechActivity:
        """Return the speech activity of a recording.

        Parameters
        ----------
        waveform : Waveform
            16 kHz mono.
        on_progress : callable, optional
            Called as ``("speech", windows done, windows)``.
        """
        if not len(waveform):
            return SpeechActivity(())
        scores = score_frames(
            self.network, waveform, self.batch, on_progress, hop=self.settings.hop
        )
        found = binarize(scores, self.settings, waveform.duration)
        return drop_inaudible(found, waveform, self.energy_gate)


class SileroSegmenter:
    """Regions of speech by a user's ``silero_vad.onnx``; neither overlaps nor changes."""

    def __init__(
        self, network: SileroNetwork, settings: SegmentationSettings = SILERO_SETTINGS
    ) -> None:
        self.network = network
        self.settings = settings

    def __call__(self, waveform: Waveform, on_progress: Progress | None = None) -> SpeechActivity:
        """Return the speech regions of a recording."""
        probability = self.network(waveform, on_progress)
        settings = self.settings
        speaking = hysteresis(probability, settings.onset, settings.offset)
        speech = postprocess(
            runs(speaking, self.network.step),
            waveform.duration,
            min_silence=settings.min_silence,
            min_speech=settings.min_speech,
            pad=settings.pad,
        )
        return SpeechActivity(tuple(speech))


def load_segmentation(
    path: str | Path | None = None, threads: int | None = None, settings: Settings = DEFAULTS
) -> NeuralSegmenter | SileroSegmenter:
    """Open a segmentation or voice activity model.

    Its inputs and outputs decide which kind it is: the bundled model, pyannote's segmentation
    networks as exported for sherpa-onnx, or Silero's VAD (versions 4 and 5).

    Parameters
    ----------
    path : str or Path, optional
        An ONNX file; the bundled model if not given.
    threads : int, optional
        Threads of the runtime; as many as there are cores if not given.
    settings : Settings
        Its ``segmentation`` takes the place of the thresholds that the model brings.

    Raises
    ------
    ModelError
        When the file is missing, damaged, or of no known kind.
    """
    session = Session(bundled("segmentation") if path is None else Path(path), threads)
    kind = _kind_of(session)
    if kind is SileroNetwork:
        return SileroSegmenter(SileroNetwork(session), settings.segmentation or SILERO_SETTINGS)
    if kind is PyannoteNetwork:
        network: PowersetNetwork = PyannoteNetwork(session)
        own = PLAIN_SETTINGS
    else:
        network = BundledNetwork(session, session.number("window"))
        own = _own_settings(session)
    return NeuralSegmenter(network, settings.segmentation or own, energy_gate=settings.energy_gate)


def _kind_of(session: Session) -> type:
    """Return the class of network that a session holds, by its inputs and outputs."""
    inputs = {item.name: item.shape for item in session.inputs}
    shape = next(iter(inputs.values()))
    classes = session.outputs[0].shape[-1]
    if "input" in inputs and "sr" in inputs and ("state" in inputs or {"h", "c"} <= set(inputs)):
        return SileroNetwork
    if len(inputs) == 1 and len(shape) == 3 and classes in (len(POWERSET), None, "num_classes"):
        if session.metadata.get("diarize.kind") == "segmentation":
            return BundledNetwork
        if shape[1] in (1, None) or isinstance(shape[1], str):
            return PyannoteNetwork
    raise ModelError(
        f"{session.path}: not a segmentation model of a known kind (the bundled one, pyannote "
        "segmentation exported for sherpa-onnx, Silero VAD); its inputs are "
        + ", ".join(f"{name} {size}" for name, size in inputs.items())
    )


def _own_settings(session: Session) -> SegmentationSettings:
    """Read the thresholds that were tuned for a model of ours from its metadata."""
    keys = {name: name for name in SegmentationSettings.__dataclass_fields__}
    # Files before version 6 call it so.
    if "diarize.sure" in session.metadata:
        keys["second_turn_onset"] = "sure"
    # Older files lack them: hop before version 2, the other before version 5.
    for name in ("hop", "second_turn_onset"):
        if f"diarize.{keys[name]}" not in session.metadata:
            del keys[name]
    return SegmentationSettings(**{name: session.number(key) for name, key in keys.items()})
