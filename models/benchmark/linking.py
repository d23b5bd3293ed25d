"""Recordings that share some people: does ``--link`` give a voice one label in all of them?

``python -m models.benchmark linking --speech DIR`` simulates folders of three
recordings, each of three people in a scene of its own; one person is in all, two are in two,
the others in one, with other clips in each. The least likeness for one half of the people is chosen
on the other half; ``diarize/settings/people.py`` holds the strictest line that
joins about as many pairs as any.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from diarize.annotation import Diarization
from diarize.settings import DEFAULTS
from diarize.speakers.linking import link
from diarize.timeline import Turn
from models.benchmark import options
from models.benchmark.named_meetings import halves
from models.simulation.conversations import simulate
from models.simulation.scenes import SCENES, SimulationOptions
from models.simulation.voices import VoiceBank

if TYPE_CHECKING:
    from diarize.speakers.diarizer import Diarizer

#: Who of six people is in which recording of a folder.
CASTS = ((0, 1, 2), (0, 1, 3), (0, 2, 4))
PEOPLE = 5
#: Added to the model's verification threshold.
LIFTS = tuple(np.round(np.arange(-0.30, 0.151, 0.03), 2).tolist())
#: A wrong link counts so many times a missing one: two people under one label mislead.
WRONG_COST = 2.0


@dataclass(frozen=True)
class Folder:
    """Recordings heard once, and which person each of their voices mainly is."""

    talks: tuple[Diarization, ...]
    owners: tuple[dict[str, str], ...]


@dataclass(frozen=True)
class Links:
    """Pairs of voices of different recordings: of one person, and joined, rightly or wrongly."""

    same: int = 0
    right: int = 0
    wrong: int = 0

    def __add__(self, other: Links) -> Links:
        return Links(self.same + other.same, self.right + other.right, self.wrong + other.wrong)

    @property
    def cost(self) -> float:
        """Pairs missed, and pairs joined wrongly, weighted."""
        return self.same - self.right + WRONG_COST * self.wrong


def make(
    bank: VoiceBank, able: Sequence[str], seed: int, diarizer: Diarizer, minutes: float = 2.0
) -> Folder:
    """Simulate three recordings of people drawn from ``able``, and hear them."""
    from diarize.audio.waveform import Waveform

    rng = np.random.default_rng([seed, 0x117])
    people = [able[int(at)] for at in rng.choice(len(able), PEOPLE, replace=False)]
    talks, owners = [], []
    for number, cast in enumerate(CASTS):
        guests = copy.copy(bank)
        # No clip is in two recordings: it would be known by its sound, not by its voice.
        guests.voices = {
            people[at]: replace(
                bank.voices[people[at]], clips=bank.voices[people[at]].clips[number :: len(CASTS)]
            )
            for at in cast
        }
        options = SimulationOptions(
            speakers=(len(cast), len(cast)),
            minutes=(minutes, minutes),
            scenes=(sorted(SCENES)[int(rng.integers(len(SCENES)))],),
            within_corpus=0.0,
            speech_factor=0.1,
        )
        made = simulate(bank.folder, bank.part, 10 * seed + number, options, bank=guests)
        heard = diarizer(Waveform(made.samples), uri=f"{seed}-{number}")
        talks.append(heard)
        owners.append(owners_of(heard, made.turns))
    return Folder(tuple(talks), tuple(owners))


def owners_of(heard: Diarization, reference: Sequence[Turn]) -> dict[str, str]:
    """Return who mainly speaks under each label."""
    found: dict[str, str] = {}
    for label in heard.labels:
        shares: dict[str, float] = {}
        for turn in heard.turns:
            if turn.speaker == label:
                for one in reference:
                    shared = one.segment.overlap(turn.segment)
                    shares[one.speaker] = shares.get(one.speaker, 0.0) + shared
        best = max(sorted(shares), key=lambda name: shares[name], default="")
        if best and shares[best]:
            found[label] = best
    return found


def judge(folder: Folder, threshold: float) -> Links:
    """Link a folder's recordings and count what was joined."""
    linked = link(folder.talks, threshold=threshold)
    voices = [
        (number, owners.get(before.label), after.label)
        for number, (talk, other, owners) in enumerate(
            zip(folder.talks, linked, folder.owners, strict=True)
        )
        for before, after in zip(talk.speakers, other.speakers, strict=True)
    ]
    found = Links()
    for one, two in combinations(voices, 2):
        if one[0] == two[0] or one[1] is None or two[1] is None:
            continue
        same, joined = one[1] == two[1], one[2] == two[2]
        found = found + Links(int(same), int(same and joined), int(joined and not same))
    return found


def total(folders: Sequence[Folder], threshold: float) -> Links:
    """Return the sum over folders."""
    found = Links()
    for folder in folders:
        found = found + judge(folder, threshold)
    return found


def choose(folders: Sequence[Folder], verification: float) -> float:
    """Return the lift that costs least; the highest of equals, for it joins fewer."""
    costs = [total(folders, verification + lift).cost for lift in LIFTS]
    return float(LIFTS[max(at for at, cost in enumerate(costs) if cost == min(costs))])


def report(made: Sequence[Sequence[Folder]], verification: float) -> str:
    """Return the curve over all folders, and what each half's choice does for the other."""
    every = [folder for half in made for folder in half]
    rows = [
        "| lift | pairs of one person joined | other pairs joined | joined pairs that are right |",
        "|---:|---:|---:|---:|",
    ]
    for lift in LIFTS:
        one = total(every, verification + lift)
        share = one.right / max(one.right + one.wrong, 1)
        rows.append(f"| {lift:+.2f} | {one.right} of {one.same} | {one.wrong} | {share:.0%} |")
    lifts = [choose(half, verification) for half in made]
    crossed = Links()
    for number, half in enumerate(made):
        crossed = crossed + total(half, verification + lifts[1 - number])
    return "\n".join(
        [
            *rows,
            "",
            f"Chosen on half 1 {lifts[0]:+.2f}, on half 2 {lifts[1]:+.2f}, on both "
            f"{choose(every, verification):+.2f} (verification is {verification:.3f}); the package "
            f"has {DEFAULTS.linking.score_offset:+.2f}.",
            f"With the other half's choice: {crossed.right} of {crossed.same} pairs of one person "
            f"joined, {crossed.wrong} others.",
        ]
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    options.add_speech(parser)
    parser.add_argument(
        "--folders",
        type=int,
        default=8,
        metavar="N",
        help="folders for each half of the people (default: 8)",
    )
    options.add_models(parser)


def run(args: argparse.Namespace) -> int:
    """Make the folders and print what linking does with them."""
    from diarize.speakers.diarizer import Diarizer

    bank = VoiceBank(options.speech_folder(args), args.part)
    diarizer = Diarizer(vad=args.vad, embedder=args.embedding_model, threads=args.threads)
    made: list[list[Folder]] = []
    for half, able in enumerate(halves(bank)):
        made.append([])
        for seed in range(args.folders):
            made[-1].append(make(bank, able, 2 * seed + half, diarizer))
            options.notify(f"half {half + 1}, folder {seed + 1} of {args.folders}")
    print(report(made, diarizer.embedder.thresholds.verification))
    return 0
