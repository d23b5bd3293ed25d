"""Every tuned number of the pipeline, in one place, each with where it comes from.

Thresholds that belong to a model live in the model's own metadata; see
:class:`diarize.embedding.base.Thresholds`.
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
class FaintSpeechSettings:
    """What a segmentation finds, but no listener would: a voice next door, a headset's leak.

    Both have to hold, so that a quiet recording keeps its speech, and so does a question from the
    back of the hall. Set by hand after looking at the twelve real clips, where one has such a leak
    (4.9 s, 31 dB below, at −72 dBFS); besides it 0.4 s and 0.3 s without speech are left out, and
    nothing in the 24 simulated conversations of ``python -m models.segmentation.evaluate``.
    """

    below: float = 20.0
    """dB below the mean power of all speech in the recording ..."""
    level: float = -65.0
    """... and dBFS below which a region is left out."""


@dataclass(frozen=True)
class ClusteringSettings:
    """How windows become a first guess of the speakers, and who counts as one.

    On 36 simulated conversations of two to eight ``dev`` people (seeds 21000 to 21035, 3 to 5
    minutes, every scene of :mod:`models.simulation.scenes`), with both bundled models: cutting at
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

    Chosen on 57 simulated conversations of two to eight ``dev`` people, three to five minutes each:
    the 36 named at :class:`ClusteringSettings` and the 21 of :mod:`models.benchmark.tuning`
    (seeds 7000 to 7020). By DER Full and Forgiving without second turns, and the number of
    speakers, with version 2 of both models: without joining, and a prior of 6 s and a fiftieth,
    29.7 and 14.7 %, the number right in 23 of 57, off by 0.96; with joining and these numbers, but
    an evidence of 25, 28.2 and 13.0 %, 29 right, 0.72. With version 3 of the segmentation, 28.0 and
    12.8 %, 29 right, 0.75; evidence 25 or 35 costs half a point to one, a prior of 2 s nothing, of
    3 s 0.8. With version 4, 28.5 and 11.5 %, 26 right, 0.75. With version 5, 27.3 and 11.0 %, 31
    right, 0.72, and 27.9 and 13.0 %, 10 right of 28 other conversations (seeds 25000 to 25027); a
    prior of 2 s gives 27.0 and 10.7 %, 32, and 27.6 and 12.6 %, 14, but is worse where there is
    less to hear: 23.3 and 9.5 instead of 22.8 and 8.6 % in 24 conversations of a minute, 45.2 and
    30.9 instead of 40.0 and 25.5 % in the twelve real clips (3 s: 24.1 and 9.8, 39.1 and 24.8 %).
    The number known, 27.1 % became 26.3 % with version 2. A larger share suits recordings of 20
    minutes (seeds 27000 to 27003, version 3), in which one speaker too many is found with this one.
    Joining found what going through the windows could not: on the benchmark's conversations, all
    five that had too many speakers were better explained by the true ones.

    With version 3 of the embedding these 85 conversations have 27.4 and 12.1 % (version 2: 27.1 and
    11.7 %), 41 right as before; with a prior of 2 s 27.2 and 11.9 %, of 1.5 s 26.9 and 11.5 %. 24
    others of a minute (seeds 29000 to 29023) have 29.3 and 15.1 %, with 2 s 27.6 and 13.2, with 1.5
    s 26.9 and 12.3; but 16 of two minutes (seeds 30000 to 30015) 20.9 and 5.6 %, 21.4 and 5.8, 22.5
    and 6.9, and the real clips 39.1 and 23.2 %, 40.2 and 24.0, 51.6 and 39.1: so the prior stays,
    and so does the model's distance of 0.34 (with 0.28 the 85 have 27.1 and 11.7 %, the real clips
    46.0 and 30.3 %).

    People of the telephone corpus come on several lines in one simulated conversation, and may
    count twice. Of these 85 conversations (version 5), the 52 without such people have 0.37
    speakers too few on average, the number right in 60 %; the other 33 have 0.55 too many and 30 %.

    Tried and left out: a dearer speaker by a factor of 2 to 4 instead of the prior's weight (0.8 to
    1.6 points worse); whitening by the training speakers (0 to 1.5 points worse); windows of 1.2,
    1.4, 2.4 and 3.2 s (0.5 to 8 points worse); several first guesses, of which the likeliest
    result is taken (nothing gained).
    """

    evidence: float = 20.0
    """Nats by which a second of speech speaks for a voice, over one that is as far away again as
    windows of one voice lie apart."""
    prior: float = 2.5
    """Seconds of speech that a speaker's prior at the recording's centre weighs as much as, at
    least ..."""
    prior_share: float = 0.015
    """... and this share of all speech, where that is more: from three minutes of speech on."""
    plain: float = 1.6
    """How many times as much the prior weighs where a plain detector says nothing of changes and
    overlaps: windows that hold two voices would else be found to be a third one. With WebRTC's on
    the 57 conversations: 1.0 gives a DER Full of 40.5 % and the number right in 20, 1.6 38.4 % and
    29, 2.4 40.1 % and 29."""
    centring: float = 0.5
    """Share of the recording's mean vector that is its centre."""
    stay: float = 0.85
    """Chance that a window has the voice of the one before."""
    rounds: int = 15
    """Rounds of shares and means at most."""
    joins: int = 3
    """Pairs of speakers that are joined on trial at a time; 0 for none."""


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
    with 0.4, 28.6 % with 0.6 or no second turns at all; Forgiving 14.7, 14.3, 13.9 and 13.4 %.
    With version 4 Full is 28.6 % with 0.4, 28.8 % with 0.6, 28.9 % with none. With version 5, whose
    overlaps begin at a probability of 0.5, second turns are only written where it is 0.75
    (``SegmentationOptions.sure``): Full and Forgiving 26.7 and 11.1 %, in
    all overlaps 26.9 and 11.8 %, nowhere 27.3 and 11.0 %."""
    reach: float = 3.0
    """Seconds within which the second speaker has to talk elsewhere, where nothing else tells."""


@dataclass(frozen=True)
class IdentificationSettings:
    """When a voice of a finished diarization is given the name of an enrolled person.

    Chosen by ``python -m models.benchmark.named_meetings``; its tables are in the README.
    """

    offset: float = 0.0
    """Least cosine of a voice and a person for a name, from the model's verification threshold."""
    relief: float = 0.17
    """How much less is enough where no more people are enrolled than voices heard: those people are
    likely there. From twice as many people as voices on, nothing is taken off."""
    margin: float = 0.05
    """Least lead of that cosine over the one with the next best person."""
    proposal: float = 0.1
    """How far below the bar a name still is proposed."""
    clear: float = 0.15
    """How far above the verification threshold two voices have to be to be one person."""
    turn_offset: float = -0.29
    """Least cosine of a turn and the person whom it is named after, from the verification
    threshold; below it the turn is unsure. In 48 simulated meetings 5 % of the turns with the right
    name are unsure and 46 % of those with a wrong one, turns too short to compare included."""
    min_segment: float = 0.5
    """Seconds below which a stretch of speech is not embedded to enroll or identify somebody."""
    short_segment: float = 2.0
    """Seconds below which a segment that is identified by itself takes its neighbours' evidence,
    if they are ..."""
    neighbor_gap: float = 1.0
    """... no more than these seconds away ..."""
    neighbor_cosine: float = 0.6
    """... and as much like it as this. Of turns of 1 to 2 s in six simulated meetings, 68 instead
    of 66 % are named rightly with it; at 0.45, shorter turns take the name of whoever they
    interrupt."""


@dataclass(frozen=True)
class LinkingSettings:
    """When voices of several recordings are one person, for ``--link``."""

    lift: float = -0.15
    """Least average cosine of their centroids, from the model's verification threshold. Of 105
    pairs of voices of one person in simulated recordings
    (:mod:`models.benchmark.linked_recordings`, 16 folders of ``dev`` people, 0.641 the model's
    line): at 0.00 54 joined, and one pair of two people; at -0.06 62 and 1; at -0.12 71 and 1; at
    -0.21 74 and 1; at -0.30 77 and 1. With version 5 of the segmentation 58, 66, 71, 76 and 79 of
    123, and one other pair each, but three at the last two. With version 3 of the embedding (line
    0.588) 48, 55, 73, 79 and 79 of 108, and 0, 1, 1, 1 and 5 others; at -0.15 77 and 1."""


@dataclass(frozen=True)
class ChannelSettings:
    """When channels hold a voice each, and what of one is heard in another. Levels in dB."""

    step: float = 0.1
    """Seconds of a level."""
    floor: float = -100.0
    """Below full scale; silence counts as this."""
    silent: float = -80.0
    """A channel whose speech would not reach this is silent."""
    active: float = 25.0
    """A channel is active down to this much below its loudest twentieth."""
    least: float = 4.0
    """Seconds of activity that it takes to judge."""
    contrast: float = 20.0
    """Between who talks and who listens, where two channels take turns."""
    share: float = 0.05
    """Of the activity, that each of two channels has at least where they take turns."""
    own: float = 10.0
    """By which a voice stands out from what else is on its channel."""
    faint: float = 30.0
    """Below the loudest channel: who speaks there is lost in the mix."""
    most: int = 4
    """Channels of a recording by several microphones; more are the sound of a film all around."""
    leak_contrast: float = 12.0
    """Between a voice on its own channel and on another, for the one to be told from the other."""
    range: float = 40.0
    """Below its own speech a channel counts as silent, however silent it is."""
    same: float = 6.0
    """Up to which two channels with one sound differ."""
    both: float = 0.8
    """Share of the speech that two channels with one sound have in common."""
    smooth: int = 5
    """Steps over which a leak is smoothed."""
    shortest: float = 0.2
    """Seconds of speech that may be left over beside a leak."""


@dataclass(frozen=True)
class EnrollmentSettings:
    """What a recording must be like that a person is to be known by."""

    least_speech: float = 5.0
    """Seconds of speech, of all recordings together."""
    second_voice_seconds: float = 3.0
    """Seconds that another voice has to speak to count as a second person ..."""
    second_voice_share: float = 0.1
    """... and the share of the speech: less than that is as often an odd stretch of the first."""
    same_voice_offset: float = -0.06
    """Cosine from which two speakers of a diarization may be one person, from the model's
    verification threshold."""
    answering: float = 0.12
    """Share above which the segmentation takes two such speakers for two people
    (:func:`diarize.speakers.voices.answering`), where it does so for ...
    """
    answering_seconds: float = 2.0
    """... these seconds at least; ..."""
    answering_short: float = 0.5
    """... and the share for fewer seconds. Of 150 recordings of one ``dev`` person, 14 of which the
    diarization splits, 2 are taken for two people; of 136 dialogues of two, 4 of which the
    diarization takes for one, 6 are."""
    mixed: float = 0.14
    """The same of one voice with itself, above which a second person is warned of."""
    most_overlap: float = 0.15
    """Share of the speech in which two may talk at once before the recording is refused."""
    unlike_offset: float = -0.29
    """Cosine below which samples are not of one person, from the same threshold: 2.5 % of 106
    people's recordings of two sessions are, and 86 % of pairs of people."""
    doubtful_offset: float = -0.14
    """Cosine below which that is warned of, from the same threshold."""
    least_snr: float = 7.0
    """Decibels that speech has to stand above the quietest twentieth of it: below that, noise has
    taken its cosine with clear speech of the same person from 0.92 to 0.6 or less."""
    least_outlying: float = 0.2
    """A piece is left out if it is so much less like the voice than usual ..."""
    outlying_spreads: float = 4.0
    """... and by so many robust standard deviations."""
    clipped_share: float = 0.001
    """Share of samples at full scale beyond which clipping is warned of."""
    low_level: float = -45.0
    """Mean level of the speech in dBFS below which the recording is called quiet."""


@dataclass(frozen=True)
class Settings:
    """All of them."""

    embedding: EmbeddingSettings = EmbeddingSettings()
    clustering: ClusteringSettings = ClusteringSettings()
    variational: VariationalSettings = VariationalSettings()
    resegmentation: ResegmentationSettings = ResegmentationSettings()
    overlap: OverlapSettings = OverlapSettings()
    identification: IdentificationSettings = IdentificationSettings()
    channels: ChannelSettings = ChannelSettings()
