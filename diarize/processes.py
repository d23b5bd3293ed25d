"""Python processes of our own: they take objects through a pipe, and end with whoever began them.

``multiprocessing`` would run the user's own script in each of them once more, and begins none from
a daemon, such as the workers of Dask are.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import IO, Any

_FRAME = struct.Struct("<Q")


class Child:
    """The near side of a process that runs a function; that calls :func:`connected` first.

    Parameters
    ----------
    module, function : str
        The function takes no arguments.
    first : object
        Sent to it at once.
    environment : mapping, optional
        This process's own where not given.
    errors : binary file, optional
        Gets what the process writes to its standard error.
    """

    def __init__(
        self,
        module: str,
        function: str,
        first: object,
        environment: Mapping[str, str] | None = None,
        errors: IO[bytes] | None = None,
    ) -> None:
        code = (
            f"import sys; sys.path[:] = {sys.path!r}; from {module} import {function}; {function}()"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the command, which ends its workers
        )
        with contextlib.suppress(OSError):  # one that died at once is noticed by its silence
            self.send(first)

    def send(self, message: object) -> None:
        """Send an object; OSError where the process is gone."""
        assert self._process.stdin
        _send(self._process.stdin, message)

    def receive(self) -> Any:
        """Wait for an object; EOFError where the process is gone."""
        assert self._process.stdout
        return pickle.loads(_receive(self._process.stdout))

    def exit_code(self, *, wait: bool = False) -> int | None:
        """Return how the process ended, minus a signal's number; None while it runs."""
        return self._process.wait() if wait else self._process.poll()

    def kill(self) -> None:
        """Tell the process to end, at once."""
        self._process.kill()

    def close(self) -> None:
        """End the process."""
        self.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def connected() -> tuple[Callable[[], Any], Callable[[object], None]]:
    """On the far side, return what waits for an object, and what sends one.

    The process ends as soon as the near side is gone. Whatever a library prints goes to standard
    error: it must not come between the answers, nor read the requests.
    """
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        with contextlib.suppress(EOFError):
            while True:
                waiting.put(_receive(requests))
        os._exit(1)  # whoever gave the work is gone, so nobody waits for what is being done

    threading.Thread(target=read, daemon=True).start()
    return lambda: pickle.loads(waiting.get()), lambda message: _send(answers, message)


def _send(stream: IO[bytes], message: object) -> None:
    content = pickle.dumps(message)
    stream.write(_FRAME.pack(len(content)) + content)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes:
    head = stream.read(_FRAME.size)
    length = _FRAME.unpack(head)[0] if len(head) == _FRAME.size else 1
    content = stream.read(length)
    if len(content) < length:
        raise EOFError
    return content
