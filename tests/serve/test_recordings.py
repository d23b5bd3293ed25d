"""Recordings over HTTP: uploaded, listed, corrected, enrolled, deleted; and progress as events."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from diarize.cli import main
from diarize.errors import AudioError
from diarize.serve.media import decoded
from tests import talk
from tests.conftest import ROOT
from tests.serve.running import Server, until

HOSTILE = "<img src=x onerror=hurt()>'& 会議 مريم.opus"


@pytest.fixture(scope="module")
def call(server: Server) -> str:
    """A call, worked on; returns its id."""
    job = server.over(server.upload(talk.recording("call"), HOSTILE, words="false")["id"])
    assert job["state"] == "done", job
    return str(job["id"])


def test_a_recording_becomes_a_result(server: Server, call: str) -> None:
    job = server.job(call)
    assert job["name"] == HOSTILE
    assert job["summary"]["speakers"] == 2
    assert job["summary"]["seconds"] == pytest.approx(60, abs=0.1)
    assert list((server.folder / "uploads").iterdir()) == []
    kept = sorted(path.name for path in (server.folder / "results" / call).iterdir())
    assert kept == ["audio.ogg", "outline.json", "result.json"]
    for path in (server.folder / "results").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    audio = server.http.get(f"api/jobs/{call}/audio", headers={"range": "bytes=0-3"})
    assert (audio.status_code, audio.content) == (206, b"OggS")


def test_it_says_what_the_command_says(server: Server, call: str, tmp_path: Path) -> None:
    sound = tmp_path / "call.opus"
    sound.write_bytes(talk.recording("call").read_bytes())
    assert main([str(sound), "--no-transcript", "-q", "--rttm", "-o", str(tmp_path)]) == 0
    ours = (tmp_path / "call.rttm").read_text()
    theirs = server.http.get(f"api/jobs/{call}/result/rttm").text
    assert [line.split()[3:] for line in theirs.splitlines()] == [
        line.split()[3:] for line in ours.splitlines()
    ]


def test_corrections_are_kept_and_come_out_as_relabel_writes_them(
    server: Server, call: str, tmp_path: Path
) -> None:
    base = server.http.get(f"api/jobs/{call}/result/json").json()
    (tmp_path / "call.json").write_text(json.dumps(base), encoding="utf-8")
    edits = {
        "edits": [
            {"edit": "rename", "speaker": "SPEAKER_00", "name": "<b>Zoë</b> 👩 مريم"},
            {"edit": "reassign", "start": 9.0, "end": 10.0, "to": "+"},
        ]
    }
    (tmp_path / "edits.json").write_text(json.dumps(edits), encoding="utf-8")
    answer = server.http.put(f"api/jobs/{call}/edits", json=edits)
    assert answer.status_code == 200, answer.text
    assert [one["edit"] for one in server.http.get(f"api/jobs/{call}/edits").json()["edits"]] == [
        "rename",
        "reassign",
    ]
    words = ["relabel", str(tmp_path / "call.json"), "--edits", str(tmp_path / "edits.json"), "-q"]
    assert main([*words, "-f", "rttm,csv,json", "-o", f"{tmp_path}/out/"]) == 0
    for name in ("rttm", "csv", "json"):
        theirs = server.http.get(f"api/jobs/{call}/result/{name}").text
        ours = (tmp_path / "out" / f"call.{name}").read_text(encoding="utf-8")
        if name == "json":  # where the recording lies differs
            found, wanted = json.loads(theirs), json.loads(ours)
            found["diarization"].pop("audio"), wanted["diarization"].pop("audio")
            assert found == wanted
        else:
            assert theirs == ours
    page = server.http.get(f"jobs/{call}")
    assert "<b>Zoë" not in page.text and HOSTILE not in page.text
    assert "connect-src &#x27;self" in page.text


@pytest.mark.parametrize(
    "edits",
    [
        [{"edit": "rename", "speaker": "nobody", "name": "Ann"}],
        [{"edit": "explode"}],
        {"edits": "none"},
        7,
        [{"edit": "reassign", "start": 2, "end": 1, "to": "Ann"}],
    ],
)
def test_corrections_that_make_no_sense_change_nothing(
    server: Server, call: str, edits: object
) -> None:
    before = server.http.get(f"api/jobs/{call}/edits").json()
    answer = server.http.put(f"api/jobs/{call}/edits", json=edits)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert server.http.get(f"api/jobs/{call}/edits").json() == before


def test_a_corrected_speaker_is_enrolled_and_known_then(server: Server, call: str) -> None:
    edits = [{"edit": "rename", "speaker": "SPEAKER_01", "name": "Ann Lee"}]
    server.http.put(f"api/jobs/{call}/edits", json=edits)
    question = {"speaker": "SPEAKER_01", "name": "Ann Lee"}
    answer = server.http.post(f"api/jobs/{call}/enroll", json=question)
    assert answer.status_code == 200, answer.text
    assert answer.json()["seconds"] > 5
    missing = server.http.post(f"api/jobs/{call}/enroll", json={"speaker": "9", "name": "Bo"})
    assert missing.status_code == 400 and "there is no 9" in missing.text
    job = server.over(server.upload(talk.recording("call"), words="false")["id"])
    assert " Ann_Lee " in server.http.get(f"api/jobs/{job['id']}/result/rttm").text
    server.http.delete(f"api/jobs/{job['id']}")


def test_words_that_are_brought_along(server: Server, tmp_path: Path, example_dir: Path) -> None:
    sound = example_dir / "meeting.mp3"
    with sound.open("rb") as file, (example_dir / "meeting.json").open("rb") as words:
        answer = server.http.post(
            "api/jobs",
            files={"file": ("meeting.mp3", file), "transcript": ("words.json", words)},
            data={"num_speakers": "4"},
        )
    job = server.over(answer.json()["id"])
    assert (job["state"], job["summary"]["words"]) == ("done", True), job
    assert "roof" in server.http.get(f"api/jobs/{job['id']}/result/srt").text
    page = server.http.get(f"api/jobs/{job['id']}/result/nonsense")
    assert page.status_code == 404
    assert server.http.delete(f"api/jobs/{job['id']}").status_code == 204
    assert server.http.get(f"api/jobs/{job['id']}").status_code == 404
    assert not (server.folder / "results" / job["id"]).exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"num_speakers": "0"}, "num_speakers"),
        ({"num_speakers": "00000000111234"}, "num_speakers"),
        ({"num_speakers": "2", "max_speakers": "3"}, "exact"),
        ({"min_speakers": "4", "max_speakers": "3"}, "more than"),
        ({"language": "../../en"}, "language"),
        ({"words": "perhaps"}, "words"),
    ],
)
def test_fields_that_make_no_sense(
    server: Server, beep: Path, fields: dict[str, str], words: str
) -> None:
    with beep.open("rb") as file:
        answer = server.http.post("api/jobs", files={"file": file}, data=fields)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]
    assert list((server.folder / "uploads").iterdir()) == []


def test_names_of_uploads_reach_no_file(server: Server, beep: Path) -> None:
    before = {path for path in server.folder.parent.rglob("*") if "serve" in path.name}
    for name in ("../../../evil.wav", "/etc/passwd", "..", "a\0b.wav", "C:\\x\\y.wav", "a" * 2000):
        with beep.open("rb") as file:
            answer = server.http.post("api/jobs", files={"file": (name, file)})
        assert answer.status_code in (202, 400), answer.text
        if answer.status_code == 202:
            job = server.over(answer.json()["id"])
            assert job["state"] == "done"
            assert "/" not in job["name"] and "\\" not in job["name"]
            server.http.delete(f"api/jobs/{job['id']}")
    assert {path for path in server.folder.parent.rglob("*") if "serve" in path.name} == before
    for id in ("..%2f..%2fjobs.db", "0" * 32, "%00", "a/b"):
        for path in (f"api/jobs/{id}", f"api/jobs/{id}/audio", f"jobs/{id}"):
            assert server.http.get(path).status_code in (303, 400, 404), path


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("filename*=UTF-8''t%C3%A4lk%20%222%22.wav", 'tälk "2".wav'),
        ("filename*=nonsense'de'..%2Ft%C3%A4lk.wav", "tälk.wav"),
        ("filename=plain.wav; filename*=UTF-8''t%C3%A4lk.wav", "plain.wav"),
    ],
)
def test_names_that_are_not_ascii(server: Server, beep: Path, given: str, shown: str) -> None:
    head = f'--x\r\nContent-Disposition: form-data; name="file"; {given}\r\n\r\n'
    answer = server.http.post(
        "api/jobs",
        content=head.encode() + beep.read_bytes() + b"\r\n--x--\r\n",
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    assert answer.status_code == 202, answer.text
    assert answer.json()["name"] == shown
    server.http.delete(f"api/jobs/{answer.json()['id']}")


def test_an_empty_upload_says_so(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"")
    job = server.over(server.upload(tmp_path / "a.mp3")["id"])
    assert job["error"]["message"] == "a.mp3: is empty, no byte of it was uploaded. Check the file"
    server.http.delete(f"api/jobs/{job['id']}")


def test_a_playlist_leads_to_no_other_file(server: Server, tmp_path: Path) -> None:
    secret = talk.recording("call").resolve()
    for text in (
        f"ffconcat version 1.0\nfile '{secret}'\n",
        f"ffconcat version 1.0\nfile {secret.relative_to(ROOT)}\n",
        f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:{secret}\n#EXT-X-ENDLIST\n",
    ):
        (tmp_path / "list.mp3").write_text(text)
        job = server.over(server.upload(tmp_path / "list.mp3")["id"])
        assert job["state"] == "failed"
        assert str(server.folder) not in job["error"]["message"]


def test_a_recording_may_last_only_so_long(beep: Path) -> None:
    assert decoded(beep, "beep.wav", most=2.0).duration == 1.0
    with pytest.raises(AudioError, match=r"beep\.wav: lasts longer"):
        decoded(beep, "beep.wav", most=0.5)


def test_progress_comes_as_events(server: Server) -> None:
    seen: list[tuple[str, object]] = []
    with server.http.stream("GET", "api/jobs/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        kind, job = "", None
        for line in lines:
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
                seen.append((kind, data))
                if job is None:
                    job = server.upload(talk.recording("interview"), words="false")
                elif kind == "job" and data["id"] == job["id"] and data["state"] == "done":
                    break
    assert seen[0][0] == "jobs"
    mine = [data for kind, data in seen if kind == "job" and data["id"] == job["id"]]
    assert {"running", "done"} <= {data["state"] for data in mine}
    shares = [data["progress"]["share"] for data in mine if "share" in data["progress"]]
    assert shares == sorted(shares)
    server.http.delete(f"api/jobs/{job['id']}")
    assert until(lambda: job["id"] not in [one["id"] for one in server.jobs()])
