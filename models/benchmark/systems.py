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
    asked : bool
        Runs only when asked for by name.
    """

    title: str
    note: str
    peers: bool = True
    asked: bool = False


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
    "resemblyzer-demo": System(
        "Resemblyzer as in its demo",
        "the same with `rate=16`, as its diarization demo has it: twelve times as many vectors",
        asked=True,
    ),
}
