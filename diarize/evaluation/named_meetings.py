"""Simulated meetings of enrolled people and strangers: is everybody called by the right name?

``python -m diarize.evaluation.named_meetings --speech DIR`` enrols four people by clips that the
meeting does not use (of other sessions where there are any), lets them talk with two strangers, and
counts the turns that were named.
"""

from __future__ import annotations

import argparse
import copy
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diarize.annotation import Diarization, Turn
from diarize.errors import EnrolmentError
from diarize.evaluation.scenes import SimulationOptions
from diarize.evaluation.simulation import SimulatedConversation, simulate
from diarize.evaluation.trials import divide, joined
from diarize.evaluation.voices import VoiceBank
from diarize.speakers.enrolment import enrol
from diarize.speakers.records import BookModel
from diarize.speakers.store import SpeakerBook

if TYPE_CHECKING:
    from diarize.evaluation.voices import Voice
    from diarize.pipeline import Diarizer

#: People at the table, and how many of them are enrolled.
PEOPLE, ENROLLED = 6, 4
#: Who speaks less than this in all clips, in seconds, cannot both enrol and talk.
LEAST_SECONDS = 40.0


@dataclass(frozen=True)
class MeetingOutcome:
    """What became of the names in one meeting; times in seconds of hypothesis turns.

    Parameters
    ----------
    right, wrong : float
        Named turns whose main speaker has that name, or has another.
    strangers_named : float
        Those of ``wrong`` in which mainly a stranger speaks.
    unnamed : float
        Turns of enrolled people that got no name.
    people_named : int
        Enrolled people whose name occurs.
    refused : int
        Enrolments refused at first because a second voice was found in them, wrongly.
    """

    uri: str
    right: float
    wrong: float
    strangers_named: float
    unnamed: float
    people_named: int
    refused: int = 0


def hold_meeting(
    bank: VoiceBank, seed: int, diarizer: Diarizer, *, minutes: float = 3.0, scene: str = "meeting"
) -> MeetingOutcome:
    """Draw people, enrol some of them, simulate their meeting, and name its speakers."""
    rng = np.random.default_rng([seed, 0xB00C])
    able = [name for name in sorted(bank.voices) if bank.voices[name].seconds >= LEAST_SECONDS]
    chosen = [bank.voices[name] for name in rng.choice(able, PEOPLE, replace=False)]
    talk = _conversation(bank, chosen, seed, minutes, scene)
    from diarize.audio import Waveform

    with (
        tempfile.TemporaryDirectory() as folder,
        SpeakerBook(Path(folder) / "book.db", create=True) as book,
    ):
        refused = sum(_enrolled(bank, voice, diarizer, book) for voice in chosen[:ENROLLED])
        namer = copy.copy(diarizer)
        namer.speakers = book
        found = namer(Waveform(talk.samples))
    names = [voice.name for voice in chosen[:ENROLLED]]
    return replace(judge(found, talk.turns, names, talk.uri), refused=refused)


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


def _enrolled(bank: VoiceBank, voice: Voice, diarizer: Diarizer, book: SpeakerBook) -> bool:
    """Enrol a person; return whether that was refused at first for a second voice."""
    from diarize.audio import Waveform

    waveform = Waveform(joined(bank, divide(voice)[0]), voice.name)
    model = BookModel.of(diarizer.embedder)
    try:
        book.add(voice.name, enrol(waveform, diarizer).samples, model)
        return False
    except EnrolmentError:
        book.add(voice.name, enrol(waveform, diarizer, speaker="0").samples, model)
        return True


def judge(
    found: Diarization, reference: Sequence[Turn], enrolled: Sequence[str], uri: str = ""
) -> MeetingOutcome:
    """Compare the names on turns with who mainly speaks in them.

    Examples
    --------
    >>> from diarize.annotation import Speaker
    >>> truth = [Turn(0, 4, "ann"), Turn(4, 9, "eve")]
    >>> heard = Diarization(
    ...     [Turn(0, 4, "S0"), Turn(4, 7, "S1"), Turn(7, 9, "S0")], 9,
    ...     speakers=[Speaker("S0", "ann"), Speaker("S1")],
    ... )
    >>> outcome = judge(heard, truth, ["ann", "bob"])
    >>> outcome.right, outcome.wrong, outcome.strangers_named, outcome.people_named
    (4.0, 2.0, 2.0, 1)
    """
    named = {speaker.label: speaker.name for speaker in found.speakers if speaker.name}
    sums = {"right": 0.0, "wrong": 0.0, "strangers_named": 0.0, "unnamed": 0.0}
    for turn in found:
        shares: dict[str, float] = {}
        for one in reference:
            shares[one.speaker] = shares.get(one.speaker, 0.0) + one.segment.overlap(turn.segment)
        main = max(sorted(shares), key=lambda speaker: shares[speaker], default="")
        if not shares or not shares[main]:
            continue
        name = named.get(turn.speaker)
        if name == main:
            sums["right"] += turn.duration
        elif name is not None:
            sums["wrong"] += turn.duration
            sums["strangers_named"] += turn.duration * (main not in enrolled)
        elif main in enrolled:
            sums["unnamed"] += turn.duration
    return MeetingOutcome(
        uri,
        sums["right"],
        sums["wrong"],
        sums["strangers_named"],
        sums["unnamed"],
        people_named=len(set(named.values())),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Hold some meetings and print what became of the names."""
    parser = argparse.ArgumentParser(
        prog="python -m diarize.evaluation.named_meetings", description=__doc__
    )
    parser.add_argument("--speech", required=True, metavar="DIR", help="folder with clips.csv")
    parser.add_argument("--part", default="dev", help="people never trained on (default: dev)")
    parser.add_argument("--meetings", type=int, default=10, metavar="N")
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--scene", default="meeting")
    parser.add_argument("--embedding-model", metavar="PATH")
    parser.add_argument("--vad", default="auto")
    args = parser.parse_args(argv)
    from diarize.pipeline import Diarizer

    diarizer = Diarizer(vad=args.vad, embedder=args.embedding_model)
    bank = VoiceBank(args.speech, args.part)
    print("| meeting | right s | wrong s | strangers named s | unnamed s | named of 4 | refused |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    outcomes = []
    for seed in range(args.meetings):
        one = hold_meeting(bank, seed, diarizer, minutes=args.minutes, scene=args.scene)
        outcomes.append(one)
        print(
            f"| {one.uri} | {one.right:.1f} | {one.wrong:.1f} | {one.strangers_named:.1f} "
            f"| {one.unnamed:.1f} | {one.people_named} | {one.refused} |",
            flush=True,
        )
    total = sum(one.right + one.wrong for one in outcomes)
    right = sum(one.right for one in outcomes)
    if total:
        print(f"\n{right / total:.1%} of the named time bears the right name", file=sys.stdout)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
