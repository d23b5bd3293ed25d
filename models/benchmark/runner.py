"""Runs systems on recordings, one process for each pair of them.

Every run is kept in the work folder as it ends, so that a benchmark which was stopped goes on where
it was, and a system can be run again by itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from diarize.errors import DiarizeError, UsageError
from diarize.evaluation.scoring import Score, score
from diarize.rttm import read_rttm
from diarize.timeline import Turn
from models.benchmark.pages import fingerprint
from models.benchmark.recordings import Recording
from models.benchmark.systems import SYSTEMS

ROOT = Path(__file__).resolve().parents[2]  # so that the peers' interpreter finds this package


@dataclass(frozen=True, slots=True)
class Run:
    """What one process cost.

    Parameters
    ----------
    seconds : float
        Wall time of the whole process, its start included.
    cpu_seconds : float
        Time on all processors together.
    megabytes : float
        Peak resident memory.
    audio_seconds : float
        Length of the recording.
    load : float
        The machine's load average just before: above 0 other programmes shared the processors.
    error : str
        The last line that a failed process said; empty where it went well.
    models : str
        Which bundled models and settings were in use; a run with others does not count as done.
    """

    seconds: float
    cpu_seconds: float
    megabytes: float
    audio_seconds: float
    load: float
    error: str = ""
    models: str = ""


@dataclass(frozen=True)
class Outcome:
    """A system's run on a recording, with its score."""

    system: str
    recording: Recording
    run: Run
    score: Score


def run_all(
    systems: Sequence[str],
    items: Sequence[Recording],
    work: Path,
    *,
    peers_python: Path | None = None,
    threads: int | None = None,
    redo: Iterable[str] = (),
    on_run: Callable[[str, Recording, Run], None] | None = None,
) -> list[Outcome]:
    """Run systems on recordings, one process at a time, and score what they say.

    Parameters
    ----------
    systems : sequence of str
        Names out of :data:`models.benchmark.systems.SYSTEMS`.
    items : sequence of Recording
    work : Path
        Folder that keeps each run's RTTM and cost: what is there is not run again.
    peers_python : Path, optional
        Interpreter of the environment that has the peers.
    threads : int, optional
        For every system's numeric libraries; theirs to choose where not given.
    redo : iterable of str
        Systems whose kept runs do not count.
    on_run : callable, optional
        Called with (system, recording, run) after each.

    Raises
    ------
    UsageError
        For an unknown system, or a peer without an interpreter.
    """
    interpreters = {name: interpreter_of(name, peers_python) for name in systems}
    again = set(redo)
    outcomes = []
    # Recording by recording, so that a stopped benchmark has all systems on the same ones.
    for item in items:
        for name in systems:
            folder = work / "runs" / name
            run = None if name in again else _kept(folder, item)
            if run is None or run.models != _models(name):
                run = _run(name, item, folder, interpreters[name], threads)
                if on_run:
                    on_run(name, item, run)
            outcomes.append(Outcome(name, item, run, _scored(folder, item, run)))
    return outcomes


def kept_outcomes(systems: Sequence[str], items: Sequence[Recording], work: Path) -> list[Outcome]:
    """Return what earlier runs left in the work folder, without running anything."""
    outcomes = []
    for item in items:
        for name in systems:
            folder = work / "runs" / name
            run = _kept(folder, item)
            if run is not None:
                outcomes.append(Outcome(name, item, run, _scored(folder, item, run)))
    return outcomes


def _kept(folder: Path, item: Recording) -> Run | None:
    record = folder / f"{item.uri}.json"
    if not record.is_file():
        return None
    return Run(**json.loads(record.read_text(encoding="utf-8")))


def _models(name: str) -> str:
    """Return a fingerprint of the models and settings a system uses: none for a foreign one."""
    ours = name.startswith("diarize") or name == "resemblyzer-ours"
    return fingerprint("RESULTS.md") if ours else ""


def _scored(folder: Path, item: Recording, run: Run) -> Score:
    """Score a run; a failed one found nobody."""
    result = folder / f"{item.uri}.rttm"
    found: list[Turn] = []
    if not run.error and result.is_file():
        found = [turn for own in read_rttm(result).values() for turn in own]
    return score(item.turns, found)


def interpreter_of(name: str, peers_python: Path | None) -> str:
    """Return the Python that runs a system.

    Raises
    ------
    UsageError
        For an unknown system, or a peer without an interpreter.
    """
    if name not in SYSTEMS:
        raise UsageError(f"unknown system {name!r}; choose from {', '.join(SYSTEMS)}")
    if not SYSTEMS[name].peers:
        return sys.executable
    if peers_python is None:
        raise UsageError(
            f"system {name!r} needs --peers-python; make its environment as "
            "examples/benchmark/peers.txt says"
        )
    return str(peers_python)


def command_of(
    name: str, item: Recording, result: Path, python: str, threads: int | None
) -> list[str]:
    """Return the command line of a system on a recording."""
    if name.startswith("diarize"):
        words = [python, "-m", "diarize", str(item.audio), "--no-transcript", "--rttm", "--quiet"]
        words += ["-o", str(result.parent)]
        words += ["--vad", "webrtc"] if name == "diarize-webrtc" else []
        return words + (["--threads", str(threads)] if threads else [])
    return [python, "-m", "models.benchmark.systems_run", name, str(item.audio), str(result)]


def _run(name: str, item: Recording, folder: Path, python: str, threads: int | None) -> Run:
    """Run one process to its end, measure it, and keep the record."""
    folder.mkdir(parents=True, exist_ok=True)
    result = folder / f"{item.uri}.rttm"
    result.unlink(missing_ok=True)
    load = load_average()
    command = command_of(name, item, result, python, threads)
    measured = measure(command, environment_of(threads))
    if not measured["error"] and not result.is_file():
        measured["error"] = "it wrote no result"
    measured |= {"audio_seconds": sound_seconds(item.audio), "models": _models(name)}
    run = Run(load=load, **measured)
    (folder / f"{item.uri}.json").write_text(json.dumps(asdict(run)), encoding="utf-8")
    return run


def environment_of(threads: int | None) -> dict[str, str]:
    """Return the environment of a measured process, with the threads of numeric libraries."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    if threads:
        for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
            environment[f"{library}_NUM_THREADS"] = str(threads)
    return environment


def load_average() -> float:
    """Return how many processes wanted a processor in the last minute; 0 where nobody knows."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def measure(command: Sequence[str], environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a command; return its seconds, cpu_seconds, megabytes, and error ("" if none).

    The figures are the operating system's for that process with its children, its start included.

    Raises
    ------
    DiarizeError
        When the command cannot be started.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "cost.json"
        meter = [sys.executable, "-S", "-E", str(Path(__file__).with_name("process_cost.py"))]
        ran = subprocess.run(
            [*meter, str(result), *command],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        if not result.is_file():
            said = ran.stderr.decode("utf-8", "replace").strip().splitlines()
            raise DiarizeError(f"{command[0]}: cannot be run ({said[-1] if said else 'no reason'})")
        cost: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return cost


def sound_seconds(audio: Path) -> float:
    """Return a recording's length by its header."""
    import av

    with av.open(str(audio)) as container:
        if container.duration is None:
            raise DiarizeError(f"{audio}: its length is unknown")
        return float(container.duration) / 1e6
