"""A server in a process of its own, as ``diarize serve`` runs it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from tests.conftest import ROOT


class Server:
    """``diarize serve`` on a free port, until the block ends."""

    def __init__(self, folder: Path, *words: str, **environment: str) -> None:
        self.folder = folder
        self._words = words
        self._environment = environment

    def __enter__(self) -> Server:
        command = [sys.executable, "-m", "diarize", "serve", "--port", "0", "-o", str(self.folder)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "DIARIZE_OFFLINE": "1"}
        environment.pop("DIARIZE_TOKEN", None)
        self.process = subprocess.Popen(
            [*command, *self._words],
            cwd=ROOT,
            env={**environment, **self._environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        said = []
        assert self.process.stderr is not None
        for line in self.process.stderr:
            said.append(line)
            found = re.match(r"open (http://\S+?/)(login.*)?$", line)
            if found:
                self.url = found[1]
                self.http = httpx.Client(base_url=self.url, timeout=120)
                return self
        raise AssertionError("".join(said))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(60)
        assert self.process.stderr is not None
        self.process.stderr.close()

    def kill(self) -> None:
        """End the server at once, as a power cut does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)

    def upload(self, path: Path, name: str | None = None, **fields: str) -> dict[str, Any]:
        """Upload a recording; return the job."""
        with path.open("rb") as file:
            answer = self.http.post(
                "api/jobs", files={"file": (name or path.name, file)}, data=fields
            )
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def job(self, id: str) -> dict[str, Any]:
        """Return a job as it is now."""
        return dict(self.http.get(f"api/jobs/{id}").json())

    def jobs(self) -> list[dict[str, Any]]:
        """Return all recordings."""
        return list(self.http.get("api/jobs", params={"limit": 500}).json()["jobs"])

    def over(self, id: str) -> dict[str, Any]:
        """Wait until a job is done, or has failed; return it."""
        return until(lambda: (job := self.job(id))["state"] in ("done", "failed") and job)


def until(condition: Callable[[], Any], seconds: float = 120.0) -> Any:
    """Wait for something to be."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it never happened")
