"""How many speakers are asked for."""

from __future__ import annotations

from diarize.errors import UsageError


def speaker_bounds(
    num_speakers: int | None, min_speakers: int | None, max_speakers: int | None
) -> tuple[int, int]:
    """Return the least and the greatest number of speakers that is asked for.

    Raises
    ------
    UsageError
        Where a number is below one, or two of them contradict each other.

    Examples
    --------
    >>> speaker_bounds(None, 2, None), speaker_bounds(3, None, None)
    ((2, 30), (3, 3))
    """
    given = {"num": num_speakers, "min": min_speakers, "max": max_speakers}
    for name, value in given.items():
        if value is not None and value < 1:
            raise UsageError(f"{name}_speakers is {value}: at least 1 is expected")
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
