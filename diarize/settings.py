"""Every tuned number of the pipeline, in one place, each with where it comes from.

Thresholds that belong to a model live in the model's own metadata; see
:class:`diarize.networks.Thresholds`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EmbeddingSettings:
    """How windows are cut and run through the network."""

    window: float = 1.6
    """Seconds of a window where the model does not say: peers use 1.2 to 1.6 s."""
    hop: float = 0.8
    """Seconds from window to window where the model does not say."""
    batch: int = 16
    """Windows a run: of 8, 16, 32 and 64 the fastest on two cores, within 5 %."""
    block: float = 60.0
    """Seconds of spectrogram held at once; 6 MB."""
    shortest: float = 0.1
    """Seconds below which a stretch of speech gets no window of its own (10 frames)."""


@dataclass(frozen=True)
class ClusteringSettings:
    """How windows become speakers.

    Chosen on 24 simulated conversations of one to eight ``dev`` people (seeds 4000 to 4023, 3 to 5
    minutes, every scene of :mod:`diarize.evaluation.scenes`) with speech regions taken from the
    reference, by DER Full. Two models decided: the first bundled one, and on every second
    conversation CAM++, so that the choice does not hang on one model. With the bundled model of
    version 1 (oracle speech, 5.1 points of it missed overlap):

    - number of speakers known: average linkage 18.0 %, spectral 15.3 % (with a tenth of all
      windows as neighbours 15.4 %, with three tenths 16.3 %);
    - unknown: the adapted cut 24.5 and 24.2 % at distances of 0.45 and 0.5; following the scatter
      by half only 27.0 %, not at all 33.6 % (both at 0.48); plain average linkage without
      centring at 0.5 24.3 %, so that for this model adaptation matters less than for the first;
    - a least share of 0.03 and 0.06 at 0.48: 26.1 and 24.9 %.

    Later, on every fourth of them (two to eight people) and the twelve real meeting clips, with the
    bundled models of version 1 throughout (segmentation, then WebRTC), DER Full by distance, with
    pairs of windows across a change left out of the scatter and the scatter held to 0.35:
    0.50 46.3, 67.9; 43.0, 66.9. 0.54 40.7, 65.2; 43.7, 65.0. 0.58 34.8, 63.1; 43.7, 63.6.
    0.62 36.1, 60.5; 40.4, 57.3. Six conversations are few, and the curve is rough: on the 30 of
    the benchmark and the same clips, with WebRTC, DER Full and the sum of count errors by distance:
    0.46 46.7 (37), 69.7 (9); 0.50 48.8 (38), 66.9 (9); 0.60 49.8 (45), 58.5 (11); without
    adaptation, 0.46 47.4 (39), 76.4 (16). 0.46 is the model's; the clips' references are
    incomplete, so that fewer speakers always look better there.

    Tried and left out, with both other models: the number of speakers by eigengap, by the ratio of
    distances between and inside groups, and by distances between groups (each 5 to 10 points
    worse than the cut); whitening by the training speakers (no gain).
    """

    seed: float = 0.5
    """Seconds of speech below which a window never starts a speaker of its own."""
    centring: float = 0.25
    """Share of the recording's mean vector that is taken off before windows are compared."""
    scatter: float = 0.2
    """Distance of neighbouring windows in the recordings that thresholds are meant for ..."""
    scatter_slope: float = 1.0
    """... and by how much the threshold follows where it is another."""
    scatter_most: float = 0.35
    """Beyond this distance neighbours are mostly different voices, and tell nothing."""
    scatter_window: float = 1.2
    """Seconds below which a window is too short to take that distance from."""
    scatter_gap: float = 0.6
    """Seconds between two windows that still are neighbours."""
    scatter_pairs: int = 8
    """Neighbours below which the threshold is left alone."""
    spectral: bool = True
    """Groups are found by spectral clustering; else they are those of the dendrogram."""
    spectral_least: int = 30
    """Windows below which the dendrogram's groups are kept."""
    neighbours: int = 8
    """Each window has at least so many neighbours in the graph ..."""
    neighbour_share: float = 0.2
    """... and at least this share of all windows."""
    tie: float = 0.01
    """Share of plain similarity in the graph, so that it never falls into unconnected parts."""
    sample: int = 1500
    """Windows that are parted spectrally; the others go to the nearest group."""
    least_share: float = 0.04
    """A speaker has at least this share of the speech; less is absorbed by the nearest one."""
    least_seconds: float = 2.0
    """... and at least so many seconds."""
    max_windows: int = 8000
    """Above it, blocks are clustered first: 8 000 windows take 256 MB of distances."""
    block_windows: int = 2000
    """Windows of a block."""
    block_clusters: int = 100
    """Groups that a block is reduced to; four times what a room with twenty voices needs."""


@dataclass(frozen=True)
class ResegmentationSettings:
    """How labelled windows become turns.

    Chosen with :class:`ClusteringSettings`, on the same conversations, number of speakers known.
    Leaning on neighbours took the first bundled model from 26.1 to 23.6 % and changed nothing for
    CAM++; a switch cost of 1, 3, 6, 10, 20 gave 24.7, 24.4, 24.1, 23.9, 24.2 % with the one and
    13.2, 13.3, 13.3, 13.3, 13.7 % with the other; rounds of reassignment (0, 1, 2) and the length
    of islands hardly matter.
    """

    step: float = 0.1
    """Seconds of a frame of the search."""
    context: float = 1.0
    """Weight of a neighbouring window in a window's vector ..."""
    context_power: float = 2.0
    """... times their cosine to this power."""
    context_gap: float = 0.3
    """Seconds between windows that still are neighbours."""
    rounds: int = 1
    """Rounds of assigning windows to centroids and centroids to windows."""
    switch: float = 6.0
    """What a change of speaker costs, in frames of the recording's median lead."""
    island: float = 0.6
    """A turn between two of another speaker, shorter than so many seconds, is absorbed ..."""
    island_margin: float = 0.5
    """... unless it leads by so many median leads."""
    snap: float = 0.4
    """A change moves to the quietest instant at most so many seconds away."""
    join: float = 0.3
    """Turns of one speaker with a shorter silence between them become one."""


@dataclass(frozen=True)
class OverlapSettings:
    """What is made of local speakers and of overlapped speech."""

    solo_share: float = 0.6
    """A window is a local speaker's if he or she is alone in so much of it."""
    shortest: float = 0.1
    """Seconds of overlap below which there is no second turn."""
    reach: float = 3.0
    """Seconds within which the second speaker has to talk elsewhere, where nothing else tells."""


@dataclass(frozen=True)
class Settings:
    """All of them."""

    embedding: EmbeddingSettings = EmbeddingSettings()
    clustering: ClusteringSettings = ClusteringSettings()
    resegmentation: ResegmentationSettings = ResegmentationSettings()
    overlap: OverlapSettings = OverlapSettings()
