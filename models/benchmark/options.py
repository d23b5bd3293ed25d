"""Options that the benchmark's commands share, and what comes of them."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from diarize.cli.options import positive_int

if TYPE_CHECKING:
    from models.benchmark.recordings import Recording

_SPEECH = """\
DIR holds one-voice recordings: clips.csv with dev/SPEAKER.*, or one sound file (or folder) a
speaker; recordings of noise in DIR/noise, and real talk in DIR/real and DIR/conv (with RTTM), are
used if they are there.
"""


def add_speech(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the options that choose recordings of single voices."""
    parser.epilog = _SPEECH
    group = parser.add_argument_group("recordings")
    group.add_argument("--speech", metavar="DIR", help="one-voice recordings to make talk of")
    group.add_argument("--part", default="dev", help="the speakers to take (default: dev)")
    return group


def add_conversations(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the options that choose simulated conversations, and where they are kept."""
    group = add_speech(parser)
    group.add_argument(
        "--conversations",
        type=positive_int,
        metavar="N",
        help="simulated conversations (default: 30)",
    )
    add_quick(group)
    return group


def add_quick(group: argparse._ArgumentGroup) -> None:
    """Add --quick and --work."""
    group.add_argument("--quick", action="store_true", help="little and short, to see it work")
    group.add_argument("--work", metavar="DIR", help="keeps what is done (default: the cache)")


def add_data(group: argparse._ArgumentGroup) -> None:
    """Add --data."""
    group.add_argument(
        "--data",
        metavar="DIR",
        action="append",
        default=[],
        help="sound files with RTTM files; may be given several times",
    )


def add_peers(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the options that choose systems."""
    group = parser.add_argument_group("systems")
    group.add_argument("--systems", metavar="A,B", help="default: all that can be run")
    group.add_argument(
        "--peers-python", metavar="PATH", help="interpreter that has the peers installed"
    )
    add_threads(group)
    return group


def add_threads(group: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add --threads."""
    group.add_argument("--threads", type=positive_int, metavar="N", help="threads of the networks")


def add_models(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose models."""
    group = parser.add_argument_group("models")
    group.add_argument("--embedding-model", metavar="PATH", help="default: the bundled one")
    group.add_argument(
        "--vad",
        default="auto",
        metavar="NAME|PATH",
        help="auto, webrtc, or a segmentation model (default: auto)",
    )
    add_threads(group)


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add -o."""
    parser.add_argument("-o", "--output", metavar="DIR", help="folder for the page")


def notify(message: str) -> None:
    """Say what is going on."""
    print(message, file=sys.stderr, flush=True)


def work_folder(args: argparse.Namespace) -> Path:
    """Return the folder that keeps what is done."""
    if args.work:
        return Path(args.work)
    from platformdirs import user_cache_path

    return user_cache_path("diarize") / ("benchmark-quick" if args.quick else "benchmark")


def peers_python(args: argparse.Namespace) -> Path | None:
    """Return the peers' interpreter, unresolved: its link is what makes it an environment."""
    return Path(args.peers_python).absolute() if args.peers_python else None


def speech_folder(args: argparse.Namespace) -> Path:
    """Return the folder of one-voice recordings.

    Raises
    ------
    UsageError
        When it is not given.
    """
    from diarize.errors import UsageError

    if not args.speech:
        raise UsageError("--speech DIR is needed: the folder of one-voice recordings")
    return Path(args.speech)


def simulated_conversations(args: argparse.Namespace) -> list[Recording]:
    """Return the simulated conversations asked for, made if they are not there."""
    from models.benchmark.recordings import CONVERSATIONS, MINUTES, simulated
    from models.simulation.scenes import SimulationOptions

    speech, folder = speech_folder(args), work_folder(args) / "audio"
    count = args.conversations or (3 if args.quick else CONVERSATIONS)
    notify(f"{count} conversations in {folder}")
    options = SimulationOptions(minutes=(1.0, 1.1) if args.quick else MINUTES)
    return simulated(speech, folder, part=args.part, count=count, options=options)


def all_recordings(args: argparse.Namespace) -> list[Recording]:
    """Return every recording asked for: simulated, those of the speech folder, and --data.

    Raises
    ------
    UsageError
        When there is none.
    """
    from diarize.errors import UsageError
    from models.benchmark.recordings import further, recordings

    found: list[Recording] = []
    if args.speech:
        found += simulated_conversations(args)
        if not args.quick:
            found += further(speech_folder(args), work_folder(args), args.part)
    for folder in args.data:
        found += recordings(Path(folder), Path(folder).absolute().name)
    if not found:
        raise UsageError("nothing to measure on: give --speech DIR or --data DIR")
    return found


def command_line(args: argparse.Namespace, command: str) -> str:
    """Return the command as anybody would type it, without this machine's folders."""
    words = [f"python -m models.benchmark {command}"]
    for name, value in vars(args).items():
        if name in ("work", "output", "debug", "redo", "report_only") or not value:
            continue
        flag = "--" + name.replace("_", "-")
        if value is True:
            words.append(flag)
        elif name == "speech":
            words.append(f"{flag} DIR")
        elif name == "peers_python":
            words.append(f"{flag} peers/bin/python")
        elif isinstance(value, list):  # paths
            words += [f"{flag} {shlex.quote(Path(path).absolute().name)}" for path in value]
        elif (name, value) != ("part", "dev"):
            words.append(f"{flag} {value}")
    return " ".join(words)


def publish(args: argparse.Namespace, name: str, page: str) -> int:
    """Print a page, and write it into the folder asked for."""
    from diarize.cli.console import emit

    if args.output:
        Path(args.output).mkdir(parents=True, exist_ok=True)
        (Path(args.output) / name).write_text(page, encoding="utf-8")
    emit(page)
    return 0
