"""How many words get the wrong speaker: ``python -m models.benchmark words``.

One table: a row a difficulty, a column a way of putting speakers on words. The dialogues are
written (:mod:`models.simulation.written_dialogues`) and, where a folder of recorded speech is
given, made of that as well, with the timing errors that Whisper makes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diarize.annotation import Diarization
from diarize.audio.waveform import Waveform
from diarize.settings import WordSettings
from diarize.timeline import Segment, Turn
from diarize.transcript.assign import label_transcript
from diarize.transcript.sentences import ends_sentence
from diarize.transcript.tokenize import tokens
from diarize.transcript.word_times import Energy, energy_of, seconds
from models.benchmark.whisperx_words import whisperx_labels
from models.simulation.dialogues import (
    Dialogue,
    TimingErrors,
    disturbed,
    make_dialogue,
    transcribe,
)
from models.simulation.wordtimes import SpokenClip, spoken_clips
from models.simulation.written_dialogues import WRITTEN, Difficulty, write_dialogue

# The options of the merge were chosen on the first seeds; what is reported are others.
TUNING_SEEDS = range(20, 28)
REPORT_SEEDS = range(1000, 1010)

Labels = list["str | None"]


@dataclass(frozen=True)
class Case:
    """A transcript, the turns, and who really says each word."""

    transcript: Mapping[str, Any]
    diarization: Diarization
    truth: Sequence[str]
    energy: Energy | None = None


Method = Callable[[Case], Labels]


@dataclass(frozen=True)
class Material:
    """Which recordings dialogues are made of; only unseen people are fit for our diarizer."""

    name: str
    part: str
    corpora: tuple[str, ...]
    unseen: bool = True


MATERIALS = (
    Material("running speech", "dev", ("librispeech_samples", "wuw2")),
    Material("single words", "dev", ("dspspeech20",)),
    Material("digits", "train", ("fsdd",), unseen=False),
)


@dataclass(frozen=True)
class Condition:
    """What is wrong with the word times, and where the turns come from."""

    name: str
    timing: TimingErrors | None
    turns: str  # "true", "disturbed" or "pipeline"
    words: bool = True  # False: the transcript has segments only, as SRT has


CONDITIONS = (
    Condition("exact times, true turns", None, "true"),
    Condition("timing errors, true turns", TimingErrors(), "true"),
    Condition("exact times, disturbed turns", None, "disturbed"),
    Condition("timing errors, disturbed turns", TimingErrors(), "disturbed"),
    Condition("segments only, disturbed turns", TimingErrors(), "disturbed", words=False),
)
PIPELINE_CONDITIONS = (
    Condition("exact times, our diarizer", None, "pipeline"),
    Condition("timing errors, our diarizer", TimingErrors(), "pipeline"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--speech",
        metavar="DIR",
        help="one-voice recordings with clips.csv, for dialogues of these, too",
    )
    parser.add_argument("--cache", help="JSON file that keeps the word times found")
    parser.add_argument(
        "--pipeline", type=int, default=0, metavar="N", help="diarize the first N dialogues too"
    )
    parser.add_argument(
        "--whisperx-python",
        metavar="PATH",
        help="Python with whisperX, to measure its assign_word_speakers, too",
    )
    parser.add_argument("--tuning", action="store_true", help="use the seeds the options fit")


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    seeds = TUNING_SEEDS if args.tuning else REPORT_SEEDS
    examples = Path(__file__).parents[2] / "examples"
    rows = [(name, written_cases(kind, seeds)) for name, kind in WRITTEN.items()]
    if (examples / "meeting.expected.srt").is_file():
        rows += list(meeting_cases(examples).items())
    if args.speech is not None:
        rows += recorded_rows(args.speech, seeds, pipeline=args.pipeline, cache=args.cache)
    for line in report(rows, args.whisperx_python):
        print(line, flush=True)
    return 0


# --- ways of putting speakers on words ------------------------------------------------------------


def _spoken(segment: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a segment's words; those of its text, without times, where it has none."""
    return segment.get("words") or [{"word": text} for text in tokens(segment["text"])]


def _most(turns: Sequence[Turn], start: float, end: float) -> str | None:
    """Return who talks most between two instants."""
    span = Segment(start, end)
    talk: dict[str, float] = {}
    for turn in turns:
        shared = turn.segment.overlap(span)
        if shared > 0:
            talk[turn.speaker] = talk.get(turn.speaker, 0.0) + shared
    return max(talk, key=lambda name: talk[name]) if talk else None


def largest_overlap(case: Case) -> Labels:
    """Give each word to the speaker who overlaps it most, or to the nearest turn.

    A word without a time takes the speaker who overlaps its segment most.
    """
    turns = case.diarization.turns
    labels: Labels = []
    for segment in case.transcript["segments"]:
        fallback = _most(turns, segment["start"], segment["end"])
        for word in _spoken(segment):
            start, end = seconds(word.get("start")), seconds(word.get("end"))
            speaker = fallback
            if start is not None and end is not None and turns:
                span = Segment(start, max(start, end))
                nearest = min(turns, key=lambda turn: turn.segment.gap(span))
                speaker = _most(turns, start, end) or nearest.speaker
            labels.append(speaker)
    return labels


def sentence_majority(case: Case) -> Labels:
    """Take the largest overlap, then give each sentence to the speaker of more than half of it."""
    labels = largest_overlap(case)
    start = 0
    words = [word for segment in case.transcript["segments"] for word in _spoken(segment)]
    for place, word in enumerate(words):
        if ends_sentence(word["word"]) or place + 1 == len(words) or place + 1 - start >= 50:
            part = labels[start : place + 1]
            best = max(set(part), key=lambda name: (part.count(name), str(name)))
            if part.count(best) > len(part) / 2:
                labels[start : place + 1] = [best] * len(part)
            start = place + 1
    return labels


def ours(options: WordSettings) -> Method:
    """Return our way under some options."""

    def label(case: Case) -> Labels:
        labelled = label_transcript(
            case.transcript, case.diarization, options=options, energy=case.energy
        )
        return [
            word["speaker"] if "speaker" in word else segment["speaker"]
            for segment in labelled["segments"]
            for word in _spoken(segment)
        ]

    return label


METHODS: dict[str, Method] = {
    "largest overlap": largest_overlap,
    "sentence majority": sentence_majority,
    "ours": ours(WordSettings()),
}


def wrong_words(labels: Sequence[Labels], cases: Sequence[Case]) -> int:
    """Count the words with a wrong speaker, or none."""
    return sum(
        found != true
        for row, case in zip(labels, cases, strict=True)
        for found, true in zip(row, case.truth, strict=True)
    )


# --- rows -----------------------------------------------------------------------------------------


def written_cases(difficulty: Difficulty, seeds: Sequence[int]) -> list[Case]:
    """Write one dialogue a seed."""
    cases = []
    for seed in seeds:
        written = write_dialogue(difficulty, np.random.default_rng([seed, 5]))
        end = max(turn.end for turn in written.turns)
        diarization = Diarization(written.turns, duration=end)
        cases.append(Case(written.transcript, diarization, written.speakers))
    return cases


def meeting_cases(folder: Path) -> dict[str, list[Case]]:
    """Return the example meeting with its true turns, and with those of our diarizer."""
    from diarize.audio.loading import load
    from diarize.rttm import read_rttm
    from diarize.speakers.diarizer import Diarizer
    from diarize.transcript.readers import read_transcript

    transcript = read_transcript(folder / "meeting.json").data
    turns = read_rttm(folder / "meeting.rttm")["meeting"]
    true = Diarization(turns, duration=max(turn.end for turn in turns))
    truth = [
        line.partition(": ")[0]
        for line in (folder / "meeting.expected.srt").read_text(encoding="utf-8").splitlines()
        if line.startswith("SPEAKER_")
        for _ in line.partition(": ")[2].split()
    ]
    waveform = load(folder / "meeting.mp3")
    found = renamed(Diarizer()(waveform), turns)
    energy = energy_of(waveform)
    return {
        "the example meeting, true turns": [Case(transcript, true, truth, energy)],
        "the example meeting, our diarizer": [Case(transcript, found, truth, energy)],
    }


def recorded_cases(
    dialogues: Sequence[Dialogue],
    condition: Condition,
    seeds: Sequence[int],
    diarizations: Sequence[Diarization] | None = None,
) -> list[Case]:
    """Return recorded dialogues under a condition."""
    cases = []
    for place, (dialogue, seed) in enumerate(zip(dialogues, seeds, strict=True)):
        rng = np.random.default_rng([seed, 77])
        transcript = transcribe(dialogue, rng, condition.timing)
        if not condition.words:
            for segment in transcript["segments"]:
                del segment["words"]
        turns: Sequence[Turn] = dialogue.turns
        if condition.turns == "disturbed":
            turns = disturbed(dialogue.turns, rng)
        diarization = Diarization(turns, duration=dialogue.duration)
        if condition.turns == "pipeline" and diarizations is not None:
            diarization = diarizations[place]
        energy = energy_of(Waveform(dialogue.samples, path="dialogue"))
        truth = [word.speaker for word in dialogue.words]
        cases.append(Case(transcript, diarization, truth, energy))
    return cases


def renamed(found: Diarization, turns: Sequence[Turn]) -> Diarization:
    """Give speakers the names of the people they fit best."""
    from scipy.optimize import linear_sum_assignment

    people = list(dict.fromkeys(turn.speaker for turn in turns))
    shared = np.zeros((len(found.labels), len(people)))
    for turn in found.turns:
        for true in turns:
            row, column = found.labels.index(turn.speaker), people.index(true.speaker)
            shared[row, column] += turn.segment.overlap(true.segment)
    rows, columns = linear_sum_assignment(-shared)
    names = {found.labels[row]: people[column] for row, column in zip(rows, columns, strict=True)}
    return found.rename({label: names.get(label, f"nobody {label}") for label in found.labels})


def dialogues_of(clips: Sequence[SpokenClip], seeds: Sequence[int]) -> list[Dialogue]:
    """Make one dialogue a seed, each of people from one corpus."""
    corpora = sorted({clip.corpus for clip in clips})
    made = []
    for seed in seeds:
        corpus = corpora[seed % len(corpora)]
        rng = np.random.default_rng([seed, 11])
        made.append(make_dialogue([clip for clip in clips if clip.corpus == corpus], rng))
    return made


def recorded_rows(
    speech_dir: str, seeds: Sequence[int], *, pipeline: int = 0, cache: str | None = None
) -> Iterator[tuple[str, list[Case]]]:
    """Yield the rows of recorded speech.

    Parameters
    ----------
    speech_dir : str
    seeds : sequence of int
        One dialogue each, of each material.
    pipeline : int
        How many of the dialogues to run our own diarizer on, which takes a while.
    cache : str, optional
        See :func:`models.simulation.wordtimes.spoken_clips`.
    """
    for material in MATERIALS:
        clips = spoken_clips(speech_dir, material.part, corpora=material.corpora, cache=cache)
        if not clips:
            continue
        dialogues = dialogues_of(clips, seeds)
        for condition in CONDITIONS:
            yield f"{material.name}: {condition.name}", recorded_cases(dialogues, condition, seeds)
        if pipeline and material.unseen:
            from diarize.speakers.diarizer import Diarizer

            diarizer = Diarizer()
            few = dialogues[:pipeline]
            found = [
                renamed(diarizer(Waveform(dialogue.samples, path="dialogue")), dialogue.turns)
                for dialogue in few
            ]
            for condition in PIPELINE_CONDITIONS:
                cases = recorded_cases(few, condition, seeds[:pipeline], found)
                yield f"{material.name}: {condition.name}", cases


def report(
    rows: Sequence[tuple[str, Sequence[Case]]], whisperx_python: str | None = None
) -> Iterator[str]:
    """Yield the lines of the table."""
    counts: list[dict[str, int]] = [
        {
            name: wrong_words([method(case) for case in cases], cases)
            for name, method in METHODS.items()
        }
        for _, cases in rows
    ]
    if whisperx_python is not None:
        everything = [case for _, cases in rows for case in cases]
        for name, fill in (("whisperX", False), ("whisperX, fill_nearest", True)):
            pairs = [(case.transcript, case.diarization.turns) for case in everything]
            labels = iter(whisperx_labels(whisperx_python, pairs, fill_nearest=fill))
            for count, (_, cases) in zip(counts, rows, strict=True):
                count[name] = wrong_words([next(labels) for _ in cases], cases)
    names = sorted(counts[0], key=lambda name: name == "ours")
    yield "| | words | " + " | ".join(names) + " |"
    yield "|---|--:|" + "--:|" * len(names)
    for count, (title, cases) in zip(counts, rows, strict=True):
        total = sum(len(case.truth) for case in cases)
        cells = " | ".join(f"{100 * count[name] / total:.2f}" for name in names)
        yield f"| {title} | {total} | {cells} |"
