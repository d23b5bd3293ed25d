"""The benchmark on a tiny scale: real processes, kept runs, reports, long files, ablation."""

from __future__ import annotations

import json
import sys
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from diarize.annotation import Diarization
from diarize.errors import UsageError
from models.benchmark import report, speed, systems_run
from models.benchmark.__main__ import COMMANDS, main
from models.benchmark.lengths import as_markdown, measure_lengths, write_long
from models.benchmark.recordings import KINDS, Recording, further, recordings, simulated
from models.benchmark.runner import kept_outcomes, measure, run_all
from models.benchmark.systems import SYSTEMS
from models.simulation.scenes import SimulationOptions
from tests.conftest import ROOT

SHORT = SimulationOptions(minutes=(0.3, 0.35), scenes=("clean", "call"))


@pytest.fixture(scope="module")
def items(speech_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Recording]:
    pytest.importorskip("pyroomacoustics", reason="pip install pyroomacoustics")
    folder = tmp_path_factory.mktemp("work") / "audio"
    return simulated(speech_dir, folder, count=2, options=SHORT, speakers=(2,))


def test_every_peer_has_a_runner() -> None:
    assert set(systems_run.RUNNERS) == {name for name, one in SYSTEMS.items() if one.peers}


def test_conversations_are_made_once(items: list[Recording], speech_dir: Path) -> None:
    folder = items[0].audio.parent
    before = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    again = simulated(speech_dir, folder, count=2, options=SHORT, speakers=(2,))
    assert [item.uri for item in again] == [item.uri for item in items]
    assert before == {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert all(item.speakers == 2 and item.group == "simulated" for item in items)
    with pytest.raises(UsageError, match="made otherwise"):
        simulated(speech_dir, folder, count=2, options=SimulationOptions(), speakers=(2,))


def test_single_people_crowds_and_real_talk_are_groups_of_their_own(
    speech_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyroomacoustics", reason="pip install pyroomacoustics")
    kinds = (
        replace(KINDS[0], count=1, minutes=(0.2, 0.25)),
        replace(KINDS[-1], count=1, minutes=(0.4, 0.45), speakers=(5,)),
    )
    monkeypatch.setattr("models.benchmark.recordings.KINDS", kinds)
    speech = tmp_path / "speech"
    speech.mkdir()
    for name in ("clips.csv", "dev", "noise"):
        (speech / name).symlink_to((speech_dir / name).resolve())
    (speech / "conv").mkdir()
    for name in ("meeting.mp3", "meeting.rttm"):
        (speech / "conv" / name).write_bytes((ROOT / "examples" / name).read_bytes())
    found = further(speech, tmp_path / "work")
    assert [(item.group, item.speakers) for item in found][:2] == [
        ("one person", 1),
        ("ten to twenty-five people", 5),
    ]
    assert found[-1].group == "real conversations" and found[-1].uri == "meeting"
    assert len({item.uri for item in found}) == len(found)


def test_measure_counts_time_and_memory_of_the_process_alone() -> None:
    ballast = np.ones(40_000_000)  # 320 MB here must not count there
    cost = measure([sys.executable, "-c", "b = bytearray(90 * 10**6); sum(range(10**6))"])
    assert ballast.size and cost["error"] == ""
    assert 90 < cost["megabytes"] < 200
    assert 0 < cost["cpu_seconds"] < cost["seconds"] + 1
    failed = measure([sys.executable, "-c", "import sys; print('x', file=sys.stderr); sys.exit(3)"])
    assert failed["error"] == "x"


def test_run_keep_report(items: list[Recording], tmp_path: Path) -> None:
    told: list[str] = []
    systems = ["diarize", "diarize-webrtc"]
    outcomes = run_all(
        systems, items, tmp_path, threads=1, on_run=lambda name, *_: told.append(name)
    )
    assert told == systems * 2
    assert all(not outcome.run.error for outcome in outcomes)
    assert all(outcome.score.errors["Full"].total > 5 for outcome in outcomes)
    assert all(20 < outcome.run.megabytes < 4000 for outcome in outcomes)
    # Nothing is run twice, unless asked for.
    run_all(systems, items, tmp_path, on_run=lambda name, *_: told.append(name))
    assert len(told) == 4
    run_all(
        ["diarize-webrtc"],
        items[:1],
        tmp_path,
        redo=["diarize-webrtc"],
        on_run=lambda name, *_: told.append(name),
    )
    assert told[4:] == ["diarize-webrtc"]
    kept = kept_outcomes(systems, items, tmp_path)
    rows = report.summary(kept)
    assert [row["system"] for row in rows] == systems and rows[0]["recordings"] == 2
    page = report.as_markdown(kept, "python -m models.benchmark …")
    assert (
        "WebRTC's detector" in page and "What others published" in page and "Forgiving DER" in page
    )
    data = json.loads(json.dumps(report.as_json(kept, "x")))
    assert len(data["runs"]) == 4 and data["machine"]["processors"] >= 1
    pytest.importorskip("matplotlib", reason="pip install matplotlib")
    report.plot(rows, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_a_failing_system_is_reported_not_hidden(items: list[Recording], tmp_path: Path) -> None:
    empty = tmp_path / "python"
    empty.write_text("#!/bin/sh\necho 'no module named resemblyzer' >&2\nexit 1\n")
    empty.chmod(0o755)
    (outcome,) = run_all(["resemblyzer"], items[:1], tmp_path, peers_python=empty)
    assert outcome.run.error == "no module named resemblyzer"
    assert outcome.score.errors["Full"].rate == 1.0
    assert "(1 failed)" in report.as_markdown([outcome], "x")


def test_what_cannot_be_run_is_told(items: list[Recording], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown system 'nobody'"):
        run_all(["nobody"], items, tmp_path)
    with pytest.raises(UsageError, match="--peers-python"):
        run_all(["resemblyzer"], items, tmp_path)


def test_any_folder_with_references(items: list[Recording], tmp_path: Path) -> None:
    (tmp_path / "rttm").mkdir()
    item = items[0]
    (tmp_path / "talk.wav").write_bytes(item.audio.read_bytes())
    (tmp_path / "rttm" / "talk.rttm").write_text(Diarization(item.turns, 60.0, uri="t").to_rttm())
    (tmp_path / "unknown.wav").write_bytes(item.audio.read_bytes())
    (found,) = recordings(tmp_path, "mine")
    assert (found.uri, found.group, len(found.turns)) == ("talk", "mine", len(item.turns))


def test_long_files_hold_what_was_asked_for(items: list[Recording], tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    assert write_long(items, path, 50.0) == len({t.speaker for i in items for t in i.turns})
    with wave.open(str(path)) as file:
        assert file.getnframes() == 50 * 16_000
    (length,) = measure_lengths(items, tmp_path, [0.01], threads=1)
    assert length.hours == pytest.approx(0.01, rel=0.01)
    assert length.seconds > 0 and length.megabytes > 20 and "embed" in length.stages
    assert sum(length.stages.values()) <= length.seconds + 1
    assert not list(tmp_path.glob("length*.wav"))
    assert measure_lengths(items, tmp_path, [0.01]) == [length]  # kept
    assert length.vad == "neural" and length.people >= 1
    page = as_markdown([length])
    assert "| 0.01 h |" in page and "speech detection: neural" in page


def test_a_race_alternates_and_compares(items: list[Recording]) -> None:
    told: list[str] = []
    laps = speed.race(
        ["diarize", "diarize-webrtc"], items, minutes=0.2, rounds=2, threads=1,
        on_lap=lambda lap: told.append(lap.system),
    )  # fmt: skip
    assert told == ["diarize", "diarize-webrtc"] * 2 == [lap.system for lap in laps]
    assert all(lap.seconds > 0 and lap.cpu_seconds > 0 and lap.megabytes > 20 for lap in laps)
    with pytest.raises(UsageError, match="--peers-python"):
        speed.race(["diarize", "resemblyzer"], items)


def test_a_race_tells_medians_and_ratios() -> None:
    laps = [
        speed.Lap(system, seconds, 2 * seconds, 100.0, 0.5)
        for first, second in ((1.0, 30.0), (9.0, 10.0), (2.0, 20.0))
        for system, seconds in (("diarize", first), ("resemblyzer", second))
    ]
    page = speed.as_markdown(laps, 10.0, "python -m models.benchmark speed")
    row = "| 40.0 (20.0–60.0) | 20.0 (10.0–30.0) | 10.0 | 10.0 | 0.0333 | 100 |"
    assert f"| Resemblyzer as documented {row}" in page
    assert "the median of 3 runs" in page


def test_ablation_tries_everything_once(speech_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyroomacoustics", reason="pip install pyroomacoustics")
    words = ["ablation", "--speech", str(speech_dir), "--quick", "--work", str(tmp_path)]
    assert main([*words, "-o", str(tmp_path)]) == 0
    page = (tmp_path / "ABLATION.md").read_text()
    for title in ("Speech detection", "Linkage", "Number of speakers", "Resegmentation", "Window"):
        assert f"## {title}" in page


def test_systems_command(items: list[Recording], tmp_path: Path, capsys) -> None:
    folder = str(items[0].audio.parent)
    words = ["systems", "--data", folder, "--work", str(tmp_path), "--systems", "diarize",
             "-o", str(tmp_path / "out")]  # fmt: skip
    assert main(words) == 0
    told = capsys.readouterr()
    assert told.out.startswith("# Benchmark") and "diarize: RTF" in told.err
    assert {file.name for file in (tmp_path / "out").iterdir()} >= {"RESULTS.md", "results.json"}
    assert main(["lengths", "--speech", folder, "--hours", "x"]) == 2


def test_usage_errors_are_one_line(capsys) -> None:
    assert main([]) == 2
    assert "systems" in capsys.readouterr().out
    assert main(["nothing"]) == 2
    assert "nothing is no command" in capsys.readouterr().err
    for command in ("systems", "ablation", "linking", "conversations"):
        assert main([command]) == 2
        told = capsys.readouterr().err
        assert "--speech" in told and told.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_one_line_of_help(command: str, capsys) -> None:
    assert main(["--help"]) == 0
    (line,) = [row for row in capsys.readouterr().out.splitlines() if row.split()[:1] == [command]]
    assert len(line) <= 100
    assert main([command, "--help"]) == 0
    assert f"usage: python -m models.benchmark {command}" in capsys.readouterr().out
