"""How well people are verified and identified who were never trained on, strangers included.

``python -m models.benchmark identification --speech DIR`` prints the tables. People are divided
into two halves, each corpus evenly; the thresholds for one half are chosen on the other.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from models.benchmark import options
from models.benchmark.enrollment_trials import ENROLLMENTS, TESTS, Material, background, materials
from models.benchmark.open_set import (
    DRAWS,
    FALSE_ACCEPT_RATE,
    Condition,
    Measured,
    Scoring,
    choose,
    decisions,
    equal_error_rate,
    measure,
    score_all,
)

if TYPE_CHECKING:
    from diarize.embedding.base import Thresholds


def verification_rows(found: Measured) -> list[list[str]]:
    """Return a row for each condition: error rates at the other half's threshold."""
    rows = []
    for enroll, test in found.tables[0]:
        genuine, impostor, rejected, accepted, everyone = [], [], [], [], []
        for half, tables in enumerate(found.tables):
            mine, theirs = tables[enroll, test].pairs()
            line = found.given(half).verification
            genuine.append(mine)
            impostor.append(theirs)
            rejected.append(mine < line)
            accepted.append(theirs >= line)
            everyone.append(tables[enroll, test].pairs(within=False)[1] >= line)
        people = sum(len(tables[enroll, test].people) for tables in found.tables)
        count = sum(map(len, genuine))
        equal = equal_error_rate(np.concatenate(genuine), np.concatenate(impostor))
        rows.append(
            [
                f"{enroll:g}",
                f"{test:g}",
                str(people),
                str(count),
                f"{np.concatenate(accepted).mean():.1%}",
                f"{np.concatenate(everyone).mean():.1%}",
                f"{np.concatenate(rejected).mean():.1%}",
                f"{equal:.1%}",
            ]
        )
    return rows


def identification_rows(found: Measured, extra: int) -> list[list[str]]:
    """Return a row for each condition and number of people enrolled.

    "All" leaves a fifth of a half, at least three people, to be strangers; ``extra`` background
    people join ten of the half in the rows marked with a star.
    """
    rows = []
    for condition in found.tables[0]:
        sizes = [len(tables[condition].people) for tables in found.tables]
        most = [size - max(3, size // 5) for size in sizes]
        rows.append(_identified(found, condition, "10", [10, 10], 0))
        if extra:
            rows.append(_identified(found, condition, f"{10 + extra}*", [10, 10], extra))
        rows.append(_identified(found, condition, f"{most[0]}, {most[1]}", most, 0))
    return [row for row in rows if row]


def _identified(
    found: Measured, condition: Condition, label: str, sizes: Sequence[int], extra: int
) -> list[str]:
    """Return one row: the mean of both halves; empty where there are too few people."""
    outcomes = []
    for half, tables in enumerate(found.tables):
        line = found.given(half)
        drawn = decisions(tables[condition], sizes[half], extra) if sizes[half] > 0 else None
        if drawn is not None:
            outcomes.append(drawn.outcome(line.identification, line.margin))
    if not outcomes:
        return []
    shares = [(one.right, one.wrong, one.strangers_named, one.accuracy) for one in outcomes]
    means = np.mean(shares, axis=0)
    return [*(f"{seconds:g}" for seconds in condition), label, *(f"{mean:.1%}" for mean in means)]


def summary(found: Measured) -> tuple[float, float]:
    """Return how well a way of scoring does over all conditions.

    Returns
    -------
    (float, float)
        Mean false rejects at the other half's threshold; mean open-set accuracy with ten enrolled.
    """
    rejects, accuracies = [], []
    for half, tables in enumerate(found.tables):
        line = found.given(half)
        for trials in tables.values():
            genuine, _ = trials.pairs()
            if len(genuine):
                rejects.append(float(np.mean(genuine < line.verification)))
            drawn = decisions(trials, 10)
            if drawn is not None:
                outcome = drawn.outcome(line.identification, line.margin)
                accuracies.append(outcome.accuracy)
    return float(np.mean(rejects)), float(np.mean(accuracies))


VERIFICATION = ("enroll s", "test s", "people", "trials", "FA", "FA all", "FR", "EER")
IDENTIFICATION = ("enroll s", "test s", "enrolled", "right", "wrong", "strangers named", "accuracy")
NOTE = """People: {people} of part {part} of the speech folder ({corpora}), never trained on.
Thresholds for one half of them are chosen on the other half: verification at {rate:.0%} false
accepts of the same corpus, over all conditions; identification, with its margin, so that at most
{rate:.0%} of strangers are named with ten enrolled.
FA: impostors of the same corpus accepted; FA all: of any corpus; FR: genuine rejected.
Right, wrong: shares of pieces by enrolled people; strangers named: of pieces by others; accuracy:
enrolled people named right and strangers left unnamed. Mean over {draws} draws of who is enrolled.
* ten people of the half and {extra} of part {background}, whom the model was trained on.
"""


def report(found: Measured, extra: int) -> str:
    """Return both tables as Markdown."""
    lines = "; ".join(
        f"half {half + 1}: verification {line.verification:.3f}, "
        f"identification {line.identification:.3f} with a margin of {line.margin:.2f}"
        for half, line in enumerate(found.lines)
    )
    return (
        f"Chosen on {lines}\n\n"
        + markdown(VERIFICATION, verification_rows(found))
        + "\n"
        + markdown(IDENTIFICATION, identification_rows(found, extra))
    )


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [headings, ["---:"] * len(headings), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    options.add_speech(parser)
    parser.add_argument(
        "--background-part",
        default="train",
        metavar="PART",
        help="people enrolled as well, and the cohort (default: train)",
    )
    parser.add_argument(
        "--background",
        type=int,
        default=40,
        metavar="N",
        help="how many of them are enrolled (default: 40)",
    )
    parser.add_argument(
        "--cohort",
        type=int,
        default=150,
        metavar="N",
        help="how many others scores are normalized by; 0: no AS-norm",
    )
    parser.add_argument("--embedding-model", metavar="PATH", help="default: the bundled one")
    options.add_threads(parser)


def run(args: argparse.Namespace) -> int:
    """Run the measurement and print the tables."""
    from diarize.embedding.embedder import OnnxEmbedder
    from models.simulation.voices import VoiceBank

    speech = options.speech_folder(args)
    embedder = OnnxEmbedder(args.embedding_model, threads=args.threads)
    people = list(materials(VoiceBank(speech, args.part), embedder, _tell("people")))
    extra = args.background
    others = background(
        VoiceBank(speech, args.background_part),
        embedder,
        extra + args.cohort,
        on_progress=_tell("background"),
    )
    print(_note(people, args))
    print(_recommended(people, embedder.thresholds))
    # Every n-th of them is enrolled, the others are the cohort: both are spread over all corpora.
    enrolled = {round(index * len(others) / max(extra, 1)) for index in range(extra)}
    scorings = [Scoring()]
    if args.cohort:
        rest = [others[index] for index in range(len(others)) if index not in enrolled]
        scorings.append(Scoring("as-norm", cohort=np.concatenate(rest)))
    for scoring in scorings:
        found = measure(people, [others[index] for index in sorted(enrolled)], scoring)
        rejects, accuracy = summary(found)
        print(f"## {scoring.name}: FR {rejects:.1%}, open-set accuracy {accuracy:.1%}\n")
        print(report(found, extra))
    return 0


def _note(people: Sequence[Material], args: argparse.Namespace) -> str:
    corpora = sorted({one.corpus for one in people})
    counted = ", ".join(f"{sum(one.corpus == name for one in people)} {name}" for name in corpora)
    return NOTE.format(
        people=len(people),
        part=args.part,
        corpora=counted,
        rate=FALSE_ACCEPT_RATE,
        draws=DRAWS,
        extra=args.background,
        background=args.background_part,
    )


def _recommended(people: Sequence[Material], thresholds: Thresholds) -> str:
    """Return the thresholds that all people together give, beside the model's own."""
    conditions = [(enroll, test) for enroll in ENROLLMENTS for test in TESTS]
    tables = {condition: score_all(people, [], condition, Scoring()) for condition in conditions}
    line = choose(tables, FALSE_ACCEPT_RATE, gallery=10)
    return (
        f"On all people: verification {line.verification:.3f}, identification "
        f"{line.identification:.3f} with a margin of {line.margin:.2f}; the model has "
        f"{thresholds.verification:.3f} and {thresholds.margin:.3f} ({thresholds.note})\n"
    )


def _tell(stage: str) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        if sys.stderr.isatty() or done == total:
            print(f"\r{stage} {done}/{total}", end="\n" * (done == total), file=sys.stderr)

    return tell
