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
    longest: float = 4.8
    """Seconds up to which a segment longer than a window is heard in one piece rather than as the
    mean of windows. On ``dev`` segments of 3 s: equal-error rate 7.2 against 7.8 %; of 4.8 s, 5.7
    against 6.0 % (``python -m models.autospeech.evaluate``)."""
    batch: int = 16
    """Windows a run: of 8, 16, 32 and 64 the fastest on two cores, within 5 %."""
    block: float = 60.0
    """Seconds of spectrogram held at once; 6 MB."""
    shortest: float = 0.1
    """Seconds below which a stretch of speech gets no window of its own (10 frames)."""
    least: float = 0.25
    """Seconds of speech in a whole recording below which it holds none: a knock or a cough."""
    bridge: float = 0.6
    """Seconds of silence that a window may reach across: turns leave out pauses, windows do not.
    With the bundled models 0 and 0.6 are the same to 0.2 points on the conversations of
    :class:`VariationalSettings`; a detector that finds every short pause would chop windows."""


@dataclass(frozen=True)
class ClusteringSettings:
    """How windows become a first guess of the speakers, and who counts as one.

    On 36 simulated conversations of two to eight ``dev`` people (seeds 21000 to 21035, 3 to 5
    minutes, every scene of :mod:`diarize.evaluation.scenes`), with both bundled models: cutting at
    the model's distance or 0.06 from it, and 25 or 40 groups, move DER Full by less than half a
    point; see :class:`VariationalSettings`, which does the counting. A least share of 0.02 or 0.03
    gives the same DER, 0.04 loses quiet people (half a point of JER).

    The spectral part, for where more speakers are asked for than were found, was chosen on 24 such
    conversations (seeds 4000 to 4023) with speech given and the number of speakers known: average
    linkage 18.0 %, spectral 15.3 % (with a tenth of all windows as neighbours 15.4 %, with three
    tenths 16.3 %).

    Tried and left out: the number of speakers by the dendrogram's cut (DER Full 42.9 % against
    35.7 % on those 36), by eigengap, by the ratio of distances between and inside groups; pairs of
    windows that cannot be one voice; whitening by the training speakers.
    """

    seed: float = 0.5
    """Seconds of speech below which a window never starts a speaker of its own."""
    centring: float = 0.25
    """Share of the recording's mean vector that is taken off before windows are compared."""
    scatter_window: float = 1.2
    """Seconds below which a window is too short to tell how far apart those of one voice lie."""
    scatter_gap: float = 0.6
    """Seconds between two windows that still are neighbours."""
    scatter_pairs: int = 8
    """Neighbours below which the threshold is left alone."""
    most_groups: int = 25
    """Groups of the first guess; more where more speakers are asked for."""
    spectral_least: int = 30
    """Windows below which the dendrogram's groups are taken instead."""
    neighbours: int = 8
    """Each window has at least so many neighbours in the graph ..."""
    neighbour_share: float = 0.2
    """... and at least this share of all windows."""
    tie: float = 0.01
    """Share of plain similarity in the graph, so that it never falls into unconnected parts."""
    sample: int = 1500
    """Windows that are parted spectrally; the others go to the nearest group."""
    least_share: float = 0.02
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
class VariationalSettings:
    """The hidden Markov model that decides how many speakers there are.

    Chosen on the 36 conversations named at :class:`ClusteringSettings`, with the models of version
    1, by DER Full and Forgiving, JER and the count's error together, from 100 draws of these
    numbers. The valley is broad: a third more or less evidence, half or one and a half times the
    prior, a centring of 0 and a chance of staying of 0.93 cost about one point of DER Full each.
    The share of the prior was set on the same recordings cut to 30, 60 and 120 s and on five of 20
    minutes (seeds 27000 to 27004): without it, four speakers too many were found in those. Several
    first guesses, of which the likeliest result is taken, gained nothing.

    On 28 other conversations of one to eight people (seeds 25000 to 25027), which decided nothing
    till then, against the dendrogram's cut that this replaces: DER Full 43.8 to 38.6 %, Forgiving
    23.8 to 18.1 %, JER 48.1 to 44.2 %, the number of speakers right in 39 and 39 %, off by 0.93
    and 0.79; the number known, 35.9 to 35.8 %.

    With the models of version 2 the numbers were drawn 25 times again on both sets: only the
    centring moved, from 0.5 to 0.75, which took DER Full from 29.3 to 28.6 % on the 36 and from
    32.3 to 31.8 % on the 28 (the number right in 58 and 43 %, off by 0.61 and 0.71; the number
    known, 27.8 and 28.5 %). On the twelve real clips, of half a minute each, that left 70.0 %.
    With the distance of these models at its calibrated value, a centring of 0.5 and a prior of 6 s
    and a fiftieth instead of 4 s and a fortieth take the 36 from 28.6 to 28.8 %, the 28 from 33.9
    to 32.9 % and the clips to 62.0 %: these are the numbers here, so that the clips had a say.
    """

    evidence: float = 20.0
    """Nats by which a second of speech speaks for a voice, over one that is as far away again as
    windows of one voice lie apart."""
    prior: float = 2.5
    """Seconds of speech that a speaker's prior at the recording's centre weighs as much as ..."""
    prior_share: float = 0.015
    """... and this share of all speech on top: 10 s together in a recording of four minutes."""
    centring: float = 0.5
    """Share of the recording's mean vector that is its centre."""
    stay: float = 0.85
    """Chance that a window has the voice of the one before."""
    rounds: int = 15
    """Rounds of shares and means at most."""
    joins: int = 3
    """Pairs of speakers that are joined on trial at a time."""


@dataclass(frozen=True)
class ResegmentationSettings:
    """How labelled windows become turns.

    Chosen on the conversations named at :class:`VariationalSettings`: a switch cost of 3, 6 and 10
    gave a DER Full of 36.5, 36.8 and 37.3 %; rounds of assigning windows to the nearest centroid,
    and leaning on neighbouring windows, which an earlier version had, gained nothing or lost up to
    a point.
    """

    step: float = 0.1
    """Seconds of a frame of the search."""
    bridge: float = 0.6
    """Seconds of silence across which the search goes on; not below the windows' own."""
    switch: float = 4.0
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

    shortest: float = 0.4
    """Seconds of overlap below which there is no second turn. On the 57 conversations named at
    :class:`VariationalSettings`, version 3 of the segmentation: DER Full 28.7 % with 0.1, 28.5 %
    with 0.4, 28.6 % with 0.6 or no second turns at all; Forgiving 14.7, 14.3, 13.9 and 13.4 %."""
    reach: float = 3.0
    """Seconds within which the second speaker has to talk elsewhere, where nothing else tells."""


@dataclass(frozen=True)
class NamingSettings:
    """What a name needs, from the model's verification threshold."""

    lift: float = 0.08
    """Added to it for a cluster: the model's line is for one pair of pieces that are heard whole,
    and means of windows are more alike; 1 % of impostors among 42 ``dev`` people reach 0.08 more
    (:mod:`diarize.evaluation.identification`, all conditions)."""
    drop: float = 0.1
    """Taken off it for each turn of a named cluster by itself, of which there is less speech. In 48
    simulated meetings (:mod:`diarize.evaluation.named_meetings`) at about this lift: no such line
    52 % of the enrolled people's speech named rightly and 3.5 and 0.9 % of the strangers' named, by
    half of the people; with it 50 %, 2.6 and 0.5 %; 0.1 higher 46 %, 2.3 and 0.3 %."""
    typical: float = 0.5
    """A voice is the mean of this share of its windows: those nearest to the mean of all ..."""
    centring: float = 0.5
    """... less, where there are several, this share of the mean of all voices: mostly the room and
    the microphone. With 1 % of wrong names and named strangers, in 96 simulated meetings of 36
    ``dev`` people: 48.5 % of the enrolled people's speech named rightly with neither, 52.1 % with
    the first, 57.0 % with both; with the mean of ``train`` people taken off the samples as well
    58.0 %; AS-norm by 450 vectors of such people 49.7 %."""
    several: int = 4
    """Voices from which on their mean says little about any one of them."""


@dataclass(frozen=True)
class LinkingSettings:
    """When voices of several recordings are one person, for ``--link``."""

    lift: float = -0.12
    """Least average cosine of their centroids, from the model's verification threshold. Of 72 pairs
    of voices of one person in 24 simulated recordings (:mod:`diarize.evaluation.linked_recordings`,
    eight folders of ``dev`` people, 0.641 the model's line): at 0.00 23 joined, and one pair of two
    people; at -0.06 31 and 1; at -0.12 36 and 1; at -0.21 36 and 1; at -0.30 38 and 2."""


@dataclass(frozen=True)
class Settings:
    """All of them."""

    embedding: EmbeddingSettings = EmbeddingSettings()
    clustering: ClusteringSettings = ClusteringSettings()
    variational: VariationalSettings = VariationalSettings()
    resegmentation: ResegmentationSettings = ResegmentationSettings()
    overlap: OverlapSettings = OverlapSettings()
