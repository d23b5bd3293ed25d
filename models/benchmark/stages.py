"""Which stage of the pipeline errs: each row gives one stage the truth, all others as they are.

*Number told*: the clustering knows how many people there are. *True regions*: speech and overlap
are the reference's; changes of speaker and local speakers are the segmentation model's. *True
labels*: each window belongs to whom the reference hears most in it, so only the making of turns is
left to err. *Both*: true regions and true labels.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diarize.arrays import Int64
from diarize.evaluation.scoring import Score, score, total
from diarize.pipeline.recording import quietest_instant
from diarize.speakers.diarizer import Diarizer
from diarize.timeline import Segment, Turn, coverage, layers, union
from models.benchmark import options
from models.benchmark.extracted import TABLE_HEAD, Cache, table_row, turns_of_labels
from models.benchmark.pages import head
from models.benchmark.recordings import Recording

if TYPE_CHECKING:
    from diarize.segmentation.activity import SpeechActivity

ROWS = ("as it is", "number told", "true regions", "true regions, number told", "true labels",
        "both true")  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """The diarizer under test, others to compare, and what is kept of their work.

    Parameters
    ----------
    diarizer : Diarizer
    others : mapping of row name to Diarizer
    cache : Cache
    """

    diarizer: Diarizer
    others: dict[str, Diarizer]
    cache: Cache


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    options.add_data(options.add_conversations(parser))
    group = parser.add_argument_group("other models, a row each")
    group.add_argument("--embedding-model", metavar="PATH", action="append", default=[])
    group.add_argument("--segmentation-model", metavar="PATH", action="append", default=[])
    options.add_threads(parser)
    options.add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Print which stage errs."""
    cache = Cache(options.work_folder(args) / "stages")
    main = Diarizer(threads=args.threads)
    others = {
        f"embedder {Path(path).name}": Diarizer(
            vad=main.detector, embedder=path, threads=args.threads
        )
        for path in args.embedding_model
    }
    for path in args.segmentation_model:
        other = Diarizer(vad=path, embedder=main.embedder, threads=args.threads)
        others[f"segmentation {Path(path).name}"] = other
    items = options.all_recordings(args)
    command = options.command_line(args, "stages") + " -o examples/benchmark"
    page = as_markdown(measure(Bench(main, others, cache), items), items, command)
    return options.publish(args, "STAGES.md", page)


def measure(bench: Bench, items: Sequence[Recording]) -> dict[str, dict[str, Score]]:
    """Return the score of each row, for each group of recordings."""
    found: dict[str, dict[str, list[Score]]] = {}
    for item in items:
        rows = found.setdefault(item.group, {})
        for name, turns in turns_of(bench, item):
            rows.setdefault(name, []).append(score(item.turns, turns))
    return {
        group: {name: total(scores) for name, scores in rows.items()}
        for group, rows in found.items()
    }


def turns_of(bench: Bench, item: Recording) -> Iterator[tuple[str, Sequence[Turn]]]:
    """Yield the turns of each row for one recording."""
    from diarize.audio import loading

    waveform = loading.load(item.audio)
    quietest, main = quietest_instant(waveform), bench.diarizer
    extracted = bench.cache.extract_one("bundled", main, item, waveform)
    activity = true_regions(item.turns, extracted.activity)
    informed = Diarizer(vad=lambda _: activity, embedder=main.embedder, settings=main.settings)
    regions = bench.cache.extract_one("true regions", informed, item, waveform)
    for name, one in zip(ROWS[:4], (extracted, extracted, regions, regions), strict=True):
        told = item.speakers if "told" in name else None
        clustered = main.cluster(one, num_speakers=told, waveform=waveform)
        yield name, clustered.diarization.turns
    for name, one in zip(ROWS[4:], (extracted, regions), strict=True):
        labels = true_labels(item.turns, one.windows)
        yield name, turns_of_labels(one, labels, main.settings, quietest)
    for name, other in bench.others.items():
        mine = bench.cache.extract_one(f"{name} {other.vad}", other, item, waveform)
        yield name, other.cluster(mine, waveform=waveform).diarization.turns


def true_regions(reference: Sequence[Turn], found: SpeechActivity) -> SpeechActivity:
    """Return the reference's speech and overlap, with the changes that were found.

    The edges of an overlap are changes as well: there a voice joins in or drops out.

    Examples
    --------
    >>> from diarize.segmentation.activity import SpeechActivity
    >>> truth = [Turn(0, 4, "ann"), Turn(3, 6, "bob"), Turn(8, 9, "bob")]
    >>> true_regions(truth, SpeechActivity((), changes=(1.0, 7.0)))
    <SpeechActivity: 7.0 s in 2 regions, 1.0 s of overlap, 3 changes>
    """
    speech = union(turn.segment for turn in reference)
    overlaps = union(
        Segment(start, end)
        for start, end, turns in layers(reference)
        if len({turn.speaker for turn in turns}) > 1
    )
    edges = {edge for part in overlaps for edge in (part.start, part.end)}
    changes = sorted(
        change
        for change in {*found.changes, *edges}
        if any(part.start < change < part.end for part in speech)
    )
    both = tuple(overlaps)
    return replace(
        found, speech=tuple(speech), overlaps=both, changes=tuple(changes), confident_overlaps=both
    )


def true_labels(reference: Sequence[Turn], windows: Sequence[Segment]) -> Int64:
    """Return whom the reference hears most in each window, as 0, 1, …; −1 for nobody.

    Where no window holds anybody, all are one speaker's.

    Examples
    --------
    >>> true_labels([Turn(0, 4, "ann"), Turn(4, 6, "bob")], [Segment(3, 5.5), Segment(7, 8)])
    array([ 0, -1])
    """
    people = list(dict.fromkeys(turn.speaker for turn in sorted(reference)))
    spoken = [union(turn.segment for turn in reference if turn.speaker == one) for one in people]
    seconds = np.array([coverage(windows, parts) for parts in spoken])
    seconds = seconds.reshape(len(people), len(windows))
    present = np.unique(seconds.argmax(axis=0)[seconds.max(axis=0) > 0])
    if not len(present):
        return np.zeros(len(windows), np.int64)
    labels = np.searchsorted(present, seconds.argmax(axis=0))
    return np.where(seconds.max(axis=0) > 0, labels, -1).astype(np.int64)


def summary(found: dict[str, dict[str, Score]]) -> list[str]:
    """Return a table of DER Full / Forgiving, a line for each group of recordings."""
    names = list(dict.fromkeys(name for rows in found.values() for name in rows))
    lines = ["| DER Full / Forgiving | " + " | ".join(names) + " |", "|---|" + "--:|" * len(names)]
    for group, rows in found.items():
        cells = [
            " / ".join(f"{100 * error.rate:.1f}" for error in rows[name].errors.values())
            for name in names
        ]
        lines.append(f"| {group} | " + " | ".join(cells) + " |")
    return lines


def as_markdown(
    found: dict[str, dict[str, Score]], items: Sequence[Recording], command: str
) -> str:
    """Return the page."""
    lines = [
        "# Which stage errs", "", f"Made by `{command}`.", "", head("STAGES.md"), "",
        "One stage at a time is given the truth, all others are as they are. *Number told*: the "
        "clustering knows how many people there are. *True regions*: speech and overlap are the "
        "reference's. *True labels*: each window belongs to whom the reference hears most in it. "
        "*Both*: true regions and true labels; what errs then is the making of turns, and second "
        "speakers. DER and its parts and JER in percent; Full and Forgiving as in RESULTS.md.",
        "",
        *summary(found),
        "",
    ]  # fmt: skip
    for group, rows in found.items():
        own = [item for item in items if item.group == group]
        minutes = sum(max((turn.end for turn in item.turns), default=0.0) for item in own) / 60
        lines += [
            f"## {group.capitalize()} ({len(own)} recordings, {minutes:.0f} min)",
            "",
            *TABLE_HEAD,
        ]
        lines += [table_row(name, result) for name, result in rows.items()]
        lines.append("")
    return "\n".join(lines)
