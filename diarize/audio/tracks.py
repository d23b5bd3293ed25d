"""The audio tracks of a file: which one is decoded, and how people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from diarize.errors import AudioError, UsageError

if TYPE_CHECKING:
    import av

PROTECTED_TAGS = {"drms": "FairPlay", "aavd": "Audible", "enca": "Common Encryption"}


def audio_stream(
    container: av.container.InputContainer, name: str, track: int | None
) -> tuple[Any, str]:
    """Return the audio stream to decode: the track asked for, else FFmpeg's own choice.

    Parameters
    ----------
    name : str
        The recording's, for messages.
    track : int or None
        Its number, from 0.

    Returns
    -------
    av.AudioStream
    str
        The audio tracks, where there are several and none was asked for; else empty.

    Raises
    ------
    AudioError
        When there is none, or it is protected or of an unknown codec.
    UsageError
        When there is no such track.
    """
    from av.stream import Disposition

    streams = container.streams.audio
    if not streams:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise AudioError(f"{name}: has no audio stream (only {kinds}). Pass a file with sound.")
    if track is not None and not 0 <= track < len(streams):
        raise UsageError(f"{name}: there is no audio track {track}. It has {_listed(streams)}.")
    # FFmpeg's own choice, and so Whisper's: default tracks first, then the most channels.
    chosen = max(
        (one for one in streams if one.codec_context is not None),  # None: FFmpeg lacks its codec
        key=lambda one: (bool(one.disposition & Disposition.default), one.channels),
        default=streams[0],
    )
    best: Any = chosen if track is None else streams[track]
    tag = _tag(best.codec_context)
    if tag in PROTECTED_TAGS:
        raise AudioError(
            f"{name}: is protected ({PROTECTED_TAGS[tag]} DRM) and cannot be decoded. "
            "Use a copy without protection."
        )
    if best.codec_context is None or not best.rate:
        raise AudioError(f"{name}: its audio codec is not supported. Convert it to WAV first.")
    if len(streams) == 1 or track is not None:
        return best, ""
    return best, (
        f"{_listed(streams)}. Track {streams.index(best)} is used, as FFmpeg and Whisper do; "
        "--audio-track N (audio_track=N) takes another."
    )


def _tag(context: Any) -> str:
    """Return a codec's four letters; AVI and MPEG-TS have numbers in their place."""
    try:
        return str(getattr(context, "codec_tag", "")).strip("\0 ")
    except UnicodeDecodeError:
        return ""


def _listed(streams: Sequence[Any]) -> str:
    """Return the audio tracks as people read them."""
    tracks = []
    for number, stream in enumerate(streams):
        parts = ["unknown codec"]
        if stream.codec_context is not None:
            count = stream.channels
            layout = stream.layout.name if count < 3 else f"{count} channels"
            parts = [layout, stream.codec_context.name]
        tags = [stream.metadata.get(key, "") for key in ("language", "title")]
        parts += [tag for tag in tags if tag not in ("", "und")]
        tracks.append(f"{number} ({', '.join(parts)})")
    return f"{len(tracks)} audio track{'s' * (len(tracks) > 1)}: {', '.join(tracks)}"
