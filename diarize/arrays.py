"""What every stage shares: types of arrays and callbacks, the sample rate, numbers, vectors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, overload

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

#: Samples per second of all sound after decoding.
SAMPLE_RATE = 16_000

#: Called with (stage, done, total): seconds of audio, from 0 to the recording's length over all
#: stages together; the total is None while nobody knows it. (Downloads count bytes.)
Progress = Callable[[str, float, "float | None"], None]


def finite_number(value: Any) -> float | None:
    """Return a number of the user's, of whatever type, as float; None where it is no finite one.

    Examples
    --------
    >>> finite_number(np.float32(1.5)), finite_number("1.5"), finite_number(math.inf)
    (1.5, None, None)
    """
    try:
        number = math.nan if isinstance(value, str | bytes) else float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


@overload
def unit(vectors: npt.NDArray[np.floating[Any]]) -> Float32: ...
@overload
def unit(vectors: npt.NDArray[np.floating[Any]], dtype: type[np.float64]) -> Float64: ...
def unit(
    vectors: npt.NDArray[np.floating[Any]],
    dtype: type[np.float32] | type[np.float64] = np.float32,
) -> Float32 | Float64:
    """Return vectors scaled to length one along the last axis; zero vectors stay zero.

    Examples
    --------
    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]]), np.float64).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    norms: npt.NDArray[np.floating[Any]] = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: npt.NDArray[Any] = vectors / np.where(norms > 0, norms, 1.0)
    return np.asarray(scaled, np.float64 if dtype is np.float64 else np.float32)
