"""Long recordings: does the cost grow with the length alone, and does the memory stay bounded?"""

from __future__ import annotations

import argparse
import json
import os
import sys
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diarize.arrays import SAMPLE_RATE
from diarize.errors import DiarizeError, UsageError
from diarize.settings import DEFAULTS
from models.benchmark import options
from models.benchmark.pages import fingerprint, head
from models.benchmark.recordings import Recording
from models.benchmark.runner import measure, sound_seconds

# Run in a process of its own: the whole pipeline, and what each of its stages took. The networks'
# share is taken where onnxruntime runs them.
_PROBE = """
import json, sys, time
began, marks, network = time.perf_counter(), [("start-up", 0.0, 0.0)], 0.0
def tell(stage, done, total):
    if marks[-1][0] != stage:
        marks.append((stage, time.perf_counter() - began, time.process_time()))
from diarize.onnx.session import runtime
onnxruntime = runtime()
inner = onnxruntime.InferenceSession.run
def run(self, *args, **options):
    global network
    start = time.process_time()
    try:
        return inner(self, *args, **options)
    finally:
        network += time.process_time() - start
onnxruntime.InferenceSession.run = run
from diarize.speakers.diarizer import Diarizer
diarizer = Diarizer(threads=int(sys.argv[3]) or None)
result = diarizer(sys.argv[1], on_progress=tell)
marks.append(("end", time.perf_counter() - began, time.process_time()))
found = {"marks": marks, "network": network, "turns": len(result), "speakers": len(result.speakers)}
found["vad"] = diarizer.vad
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump(found, file)
"""


@dataclass(frozen=True)
class Length:
    """What one long recording cost.

    Parameters
    ----------
    hours : float
        Its real length.
    seconds, cpu_seconds, megabytes : float
        Of the whole process: wall time, processor time, peak resident memory.
    stages, stages_cpu : dict of str to float
        Wall and processor seconds by stage of the pipeline.
    network : float
        Processor seconds inside onnxruntime, a part of ``speech`` and ``embed``.
    speakers, turns : int
    people : int
        How many really talk.
    vad : str
        What found the speech.
    """

    hours: float
    seconds: float
    cpu_seconds: float
    megabytes: float
    stages: dict[str, float] = field(default_factory=dict)
    stages_cpu: dict[str, float] = field(default_factory=dict)
    network: float = 0.0
    speakers: int = 0
    turns: int = 0
    people: int = 0
    vad: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    options.add_conversations(parser)
    parser.add_argument(
        "--hours",
        metavar="H,H",
        default="1/6,1,5,12",
        help="lengths to measure (default: 1/6,1,5,12)",
    )
    options.add_threads(parser)
    options.add_output(parser)


def run(args: argparse.Namespace) -> int:
    """Measure long recordings, and print the page."""
    try:
        hours = [float(Fraction(word)) for word in args.hours.split(",")]
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(f"--hours {args.hours}: numbers such as 1/6,1,5 are expected") from error
    items, work = options.simulated_conversations(args), options.work_folder(args)
    lengths = measure_lengths(items, work, hours, args.threads, options.notify)
    return options.publish(args, "LENGTHS.md", as_markdown(lengths))


def measure_lengths(
    items: Sequence[Recording],
    work: Path,
    hours: Sequence[float],
    threads: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> list[Length]:
    """Diarize recordings of several lengths, made of conversations one after the other.

    Parameters
    ----------
    items : sequence of Recording
        16 kHz mono WAV files, as the simulation writes them.
    work : Path
        Folder for the long files (deleted after their run) and the record of each length, which is
        not measured again with the same models and settings.
    hours : sequence of float
    threads : int, optional
    tell : callable, optional
        Told what is going on.
    """
    measured = []
    made_with = fingerprint("LENGTHS.md")
    for wanted in hours:
        record = work / f"length-{wanted:g}-{made_with}.json"
        if record.is_file():
            measured.append(Length(**json.loads(record.read_text(encoding="utf-8"))))
            continue
        if tell:
            tell(f"{wanted:g} h")
        sound = work / f"length-{wanted:g}.wav"
        people = write_long(items, sound, wanted * 3600)
        try:
            length = replace(_measured(sound, work, threads), people=people)
        finally:
            sound.unlink()
        record.write_text(json.dumps(length.__dict__), encoding="utf-8")
        measured.append(length)
    return measured


def _measured(sound: Path, work: Path, threads: int | None) -> Length:
    """Run the pipeline on one recording in a process of its own."""
    marks = work / "marks.json"
    environment = {**os.environ}
    if threads:
        environment["OMP_NUM_THREADS"] = str(threads)
    command = [sys.executable, "-c", _PROBE, str(sound), str(marks), str(threads or 0)]
    cost = measure(command, environment)
    if cost["error"]:
        raise DiarizeError(f"{sound}: the run failed: {cost['error']}")
    said: dict[str, Any] = json.loads(marks.read_text(encoding="utf-8"))
    marks.unlink()
    stages: dict[str, float] = {}
    stages_cpu: dict[str, float] = {}
    for (name, begin, used), (_, end, after) in pairwise(said["marks"]):
        stages[name] = stages.get(name, 0.0) + end - begin
        stages_cpu[name] = stages_cpu.get(name, 0.0) + after - used
    return Length(
        hours=sound_seconds(sound) / 3600,
        seconds=cost["seconds"],
        cpu_seconds=cost["cpu_seconds"],
        megabytes=cost["megabytes"],
        stages=stages,
        stages_cpu=stages_cpu,
        network=said["network"],
        speakers=said["speakers"],
        turns=said["turns"],
        vad=said["vad"],
    )


def write_long(items: Sequence[Recording], path: Path, seconds: float) -> int:
    """Write conversations one after the other, in another order each round, until ``seconds``.

    Returns
    -------
    int
        How many people talk in it.
    """
    rng = np.random.default_rng(0)
    left = round(seconds * SAMPLE_RATE)
    people: set[str] = set()
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        while left > 0:
            for index in rng.permutation(len(items)):
                item = items[int(index)]
                samples = _samples(item.audio)[:left]
                end = samples.size / SAMPLE_RATE
                people |= {turn.speaker for turn in item.turns if turn.start < end}
                # Another level each time, so that no two rounds are the same bytes.
                gain = np.float32(10.0 ** (float(rng.uniform(-3.0, 0.0)) / 20.0))
                out.writeframes((samples * gain).astype("<i2").tobytes())
                left -= samples.size
    return len(people)


def _samples(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path), "rb") as file:
        if (file.getframerate(), file.getnchannels()) != (SAMPLE_RATE, 1):
            raise DiarizeError(f"{path}: not a 16 kHz mono WAV file")
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")


def as_markdown(lengths: Sequence[Length]) -> str:
    """Return a table of length, seconds by stage, and memory."""
    stages = list(dict.fromkeys(stage for length in lengths for stage in length.stages))
    columns = ["length", "seconds", "RTF", "CPU", "outside networks", "peak MB", *stages]
    columns += ["people", "speakers found", "turns"]
    lines = ["| " + " | ".join(columns) + " |", "|" + "--:|" * len(columns)]
    for one in lengths:
        audio = one.hours * 3600
        cells = [
            f"{one.hours:.2f} h",
            f"{one.seconds:.1f}",
            f"{one.seconds / audio:.4f}",
            f"{one.cpu_seconds / audio:.4f}",
            f"{(one.cpu_seconds - one.network) / audio:.4f}",
            f"{one.megabytes:.0f}",
            *(_stage(one, stage) for stage in stages),
            str(one.people),
            str(one.speakers),
            str(one.turns),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    from models.benchmark.report import machine

    host = machine()
    load = os.getloadavg()[2] if hasattr(os, "getloadavg") else 0.0
    return "\n".join(
        [
            "# Cost by length",
            "",
            head("LENGTHS.md"),
            "",
            "Made by `python -m models.benchmark lengths --speech DIR`: "
            "simulated conversations one after the "
            "other. Seconds are of the whole process, its start included. RTF is seconds, CPU is "
            "processor seconds, per second of audio; *outside networks* is the part of CPU that is "
            "not onnxruntime. Then by stage: seconds (processor seconds). All settings at their "
            f"defaults (speech detection: {', '.join(dict.fromkeys(one.vad for one in lengths))}). "
            "So many people in one recording are more than the pipeline looks for: a speaker has "
            f"at least {100 * DEFAULTS.clustering.min_speaker_share:g} % of the speech. "
            "This page is about cost, not about who.",
            "",
            f"Machine: {host['processor']}, {host['processors']} processors, "
            f"{host['memory_gb']} GB; load average at the end {load:.1f} (above the number of "
            "processors used, other programmes took part of the time: CPU is the fairer figure).",
            "",
            *lines,
            "",
        ]
    )


def _stage(one: Length, stage: str) -> str:
    return f"{one.stages.get(stage, 0.0):.1f} ({one.stages_cpu.get(stage, 0.0):.1f})"
