"""Runs this package and its peers on recordings, and writes what came of it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from models.benchmark import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.benchmark.recordings import Recording
    from models.benchmark.runner import Outcome, Run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    options.add_data(options.add_conversations(parser))
    group = options.add_peers(parser)
    group.add_argument("--redo", metavar="A,B", default="", help="run these again")
    group.add_argument(
        "--report-only", action="store_true", help="run nothing, report what is kept"
    )
    options.add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, and print the page."""
    from models.benchmark import report
    from models.benchmark.runner import kept_outcomes, run_all

    items, work = options.all_recordings(args), options.work_folder(args)
    names = _systems(args)
    if args.report_only:
        outcomes = comparable(kept_outcomes(names, items, work))
    else:
        outcomes = run_all(
            names,
            items,
            work,
            peers_python=options.peers_python(args),
            threads=args.threads,
            redo=[name for name in args.redo.split(",") if name],
            on_run=_notify_run,
        )
    command = options.command_line(args, "systems") + " -o examples/benchmark"
    page = report.as_markdown(outcomes, command)
    if args.output:
        _save(Path(args.output), outcomes, command)
    return options.publish(args, "RESULTS.md", page)


def _systems(args: argparse.Namespace) -> list[str]:
    """Return the names of the systems to run, or to report."""
    from models.benchmark.systems import SYSTEMS

    if args.systems:
        return list(args.systems.split(","))
    if args.report_only:
        return list(SYSTEMS)
    return [name for name, system in SYSTEMS.items() if args.peers_python or not system.peers]


def comparable(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the runs on recordings that every system has; systems without any are left out."""
    systems = {outcome.system for outcome in outcomes}
    have: dict[str, set[str]] = {}
    for outcome in outcomes:
        have.setdefault(outcome.recording.uri, set()).add(outcome.system)
    kept = [outcome for outcome in outcomes if have[outcome.recording.uri] == systems]
    if len(kept) < len(outcomes):
        count = len(kept) // max(1, len(systems))
        options.notify(f"{count} recordings have runs of every system")
    return kept


def _save(folder: Path, outcomes: Sequence[Outcome], command: str) -> None:
    """Write the data and the plot."""
    from diarize.errors import MissingExtraError
    from models.benchmark import report

    folder.mkdir(parents=True, exist_ok=True)
    data = json.dumps(report.as_json(outcomes, command), indent=1) + "\n"
    (folder / "results.json").write_text(data, encoding="utf-8")
    try:
        report.plot(report.summary(outcomes), folder / "plot.png")
    except MissingExtraError as error:
        options.notify(str(error))


def _notify_run(system: str, item: Recording, run: Run) -> None:
    """Say what a run cost."""
    ratio = run.seconds / run.audio_seconds
    outcome = run.error or f"RTF {ratio:.3f}, {run.megabytes:.0f} MB"
    options.notify(f"{item.uri}  {system}: {outcome}")
