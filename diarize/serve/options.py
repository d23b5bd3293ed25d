"""How the server is set up."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from diarize.errors import UsageError
from diarize.transcript.whisper import WhisperOptions

GIB = 1 << 30
MOST_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """How the server is set up.

    Parameters
    ----------
    folder : Path
        Where jobs, results and uploads lie; made where it is not there.
    host : str
        The address to listen on.
    port : int
        0: a free one.
    token : str or None
        What requests have to bring; needed unless the host is this machine alone.
    host_names : tuple of str
        Names by which browsers may call the server, beside ``localhost`` and numbers.
    most_bytes : int
        Length of an upload.
    workers : int
        Recordings worked on at once.
    most_waiting : int
        Jobs in the queue.
    speakers : str or None
        The book of enrolled people, by whose names speakers are called; the page enrolls into it.
    engine : str
        The recogniser, as :func:`diarize.transcript.engines.get_engine` takes it.
    whisper : WhisperOptions
        What it is told.
    threads : int or None
        Cores for each worker.

    Raises
    ------
    UsageError
        If others could reach the server and no token is set, or the port is none.
    """

    folder: Path
    host: str = "127.0.0.1"
    port: int = 8808
    token: str | None = None
    host_names: tuple[str, ...] = ()
    most_bytes: int = GIB
    workers: int = 1
    most_waiting: int = 500
    speakers: str | None = None
    engine: str = "auto"
    whisper: WhisperOptions = field(default_factory=WhisperOptions)
    threads: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= MOST_PORT:
            raise UsageError(f"--port {self.port}: a number from 0 to {MOST_PORT} is expected")
        if self.token is not None and not (self.token.isascii() and self.token.strip()):
            raise UsageError("the token is empty or not ASCII: take letters and digits")
        if self.token is None and not is_loopback(self.host):
            raise UsageError(
                f"--host {self.host}: other machines could read and write everything here. Set a "
                "token in $DIARIZE_TOKEN (or --token), or leave out --host"
            )


def is_loopback(host: str) -> bool:
    """Return whether an address is this machine alone.

    Examples
    --------
    >>> [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "example.org")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
