"""What a recipe of the segmentation may say; ``recipe.toml`` holds the numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from models.segmentation.network import Shape
from models.training.trainer import Optimization


@dataclass(frozen=True)
class TeacherSettings:
    """What the embedding's teachers hear, so that voices have vectors.

    Attributes
    ----------
    windows : int
        Clean windows of 3.2 s a voice.
    """

    windows: int = 2


@dataclass(frozen=True)
class MaterialSettings:
    """What conversations are made of.

    Attributes
    ----------
    rooms : int
        Simulated rooms, four talkers each.
    conversations : int
        Finished conversations of a minute by the simulator, of which windows are cut.
    seed : int
        Of the rooms.
    """

    rooms: int = 400
    conversations: int = 1800
    seed: int = 1


@dataclass(frozen=True)
class BatchSettings:
    """What a batch holds.

    Attributes
    ----------
    size, seed : int
        Windows a batch, and what decides all draws.
    fresh, pool : int
        How many of them are new, the others being drawn from the last `pool` ones: drawing a window
        costs more than learning from it.
    seconds : float
        Length of a window.
    halves : float
        Share of the run in which each window gives two crops of half its length.
    """

    size: int = 8
    seed: int = 1
    fresh: int = 4
    pool: int = 256
    seconds: float = 10.0
    halves: float = 0.3


@dataclass(frozen=True)
class LossSettings:
    """What is minimised.

    Attributes
    ----------
    count : float
        Weight of the loss on how many talk, which does not wait for voices to be told apart.
    alike : float
        Weight of the auxiliary loss on frame vectors (:func:`.network.affinity_loss`).
    voice : float
        Weight of the auxiliary loss on whose voice a frame is (:func:`.network.voice_loss`).
    overlap : float
        How many ordinary frames a frame of two voices counts for.
    precision : str
        Of the convolutions: ``bfloat16`` or ``float32``.
    """

    count: float = 1.0
    alike: float = 1.0
    voice: float = 0.5
    overlap: float = 2.0
    precision: str = "float32"


@dataclass(frozen=True)
class ExportSettings:
    """The file: its `version`."""

    version: str = "0"


@dataclass(frozen=True)
class CalibrationSettings:
    """How thresholds are chosen and scored, on conversations of people not trained on.

    Attributes
    ----------
    conversations, minutes : int, float
        Simulated conversations to choose on, and as many others to score on; their length.
    people : int
        In one conversation, at most.
    precision : float
        Of overlap, at least.
    hop : float
        How far windows move at run time, as a share of their length.
    """

    conversations: int = 12
    minutes: float = 2.0
    people: int = 5
    precision: float = 0.6
    hop: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """The whole recipe, one field a section."""

    network: Shape = field(default_factory=Shape)
    teachers: TeacherSettings = field(default_factory=TeacherSettings)
    material: MaterialSettings = field(default_factory=MaterialSettings)
    batches: BatchSettings = field(default_factory=BatchSettings)
    losses: LossSettings = field(default_factory=LossSettings)
    optimization: Optimization = field(default_factory=Optimization)
    export: ExportSettings = field(default_factory=ExportSettings)
    calibration: CalibrationSettings = field(default_factory=CalibrationSettings)
