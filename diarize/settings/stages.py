"""Numbers of the stages that tell who spoke when, in their order."""

from __future__ import annotations

from dataclasses import dataclass

from diarize.errors import UsageError


@dataclass(frozen=True)
class ChannelSettings:
    """When channels hold a voice each, and what of one leaks into another. Levels in dB.

    Set by hand; no page.
    """

    step: float = 0.1
    """Seconds of a level."""
    floor: float = -100.0
    """dBFS that silence counts as."""
    silent_below: float = -80.0
    """dBFS that the speech of a silent channel does not reach."""
    active_range: float = 25.0
    """How far below its loudest twentieth a channel is still active."""
    min_activity: float = 4.0
    """Seconds of activity that it takes to judge."""
    min_contrast: float = 20.0
    """Between who talks and who listens, where two channels take turns."""
    min_share: float = 0.05
    """Share of the activity that each of two channels that take turns has at least, 0 to 1."""
    min_prominence: float = 10.0
    """By which a voice stands out from what else is on its channel."""
    faint_below: float = 30.0
    """Below the loudest channel: who speaks there is lost in the mix."""
    max_channels: int = 4
    """Channels of a recording by several microphones; more are the sound of a film all around."""
    min_leak_contrast: float = 12.0
    """Between a voice on its own channel and on another, for the one to be told from the other."""
    level_range: float = 40.0
    """Below its own speech a channel counts as silent, however silent it is."""
    same_level: float = 6.0
    """Up to which two channels with one sound differ."""
    min_common_share: float = 0.8
    """Share of the speech that two channels with one sound have in common, 0 to 1."""
    smoothing_steps: int = 5
    """Steps over which a leak is smoothed, odd."""
    min_segment: float = 0.2
    """Seconds of speech that may be left over beside a leak."""


@dataclass(frozen=True)
class SegmentationSettings:
    """How frame-by-frame probabilities become regions of speech and overlap.

    A model's own values lie in its metadata; table: ``models/segmentation/MODEL_CARD.md``.
    """

    onset: float = 0.5
    """Probability at which speech begins, 0 to 1."""
    offset: float = 0.35
    """Probability below which it ends, at most ``onset``."""
    overlap_onset: float = 0.5
    """The same for two voices at once ..."""
    overlap_offset: float = 0.35
    """... and for their end."""
    second_turn_onset: float = 0.0
    """Probability of two voices from which on a second turn is written; 0 for every overlap."""
    min_speech: float = 0.1
    """Seconds below which speech is dropped, after silences were closed."""
    min_silence: float = 0.3
    """Seconds below which silence is closed."""
    min_overlap: float = 0.1
    """Seconds below which an overlap is ignored."""
    min_turn: float = 0.2
    """Seconds for which a voice must lead before that counts as a change."""
    pad: float = 0.0
    """Seconds added to both ends of each region of speech."""
    hop: float = 0.5
    """From window to window, as a share of a window: 0.5 reads everything twice, 1.0 once."""


@dataclass(frozen=True)
class EnergyGateSettings:
    """Which regions no listener would take for speech of the recording; both have to hold.

    Set by hand on the twelve real clips, one of which holds a headset's leak; no page.
    """

    relative_db: float = 20.0
    """Decibels below the mean power of all speech in the recording ..."""
    absolute_dbfs: float = -65.0
    """... and dBFS below which a region is left out."""


@dataclass(frozen=True)
class WebRtcSettings:
    """The detector without a network: WebRTC's classifier and the recording's noise floor.

    Tables: ``examples/benchmark/ABLATION.md``; a random search, ``models/EXPERIMENTS.md``.
    """

    mode: int = 3
    """WebRTC's aggressiveness, 0 (everything is speech) to 3."""
    onset: float = 0.35
    """Prominence at which speech begins: 0 is the noise floor, 1 the recording's loud level ..."""
    offset: float = 0.15
    """... and below which it ends."""
    padding: float = 0.05
    """Seconds by which each side of a region is widened."""
    integration: float = 0.3
    """Seconds over which power is averaged, so that noise, which flickers, looks steady."""
    smoothing: float = 0.4
    """Seconds of the mean over prominence and votes."""
    min_votes: float = 0.2
    """Share of WebRTC's votes around a frame below which nothing is speech, 0 to 1."""
    floor_window: float = 60.0
    """Seconds within which a band's noise floor is taken ..."""
    floor_percentile: float = 10.0
    """... as this percentile of its level."""
    sounding: float = 8.0
    """Decibels above the floor from which a frame counts when the loud level is taken ..."""
    loud_percentile: float = 90.0
    """... as this percentile of what counts."""
    max_range: float = 35.0
    """Decibels that the floor is taken to lie below the loud level at most."""
    steady_range: float = 3.0
    """Decibels over its floor below which a band holds no speech and has no weight."""
    overall_range: float = 10.0
    """Decibels by which all bands together must rise well before their prominence nears 1."""
    target_level: float = -23.0
    """dBFS to which quiet recordings are raised for WebRTC ..."""
    max_gain: float = 50.0
    """... by at most so many decibels."""
    min_speech: float = 0.3
    """Seconds below which speech is dropped."""
    min_silence: float = 0.5
    """Seconds below which silence is closed."""

    def __post_init__(self) -> None:
        if self.mode not in (0, 1, 2, 3):
            raise UsageError(f"the WebRTC detector's mode is 0, 1, 2 or 3, not {self.mode}.")
        if not self.onset > 0:
            raise UsageError(f"the WebRTC detector's onset is above 0, not {self.onset}.")
        if not self.padding >= 0:
            raise UsageError(f"the WebRTC detector's padding is 0 s or more, not {self.padding}.")


@dataclass(frozen=True)
class EmbeddingSettings:
    """How speech is cut into windows and run through the network.

    Table: ``models/autospeech/MODEL_CARD.md``; of ``bridge``: ``examples/benchmark/ABLATION.md``.
    """

    window: float = 1.6
    """Seconds of a window where the model does not say."""
    hop: float = 0.8
    """Seconds from window to window where the model does not say."""
    max_segment: float = 4.8
    """Seconds up to which a segment is embedded in one piece rather than as a mean of windows."""
    batch_size: int = 16
    """Windows a run of the network; a matter of speed."""
    block_seconds: float = 60.0
    """Seconds of spectrogram held at once; 6 MB."""
    min_segment: float = 0.1
    """Seconds below which a stretch of speech is not embedded."""
    min_speech: float = 0.25
    """Seconds of speech in a whole recording below which it holds none: a knock or a cough."""
    bridge: float = 0.6
    """Seconds of silence that a window may reach across."""


@dataclass(frozen=True)
class ClusteringSettings:
    """How windows become a first guess of the speakers, and who counts as one.

    Table: ``examples/benchmark/ABLATION.md``.
    """

    min_seed_seconds: float = 0.5
    """Seconds of speech below which a window never starts a speaker of its own."""
    centering: float = 0.25
    """Share of the recording's mean embedding that is subtracted before comparing, 0 to 1."""
    neighbor_window: float = 1.2
    """Seconds below which a window is too short to measure the distance within a speaker."""
    neighbor_gap: float = 0.6
    """Seconds between two windows that still are neighbors."""
    min_neighbor_pairs: int = 8
    """Pairs of neighbors below which that distance is not measured."""
    max_initial_clusters: int = 25
    """Clusters of the first guess; more where more speakers are asked for."""
    min_speaker_share: float = 0.02
    """Share of the speech below which a cluster is no speaker, 0 to 1 ..."""
    min_speaker_seconds: float = 2.0
    """... and seconds below which it is none either."""
    max_windows: int = 8000
    """Windows above which blocks are clustered first: 8 000 take 256 MB of distances."""
    block_windows: int = 2000
    """Windows of a block."""
    block_clusters: int = 100
    """Clusters that a block is reduced to."""


@dataclass(frozen=True)
class VbxSettings:
    """The Bayesian HMM that decides how many speakers there are; symbols of Landini et al. 2022.

    Table: ``examples/benchmark/ABLATION.md``.
    """

    acoustic_scale: float = 20.0
    """F_A: nats a second for a speaker over one that is twice ``within_variance`` away."""
    prior_strength: float = 2.5
    """F_B / F_A: seconds of speech that a speaker's prior weighs as much as, at least ..."""
    prior_share: float = 0.015
    """... and this share of all speech where that is more, 0 to 1."""
    vad_only_prior_scale: float = 1.6
    """Factor on the prior where no overlaps are known, so that windows may hold two voices."""
    centering: float = 0.5
    """Share of the recording's mean embedding that is the prior's mean, 0 to 1."""
    loop_probability: float = 0.85
    """P_loop: chance that a window has the speaker of the one before, 0 to 1."""
    max_iterations: int = 15
    """Iterations of the variational updates at most."""
    merge_trials: int = 3
    """Pairs of speakers that are merged on trial at a time; 0 for none."""
    first_guess: float = 5.0
    """Nats by which the first guess is believed more than another speaker."""
    tolerance: float = 1e-3
    """Change of a responsibility below which the updates end."""


@dataclass(frozen=True)
class PairSettings:
    """When two groups of windows are one person.

    The weights are a logistic regression, learnt by ``python -m models.speakercount``, and so is
    ``bias``; the other numbers were chosen by hand with the same recordings in view.
    """

    centroid_distance: float = -3.79
    """Weight of the centroids' cosine distance over the model's clustering distance, ..."""
    smaller: float = -2.53
    """... of the logarithm of the smaller group's seconds, ..."""
    larger: float = -2.89
    """... of that of the larger one's, ..."""
    at_once: float = -1.90
    """... of the logarithm of the seconds in which they talk at once, ..."""
    shared_stretches: float = 3.80
    """... of the smaller group's share of speech that has the other and no change of voice, ..."""
    groups: float = -2.18
    """... and of the logarithm of the number of groups, at least three."""
    bias: float = 21.45
    """Logarithm of the odds where all of these are 0."""
    fewest_seconds: float = 8.0
    """Seconds that a group counts for at least in these two, ..."""
    most_seconds: float = 30.0
    """... and at most."""
    least_local: float = 0.3
    """Seconds alone in a window of the segmentation that tell whose a local speaker is."""
    fine_prior: float = 0.4
    """Share of a speaker's prior in VBx with which parts that may be split off are found, ..."""
    fine_iterations: int = 5
    """... in this many iterations at most ..."""
    fine_trials: int = 1
    """... and with so many trial merges at a time: a rough fit is enough for parts."""
    merge_above: float = 0.85
    """Probability of one person above which two groups are merged, 0 to 1, ..."""
    furthest: float = 1.5
    """... if their centroids are no further apart than this many clustering distances."""
    split_below: float = 0.5
    """The same, below which a part of a group is a speaker, ..."""
    residual_speakers: int = 3
    """... if there are so many already, ..."""
    residual_seconds: float = 3.0
    """... and it has these seconds, ..."""
    residual_share: float = 0.02
    """... and this share of the speech, 0 to 1."""
    forced_split_below: float = 0.7
    """Probability below which a part is split off where more speakers are asked for, ..."""
    least_seconds: float = 1.0
    """... if it has these seconds."""
    count_doubt: float = 1.6
    """By how much likelier one speaker fewer or more is than the closest pair alone says."""


@dataclass(frozen=True)
class ResegmentationSettings:
    """How windows with speakers become turns. Table: ``examples/benchmark/ABLATION.md``."""

    step: float = 0.1
    """Seconds of a frame of the search."""
    bridge: float = 0.6
    """Seconds of silence across which the search goes on; not below the windows' own."""
    switch_cost: float = 4.0
    """Cost of a change of speaker, in frames of the recording's median margin."""
    min_island: float = 0.6
    """Seconds below which a turn between two of one other speaker is absorbed ..."""
    island_margin: float = 0.5
    """... unless it leads by so many median margins."""
    snap: float = 0.4
    """Seconds that a change may move, to a known change or the quietest instant."""
    join: float = 0.3
    """Seconds of silence below which two turns of one speaker become one."""


@dataclass(frozen=True)
class OverlapSettings:
    """Which overlaps get a second turn. Tables: ``models/EXPERIMENTS.md``."""

    lively_share: float = 0.12
    """Share of the speech in which two seem to talk at once from which all overlaps get one, and
    not the certain ones alone: where people often talk at once, an overlap is likelier."""
    min_overlap: float = 0.4
    """Seconds of overlap below which there is no second turn."""
    max_gap: float = 3.0
    """Seconds within which the second speaker has to talk, where nothing else tells who it is."""
