"""``python -m models.benchmark``: measure accuracy, speed and memory, beside other tools."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diarize.cli import guarded
from diarize.cli.options import CommandParser, HelpFormatter, add, positive_int

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.benchmark.runner import Outcome, Recording, Run

_NOTES = """\
  python -m models.benchmark
    --speech DIR                      this package and MFCC+BIC on simulated talk
    --speech DIR --peers-python peers/bin/python     and on its peers (see
                                      examples/benchmark/peers.txt)
    --data voxconverse/dev            any folder of sound files with RTTM files
    --speech DIR --ablation           what decides the defaults
    --speech DIR --lengths            10 minutes to 12 hours: seconds and memory
    --speech DIR --peers-python peers/bin/python --race      how many times faster

DIR holds one-voice recordings: clips.csv with dev/SPEAKER.*, or one sound file (or folder) a
speaker; recordings of noise in DIR/noise and real talk in DIR/real (with RTTM) are used if there.
What is done is kept in the work folder: the same command goes on where it was stopped.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = _NOTES
    data = parser.add_argument_group("recordings")
    data.add_argument("--speech", metavar="DIR", help="one-voice recordings to make talk of")
    data.add_argument("--part", default="dev", help="the speakers to take (default: dev)")
    data.add_argument("--data", metavar="DIR", action="append", default=[],
                      help="sound files with references; may be given several times")  # fmt: skip
    data.add_argument("--conversations", type=positive_int, metavar="N",
                      help="simulated conversations (default: 30)")  # fmt: skip
    data.add_argument("--quick", action="store_true", help="3 conversations of a minute")
    add(data, "--write-conversations", action="store_true",
        help="only make the simulated conversations, in the work folder")  # fmt: skip
    systems = parser.add_argument_group("systems")
    systems.add_argument("--systems", metavar="A,B", help="default: all that can be run")
    add(systems, "--peers-python", metavar="PATH", help="interpreter that has the peers installed")
    systems.add_argument("--redo", metavar="A,B", default="", help="run these again")
    systems.add_argument("--threads", type=positive_int, metavar="N", help="threads of each system")
    what = parser.add_argument_group("what to measure")
    what.add_argument("--ablation", action="store_true", help="settings instead of systems")
    what.add_argument("--lengths", action="store_true", help="long files instead of systems")
    what.add_argument("--race", action="store_true",
                      help="systems in alternation on one recording of 10 minutes")  # fmt: skip
    what.add_argument("--hours", metavar="H,H", help="lengths to measure (default: 1/6,1,5,12)")
    out = parser.add_argument_group("output")
    out.add_argument("--work", metavar="DIR", help="keeps conversations and runs (default: cache)")
    out.add_argument("-o", "--output", metavar="DIR", help="folder for RESULTS.md, .json and .png")
    add(out, "--report-only", action="store_true", help="run nothing, report what is kept")


def run(args: argparse.Namespace) -> int:
    """Measure, and print a table to stdout."""
    work = _work(args)
    if args.lengths:
        return _lengths(args, work)
    if args.race:
        return _race(args, work)
    if args.ablation:
        return _ablation(args, work)
    if args.write_conversations:
        for item in _simulated(args, work):
            print(item.audio)
        return 0
    return _systems(args, work)


def _work(args: argparse.Namespace) -> Path:
    """Return the folder that keeps what is done."""
    if args.work:
        return Path(args.work)
    from platformdirs import user_cache_path

    return user_cache_path("diarize") / ("benchmark-quick" if args.quick else "benchmark")


def _simulated(args: argparse.Namespace, work: Path) -> list[Recording]:
    """Return the simulated conversations, made if they are not there."""
    from diarize.errors import UsageError
    from models.benchmark.runner import CONVERSATIONS, MINUTES, simulated
    from models.simulation.scenes import SimulationOptions

    if not args.speech:
        raise UsageError("--speech DIR is needed: the folder of one-voice recordings")
    minutes = (1.0, 1.1) if args.quick else MINUTES
    count = args.conversations or (3 if args.quick else CONVERSATIONS)
    _tell(f"{count} conversations in {work / 'audio'}")
    options = SimulationOptions(minutes=minutes)
    return simulated(
        Path(args.speech), work / "audio", part=args.part, count=count, options=options
    )


def _items(args: argparse.Namespace, work: Path) -> list[Recording]:
    """Return every recording asked for."""
    from diarize.errors import UsageError
    from models.benchmark.runner import recordings

    found: list[Recording] = []
    if args.speech:
        found += _simulated(args, work)
        real = Path(args.speech) / "real"
        if real.is_dir() and not args.quick:
            found += recordings(real, "real")
    for folder in args.data:
        found += recordings(Path(folder), Path(folder).resolve().name)
    if not found:
        raise UsageError("nothing to measure on: give --speech DIR or --data DIR")
    return found


def _systems(args: argparse.Namespace, work: Path) -> int:
    """Run systems on recordings and report."""
    from diarize.cli.console import emit
    from models.benchmark import report
    from models.benchmark.peers import SYSTEMS
    from models.benchmark.runner import kept_outcomes, run_all

    peers = _peers(args)
    known = SYSTEMS.items()
    if args.report_only:
        names = list(SYSTEMS)
    else:
        names = [name for name, one in known if not one.asked and (peers or not one.peers)]
    if args.systems:
        names = args.systems.split(",")
    items = _items(args, work)
    if args.report_only:
        outcomes = _comparable(kept_outcomes(names, items, work))
    else:
        redo = [name for name in args.redo.split(",") if name]
        outcomes = run_all(
            names, items, work, peers_python=peers, threads=args.threads, redo=redo, told=_told
        )
    command = _command_line(args)
    page = report.as_markdown(outcomes, command)
    if args.output:
        _save(Path(args.output), outcomes, page, command)
    emit(page)
    return 0


def _comparable(outcomes: list[Outcome]) -> list[Outcome]:
    """Return the runs on recordings that every system has; systems without any are left out."""
    systems = {outcome.system for outcome in outcomes}
    have: dict[str, set[str]] = {}
    for outcome in outcomes:
        have.setdefault(outcome.recording.uri, set()).add(outcome.system)
    kept = [outcome for outcome in outcomes if have[outcome.recording.uri] == systems]
    if len(kept) < len(outcomes):
        _tell(f"{len(kept) // max(1, len(systems))} recordings have runs of every system")
    return kept


def _save(folder: Path, outcomes: list[Any], page: str, command: str) -> None:
    """Write the page, the data and the plot."""
    import json

    from diarize.errors import MissingExtraError
    from models.benchmark import report

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "RESULTS.md").write_text(page, encoding="utf-8")
    data = json.dumps(report.as_json(outcomes, command), indent=1) + "\n"
    (folder / "results.json").write_text(data, encoding="utf-8")
    try:
        report.plot(outcomes, folder / "plot.png")
    except MissingExtraError as error:
        _tell(str(error))


def _command_line(args: argparse.Namespace) -> str:
    """Return the command as anybody would type it, without this machine's folders."""
    words = ["python -m models.benchmark"]
    words += ["--speech DIR"] if args.speech else []
    words += [f"--data {Path(folder).name}" for folder in args.data]
    words += [f"--part {args.part}"] if args.part != "dev" else []
    words += [f"--conversations {args.conversations}"] if args.conversations else []
    words += ["--quick"] if args.quick else []
    words += ["--peers-python peers/bin/python"] if args.peers_python or args.report_only else []
    words += [f"--systems {args.systems}"] if args.systems else []
    words += [f"--threads {args.threads}"] if args.threads else []
    words += ["--race"] if args.race else []
    return " ".join([*words, "-o examples/benchmark"])


def _lengths(args: argparse.Namespace, work: Path) -> int:
    """Measure long files."""
    from fractions import Fraction

    from diarize.errors import UsageError
    from models.benchmark import lengths

    try:
        hours = [float(Fraction(word)) for word in (args.hours or "1/6,1,5,12").split(",")]
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(f"--hours {args.hours}: numbers such as 1/6,1,5 are expected") from error
    page = lengths.as_markdown(
        lengths.measure_lengths(_simulated(args, work), work, hours, args.threads, _tell)
    )
    return _publish(args, "LENGTHS.md", page)


def _race(args: argparse.Namespace, work: Path) -> int:
    """Time systems against each other."""
    from models.benchmark import speed

    def tell(lap: speed.Lap) -> None:
        _tell(f"{lap.system}: {lap.cpu_seconds:.1f} s of processor, {lap.seconds:.1f} s")

    minutes = 1.0 if args.quick else speed.MINUTES
    laps = speed.race(
        args.systems.split(",") if args.systems else speed.SYSTEMS_RACING,
        _simulated(args, work),
        minutes=minutes,
        peers_python=_peers(args),
        threads=args.threads,
        told=tell,
    )
    page = speed.as_markdown(laps, minutes, _command_line(args))
    return _publish(args, "SPEED.md", page)


def _publish(args: argparse.Namespace, name: str, page: str) -> int:
    """Print a page, and write it into the folder asked for."""
    from diarize.cli.console import emit

    if args.output:
        Path(args.output).mkdir(parents=True, exist_ok=True)
        (Path(args.output) / name).write_text(page, encoding="utf-8")
    emit(page)
    return 0


def _peers(args: argparse.Namespace) -> Path | None:
    """Return the peers' interpreter, unresolved: its link is what makes it an environment."""
    return Path(args.peers_python).absolute() if args.peers_python else None


def _ablation(args: argparse.Namespace, work: Path) -> int:
    """Try settings."""
    from diarize.errors import UsageError
    from models.benchmark import ablation

    if not args.speech:
        raise UsageError("--speech DIR is needed: the folder of one-voice recordings")
    page = ablation.run(Path(args.speech), work, part=args.part, quick=args.quick, tell=_tell)
    return _publish(args, "ABLATION.md", page)


def _told(system: str, item: Recording, run: Run) -> None:
    """Say what a run cost."""
    ratio = run.seconds / run.audio_seconds
    outcome = run.error or f"RTF {ratio:.3f}, {run.megabytes:.0f} MB"
    _tell(f"{item.uri}  {system}: {outcome}")


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = CommandParser(
        prog="python -m models.benchmark",
        description="Measure accuracy, speed and memory, beside other tools.",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    add_arguments(parser)
    parser.add_argument("--debug", action="store_true", help="show tracebacks of errors")
    try:
        args = parser.parse_args(argv)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 2
    return guarded(run, args)


if __name__ == "__main__":
    sys.exit(main())
