"""What a recipe of the embedding may say, section by section; ``recipe.toml`` holds the numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from models.autospeech.network import NetworkConfig
from models.training.trainer import Optimization


@dataclass(frozen=True)
class TeacherSettings:
    """What the teachers hear before training begins.

    Attributes
    ----------
    windows : int
        Clean windows of 3.2 s a voice, for centres and directions.
    """

    windows: int = 2


@dataclass(frozen=True)
class BatchSettings:
    """What a batch holds.

    Attributes
    ----------
    size, seed : int
        Windows a batch, and what decides all draws.
    frames : int
        Frames of 10 ms a window.
    long : float
        Share of the batches that have half as many windows, twice as long.
    ramp, rooms : int
        Batches until the degradations have their full strength; simulated rooms among them.
    inside : float
        Share of the batches whose people are of one corpus, with two windows each.
    respeeded : float
        Share of the windows played faster or slower, which makes another voice.
    speed : float
        Natural logarithm of the largest change of speed.
    """

    size: int = 64
    seed: int = 0
    frames: int = 160
    long: float = 0.2
    ramp: int = 200
    rooms: int = 1500
    inside: float = 0.5
    respeeded: float = 0.25
    speed: float = 0.15


@dataclass(frozen=True)
class LossSettings:
    """What is minimised besides the distance to the teachers' vectors.

    Attributes
    ----------
    similarity : float
        Weight of the error of the cosines of pairs of one corpus.
    margin_weight, margin : float
        Weight of the margin softmax over the speakers, and its angle in radians.
    precision : str
        Of the convolutions: ``bfloat16`` or ``float32``.
    """

    similarity: float = 6.0
    margin_weight: float = 0.05
    margin: float = 0.2
    precision: str = "float32"


@dataclass(frozen=True)
class ExportSettings:
    """The file.

    Attributes
    ----------
    version : str
    start_share : float
        Share of the weights that training began from in the mean that is exported.
    half : bool
        Whether weights are stored in half precision.
    """

    version: str = "0"
    start_share: float = 0.0
    half: bool = False


@dataclass(frozen=True)
class CalibrationSettings:
    """How thresholds are chosen, on people that were not trained on.

    Attributes
    ----------
    false_accepts : float
        Of pairs of different people of a corpus, at the verification threshold.
    wrong_names : float
        Of trials, at the identification margin.
    seconds : float
        Length of the pieces that are compared.
    conversations : int
        Simulated conversations for the clustering distance; with 0 `clustering` is taken.
    clustering : float
        The distance where it is not chosen here.
    """

    false_accepts: float = 0.01
    wrong_names: float = 0.005
    seconds: float = 4.8
    conversations: int = 21
    clustering: float = 0.34


@dataclass(frozen=True)
class StartSettings:
    """Weights that training begins from; random ones where no file is named.

    Attributes
    ----------
    file : str
        Beside the recipe; ``--start`` gives another place.
    sha256 : str
        Of that file.
    """

    file: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Recipe:
    """The whole recipe, one field a section."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    start: StartSettings = field(default_factory=StartSettings)
    teachers: TeacherSettings = field(default_factory=TeacherSettings)
    batches: BatchSettings = field(default_factory=BatchSettings)
    losses: LossSettings = field(default_factory=LossSettings)
    optimization: Optimization = field(default_factory=Optimization)
    export: ExportSettings = field(default_factory=ExportSettings)
    calibration: CalibrationSettings = field(default_factory=CalibrationSettings)
