"""Recordings with references: simulated conversations, and folders of sound and RTTM files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from diarize.errors import DiarizeError, UsageError
from diarize.rttm import read_rttm
from diarize.timeline import Turn
from models.simulation.conversations import simulate_many, write
from models.simulation.scenes import SimulationOptions

SOUND_SUFFIXES = (".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus")
CONVERSATIONS = 30
FIRST_SEED = 1000  # the tuning of defaults uses other seeds: see the ablation
MINUTES = (4.0, 4.4)
SPEAKERS = range(2, 9)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of simulated recordings besides the conversations of two to eight.

    Parameters
    ----------
    group : str
        Heading in the pages.
    name : str
        Folder below the work folder.
    count, first_seed : int
    minutes : (float, float)
    speakers : sequence of int
        Numbers of people, gone through in turn.
    """

    group: str
    name: str
    count: int
    first_seed: int
    minutes: tuple[float, float]
    speakers: Sequence[int]


# A lecture takes all that there is of a person, so mostly several sessions: days, telephones.
KINDS = (
    Kind("one person", "memo", 12, 4000, (0.75, 1.25), (1,)),
    Kind("one person", "lecture", 6, 4100, (4.0, 4.4), (1,)),
    Kind("ten to twenty-five people", "many", 4, 4200, (6.0, 6.4), (10, 15, 20, 25)),
)
# Folders of real talk below that of the speech, and their headings.
REAL = {"real": "meeting clips", "conv": "real conversations"}


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording of the benchmark: where it lies, what is true of it, which group it is in."""

    uri: str
    audio: Path
    turns: tuple[Turn, ...]
    group: str
    scene: str = ""

    @property
    def speakers(self) -> int:
        """The true number of speakers."""
        return len({turn.speaker for turn in self.turns})


def simulated(
    speech_dir: Path,
    folder: Path,
    *,
    group: str = "simulated",
    part: str = "dev",
    count: int = CONVERSATIONS,
    first_seed: int = FIRST_SEED,
    options: SimulationOptions | None = None,
    speakers: Sequence[int] = SPEAKERS,
) -> list[Recording]:
    """Make the simulated conversations in ``folder``, or find them there from an earlier run.

    Raises
    ------
    UsageError
        When the folder holds conversations made in another way.
    """
    options = options or SimulationOptions(minutes=MINUTES)
    recipe = {"part": part, "first_seed": first_seed, "speakers": list(speakers), **asdict(options)}
    kept = folder / "recipe.json"
    text = json.dumps(recipe, sort_keys=True)
    if kept.is_file() and kept.read_text(encoding="utf-8") != text:
        raise UsageError(f"{folder} holds conversations made otherwise: choose another --work")
    if not kept.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(text, encoding="utf-8")
    have = len(list(folder.glob("*.done")))
    order = [speakers[index % len(speakers)] for index in range(have, count)]
    seeds = range(first_seed + have, first_seed + count)
    for conversation in simulate_many(speech_dir, part, seeds, options, speakers=order):
        write(conversation, folder)
        (folder / f"{conversation.uri}.done").touch()
    marks = sorted(folder.glob("*.done"), key=lambda mark: mark.stem[-4:])[:count]
    found = []
    for mark in marks:
        scene = json.loads(mark.with_suffix(".json").read_text(encoding="utf-8"))["scene"]
        found.append(_recording(mark.with_suffix(".wav"), group, scene))
    return found


def further(speech_dir: Path, work: Path, part: str = "dev") -> list[Recording]:
    """Return the recordings of :data:`KINDS`, made if they are not there, and the real ones."""
    found: list[Recording] = []
    for kind in KINDS:
        found += simulated(
            speech_dir,
            work / kind.name,
            group=kind.group,
            part=part,
            count=kind.count,
            first_seed=kind.first_seed,
            options=SimulationOptions(minutes=kind.minutes),
            speakers=kind.speakers,
        )
    for name, group in REAL.items():
        if (speech_dir / name).is_dir():
            found += recordings(speech_dir / name, group)
    return found


def recordings(folder: Path, group: str) -> list[Recording]:
    """Find the sound files of a folder that have an RTTM file of the same name beside them.

    The RTTM files may also lie in one sub-folder ``rttm``.

    Raises
    ------
    DiarizeError
        When there is none.
    """
    sounds = [file for file in sorted(folder.glob("*")) if file.suffix.lower() in SOUND_SUFFIXES]
    found = [_recording(sound, group) for sound in sounds if _reference(sound)]
    if not found:
        raise DiarizeError(f"{folder}: no sound file with an RTTM file of the same name beside it")
    return found


def _reference(sound: Path) -> Path | None:
    """Return the RTTM file of a sound file."""
    beside = sound.with_suffix(".rttm")
    below = sound.parent / "rttm" / beside.name
    return next((file for file in (beside, below) if file.is_file()), None)


def _recording(sound: Path, group: str, scene: str = "") -> Recording:
    reference = _reference(sound)
    if reference is None:
        raise DiarizeError(f"{sound}: has no reference ({sound.stem}.rttm)")
    turns = [turn for own in read_rttm(reference).values() for turn in own]
    return Recording(sound.stem, sound, tuple(turns), group, scene)
