"""The registry of models: finding, fetching whole and checked files or none, verifying."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from diarize.cli import main
from diarize.embedding.formats import thresholds_of
from diarize.errors import ModelError, UsageError
from diarize.onnx import bundled, files, registry

CONTENT = b"not really a network, but the bytes that were published" * 10_000


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/gone.onnx":
            self.send_error(404)
            return
        broken = self.path == "/broken.onnx"
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: len(CONTENT) // 2] if broken else CONTENT)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIARIZE_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("DIARIZE_OFFLINE", raising=False)
    return tmp_path / "models"


@pytest.fixture
def register(server: str, store: Path, monkeypatch: pytest.MonkeyPatch):
    def add(file: str = "good.onnx", sha256: str | None = "right") -> registry.RemoteModel:
        if sha256 == "right":
            sha256 = hashlib.sha256(CONTENT).hexdigest()
        model = dataclasses.replace(
            registry.REGISTRY["wespeaker-campplus"],
            name="test-model",
            url=f"{server}/{file}",
            filename=file,
            sha256=sha256,
        )
        monkeypatch.setitem(registry.REGISTRY, "test-model", model)
        return model

    return add


def test_bundled_finds_the_checkout_model_and_names_a_missing_one() -> None:
    assert bundled.bundled("autospeech").name == "autospeech.onnx"
    with pytest.raises(ModelError, match=r"nothing\.onnx is missing"):
        bundled.bundled("nothing")


def test_registry_is_sound() -> None:
    for name, model in registry.REGISTRY.items():
        assert name == model.name
        assert model.url.startswith("https://")
        assert model.kind in ("embedding", "segmentation")
        assert model.filename.endswith(".onnx")
        assert model.licence
        assert model.sha256 is None or (len(model.sha256) == 64 and int(model.sha256, 16))
        assert model.kind == "segmentation" or model.dimension > 0
    names = [model.filename for model in registry.REGISTRY.values()]
    assert len(set(names)) == len(names)


def test_fetch_brings_the_whole_file_and_reports_progress(register, store: Path) -> None:
    register()
    seen: list[tuple[str, int, int | None]] = []
    path = files.fetch("test-model", on_progress=lambda *step: seen.append(step))
    assert path == store / "good.onnx"
    assert path.read_bytes() == CONTENT
    assert seen[-1] == ("download", len(CONTENT), len(CONTENT))
    assert [file.name for file in store.iterdir()] == ["good.onnx"]
    assert files.locate("test-model") == path


def test_fetch_twice_downloads_once(register, monkeypatch: pytest.MonkeyPatch) -> None:
    register()
    first = files.fetch("test-model")
    monkeypatch.setenv("DIARIZE_OFFLINE", "1")
    assert files.fetch("test-model") == first


def test_wrong_checksum_leaves_nothing_behind(register, store: Path) -> None:
    register(sha256="0" * 64)
    with pytest.raises(ModelError, match="thrown away"):
        files.fetch("test-model")
    assert list(store.iterdir()) == []


@pytest.mark.parametrize("file", ["gone.onnx", "broken.onnx"])
def test_failed_download_says_how_to_do_it_by_hand(register, store: Path, file: str) -> None:
    model = register(file)
    with pytest.raises(ModelError) as raised:
        files.fetch("test-model")
    message = str(raised.value)
    assert model.url in message
    assert str(store / file) in message
    assert "\n" not in message
    assert list(store.iterdir()) == []


def test_unreachable_server_is_one_line(register, monkeypatch: pytest.MonkeyPatch) -> None:
    model = dataclasses.replace(register(), url="http://127.0.0.1:9/x.onnx")
    monkeypatch.setitem(registry.REGISTRY, "test-model", model)
    with pytest.raises(ModelError, match="could not be downloaded"):
        files.fetch("test-model")


def test_offline_forbids_downloads(register, monkeypatch: pytest.MonkeyPatch) -> None:
    register()
    monkeypatch.setenv("DIARIZE_OFFLINE", "1")
    with pytest.raises(ModelError, match=r"DIARIZE_OFFLINE.*by hand"):
        files.fetch("test-model")


@pytest.mark.parametrize(("value", "expected"), [("", False), ("0", False), ("1", True)])
def test_offline_variable(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv("DIARIZE_OFFLINE", value)
    assert files.offline() is expected


def test_unpinned_needs_a_yes_and_is_noted(register, store: Path) -> None:
    model = register(sha256=None)
    with pytest.raises(UsageError, match="--yes"):
        files.fetch("test-model")
    path = files.fetch("test-model", accept_unpinned=True)
    assert files.verify(model) is None
    path.write_bytes(b"changed")
    assert "is not the file it should be" in (files.verify(model) or "")


def test_damaged_file_is_not_used_silently(register, store: Path) -> None:
    model = register()
    files.fetch("test-model").write_bytes(b"changed")
    assert model.sha256 is not None
    assert model.sha256 in (files.verify(model) or "")
    with pytest.raises(ModelError, match="Delete the file"):
        files.fetch("test-model")


def test_resolve_prefers_paths_and_knows_names(tmp_path: Path, store: Path) -> None:
    own = tmp_path / "own.onnx"
    own.write_bytes(b"x")
    assert files.locate(own) == own
    assert files.locate("autospeech") == bundled.bundled("autospeech")
    with pytest.raises(ModelError, match="diarize models fetch wespeaker-campplus"):
        files.locate("wespeaker-campplus")
    with pytest.raises(ModelError, match="no such model"):
        files.locate(tmp_path / "absent.onnx")


def test_thresholds_name_the_model_and_say_they_are_not_calibrated() -> None:
    known = thresholds_of(Path("somewhere/wespeaker_en_voxceleb_CAM++.onnx"))
    assert "WeSpeaker CAM++" in known.note
    assert "not calibrated" in thresholds_of(Path("mine.onnx")).note


def test_command_lists_every_model(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in [*registry.REGISTRY, *bundled.BUNDLED])
    assert str(store) in text
    assert main(["models", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in rows} == {*registry.REGISTRY, *bundled.BUNDLED}


def test_command_fetches_and_verifies(
    register, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    register()
    assert main(["models", "verify"]) == 0
    assert "no models have been fetched" in capsys.readouterr().out
    assert main(["models", "fetch", "test-model", "-q"]) == 0
    assert capsys.readouterr().out.strip() == str(store / "good.onnx")
    assert main(["models", "verify"]) == 0
    assert "test-model: right" in capsys.readouterr().out
    (store / "good.onnx").write_bytes(b"changed")
    assert main(["models", "verify", "test-model"]) == 1


def test_command_refuses_unknown_and_unpinned(
    register, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    register(sha256=None)
    assert main(["models", "fetch", "nonsense"]) == 2
    assert main(["models", "fetch", "test-model"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert main(["models", "fetch", "test-model", "--yes", "-q"]) == 0
