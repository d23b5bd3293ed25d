"""Where the results of each recording of a batch go: the same place each time it is run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from itertools import count
from pathlib import Path, PurePosixPath

from diarize.batch.items import Item
from diarize.batch.sidecar import ENDING, Sidecar, stamps_beside
from diarize.batch.stores import Store
from diarize.batch.summary import SUMMARY
from diarize.batch.tables import COLUMNS
from diarize.files import is_url

_SIDECAR = ENDING.removesuffix(".json")
# Places whose files would meet those of the whole batch: summary.json, words.parquet ...
_OURS = frozenset((SUMMARY.removesuffix(".json"), *COLUMNS))


def plan_places(items: Sequence[Item], sidecars: Mapping[str, Sidecar], store: Store) -> list[str]:
    """Give each recording a place of its own below the output folder, with slashes.

    A recording keeps the place that its sidecar says. A new one goes where it lies below the
    folder, pattern or manifest that named it; those that would meet there bear the name of their
    folders, their extension, or a number, as does one that would meet the batch's own files.

    Parameters
    ----------
    sidecars : mapping of str to Sidecar
        Those that are there, by their places.

    Returns
    -------
    list of str
        Names without an extension.
    """
    found = _known(items, sidecars, store)
    wanted = {item.identity for item in items}
    taken = {*_OURS, *(place.casefold() for place in found.values())}
    # The place of a recording that is there still, but is not worked on today, is taken too.
    for place, sidecar in sidecars.items():
        owner = sidecar.identity(store, place)
        if owner not in wanted and (is_url(owner) or Path(owner).exists()):
            taken.add(place.casefold())
    new = [number for number in range(len(items)) if number not in found]
    above = _common_folder(items)
    forms: list[Callable[[Item], str]] = [
        lambda item: _stem(item.inside),
        lambda item: _stem(_below(item, above)),
        lambda item: _below(item, above),
    ]
    for form in forms:
        shared = Counter(form(items[number]).casefold() for number in new)
        for number in list(new):
            place = form(items[number])
            if shared[place.casefold()] == 1 and _is_free(place, taken):
                found[number] = place
                new.remove(number)
        taken.update(place.casefold() for place in found.values())
    for number in new:
        plain = _below(items[number], above)
        found[number] = next(
            place
            for place in (f"{plain}.{suffix}" if suffix > 1 else plain for suffix in count(1))
            if _is_free(place, taken)
        )
        taken.add(found[number].casefold())
    return [found[number] for number in range(len(items))]


def _known(items: Sequence[Item], sidecars: Mapping[str, Sidecar], store: Store) -> dict[int, str]:
    """Return the places that items have: of one recording's, that with the item's own settings."""
    owners: dict[str, list[str]] = {}
    for place, sidecar in sidecars.items():
        if _is_free(place, _OURS):
            owners.setdefault(sidecar.identity(store, place), []).append(place)
    found: dict[int, str] = {}
    for exact in (True, False):
        for number, item in enumerate(items):
            places = [] if number in found else owners.get(item.identity, [])
            fits = [one for one in places if not exact or _is_as_told(sidecars[one], item)]
            if fits:
                found[number] = fits[0]
                places.remove(fits[0])
    return found


def _is_as_told(sidecar: Sidecar, item: Item) -> bool:
    """Return whether an output was made with what the manifest says of this recording."""
    given = item.transcript is not None
    return sidecar.parameters.get("recording", {}) == item.settings() and (
        sidecar.transcripts == stamps_beside(item) if given else "given" not in sidecar.transcripts
    )


def _is_free(place: str, taken: Container[str]) -> bool:
    """Return whether a place can be had; beside NAME, NAME.batch.json is no result."""
    return place.casefold() not in taken and not place.casefold().endswith(_SIDECAR)


def _stem(name: str) -> str:
    """Return a name without its extension.

    Examples
    --------
    >>> _stem("monday/talk.v2.wav"), _stem(".wav")
    ('monday/talk.v2', '.wav')
    """
    return str(PurePosixPath(name).with_suffix(""))


def _common_folder(items: Sequence[Item]) -> str:
    folders = [_folder(item) for item in items if not is_url(item.audio)]
    try:
        return os.path.commonpath(folders) if folders else ""
    except ValueError:  # on different drives
        return ""


def _folder(item: Item) -> str:
    return os.path.dirname(os.path.abspath(item.audio))  # noqa: PTH100, PTH120


def _below(item: Item, above: str) -> str:
    """Return a recording's path below the folder that all share."""
    if is_url(item.audio):
        return item.audio.partition("://")[2].rpartition("@")[2]
    name = os.path.basename(item.audio)  # noqa: PTH119
    if not above:
        return _folder(item).replace(os.sep, "/").replace(":", "").strip("/") + f"/{name}"
    return (Path(os.path.relpath(_folder(item), above)) / name).as_posix()
