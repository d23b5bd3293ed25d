"""How many times faster: systems take turns on one recording, so that all meet the same machine."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from diarize.errors import DiarizeError
from models.benchmark import options
from models.benchmark.lengths import write_long
from models.benchmark.pages import head
from models.benchmark.recordings import Recording
from models.benchmark.runner import (
    command_of,
    environment_of,
    interpreter_of,
    load_average,
    measure,
)
from models.benchmark.systems import SYSTEMS

MINUTES = 10.0
ROUNDS = 3
SYSTEMS_RACING = ("diarize", "resemblyzer", "senko", "sherpa-onnx")


@dataclass(frozen=True, slots=True)
class Lap:
    """One run of one system.

    Parameters
    ----------
    system : str
    seconds, cpu_seconds, megabytes : float
        Wall time, processor time and peak memory of the whole process.
    load : float
        The machine's load average just before.
    """

    system: str
    seconds: float
    cpu_seconds: float
    megabytes: float
    load: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    options.add_conversations(parser)
    options.add_peers(parser)
    options.add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Time systems against each other, and print the page."""
    minutes = 1.0 if args.quick else MINUTES
    laps = race(
        args.systems.split(",") if args.systems else SYSTEMS_RACING,
        options.simulated_conversations(args),
        minutes=minutes,
        peers_python=options.peers_python(args),
        threads=args.threads,
        on_lap=_notify_lap,
    )
    command = options.command_line(args, "speed") + " -o examples/benchmark"
    return options.publish(args, "SPEED.md", as_markdown(laps, minutes, command))


def _notify_lap(lap: Lap) -> None:
    """Say what a lap cost."""
    cost = f"{lap.cpu_seconds:.1f} s of processor, {lap.seconds:.1f} s"
    options.notify(f"{lap.system}: {cost}")


def race(
    systems: Sequence[str],
    items: Sequence[Recording],
    *,
    minutes: float = MINUTES,
    rounds: int = ROUNDS,
    peers_python: Path | None = None,
    threads: int | None = None,
    on_lap: Callable[[Lap], None] | None = None,
) -> list[Lap]:
    """Time systems in alternation on one recording, made of conversations one after the other.

    Parameters
    ----------
    systems : sequence of str
        Names out of :data:`models.benchmark.systems.SYSTEMS`.
    items : sequence of Recording
        16 kHz mono WAV files.
    minutes : float
        Length of the recording.
    rounds : int
        Runs of each system.
    peers_python : Path, optional
        Interpreter of the environment that has the peers.
    threads : int, optional
        For every system's numeric libraries; theirs to choose where not given.
    on_lap : callable, optional
        Called with each lap.

    Raises
    ------
    UsageError
        For an unknown system, or a peer without an interpreter.
    DiarizeError
        When a system fails.
    """
    interpreters = {name: interpreter_of(name, peers_python) for name in systems}
    laps = []
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "race.wav"
        write_long(items, sound, minutes * 60)
        for _ in range(rounds):
            for name in systems:
                laps.append(_lap(name, sound, interpreters[name], threads))
                if on_lap:
                    on_lap(laps[-1])
    return laps


def _lap(name: str, sound: Path, python: str, threads: int | None) -> Lap:
    """Run one system once."""
    load, result = load_average(), sound.with_suffix(".rttm")
    item = Recording(sound.stem, sound, (), "race")
    cost = measure(command_of(name, item, result, python, threads), environment_of(threads))
    if cost.pop("error") or not result.is_file():
        raise DiarizeError(f"{name} failed on {sound}")
    result.unlink()
    return Lap(name, load=load, **cost)


def as_markdown(laps: Sequence[Lap], minutes: float, command: str) -> str:
    """Return the medians, and how many times the first system's they are."""
    from models.benchmark.report import machine_line

    names = list(dict.fromkeys(lap.system for lap in laps))
    wall = {name: median(lap.seconds for lap in laps if lap.system == name) for name in names}
    used = {name: median(lap.cpu_seconds for lap in laps if lap.system == name) for name in names}
    first = names[0]
    loads = [lap.load for lap in laps]
    lines = [
        "# Speed",
        "",
        head("SPEED.md"),
        "",
        "Made by this command:",
        "",
        "```",
        command,
        "```",
        "",
        f"{minutes:g} minutes of simulated talk through whole processes, start and decoding "
        f"included, in alternation: the median of {len(laps) // len(names)} runs of each (least to "
        "most). Processor seconds are those of all threads together.",
        "",
        f"{machine_line()} Load average before each run {min(loads):.1f} to {max(loads):.1f}.",
        "",
        "| system | processor s | wall s | processor time, times ours | wall time, times ours "
        "| wall s per s of audio | peak MB |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name in names:
        own = [lap for lap in laps if lap.system == name]
        lines.append(
            f"| {SYSTEMS[name].title} "
            f"| {used[name]:.1f} ({_spread([lap.cpu_seconds for lap in own])}) "
            f"| {wall[name]:.1f} ({_spread([lap.seconds for lap in own])}) "
            f"| {used[name] / used[first]:.1f} | {wall[name] / wall[first]:.1f} "
            f"| {wall[name] / (minutes * 60):.4f} | {max(lap.megabytes for lap in own):.0f} |"
        )
    lines += ["", *(f"- **{SYSTEMS[name].title}**: {SYSTEMS[name].note}." for name in names), ""]
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    return f"{min(values):.1f}–{max(values):.1f}"
