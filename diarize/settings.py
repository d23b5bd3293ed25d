"""Every tuned number of the pipeline, in one place, each with where it comes from.

Thresholds that belong to a model live in the model's own metadata; see
:class:`diarize.networks.Thresholds`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


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

    Chosen on 57 simulated conversations of two to eight ``dev`` people, three to five minutes each:
    the 36 named at :class:`ClusteringSettings` and the 21 of :mod:`diarize.evaluation.tuning`
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
    (:attr:`diarize.segmentation.SegmentationOptions.sure`): Full and Forgiving 26.7 and 11.1 %, in
    all overlaps 26.9 and 11.8 %, nowhere 27.3 and 11.0 %."""
    reach: float = 3.0
    """Seconds within which the second speaker has to talk elsewhere, where nothing else tells."""


@dataclass(frozen=True)
class SecondPassSettings:
    """How turns found at first are heard once more, in pieces of their own, and told apart anew.

    Windows have to be cut before anybody knows where a voice ends, and half of each is the window
    before it; pieces of turns are of one voice as a rule, and may be longer. It is done where
    people are to be named: in 72 castings of simulated meetings (:class:`NamingSettings`) 0.6
    instead of 1.4 % of the enrolled people's speech bears a wrong name, and 0.8 instead of 2.4 % of
    the strangers' a name. For who spoke when it doubles the network's time for little. Chosen on
    the conversations named at :class:`VariationalSettings`, without second turns: DER Full and
    Forgiving of 26.0 and 10.9 % became 24.8 and 9.9 % on the 36, 32.4 and 17.2 became 31.7 and
    16.5 % on the 21. On conversations that decided nothing: 29.7 and 15.5 became 28.4 and 14.5 %
    (28, seeds 25000 to 25027), the benchmark's 29.9 and 16.6 became 29.6 and 16.5 % (30; number of
    speakers right in 43 instead of 53 %; with Resemblyzer's vectors 31.1 and 18.3 became 28.4 and
    15.5 %), and the ablation's 30.6 and 17.2 became 32.4 and 19.0 % (14). That was with version 3
    of the segmentation; with version 5 the ablation's 27.0 and 10.7 become 26.9 and 10.8 %.

    Tried on the 36, with turns from the pieces alone: pieces of 2.0 s 25.7 and 10.9 %, of 2.4 s
    24.8 and 9.8 %, of 3.2 s 25.3 and 10.4 % (with an evidence of 7: 25.1 and 10.3, 25.2 and 10.2,
    24.9 and 9.8 %), of 4.8 s 26.6 and 11.8 %.
    """

    always: bool = False
    """Whether it is done for who spoke when as well, not only for names."""
    longest: float = 1.5
    """Length of a piece at most, in windows of the model (of 1.6 s)."""
    shortest: float = 0.3
    """Seconds below which a stretch is not heard."""
    least: float = 100.0
    """Seconds of speech below which one pass is all: there are too few pieces. In 24 conversations
    of a minute DER Full and Forgiving went from 23.6 and 9.2 to 23.9 and 10.0 %, in 12 of two
    minutes from 28.5 and 12.9 to 28.7 and 13.5 %, in the twelve real half-minute clips from 63.4
    and 64.1 to 67.1 and 66.8 %."""
    evidence: float = 10.0
    """As :attr:`VariationalSettings.evidence`: pieces of one voice lie closer together than
    windows."""


@dataclass(frozen=True)
class NamingSettings:
    """What a name needs, from the model's verification threshold."""

    lift: float = 0.04
    """Added to it for a voice, which is a mean of several pieces as a rule, while the model's line
    is for one piece against one, and means are more alike: 1 % of impostors among 42 ``dev`` people
    reach 0.04 more (:mod:`diarize.evaluation.identification`, all conditions)."""
    among: float = -0.06
    """Added for a voice that has lost what all voices of the recording share (see below), and is
    less like everybody for that ..."""
    drop: float = 0.1
    """... and taken off the model's threshold for each turn of a named voice by itself, of which
    there is less speech. In 72 castings of 24 simulated meetings
    (:mod:`diarize.evaluation.named_meetings`), shares of the enrolled people's speech named rightly
    and wrongly, and of the strangers' named: with these 54.4, 1.4 and 2.4 %; with a drop of 0.05
    52.5, 1.5 and 2.2 %; at -0.08 and 0.1 58.7, 1.4 and 2.5 %, at -0.12 62.8, 1.6 and 2.9 %, at
    -0.02 50.5, 1.3 and 3.1 %. With windows of 1.6 s instead of long pieces, at the best lines for
    those, it was 49.2, 1.4 and 2.4 %. All that was with one pass and version 3 of the
    segmentation; with two, and the same lines, 54.7, 0.6 and 0.8 %, with version 4 58.3, 0.6 and
    0.4 % and 54 % of the castings without any error. With each turn speaking for its name by itself
    in the end (:mod:`diarize.speakers.parting`) 57.5, 0.4 and 0.2 % and 93 %, and on 36 other
    meetings of the same people 56.3, 0.6 and 0.4 % and 84 %; a drop of 0.15 gave 60.8, 0.6, 0.3 and
    86 %, 0.05 53.5, 0.2, 0.1 and 94 %; among at -0.1 60.9, 0.5, 0.9 and 88 %."""
    hardly: float = 0.15
    """Confidence below which a turn's speaker hardly leads over the next one; there ..."""
    surer: float = 0.1
    """... each turn has to be so much more like the person. In the castings above, with version 5,
    57.7, 0.4 and 0.3 % instead of 58.1, 0.8 and 0.6 %, without any error 88 % both; in the 36 other
    meetings 56.2, 0.5 and 0.3 % instead of 56.3, 0.6 and 0.4 %. With version 3 of the
    embedding 57.0, 0.3 and 1.1 % in the castings above, without any error 92 %. (A line of 0.1,
    0.2 or 0.3 and 0.05 or 0.15 more likeness name a little more or less.)"""
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
    longest: float = 4.8
    """Seconds up to which speech is heard in one piece to be named or enrolled. With ten of 21
    people enrolled, over all conditions of :mod:`diarize.evaluation.identification`, 90.1 % are
    named rightly or, if strangers, not at all; in pieces of 3.2 s 88.9 %, as means of windows of
    1.6 s 88.2 %."""
    shortest: float = 0.5
    """Seconds below which a piece says too little of a voice to be heard for its name."""


@dataclass(frozen=True)
class LinkingSettings:
    """When voices of several recordings are one person, for ``--link``."""

    lift: float = -0.15
    """Least average cosine of their centroids, from the model's verification threshold. Of 105
    pairs of voices of one person in simulated recordings
    (:mod:`diarize.evaluation.linked_recordings`, 16 folders of ``dev`` people, 0.641 the model's
    line): at 0.00 54 joined, and one pair of two people; at -0.06 62 and 1; at -0.12 71 and 1; at
    -0.21 74 and 1; at -0.30 77 and 1. With version 5 of the segmentation 58, 66, 71, 76 and 79 of
    123, and one other pair each, but three at the last two. With version 3 of the embedding (line
    0.588) 48, 55, 73, 79 and 79 of 108, and 0, 1, 1, 1 and 5 others; at -0.15 77 and 1."""


@dataclass(frozen=True)
class Settings:
    """All of them."""

    embedding: EmbeddingSettings = EmbeddingSettings()
    clustering: ClusteringSettings = ClusteringSettings()
    variational: VariationalSettings = VariationalSettings()
    resegmentation: ResegmentationSettings = ResegmentationSettings()
    overlap: OverlapSettings = OverlapSettings()
    second_pass: SecondPassSettings = SecondPassSettings()


def for_names(settings: Settings | None = None) -> Settings:
    """Return settings with which a recording is analysed whose voices will be named.

    Examples
    --------
    >>> Settings().second_pass.always, for_names().second_pass.always
    (False, True)
    """
    settings = settings or Settings()
    return replace(settings, second_pass=replace(settings.second_pass, always=True))
