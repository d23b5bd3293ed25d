"""How networks are opened: threads, and what they do while they wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from diarize.errors import ModelError
from diarize.onnx.session import Session, available_processors, thread_count


@pytest.mark.parametrize("asked", [None, 1, 2, 1000])
def test_threads_never_outnumber_the_processors(asked: int | None, bundled_model: Path) -> None:
    options = Session(bundled_model, asked)._runtime.get_session_options()
    wanted = available_processors() if asked is None else min(asked, available_processors())
    assert options.intra_op_num_threads == thread_count(asked) == wanted
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_files_that_are_no_networks(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model file"):
        Session(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"not a network")
    with pytest.raises(ModelError, match="not an ONNX model"):
        Session(tmp_path / "bad.onnx")
