"""How many speakers are asked for."""

from __future__ import annotations

from typing import Any

from diarize.errors import UsageError


def speaker_bounds(
    num_speakers: int | None, min_speakers: int | None, max_speakers: int | None
) -> tuple[int, int]:
    """Return the least and the greatest number of speakers that is asked for.

    Raises
    ------
    UsageError
        Where a number is not whole or below one, or two of them contradict each other.

    Examples
    --------
    >>> speaker_bounds(None, 2, None), speaker_bounds(3, None, None)
    ((2, 30), (3, 3))
    """
    num_speakers = whole_number("num_speakers", num_speakers)
    min_speakers = whole_number("min_speakers", min_speakers)
    max_speakers = whole_number("max_speakers", max_speakers)
    low = 1 if min_speakers is None else min_speakers
    high = max(30, low) if max_speakers is None else max_speakers
    if low > high:
        raise UsageError(f"min_speakers is {low}, more than max_speakers, which is {high}")
    if num_speakers is None:
        return low, high
    if num_speakers < low or (max_speakers is not None and num_speakers > high):
        raise UsageError(
            f"num_speakers is {num_speakers}, outside min_speakers {low} to max_speakers {high}"
        )
    return num_speakers, num_speakers


def whole_number(name: str, value: Any) -> int | None:
    """Return a number of speakers of the user's, of whatever type, as int; None where not given.

    Raises
    ------
    UsageError
        Where it is not whole, or below one.
    """
    if value is None:
        return None
    try:
        number = 0 if isinstance(value, str | bytes | bool) or value % 1 else int(value)
    except (TypeError, ValueError, OverflowError):  # of NaN, of infinity
        number = 0
    if number < 1:
        raise UsageError(f"{name} is {value!r}: a whole number from 1 is expected")
    return number
