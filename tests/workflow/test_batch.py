"""Many recordings at once."""

from __future__ import annotations

import pytest

from diarize.batch import diarize_many
from diarize.errors import UsageError
from diarize.pipeline.diarizer import Diarizer


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


def test_workers_must_be_positive():
    with pytest.raises(UsageError, match="at least 1"):
        diarize_many(["a.wav"], workers=0)
