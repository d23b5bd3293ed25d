"""Any container and codec to float blocks, one decode pass, through PyAV's own FFmpeg.

Timestamps inside the container are ignored and gaps are not filled, as in the decoders that Whisper
and faster-whisper use: times here and in their transcripts mean the same instant.
"""

from __future__ import annotations

import shutil
import stat
import struct
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from diarize.arrays import Float32
from diarize.audio.sources import LEAST_RATE, scaled
from diarize.audio.tracks import audio_stream
from diarize.errors import AudioError

if TYPE_CHECKING:
    import av

# Frames (1 152 samples in MP3) are gathered to this many samples, so that Python costs nothing.
BLOCK = 1 << 17
# Containers whose stated length is exact; others (ADTS, MP3 without a Xing header) are guesses.
EXACT_LENGTH = ("wav", "mov", "matroska", "flac", "w64", "aiff", "caf", "au")


@dataclass
class DecodeReport:
    """The result of a decoding pass, besides the samples.

    Attributes
    ----------
    expected : float or None
        Seconds that the container promises; None where it makes no exact promise.
    decoded : float
        Seconds that came out.
    skipped : int
        Damaged packets that could not be decoded.
    cut : bool
        True where reading broke off in the middle of the file.
    reached : float
        Seconds up to which the file held anything, picture or sound; 0 where the sound's own
        length is known.
    tracks : str
        The audio tracks, where there are several and none was asked for; else empty.
    """

    expected: float | None = None
    decoded: float = 0.0
    skipped: int = 0
    cut: bool = False
    reached: float = 0.0
    tracks: str = ""


@dataclass(frozen=True)
class InputFile:
    """A readable recording: a path for FFmpeg or an open binary file, and the name to show.

    ``track`` is the number of an audio track, from 0; None takes the one that FFmpeg takes.
    """

    file: str | IO[bytes]
    name: str
    track: int | None = None
    report: DecodeReport = field(default_factory=DecodeReport, compare=False)

    @contextmanager
    def _bytes(self) -> Iterator[IO[bytes]]:
        """Open the file, or lend it: a decoder reads on from where it was."""
        if isinstance(self.file, str):
            with Path(self.file).open("rb") as file:
                yield file
            return
        place = self.file.tell()
        try:
            yield self.file
        finally:
            self.file.seek(place)

    def head(self, offset: int, size: int) -> bytes:
        """Return ``size`` bytes from ``offset``; fewer at the end of the file."""
        with self._bytes() as file:
            file.seek(offset)
            return file.read(size)

    def size(self) -> int:
        """Length of the file in bytes."""
        with self._bytes() as file:
            return file.seek(0, 2)


@contextmanager
def opened(source: str | Path | IO[bytes], track: int | None = None) -> Iterator[InputFile]:
    """Yield a :class:`InputFile` for a path, ``"-"`` (standard input), or a binary file object.

    What cannot seek is first copied to a temporary file: MP4 may hold its index at the end.

    Raises
    ------
    AudioError
        When there is nothing to read, with the reason.
    """
    if isinstance(source, str | Path) and str(source) != "-":
        path = Path(source)
        check_path(path)
        if path.is_file():
            yield InputFile(str(path), str(path), track)
            return
        with path.open("rb") as pipe, _seekable(pipe, str(path), track) as ready:
            yield ready
        return
    if isinstance(source, str | Path):
        stream, name = getattr(sys.stdin, "buffer", None), "standard input"
        if stream is None or stream.isatty():
            raise AudioError(f"{name}: nothing is piped in. Try: cat meeting.mp3 | diarize -")
    else:
        stream, own = cast("Any", source), getattr(source, "name", None)
        name = own if isinstance(own, str) and own else "stream"  # some have a number, or None
    with _seekable(stream, name, track) as ready:
        yield ready


@contextmanager
def _seekable(stream: IO[bytes], name: str, track: int | None) -> Iterator[InputFile]:
    """Yield the stream itself where it can seek, else a temporary copy of all its bytes."""
    with tempfile.TemporaryFile() as copy:
        file: IO[bytes] = stream
        try:
            standard = stream is getattr(sys.stdin, "buffer", None)
            if standard or not getattr(stream, "seekable", lambda: False)():
                shutil.copyfileobj(stream, copy, 1 << 20)
                file = copy
        except (OSError, ValueError) as error:
            raise AudioError(f"{name}: cannot be read ({error}). Open it again.") from None
        ready = InputFile(file, name, track)
        if ready.size() == 0:
            raise AudioError(f"{name}: no bytes arrived. Check the command before the pipe.")
        yield ready


def check_path(path: Path) -> None:
    """Raise an :class:`AudioError` that says why ``path`` cannot be a recording, if it cannot."""
    if "://" in str(path) or str(path).startswith(("http:/", "https:/")):
        raise AudioError(f"{path}: addresses are not fetched. Download the file and pass its path.")
    try:
        mode = path.stat().st_mode
    except PermissionError:
        raise AudioError(
            f"{path}: its folder may not be entered. Check the folder's permissions."
        ) from None
    except (OSError, ValueError):
        raise AudioError(f"{path}: no such file. Check the path.") from None
    if stat.S_ISDIR(mode):
        raise AudioError(f"{path}: is a folder. Name the recordings in it, such as {path}/*.mp3")
    if not stat.S_ISREG(mode):  # a pipe gives its bytes once: it is opened where they are read
        return
    if path.stat().st_size == 0:
        raise AudioError(f"{path}: the file is empty (0 bytes). Copy or record it again.")
    try:
        with path.open("rb"):
            pass
    except PermissionError:
        raise AudioError(f"{path}: may not be read. Check the file's permissions.") from None
    except OSError as error:
        raise AudioError(f"{path}: cannot be opened ({error.strerror}).") from None


def blocks(source: InputFile) -> Iterator[tuple[int, Float32]]:
    """Decode the best audio stream and yield ``(sample rate, (channels, n) float32)`` blocks.

    Damaged packets are skipped and counted in ``source.report``, which is complete once the
    iterator is exhausted.

    Raises
    ------
    AudioError
        When the file is no media file, has no audio stream, is protected, or its codec is unknown.
    """
    import av

    report = source.report
    report.decoded, report.skipped, report.cut, report.reached = 0.0, 0, False, 0.0
    with _open(source) as container:
        stream, report.tracks = audio_stream(container, source.name, source.track)
        report.expected = _exact_length(source, container, stream)
        fifo, kind = av.AudioFifo(), None
        for frame in _frames(container, stream, report):
            now = (frame.sample_rate, frame.layout.name, frame.format.name)
            if now != kind:  # in joined files; a fifo reads what has more channels as if it had not
                if frame.sample_rate < LEAST_RATE:
                    raise AudioError(
                        f"{source.name}: says that it has {frame.sample_rate} samples a second, "
                        f"too few for speech (at least {LEAST_RATE}): its header is wrong. Export "
                        "it again."
                    )
                yield from _drain(fifo, report)
                fifo, kind = av.AudioFifo(), now
            fifo.write(frame)
            if fifo.samples >= BLOCK:
                yield from _drain(fifo, report)
        yield from _drain(fifo, report)


def _open(source: InputFile) -> Any:  # an av InputContainer, which PyAV's own types leave open
    """Open the container."""
    import av

    try:
        if isinstance(source.file, str):
            return open_path(source.file)
        source.file.seek(0)
        return av.open(
            source.file,
            "r",  # a stream's own mode may be a number, or that of writing too
            buffer_size=1 << 20,
            metadata_errors="replace",
            # What a stream names cannot be meant, since it lies nowhere: no protocol is called so.
            options={"protocol_whitelist": "none"},
        )
    except (av.error.FFmpegError, OSError) as error:
        if source.head(4, 4) == b"ftyp":
            raise AudioError(
                f"{source.name}: an MP4/M4A file whose index is missing, so it was cut off while "
                "recording or copying. Copy it again, or repair it (for instance with untrunc)."
            ) from None
        raise AudioError(
            f"{source.name}: not a recording that can be decoded ({_reason(error)}). "
            "Check that it is audio or video; convert unusual formats to WAV first."
        ) from None


def open_path(path: str | Path) -> Any:
    """Open a file as a container, whatever encoding its tags are in."""
    import av

    # The prefix keeps names such as "12:30.mp3" from being read as a protocol, and the whitelist
    # keeps playlists from reaching out to the network.
    return av.open(
        f"file:{path}", metadata_errors="replace", options={"protocol_whitelist": "file"}
    )


def _frames(
    container: av.container.InputContainer, stream: Any, report: DecodeReport
) -> Iterator[av.AudioFrame]:
    """Decode frame by frame, as far as the file goes; damaged packets are skipped and counted."""
    import av

    wanted: list[Any] = [stream]
    if _own_length(stream) is None:  # then the picture tells how far the file reaches
        wanted = [one for one in container.streams if one.type in ("audio", "video")]
    packets: Iterator[Any] = container.demux(wanted)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.error.FFmpegError, OSError):
            report.cut = True
            return
        if len(wanted) > 1 and packet.pts is not None and packet.time_base is not None:
            end = (packet.pts + (packet.duration or 0)) * packet.time_base
            report.reached = max(report.reached, float(end) - (container.start_time or 0) / 1e6)
        if packet.stream.index != stream.index:
            continue
        try:
            for frame in packet.decode():
                frame.pts = None
                yield frame
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            report.skipped += 1


def _drain(fifo: av.AudioFifo, report: DecodeReport) -> Iterator[tuple[int, Float32]]:
    """Yield all that was gathered as one block."""
    frame = fifo.read()
    if frame is None or frame.samples == 0:
        return
    report.decoded += frame.samples / frame.sample_rate
    yield frame.sample_rate, _to_float(frame)


def _to_float(frame: av.AudioFrame) -> Float32:
    """Return a frame as (channels, n) float32 with full scale at ±1."""
    interleaved = 1 if frame.format.is_planar else len(frame.layout.channels)
    if frame.format.name in ("s64", "s64p"):  # PyAV makes no array of these
        planes, count = cast("Any", frame.planes), frame.samples * interleaved
        raw: NDArray[Any] = np.stack([np.frombuffer(one, np.int64, count) for one in planes])
    else:
        raw = frame.to_ndarray()
    if not frame.format.is_planar:
        raw = raw.reshape(-1, interleaved).T
    return scaled(raw, 1.0 if raw.dtype.kind == "f" else 2.0 ** (8 * raw.dtype.itemsize - 1))


def _exact_length(
    source: InputFile, container: av.container.InputContainer, stream: Any
) -> float | None:
    """Return the seconds that the file's header promises, None where it does not say exactly."""
    name = container.format.name
    stated = _own_length(stream) or (container.duration or 0) / 1e6
    if not stated:
        return None
    if name == "wav":
        return stated + _missing_wav_seconds(source, stream)
    exact = name.startswith(EXACT_LENGTH) or (name == "mp3" and _has_xing_header(source))
    return stated if exact else None


def _own_length(stream: Any) -> float | None:
    """Return the seconds that a stream says of itself; a container's may be those of a picture."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    hours, minutes, seconds = f"::{stream.metadata.get('DURATION', '')}".split(":")[-3:]
    try:  # Matroska's muxers write it so: 00:00:20.008000000
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except ValueError:
        return None


def _missing_wav_seconds(source: InputFile, stream: Any) -> float:
    """Seconds that a WAV header announces beyond the file's end (FFmpeg trusts the file's size)."""
    header = source.head(0, 8)
    bytes_per_second = (stream.codec_context.bit_rate or 0) / 8
    if header[:4] != b"RIFF" or not bytes_per_second:
        return 0.0
    announced = struct.unpack("<I", header[4:])[0] + 8
    # Recorders that write to a pipe leave a huge placeholder.
    if announced > 0x7FFF0000:
        return 0.0
    return float(max(0, announced - source.size()) / bytes_per_second)


def _has_xing_header(source: InputFile) -> bool:
    """Whether an MP3 states its number of frames (else its length is guessed from the bit rate)."""
    start = source.head(0, 10)
    offset = 0
    if start[:3] == b"ID3" and len(start) == 10:
        size = 0
        for byte in start[6:]:
            size = size << 7 | byte & 0x7F
        offset = 10 + size
    head = source.head(offset, 4096)
    return any(tag in head for tag in (b"Xing", b"Info", b"VBRI"))


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return str(text).rstrip(".")
