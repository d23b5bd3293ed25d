"""What other packages bring: voice activity detectors, embedders, transcribers, writers.

A package offers one in its ``pyproject.toml``, under the group that fits:

.. code-block:: toml

    [project.entry-points."autospeech_diarize.vads"]
    silero = "my_package:SileroVad"

The object named is a class, or a function without arguments, that gives something to be called as
the matching protocol says: :class:`diarize.segmentation.activity.VoiceActivityDetector`,
:class:`diarize.embedding.base.Embedder`, :class:`diarize.transcript.whisper.Transcriber` or
:class:`diarize.formats.Writer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from diarize.errors import DiarizeError, UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["GROUPS", "PREFIX", "PluginError", "load", "names"]

PREFIX = "autospeech_diarize."
GROUPS = ("vads", "embedders", "transcribers", "writers")


class PluginError(DiarizeError):
    """Something that another package offers cannot be loaded."""


def names(group: str) -> tuple[str, ...]:
    """Return the names that installed packages offer in a group, sorted.

    Raises
    ------
    UsageError
        If there is no such group.
    """
    return tuple(sorted({point.name for point in _points(group)}))


def load(group: str, name: str) -> Any:
    """Return what a package offers under a name.

    Raises
    ------
    UsageError
        If no installed package offers it.
    PluginError
        If it cannot be imported or made.
    """
    point = next((point for point in _points(group) if point.name == name), None)
    if point is None:
        known = ", ".join(names(group)) or "none"
        raise UsageError(f"no installed package offers {name!r} among {group} (there: {known})")
    try:
        return point.load()()
    except Exception as error:  # anything may go wrong in somebody else's code
        package = point.dist.name if point.dist is not None else "its package"
        raise PluginError(
            f"{name!r} ({point.value}, of {package}) cannot be used: "
            f"{type(error).__name__}: {error}. Update or uninstall {package}"
        ) from error


def _points(group: str) -> list[EntryPoint]:
    """Return a group's entry points in a fixed order, whatever the order of installation."""
    if group not in GROUPS:
        raise UsageError(f"there is no plug-in group {group!r}; there are {', '.join(GROUPS)}")
    from importlib.metadata import entry_points

    found = entry_points(group=PREFIX + group)
    return sorted(found, key=lambda point: (point.name, point.value))
