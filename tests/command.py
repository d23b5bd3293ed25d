"""The command line, in this process (quick) or in one of its own (as users have it)."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

from diarize.cli import main
from tests.conftest import ROOT

Done = subprocess.CompletedProcess[bytes]


def run(*words: object, cwd: Path | None = None, stdin: bytes = b"", **environment: str) -> Done:
    """Run ``diarize WORDS`` in this process, with its own folder, streams and environment."""
    return _here(lambda: main([str(word) for word in words]), cwd, stdin, environment)


def run_script(code: str, cwd: Path | None = None, **environment: str) -> Done:
    """Run Python code in this process as a script, likewise."""

    def script() -> int:
        exec(compile(code, "script", "exec"), {"__name__": "__main__"})
        return 0

    return _here(script, cwd, b"", environment)


def _here(
    action: Callable[[], int], cwd: Path | None, stdin: bytes, environment: dict[str, str]
) -> Done:
    with _streams(stdin) as (out, err), mock.patch.dict(os.environ, environment):
        with _inside(cwd or ROOT):
            try:
                code = action()
            except Exception:  # with --debug, as Python shows it
                traceback.print_exc()
                code = 1
        return subprocess.CompletedProcess([], code, out.getvalue(), err.getvalue())


def run_process(
    *words: object, cwd: Path | None = None, stdin: bytes = b"", **environment: str
) -> Done:
    """Run ``diarize WORDS`` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "diarize", *map(str, words)],
        cwd=cwd or ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
        input=stdin,
        capture_output=True,
        check=False,
    )


@contextlib.contextmanager
def _streams(stdin: bytes) -> Iterator[tuple[io.BytesIO, io.BytesIO]]:
    """Put streams over bytes in the place of the three of this process."""
    out, err = io.BytesIO(), io.BytesIO()
    streams = {
        "stdin": io.TextIOWrapper(io.BytesIO(stdin), "utf-8"),
        "stdout": io.TextIOWrapper(out, "utf-8", write_through=True),
        "stderr": io.TextIOWrapper(err, "utf-8", "backslashreplace", write_through=True),
    }
    with contextlib.ExitStack() as stack:
        for name, stream in streams.items():
            stack.enter_context(mock.patch.object(sys, name, stream))
        yield out, err


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Work in a folder; contextlib.chdir is Python 3.11's."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
