"""``diarize eval``: score a diarization against a reference."""

from __future__ import annotations

import argparse
import json
from functools import cache
from typing import TYPE_CHECKING

from diarize import text
from diarize.cli.console import Console, emit
from diarize.cli.options import add
from diarize.errors import DiarizeError, MissingExtraError
from diarize.rttm import read_uem

if TYPE_CHECKING:
    from diarize.evaluation.recordings import Annotated
    from diarize.evaluation.scoring import Score
    from diarize.timeline import Segment

_NOTES = """\
Every recording is scored under two protocols, because published figures use either:
  Full       no collar, overlapped speech is scored
  Forgiving  0.25 s left out on each side of every reference boundary (NIST), overlaps left out
DER = missed + false + confused, over the seconds of reference speech. JER is under Full.
cpWER and WDER (words with the wrong speaker) appear where both sides have words.

  diarize eval --ref meeting.rttm --hyp result.rttm
  diarize eval --ref references/ --hyp results/ --uem regions.uem --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = _NOTES
    accepted = "RTTM, STM, SegLST or JSON as `diarize --json` writes it; or a folder of them"
    add(parser, "--ref PATH", f"the truth: {accepted}", required=True)
    add(parser, "--hyp PATH", f"what is scored: {accepted}", required=True)
    add(parser, "--uem PATH", "regions to score (UEM file or folder)")
    add(parser, "--json", "print JSON instead of a table")
    add(parser, "--no-words", "score the turns only")


def run(args: argparse.Namespace) -> int:
    """Score, and print a table or JSON to stdout."""
    from diarize.evaluation.recordings import read_annotated
    from diarize.evaluation.scoring import total

    reference, hypothesis = read_annotated(args.ref), read_annotated(args.hyp)
    regions = read_uem(args.uem) if args.uem else None
    hypothesis = _paired(reference, hypothesis)
    scores = {
        uri: _score(uri, truth, hypothesis[uri], regions, words=not args.no_words)
        for uri, truth in reference.items()
    }
    if args.json:
        _print_json(scores)
    else:
        emit(table({**scores, "total": total(scores.values())}))
    return 0


def _paired(
    reference: dict[str, Annotated], hypothesis: dict[str, Annotated]
) -> dict[str, Annotated]:
    """Return a hypothesis for each recording of the reference; tell what does not match."""
    from diarize.evaluation.recordings import Annotated

    if not reference:
        raise DiarizeError("the reference holds no recording: nothing can be scored")
    if len(reference) == len(hypothesis) == 1 and reference.keys() != hypothesis.keys():
        ours, theirs = next(iter(reference)), next(iter(hypothesis))
        Console().warn(f"comparing {theirs!r} with the reference of {ours!r}: their names differ")
        return {ours: hypothesis[theirs]}
    missing = [uri for uri in reference if uri not in hypothesis]
    if len(missing) == len(reference) and hypothesis:
        raise DiarizeError(
            f"no recording is in both: the reference has {missing[0]!r}, "
            f"the hypothesis {next(iter(hypothesis))!r}, …; the names must be the same"
        )
    if missing:
        Console().warn(f"no hypothesis for {', '.join(missing)}: all of it counts as missed")
    if unknown := [uri for uri in hypothesis if uri not in reference]:
        Console().warn(f"no reference for {', '.join(unknown)}: left out")
    return {uri: hypothesis.get(uri, Annotated()) for uri in reference}


def _score(
    uri: str,
    reference: Annotated,
    hypothesis: Annotated,
    regions: dict[str, list[Segment]] | None,
    *,
    words: bool,
) -> Score:
    """Score one recording; without meeteval the words are left out, and that is told once."""
    from diarize.evaluation.scoring import score, word_score

    said = None
    if words:
        try:
            said = word_score(reference, hypothesis)
        except MissingExtraError as error:
            _tell_once(str(error))
    uem = None if regions is None else regions.get(uri)
    if regions is not None and uem is None:
        Console().warn(f"the UEM has no region for {uri}: all of it is scored")
    return score(reference.turns, hypothesis.turns, uem, said)


def table(scores: dict[str, Score]) -> str:
    """Return scores as an aligned text table, one line a recording, rates in percent."""
    worded = any(score.words is not None for score in scores.values())
    names = list(next(iter(scores.values())).errors)
    head = ["recording"]
    for name in names:
        head += [f"{name} DER", "missed", "false", "confused"]
    head += ["JER", "speakers", *(["cpWER", "WDER"] if worded else [])]
    rows = []
    for uri, score in scores.items():
        row = [uri]
        for error in score.errors.values():
            parts = (error.missed, error.false_alarm, error.confusion)
            row += [_percent(error.rate)]
            row += [_percent(part / error.total if error.total else 0.0) for part in parts]
        row += [_percent(score.jaccard.rate), _count(score)]
        if worded:
            known = score.words
            row += [_percent(known.cpwer), _percent(known.wder)] if known else ["-", "-"]
        rows.append(row)
    lines = text.table(head, rows, range(1, len(head))).splitlines()
    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]]) + "\n"


def _count(score: Score) -> str:
    """Return the error in the number of speakers: signed for one, exact shares for several."""
    if len(score.count_errors) == 1:
        return f"{score.count_errors[0]:+d}" if score.count_errors[0] else "right"
    return f"{score.count_exact:.0%} right, ±{score.count_error:.2f}"


def _percent(rate: float) -> str:
    return f"{100 * rate:.2f}"


def _print_json(scores: dict[str, Score]) -> None:
    """Print everything as JSON."""
    from diarize.evaluation.scoring import PROTOCOLS, total

    document = {
        "protocols": {
            protocol.name.lower(): {
                "collar_one_sided": protocol.collar, "skip_overlap": protocol.skip_overlap,
            }
            for protocol in PROTOCOLS
        },
        "recordings": {uri: score.as_dict() for uri, score in scores.items()},
        "total": total(scores.values()).as_dict(),
    }  # fmt: skip
    emit(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


@cache
def _tell_once(message: str) -> None:
    Console().warn(message)
