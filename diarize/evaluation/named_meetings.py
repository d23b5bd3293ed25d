"""Simulated meetings of enrolled people and strangers: is everybody called by the right name?

``python -m diarize.evaluation.named_meetings --speech DIR`` lets six people meet in every kind of
scene. Four of them, in turn, are enrolled by clips that the meeting does not use (of other sessions
where there are any), recorded in a place of their own; two are strangers. The lines of the decision
for one half of the people are chosen on meetings of the other half.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from diarize.annotation import Diarization, Turn
from diarize.arrays import SAMPLE_RATE
from diarize.errors import EnrollmentError
from diarize.evaluation.acoustics import add_noise
from diarize.evaluation.scenes import (
    SCENES,
    SimulationOptions,
    background,
    channels,
    even,
    recorded,
    recorded_noises,
)
from diarize.evaluation.simulation import SimulatedConversation, simulate
from diarize.evaluation.trials import divide, joined
from diarize.evaluation.voices import VoiceBank
from diarize.settings import IdentificationSettings
from diarize.speakers.enrollment import enroll
from diarize.speakers.identification import identify_in
from diarize.speakers.matching import Gallery, MatchOptions
from diarize.speakers.records import Vectors, unit

if TYPE_CHECKING:
    from diarize.details import DiarizationDetails
    from diarize.evaluation.voices import Voice
    from diarize.networks import Thresholds
    from diarize.pipeline import Diarizer

#: People at the table, and which four of them are enrolled, in turn.
PEOPLE = 6
GROUPS = ((0, 1, 2, 3), (2, 3, 4, 5), (4, 5, 0, 1))
#: Who speaks less than this in all clips, in seconds, cannot both enrol and talk.
LEAST_SECONDS = 40.0
#: Where people enrol, and by how many seconds at most.
ENROLMENT_SCENES = ("clean", "podcast", "web")
ENROLMENT_SECONDS = 30.0
#: Tried: what is added to the model's verification threshold, and margins.
OFFSETS = (-0.23, -0.2, -0.17, -0.14, -0.11, -0.08, -0.05, 0.0, 0.05, 0.1)
MARGINS = (0.0, 0.05, 0.1)
#: Share of the enrolled people's speech that may bear a wrong name, of the strangers' any name.
WRONG_RATE, STRANGERS_RATE = 0.025, 0.03


@dataclass(frozen=True)
class Meeting:
    """A meeting, heard once, to be named many times.

    Parameters
    ----------
    reference : tuple of Turn
    people : tuple of str
    samples : mapping of name to (n, D) float32 array
        Everybody's enrolment.
    refused : int
        Enrolments refused at first because a second voice was found in them, wrongly. Who could
        not be enrolled at all is missing from ``samples``.
    """

    uri: str
    scene: str
    details: DiarizationDetails
    reference: tuple[Turn, ...]
    people: tuple[str, ...]
    samples: dict[str, Vectors]
    refused: int
    shares: dict[tuple[float, float], dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class MeetingOutcome:
    """What became of the names in one meeting; times in seconds of hypothesis turns.

    Parameters
    ----------
    right, wrong, unnamed : float
        Turns in which mainly an enrolled person speaks: with that name, another, none.
    strangers, strangers_named : float
        Turns in which mainly a stranger speaks, and those of them that bear a name.
    enrolled, people_named : int
        People enrolled, and those of them whose name stands on a turn of theirs.
    """

    right: float = 0.0
    wrong: float = 0.0
    unnamed: float = 0.0
    strangers: float = 0.0
    strangers_named: float = 0.0
    enrolled: int = 0
    people_named: int = 0


def hold(
    bank: VoiceBank,
    able: Sequence[str],
    seed: int,
    diarizer: Diarizer,
    *,
    scene: str = "meeting",
    minutes: float = 3.0,
) -> Meeting:
    """Draw six of the people, enrol them, simulate their meeting, and hear it."""
    from diarize.audio import Waveform

    rng = np.random.default_rng([seed, sorted(SCENES).index(scene), 0xB00C])
    chosen = [bank.voices[able[int(at)]] for at in rng.choice(len(able), PEOPLE, replace=False)]
    talk = _conversation(bank, chosen, seed, minutes, scene)
    samples: dict[str, Vectors] = {}
    refused = 0
    for voice in chosen:
        alone = Waveform(recorded_alone(rng, bank, voice), voice.name)
        for speaker in (None, "0"):
            try:
                found = enroll(alone, diarizer, speaker=speaker)
            except EnrollmentError:
                refused += speaker is None
                continue
            samples[voice.name] = np.array([sample.embedding for sample in found.samples])
            break
    names = tuple(voice.name for voice in chosen)
    details = diarizer.analyse(Waveform(talk.samples))
    return Meeting(talk.uri, scene, details, talk.turns, names, samples, refused)


def _conversation(
    bank: VoiceBank, chosen: Sequence[Voice], seed: int, minutes: float, scene: str
) -> SimulatedConversation:
    """Return a conversation made of the clips that nobody is enrolled by."""
    guests = copy.copy(bank)
    guests.voices = {voice.name: replace(voice, clips=tuple(divide(voice)[1])) for voice in chosen}
    options = SimulationOptions(
        speakers=(PEOPLE, PEOPLE),
        minutes=(minutes, minutes),
        scenes=(scene,),
        within_corpus=0.0,
        speech_factor=0.1,
    )
    return simulate(bank.folder, bank.part, seed, options, bank=guests)


def recorded_alone(
    rng: np.random.Generator, bank: VoiceBank, voice: Voice
) -> npt.NDArray[np.int16]:
    """Return a person's enrolment clips as recorded somewhere else than the meeting."""
    speech = joined(bank, divide(voice)[0])[: round(ENROLMENT_SECONDS * SAMPLE_RATE)]
    scene = SCENES[ENROLMENT_SCENES[int(rng.integers(len(ENROLMENT_SCENES)))]]
    arriving = channels(rng, scene, 1)[0](speech.astype(np.float32) / 32768.0, 0.0)[: len(speech)]
    noise = background(rng, scene, len(arriving), recorded_noises(bank.folder))
    return recorded(rng, add_noise(arriving, noise, even(rng, scene.snr)), scene)


def outcomes(meeting: Meeting, options: MatchOptions) -> list[MeetingOutcome]:
    """Return what becomes of the names with each group of four enrolled."""
    found = []
    for group in GROUPS:
        names = [meeting.people[at] for at in group if meeting.people[at] in meeting.samples]
        centroids = [unit(meeting.samples[name].mean(axis=0)) for name in names]
        gallery = Gallery(tuple(names), np.array(centroids, np.float32))
        named = identify_in(meeting.details, gallery, options)
        found.append(judge(named, meeting.reference, names, meeting.shares))
    return found


def judge(
    found: Diarization,
    reference: Sequence[Turn],
    enrolled: Sequence[str],
    known: dict[tuple[float, float], dict[str, float]] | None = None,
) -> MeetingOutcome:
    """Compare the names on turns with who mainly speaks in them.

    Where people talk at once, the name of anybody who speaks for half of the turn is right.

    Parameters
    ----------
    known : dict, optional
        Remembers who speaks how long in a turn, by its start and end.

    Examples
    --------
    >>> from diarize.annotation import Speaker
    >>> truth = [Turn(0, 4, "ann"), Turn(4, 9, "eve")]
    >>> heard = Diarization(
    ...     [Turn(0, 4, "S0"), Turn(4, 7, "S1"), Turn(7, 9, "S0")], 9,
    ...     speakers=[Speaker("S0", "ann"), Speaker("S1")],
    ... )
    >>> outcome = judge(heard, truth, ["ann", "bob"])
    >>> outcome.right, outcome.wrong, outcome.strangers, outcome.strangers_named
    (4.0, 0.0, 5.0, 2.0)
    >>> outcome.enrolled, outcome.people_named
    (2, 1)
    """
    names = {speaker.label: speaker.name for speaker in found.speakers if speaker.name}
    known = {} if known is None else known
    sums = dict.fromkeys(("right", "wrong", "unnamed", "strangers", "strangers_named"), 0.0)
    people = set()
    for turn in found:
        key = (turn.start, turn.end)
        if key not in known:
            known[key] = _shares(turn, reference)
        shares, name = known[key], names.get(turn.speaker)
        main = max(sorted(shares), key=lambda speaker: shares[speaker], default="")
        if name is not None and shares.get(name, 0.0) >= 0.5 * turn.duration:
            main = name
        if not main:
            continue
        if main not in enrolled:
            sums["strangers"] += turn.duration
            sums["strangers_named"] += turn.duration * (name is not None)
        elif name is None:
            sums["unnamed"] += turn.duration
        else:
            sums["right" if name == main else "wrong"] += turn.duration
            people |= {name} & {main}
    return MeetingOutcome(**sums, enrolled=len(enrolled), people_named=len(people))


def _shares(turn: Turn, reference: Sequence[Turn]) -> dict[str, float]:
    """Return how long each person speaks in a turn, in seconds."""
    shares: dict[str, float] = {}
    for one in reference:
        if one.start < turn.end and one.end > turn.start:
            shares[one.speaker] = shares.get(one.speaker, 0.0) + one.segment.overlap(turn.segment)
    return shares


def total(parts: Iterable[MeetingOutcome]) -> MeetingOutcome:
    """Return the sum of outcomes."""
    rows = [tuple(vars(part).values()) for part in parts]
    return MeetingOutcome(*(sum(column) for column in zip(*rows, strict=True)))


def options_at(thresholds: Thresholds, offset: float, margin: float) -> MatchOptions:
    """Return the decision with a threshold so far from the model's verification threshold."""
    settings = IdentificationSettings(offset=offset, relief=0.0, margin=margin)
    return MatchOptions.of(thresholds, settings=settings)


def choose(meetings: Sequence[Meeting], thresholds: Thresholds) -> tuple[float, float]:
    """Return the offset and the margin that name most while few are named wrongly."""
    best, found = -1.0, (OFFSETS[-1], MARGINS[-1])
    for margin in MARGINS:
        for offset in OFFSETS:
            options = options_at(thresholds, offset, margin)
            one = total(part for meeting in meetings for part in outcomes(meeting, options))
            speech = one.right + one.wrong + one.unnamed
            fair = one.wrong <= WRONG_RATE * speech
            if fair and one.strangers_named <= STRANGERS_RATE * one.strangers and one.right > best:
                best, found = one.right, (offset, margin)
    return found


HEADINGS = (
    "| scene | meetings | right | wrong name | no name | strangers named | people named of 4 "
    "| without any error |\n|---|---:|---:|---:|---:|---:|---:|---:|"
)


def row(scene: str, found: Sequence[MeetingOutcome]) -> str:
    """Return a row of the table."""
    one = total(found)
    speech = max(one.right + one.wrong + one.unnamed, 1e-9)
    clean = sum(part.wrong + part.strangers_named == 0 for part in found)
    shares = (one.right / speech, one.wrong / speech, one.unnamed / speech)
    return (
        f"| {scene} | {len(found)} | "
        + " | ".join(f"{share:.1%}" for share in shares)
        + f" | {one.strangers_named / max(one.strangers, 1e-9):.1%} "
        f"| {4 * one.people_named / max(one.enrolled, 1):.1f} | {clean / len(found):.0%} |"
    )


def halves(bank: VoiceBank) -> tuple[list[str], list[str]]:
    """Divide the people who speak enough in two, every second one of each corpus."""
    able = [voice for voice in bank.voices.values() if voice.seconds >= LEAST_SECONDS]
    ordered = [voice.name for voice in sorted(able, key=lambda voice: (voice.corpus, voice.name))]
    return ordered[0::2], ordered[1::2]


def main(argv: Sequence[str] | None = None) -> int:
    """Hold the meetings and print what became of the names."""
    parser = argparse.ArgumentParser(
        prog="python -m diarize.evaluation.named_meetings", description=__doc__
    )
    parser.add_argument("--speech", required=True, metavar="DIR", help="folder with clips.csv")
    parser.add_argument("--part", default="dev", help="people never trained on (default: dev)")
    parser.add_argument("--meetings", type=int, default=4, metavar="N", help="a scene and half")
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--scenes", nargs="+", default=list(SCENES), choices=list(SCENES))
    parser.add_argument("--embedding-model", metavar="PATH")
    parser.add_argument("--vad", default="auto")
    parser.add_argument("--threads", type=int)
    args = parser.parse_args(argv)
    from diarize.pipeline import Diarizer

    diarizer = Diarizer(vad=args.vad, embedder=args.embedding_model, threads=args.threads)
    bank = VoiceBank(args.speech, args.part)
    held: list[list[Meeting]] = []
    for half, able in enumerate(halves(bank)):
        held.append([])
        for seed in range(args.meetings):
            for scene in args.scenes:
                one = hold(bank, able, 2 * seed + half, diarizer, scene=scene, minutes=args.minutes)
                held[-1].append(one)
                print(f"{one.uri}: heard", file=sys.stderr)
    print(report(held, diarizer.embedder.thresholds))
    return 0


def report(held: Sequence[Sequence[Meeting]], thresholds: Thresholds) -> str:
    """Return the tables: lines of the other half, and the lines that the package has."""
    lines = [choose(half, thresholds) for half in held]
    every = [meeting for half in held for meeting in half]
    overall = choose(every, thresholds)
    given = [
        (meeting, outcomes(meeting, options_at(thresholds, *lines[1 - half])))
        for half, meetings in enumerate(held)
        for meeting in meetings
    ]
    shipped = MatchOptions.of(thresholds)
    own = [(meeting, outcomes(meeting, shipped)) for meeting in every]
    chosen = "; ".join(
        f"half {half + 1}: {offset:+.2f}, {margin:.2f}"
        for half, (offset, margin) in enumerate(lines)
    )
    refused = sum(meeting.refused for meeting in every)
    return "\n\n".join(
        (
            f"Offset from verification ({thresholds.verification:.3f}) and margin chosen on "
            f"{chosen}; on both: {overall[0]:+.2f}, {overall[1]:.2f}. "
            f"{refused} of {PEOPLE * len(every)} enrolments needed --speaker.",
            "Lines chosen on the other half:\n\n" + _table(given),
            f"The package's lines (threshold {shipped.threshold:.3f}, margin "
            f"{shipped.margin:.3f}):\n\n" + _table(own),
        )
    )


def _table(found: Sequence[tuple[Meeting, list[MeetingOutcome]]]) -> str:
    rows = [HEADINGS]
    for scene in dict.fromkeys(meeting.scene for meeting, _ in found):
        mine = [part for meeting, parts in found if meeting.scene == scene for part in parts]
        rows.append(row(scene, mine))
    return "\n".join([*rows, row("all", [part for _, parts in found for part in parts])])


if __name__ == "__main__":
    raise SystemExit(main())
