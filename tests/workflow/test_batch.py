"""Many recordings at once."""

from __future__ import annotations

import numpy as np
import pytest

from diarize.batch import diarize_many
from diarize.embedding.embedder import OnnxEmbedder
from diarize.errors import UsageError
from diarize.speakers.diarizer import Diarizer


@pytest.fixture
def sources(example_dir, tmp_path):
    copy = tmp_path / "copy.mp3"
    copy.write_bytes((example_dir / "meeting.mp3").read_bytes())
    return [example_dir / "meeting.mp3", tmp_path / "missing.wav", copy]


def check(outcomes, sources):
    alone = Diarizer()(sources[0])
    assert [outcome.source for outcome in outcomes] == [str(source) for source in sources]
    assert outcomes[0].diarization.turns == alone.turns
    assert outcomes[2].diarization.turns == alone.turns
    assert outcomes[1].diarization is None
    assert "missing.wav" in outcomes[1].error


def test_processes_give_what_one_process_gives(sources):
    seen = []
    check(diarize_many(sources, workers=2, on_done=seen.append), sources)
    assert len(seen) == 3


def test_cluster_gives_what_one_process_gives(sources):
    distributed = pytest.importorskip(
        "distributed", reason='pip install "autospeech-diarize[cluster]"'
    )
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        check(diarize_many(sources, client=client), sources)


class Counting(OnnxEmbedder):
    """An embedder that notes in a file whenever it is loaded; its repr tells objects apart."""

    def __init__(self, note):
        self.note = note
        super().__init__()

    __repr__ = object.__repr__

    def __reduce__(self):
        with self.note.open("a") as file:
            file.write("packed ")
        return _loaded, (self.note,)


def _loaded(note):
    with note.open("a") as file:
        file.write("loaded ")
    return Counting(note)


def test_a_worker_loads_an_embedder_of_the_users_own_once(sources, tmp_path):
    note = tmp_path / "note"
    outcomes = diarize_many([*sources, sources[0]], workers=1, embedder=Counting(note))
    assert [outcome.error is None for outcome in outcomes] == [True, False, True, True]
    assert note.read_text().split() == ["packed", "loaded"]


def test_what_cannot_be_sent_is_told(sources):
    with pytest.raises(UsageError, match="cannot be sent"):
        diarize_many(sources, workers=1, vad=lambda waveform: [])


def test_channels_are_split_in_each(tmp_path, example_dir):
    from diarize.audio.loading import load
    from tests.cli.test_main_job import RATE, write_wav

    samples = load(example_dir / "meeting.mp3").samples[: 30 * RATE] / 32768
    left, right = samples.copy(), samples.copy()
    left[15 * RATE :] = 0
    right[: 15 * RATE] = 0
    call = write_wav(tmp_path / "call.wav", np.stack([left, right], axis=1))
    (outcome,) = diarize_many([call], workers=1, channels="split", channel_names=["Ann", "Bo"])
    assert outcome.error is None
    assert {one.name for one in outcome.diarization.speakers} == {"Ann", "Bo"}


def test_workers_must_be_positive():
    with pytest.raises(UsageError, match="at least 1"):
        diarize_many(["a.wav"], workers=0)
