"""Simulated meetings of enrolled people and strangers: is everybody called by the right name?

``python -m models.benchmark named-meetings --speech DIR`` lets six people meet in every kind of
scene. Four of them, in turn, are enrolled by clips that the meeting does not use (of other sessions
where there are any), recorded in a place of their own; two are strangers. Then others are enrolled
as well who are not there.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from diarize.annotation import Diarization
from diarize.arrays import SAMPLE_RATE, Float32, unit
from diarize.errors import EnrollmentError
from diarize.evaluation.scoring import score
from diarize.evaluation.scoring import total as scored
from diarize.settings import IdentificationSettings
from diarize.speakers.enrollment import enroll
from diarize.speakers.identification import identify_in
from diarize.speakers.matching import Gallery, MatchOptions
from diarize.speakers.segments import SegmentMatch, segment_embeddings
from diarize.timeline import Turn
from models.benchmark import options as command_options
from models.benchmark.enrollment_trials import divide, joined
from models.benchmark.name_scores import MeetingOutcome, judge, speech_shares, total
from models.benchmark.named_segments import segment_table
from models.simulation.acoustics import add_noise
from models.simulation.conversations import SimulatedConversation, simulate
from models.simulation.scenes import (
    SCENES,
    SimulationOptions,
    background,
    channels,
    even,
    recorded,
    recorded_noises,
)
from models.simulation.voices import VoiceBank

if TYPE_CHECKING:
    from diarize.embedding.base import Thresholds
    from diarize.pipeline.intermediate import DiarizationDetails
    from diarize.speakers.diarizer import Diarizer
    from models.simulation.voices import Voice

#: Who speaks less than this in all clips, in seconds, cannot both enroll and talk.
LEAST_SECONDS = 40.0
#: Where people enroll, and by how many seconds at most.
ENROLLMENT_SCENES = ("clean", "podcast", "web")
ENROLLMENT_SECONDS = 30.0
#: Offsets of the bar tried, from the model's verification threshold.
OFFSETS = (-0.23, -0.2, -0.17, -0.14, -0.11, -0.08, -0.04, 0.0, 0.04, 0.08)
#: People enrolled who are not there, in the second half of each table.
ABSENT = 6


@dataclass(frozen=True)
class Table:
    """Who meets: ``people`` at the table, of whom ``strangers`` are not enrolled, in turn."""

    people: int = 6
    strangers: int = 2
    minutes: float = 3.0

    def castings(self) -> list[list[int]]:
        """Return who is enrolled, up to three times, with other strangers each time.

        Examples
        --------
        >>> Table().castings()
        [[0, 1, 2, 3], [2, 3, 4, 5], [0, 1, 4, 5]]
        """
        strangers = [
            {(self.people - self.strangers + turn * self.strangers + at) % self.people
             for at in range(self.strangers)}
            for turn in range(min(3, self.people // max(self.strangers, 1)))
        ]  # fmt: skip
        return [[at for at in range(self.people) if at not in some] for some in strangers]


@dataclass(frozen=True)
class Meeting:
    """A meeting, heard once, to be named many times.

    Parameters
    ----------
    reference : tuple of Turn
    people : tuple of str
    samples : mapping of name to (n, D) float32 array
        Everybody's enrollment.
    refused : int
        Enrollments refused at first because a second voice was found in them, wrongly. Who could
        not be enrolled at all is missing from ``samples``.
    segments : (N, D) float32 array
        The unit vector of each turn of the reference; zeros where it is too short.
    """

    uri: str
    scene: str
    details: DiarizationDetails
    reference: tuple[Turn, ...]
    people: tuple[str, ...]
    samples: dict[str, Float32]
    refused: int
    table: Table
    segments: Float32
    shares: dict[tuple[float, float], dict[str, float]] = field(default_factory=dict)

    def galleries(
        self, absent: Sequence[tuple[str, Float32]] = ()
    ) -> list[tuple[Gallery, list[str]]]:
        """Return each choice of who is enrolled, and who of those is there.

        Parameters
        ----------
        absent : sequence of (str, (n, D) float32 array)
            People enrolled beside them who are not there, and their samples.
        """
        made = []
        for group in self.table.castings():
            names = [self.people[at] for at in group if self.people[at] in self.samples]
            everybody = [*((name, self.samples[name]) for name in names), *absent]
            means = [unit(samples.mean(axis=0)) for _, samples in everybody]
            gallery = Gallery(tuple(name for name, _ in everybody), np.array(means, np.float32))
            made.append((gallery, names))
        return made


def hold(
    bank: VoiceBank,
    able: Sequence[str],
    seed: int,
    diarizer: Diarizer,
    *,
    scene: str = "meeting",
    table: Table | None = None,
) -> Meeting:
    """Draw some of the people, enroll them, simulate their meeting, and diarize it."""
    from diarize.audio.waveform import Waveform

    table = table or Table()
    rng = np.random.default_rng([seed, sorted(SCENES).index(scene), 0xB00C])
    rows = rng.choice(len(able), table.people, replace=False)
    chosen = [bank.voices[able[int(at)]] for at in rows]
    talk = _conversation(bank, chosen, seed, table.minutes, scene)
    samples: dict[str, Float32] = {}
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
    sound = Waveform(talk.samples)
    details = diarizer.analyse(sound)
    asked = [SegmentMatch(turn.start, turn.end) for turn in talk.turns]
    vectors = segment_embeddings(asked, sound, diarizer.embedder)
    return Meeting(talk.uri, scene, details, talk.turns, names, samples, refused, table, vectors)


def _conversation(
    bank: VoiceBank, chosen: Sequence[Voice], seed: int, minutes: float, scene: str
) -> SimulatedConversation:
    """Return a conversation made of the clips that nobody is enrolled by."""
    guests = copy.copy(bank)
    guests.voices = {voice.name: replace(voice, clips=tuple(divide(voice)[1])) for voice in chosen}
    options = SimulationOptions(
        speakers=(len(chosen), len(chosen)),
        minutes=(minutes, minutes),
        scenes=(scene,),
        within_corpus=0.0,
        speech_factor=0.1,
    )
    return simulate(bank.folder, bank.part, seed, options, bank=guests)


def recorded_alone(
    rng: np.random.Generator, bank: VoiceBank, voice: Voice
) -> npt.NDArray[np.int16]:
    """Return a person's enrollment clips as recorded somewhere else than the meeting."""
    speech = joined(bank, divide(voice)[0])[: round(ENROLLMENT_SECONDS * SAMPLE_RATE)]
    scene = SCENES[ENROLLMENT_SCENES[int(rng.integers(len(ENROLLMENT_SCENES)))]]
    arriving = channels(rng, scene, 1)[0](speech.astype(np.float32) / 32768.0, 0.0)[: len(speech)]
    noise = background(rng, scene, len(arriving), recorded_noises(bank.folder))
    return recorded(rng, add_noise(arriving, noise, even(rng, scene.snr)), scene)


def castings(
    meeting: Meeting, options: MatchOptions, absent: Sequence[tuple[str, Float32]] = ()
) -> list[tuple[Diarization, list[str]]]:
    """Return the meeting with names for each choice of who is enrolled, and who that is."""
    return [
        (identify_in(meeting.details, gallery, options), names)
        for gallery, names in meeting.galleries(absent)
    ]


def outcomes(
    meeting: Meeting, options: MatchOptions, absent: Sequence[tuple[str, Float32]] = ()
) -> list[MeetingOutcome]:
    """Return what becomes of the names with each choice of who is enrolled."""
    return [
        judge(named, meeting.reference, names, meeting.shares)
        for named, names in castings(meeting, options, absent)
    ]


def absent_from(meeting: Meeting, meetings: Iterable[Meeting]) -> list[tuple[str, Float32]]:
    """Return the first people of other meetings who are not at this one, with their samples."""
    others = {
        name: samples
        for one in meetings
        for name, samples in one.samples.items()
        if name not in meeting.people
    }
    return list(others.items())[:ABSENT]


HEADINGS = (
    "| scene | meetings | right | wrong name | no name | strangers named | people named "
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
        f"| {one.people_named / max(one.enrolled, 1):.0%} | {clean / len(found):.0%} |"
    )


def halves(bank: VoiceBank) -> tuple[list[str], list[str]]:
    """Divide the people who speak enough in two, every second one of each corpus."""
    able = [voice for voice in bank.voices.values() if voice.seconds >= LEAST_SECONDS]
    ordered = [voice.name for voice in sorted(able, key=lambda voice: (voice.corpus, voice.name))]
    return ordered[0::2], ordered[1::2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    command_options.add_speech(parser)
    parser.add_argument(
        "--meetings",
        type=int,
        default=4,
        metavar="N",
        help="meetings of each scene and half of the people (default: 4)",
    )
    parser.add_argument("--minutes", type=float, default=3.0, help="length (default: 3)")
    parser.add_argument(
        "--people",
        type=int,
        nargs="+",
        default=[6],
        metavar="N",
        help="who meets, in turn (default: 6)",
    )
    parser.add_argument(
        "--strangers",
        type=int,
        default=2,
        metavar="N",
        help="how many are not enrolled (default: 2)",
    )
    parser.add_argument("--scenes", nargs="+", default=list(SCENES), choices=list(SCENES))
    command_options.add_models(parser)


def run(args: argparse.Namespace) -> int:
    """Hold the meetings and print what became of the names."""
    from diarize.speakers.diarizer import Diarizer

    diarizer = Diarizer(vad=args.vad, embedder=args.embedding_model, threads=args.threads)
    bank = VoiceBank(command_options.speech_folder(args), args.part)
    held: list[list[Meeting]] = []
    for half, able in enumerate(halves(bank)):
        held.append([])
        for seed in range(args.meetings):
            for scene in args.scenes:
                people = args.people[(seed + len(held[-1])) % len(args.people)]
                table = Table(people, args.strangers, args.minutes)
                one = hold(bank, able, 2 * seed + half, diarizer, scene=scene, table=table)
                held[-1].append(one)
                command_options.notify(f"{one.uri}: heard")
    print(report(held, diarizer.embedder.thresholds))
    return 0


def report(held: Sequence[Sequence[Meeting]], thresholds: Thresholds) -> str:
    """Return the tables: names scene by scene, other bars, and what names do to the turns."""
    every = [meeting for half in held for meeting in half]
    absent = {id(one): absent_from(one, half) for half in held for one in half}
    options = MatchOptions.of(thresholds)
    own = [(meeting, outcomes(meeting, options)) for meeting in every]
    crowded = [(one, outcomes(one, options, absent[id(one)])) for one in every]
    asked = sum(meeting.refused for meeting in every)
    return "\n\n".join(
        (
            f"{asked} of {sum(len(one.people) for one in every)} people needed --speaker to be "
            "enrolled. Shares of the turns in which mainly enrolled people, or strangers, speak:",
            _table(own),
            f"{ABSENT} more people enrolled who are not there:",
            _table(crowded),
            "One bar for books of any size, from the model's verification threshold "
            f"({thresholds.verification:.3f}); right, wrong and strangers named without and with "
            "the absent:",
            _bars(every, thresholds, absent),
            _whole(every, options),
            "Segments of the reference matched one by one, without clustering (shares of their "
            "seconds):",
            segment_table(every, options, {}),
            f"The same with {ABSENT} more people enrolled who are not there:",
            segment_table(every, options, absent),
        )
    )


def _bars(
    meetings: Sequence[Meeting],
    thresholds: Thresholds,
    absent: Mapping[int, Sequence[tuple[str, Float32]]],
) -> str:
    """Return what other bars would do."""
    rows = [
        "| offset | right | wrong | strangers | right | wrong | strangers |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for offset in OFFSETS:
        settings = IdentificationSettings(offset=offset, relief=0.0)
        options = MatchOptions.of(thresholds, settings=settings)
        cells = []
        for others in ({}, absent):
            one = total(
                part for m in meetings for part in outcomes(m, options, others.get(id(m), ()))
            )
            speech = max(one.right + one.wrong + one.unnamed, 1e-9)
            cells += [one.right / speech, one.wrong / speech]
            cells += [one.strangers_named / max(one.strangers, 1e-9)]
        rows.append(f"| {offset:+.2f} | " + " | ".join(f"{cell:.1%}" for cell in cells) + " |")
    return "\n".join(rows)


def _whole(meetings: Sequence[Meeting], options: MatchOptions) -> str:
    """Return who spoke when with and without names, and what became of all that was said."""
    named = [(one, found, names) for one in meetings for found, names in castings(one, options)]
    plain = scored(score(one.reference, one.details.diarization.turns) for one in meetings)
    after = scored(score(one.reference, found.turns) for one, found, _ in named)
    said = total(speech_shares(found, one.reference, names) for one, found, names in named)
    speech = max(said.right + said.wrong + said.unnamed + said.missed, 1e-9)
    shares = [part / speech for part in (said.right, said.wrong, said.unnamed, said.missed)]
    lines = ["| | DER Full / Forgiving | count right | off by |", "|---|---:|---:|---:|"]
    for name, one in (("without names", plain), ("with names", after)):
        rates = " / ".join(f"{100 * one.errors[key].rate:.1f}" for key in ("Full", "Forgiving"))
        lines.append(f"| {name} | {rates} | {one.count_exact:.0%} | {one.count_error:.2f} |")
    return (
        "\n".join(lines)
        + "\n\nOf what enrolled people say, right / wrong / no name / missed: "
        + " / ".join(f"{100 * share:.1f}" for share in shares)
        + " %; of what strangers say, named: "
        + f"{said.strangers_named / max(said.strangers, 1e-9):.1%}"
    )


def _table(found: Sequence[tuple[Meeting, list[MeetingOutcome]]]) -> str:
    rows = [HEADINGS]
    for scene in dict.fromkeys(meeting.scene for meeting, _ in found):
        mine = [part for meeting, parts in found if meeting.scene == scene for part in parts]
        rows.append(row(scene, mine))
    return "\n".join([*rows, row("all", [part for _, parts in found for part in parts])])
