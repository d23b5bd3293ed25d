"""What a Python user may expect: full signatures, copies, pickles, one-line reprs."""

from __future__ import annotations

import copy
import importlib
import inspect
import os
import pickle
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diarize as package
from diarize.audio.loading import load
from diarize.audio.waveform import Waveform
from diarize.embedding.embedder import OnnxEmbedder
from diarize.errors import SpeakerBookError, UsageError
from diarize.integrations.pyannote import Pipeline
from diarize.integrations.whisperx import DiarizationPipeline
from diarize.segmentation.webrtc import WebRtcVad
from diarize.speakers import BookModel, Sample, SpeakerBook
from diarize.speakers.diarizer import Diarizer, diarize

OF_OTHERS = {"whisper_options", "decoding"}  # what goes to another library's function as it is


# --- signatures -----------------------------------------------------------------------------------


def public_functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield every public function and method of the package that is used from Python."""
    names = [
        "diarize",
        "diarize.speakers.diarizer",
        "diarize.batch",
        "diarize.segmentation.webrtc",
        "diarize.result",
    ]
    for folder in ("integrations", "speakers", "transcript", "writers"):
        inner = importlib.import_module(f"diarize.{folder}")
        names += [
            module.name
            for module in pkgutil.walk_packages(inner.__path__, f"diarize.{folder}.")
            if "readers" not in module.name
        ]
    for name in names:
        module = importlib.import_module(name)
        for key in getattr(module, "__all__", [key for key in vars(module) if key[0] != "_"]):
            value = getattr(module, key)
            if inspect.isclass(value) and value.__module__.startswith("diarize"):
                for method, function in inspect.getmembers(value, inspect.isfunction):
                    ours = function.__module__.startswith("diarize")  # not typing's own
                    if ours and (method in ("__init__", "__call__") or method[0] != "_"):
                        yield f"{name}.{key}.{method}", function
            elif inspect.isfunction(value) and value.__module__.startswith("diarize"):
                yield f"{name}.{key}", value


def test_no_public_function_hides_its_parameters() -> None:
    hidden = [
        f"{name}(**{parameter.name})"
        for name, function in public_functions()
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.VAR_KEYWORD and parameter.name not in OF_OTHERS
    ]
    assert hidden == []


def options(function: Callable[..., Any]) -> dict[str, tuple[object, object]]:
    """Return default and annotation of each keyword."""
    return {
        name: (parameter.default, parameter.annotation)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def test_everything_that_makes_a_diarizer_takes_its_parameters() -> None:
    own = options(Diarizer.__init__)
    once = options(Diarizer.analyse)
    assert options(Diarizer.__call__) == once
    assert options(diarize) == {**own, **once}
    del own["on_progress"]
    for maker in (Pipeline.__init__, DiarizationPipeline.__init__):
        known = own
        if maker is DiarizationPipeline.__init__:  # whisperX calls the embedder model_name
            known = {name: value for name, value in own.items() if name != "embedder"}
        mine = options(maker)
        assert {name: mine.get(name) for name in known} == known


def test_a_diarizer_is_not_changed_from_outside() -> None:
    diarizer = Diarizer(vad="webrtc", threads=1)
    for name in ("settings", "on_progress", "num_speakers", "speakers", "detector"):
        with pytest.raises(AttributeError, match=f"{name} of a Diarizer is not changed later"):
            setattr(diarizer, name, None)


# --- copies and pickles ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def excerpt(example_dir: Path) -> Waveform:
    whole = load(example_dir / "meeting.mp3")
    return Waveform(whole.samples[: 20 * 16_000], "meeting.mp3")


@pytest.mark.parametrize("vad", ["neural", "webrtc"])
@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_a_diarizer_can_be_copied(excerpt: Waveform, vad: str, again: Callable[[Any], Any]) -> None:
    diarizer = Diarizer(vad=vad, threads=1, max_speakers=3)
    other = again(diarizer)
    assert other is not diarizer
    assert repr(other) == repr(diarizer)
    assert other(excerpt) == diarizer(excerpt)
    assert other.embedder.checksum == diarizer.embedder.checksum


def test_a_pickled_model_is_the_one_of_the_place_it_comes_to(tmp_path: Path) -> None:
    """The bundled model goes by its name; a model of the user's by its absolute path."""
    assert str(OnnxEmbedder(threads=1).path).encode() not in pickle.dumps(OnnxEmbedder(threads=1))
    own = tmp_path / "own.onnx"
    own.write_bytes(OnnxEmbedder(threads=1).path.read_bytes())
    data = pickle.dumps(OnnxEmbedder(own, threads=1))
    assert pickle.loads(data).path == own
    own.unlink()
    with pytest.raises(package.DiarizeError, match=r"own\.onnx: no such model file"):
        pickle.loads(data)


def test_other_networks_can_be_copied(tmp_path: Path) -> None:
    from diarize.segmentation.segmenters import load_segmentation
    from tests.segmentation.test_segmenters import bursts, pyannote_model, silero_model

    sound = bursts(12.0, (2, 4.5), (7, 11))
    for make in (pyannote_model, silero_model):
        segmenter = load_segmentation(make(tmp_path / f"{make.__name__}.onnx"), threads=1)
        again = pickle.loads(pickle.dumps(segmenter))
        assert again(sound).speech == copy.deepcopy(segmenter)(sound).speech
        assert again(sound).speech == segmenter(sound).speech != ()
    assert pickle.loads(pickle.dumps(WebRtcVad()))(sound) == WebRtcVad()(sound)


@pytest.mark.slow
def test_a_diarizer_goes_to_another_process(tmp_path: Path, example_dir: Path) -> None:
    diarizer = Diarizer(threads=1)
    (tmp_path / "diarizer.pickle").write_bytes(pickle.dumps(diarizer))
    code = (
        "import pickle, sys; diarizer = pickle.load(open(sys.argv[1], 'rb'));"
        "print(diarizer(sys.argv[2]).to_rttm(), end='')"
    )
    meeting = str(example_dir / "meeting.mp3")
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "diarizer.pickle"), meeting],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(package.__file__).parents[1])},
    )
    assert done.stdout == diarizer(meeting).to_rttm()


# --- the book -------------------------------------------------------------------------------------


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default book, with Ann in it, as the bundled model would have made her."""
    path = tmp_path / "people" / "speakers.db"
    monkeypatch.setenv("DIARIZE_SPEAKERS", str(path))
    embedder = OnnxEmbedder(threads=1)
    vector = np.zeros(embedder.dimension, np.float32)
    vector[0] = 1.0
    with SpeakerBook(create=True) as people:
        people.add("Ann", [Sample(vector, "a.wav", (), 8.0, 0.9)], BookModel.of(embedder))
    return path


def test_default_is_the_book_that_enroll_fills(book: Path, excerpt: Waveform) -> None:
    with SpeakerBook("default") as people:
        assert people.path == book
    diarizer = Diarizer(speakers="default", threads=1)
    speakers = diarizer(excerpt).speakers
    assert speakers
    assert all([person.name for person in one.candidates] == ["Ann"] for one in speakers)
    assert not Path("default").exists()


def test_an_open_book_can_be_pickled(book: Path) -> None:
    with SpeakerBook() as people:
        diarizer = pickle.loads(pickle.dumps(Diarizer(speakers=people, threads=1)))
        other = copy.deepcopy(people)
        other.rename("Ann", "Anna")
        other.close()
        assert diarizer.speakers.names() == people.names() == ["Anna"]
        diarizer.speakers.close()


def test_a_book_that_cannot_be_used_is_refused_before_any_work(tmp_path: Path, book: Path) -> None:
    with pytest.raises(SpeakerBookError, match=r"nothing\.db"):
        Diarizer(speakers=tmp_path / "nothing.db", threads=1)
    with SpeakerBook(tmp_path / "other.db", create=True) as other:
        sample = Sample(np.float32([1, 0]), "a.wav", (), 8.0, 0.9)
        other.add("Ann", [sample], BookModel("other", "0" * 64, 2))
    with pytest.raises(SpeakerBookError, match="enrolled with the model other"):
        diarize("missing.wav", speakers=tmp_path / "other.db", threads=1)
    with pytest.raises(UsageError, match="identify_segments needs"):
        Diarizer(identify_segments=True, threads=1)


# --- logging --------------------------------------------------------------------------------------


def test_stages_are_logged(excerpt: Waveform, caplog: pytest.LogCaptureFixture) -> None:
    diarizer = Diarizer(threads=1)
    damaged = Waveform(excerpt.samples, "call.mp3", ("call.mp3: ends early.",))
    with caplog.at_level("DEBUG", "diarize"):
        found = diarizer(damaged)
    by_level = {level: [] for level in ("DEBUG", "INFO", "WARNING")}
    for record in caplog.records:
        by_level[record.levelname].append(record.getMessage())
    for stage in ("finding speech", "embedding", "telling speakers apart"):
        assert any(message.startswith(f"{stage} in call.mp3: ") for message in by_level["DEBUG"])
    assert len(by_level["INFO"]) == 1
    assert by_level["INFO"][0].startswith(repr(found))
    assert by_level["WARNING"] == ["call.mp3: ends early."]


@pytest.mark.slow
def test_nothing_is_printed_where_logging_is_not_set_up(example_dir: Path) -> None:
    code = (
        "import sys, diarize; from diarize.audio.loading import load, Waveform;"
        "part = Waveform(load(sys.argv[1]).samples[:80000], 'a', ('a: is damaged.',));"
        "diarize.Diarizer(threads=1)(part)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(example_dir / "meeting.mp3")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(package.__file__).parents[1])},
    )
    assert done.stdout == done.stderr == ""
