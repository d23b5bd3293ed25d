"""Each row of the stages page gives one stage the truth, and leaves the others as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from diarize.evaluation.scoring import score
from diarize.segmentation.activity import SpeechActivity
from diarize.speakers.diarizer import Diarizer
from diarize.timeline import Segment, Turn, union
from models.benchmark.__main__ import main
from models.benchmark.extracted import Cache
from models.benchmark.pages import head
from models.benchmark.recordings import Recording, recordings
from models.benchmark.stages import ROWS, Bench, true_labels, true_regions, turns_of
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def meeting(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("meetings")
    for name in ("meeting.mp3", "meeting.rttm"):
        (folder / name).write_bytes((ROOT / "examples" / name).read_bytes())
    (found,) = recordings(folder, "meetings")
    return found


def test_rows_of_the_example(meeting: Recording, tmp_path: Path) -> None:
    diarizer = Diarizer(threads=1)
    rows = dict(turns_of(Bench(diarizer, {}, Cache(tmp_path)), meeting))
    assert tuple(rows) == ROWS
    # As it is: what a user gets.
    assert list(rows["as it is"]) == list(diarizer(meeting.audio).turns)
    speech = union(turn.segment for turn in rows["true regions"])
    truth = union(turn.segment for turn in meeting.turns)
    assert sum(part.duration for part in speech) == pytest.approx(
        sum(part.duration for part in truth), abs=1.0
    )
    for name, turns in rows.items():
        assert score(meeting.turns, turns).errors["Full"].rate < 0.2
        if "told" in name:
            assert len({turn.speaker for turn in turns}) == meeting.speakers
    # Nothing is extracted twice.
    before = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    again = dict(turns_of(Bench(diarizer, {}, Cache(tmp_path)), meeting))
    assert again == rows
    assert before == {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}


def test_true_labels_replace_the_clustering(meeting: Recording, tmp_path: Path) -> None:
    # Whoever speaks is one person, says this reference: the labels obey, the clustering does not.
    one = tuple(Turn(turn.start, turn.end, "x") for turn in meeting.turns)
    item = Recording(meeting.uri, meeting.audio, one, "one")
    rows = dict(turns_of(Bench(Diarizer(threads=1), {}, Cache(tmp_path)), item))
    count = {name: len({turn.speaker for turn in turns}) for name, turns in rows.items()}
    assert count["true labels"] == count["both true"] == count["number told"] == 1
    assert count["as it is"] == meeting.speakers > 1


def test_regions_are_the_reference_s() -> None:
    truth = [Turn(0, 4, "a"), Turn(3, 6, "b"), Turn(3.5, 5, "b"), Turn(8, 9, "b")]
    found = true_regions(truth, SpeechActivity((Segment(0, 20),), changes=(1.0, 7.0)))
    assert found.speech == (Segment(0, 6), Segment(8, 9))
    assert found.overlaps == found.confident_overlaps == (Segment(3, 4),)
    assert found.changes == (1.0, 3, 4)


def test_labels_have_no_gaps() -> None:
    truth = [Turn(0, 4, "a"), Turn(1, 1.5, "b"), Turn(4, 6, "c")]
    windows = [Segment(0, 3), Segment(7, 8), Segment(4, 5)]
    assert true_labels(truth, windows).tolist() == [0, -1, 1]
    assert true_labels(truth, windows[1:2]).tolist() == [0]
    assert true_labels(truth, []).dtype == np.int64


def test_command(meeting: Recording, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(ROOT / "models" / "autospeech" / "autospeech.onnx")
    words = ["stages", "--data", str(meeting.audio.parent), "--work", str(tmp_path)]
    assert main([*words, "--embedding-model", model, "-o", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "STAGES.md").read_text()
    assert capsys.readouterr().out.strip() == page.strip()
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    # One line for the group among all, then its own table.
    (groups, line), lines = lines[:2], lines[2:]
    assert [cell.strip() for cell in groups.split("|")[2:8]] == list(ROWS)
    full, forgiving = lines[1].split("|")[2].strip(), lines[1].split("|")[4].strip()
    assert line.split("|")[2].strip() == f"{full} / {forgiving}"
    assert len(lines) == 1 + len(ROWS) + 1
    # The same model by its path errs as the bundled one does.
    assert lines[1].split("|")[2:] == lines[-1].split("|")[2:]
    assert head("STAGES.md") in page
