"""One identity over all recordings of an output folder: each voice has one label everywhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from diarize.batch.sidecar import (
    ENDING,
    Sidecar,
    Voice,
    beside,
    each_sidecar,
    extension_in,
    main_json,
    read_sidecar,
    result_at,
    sha256_of_bytes,
)
from diarize.batch.stores import Store
from diarize.clustering.archive import link_vectors
from diarize.files import Note, describe_recording, encoded, write_whole
from diarize.formats import FORMATS, WriterOptions, get_writer
from diarize.outputs import note_of
from diarize.relabel import with_labels
from diarize.result import Result
from diarize.result_file import with_audio_found
from diarize.settings import DEFAULTS, LinkingSettings
from diarize.text import json_text

PEOPLE = "people.jsonl"

#: Voices with the places of their recordings.
_Voices = list[tuple[str, Voice]]


@dataclass(frozen=True)
class PersonInArchive:
    """A voice of the archive.

    Parameters
    ----------
    label : str
        ``VOICE_00017``; it stays the same when recordings are added.
    name : str or None
        The enrolled person.
    recordings : int
        In how many recordings the person speaks.
    seconds : float
        How long in all.
    """

    label: str
    name: str | None
    recordings: int
    seconds: float


def link_archive(
    output: str,
    threshold: float,
    *,
    settings: LinkingSettings = DEFAULTS.linking,
    on_message: Callable[[str], None] | None = None,
) -> list[PersonInArchive]:
    """Give each voice of an output folder one label in all recordings, and write the outputs anew.

    Enrolled people are joined by their names, strangers by the average cosine of their centroids.
    Labels that were given before stay: a new recording's voices join the people who are known, or
    are new people. ``people.jsonl`` lists all.

    Parameters
    ----------
    output : str
        A folder that a batch with ``voices`` wrote: a path or URL.
    threshold : float
        Least average cosine of one person's centroids.
    on_message : callable, optional
        Told of outputs that are left alone.

    Returns
    -------
    list of PersonInArchive
        In the order of their labels.
    """
    store = Store(output)
    tell = on_message or (lambda message: None)
    voices = _read(store, tell)
    people = _assigned(voices, threshold, settings)
    wanted: dict[str, dict[str, str]] = {}
    for (place, voice), person in zip(voices, people, strict=True):
        if voice.label != person or voice.person != person:
            wanted.setdefault(place, {})[voice.label] = person
    for place, labels in wanted.items():
        _write(store, place, labels, tell)
    found = _people(voices, people)
    lines = [json_text(vars(one)) + "\n" for one in found]
    store.write(PEOPLE, "".join(lines).encode())
    return found


def _read(store: Store, tell: Callable[[str], None]) -> _Voices:
    """Return the voices of all recordings that one embedding model heard: the most frequent."""
    recordings: Counter[str] = Counter()
    voices: dict[str, _Voices] = {}
    for place, sidecar in each_sidecar(store):
        model = sidecar.models.get("embedding", "")
        recordings[model] += 1
        voices.setdefault(model, []).extend((place, voice) for voice in sidecar.voices or ())
    if not recordings:
        return []
    usual, count = recordings.most_common(1)[0]
    if len(recordings) > 1:
        tell(f"{recordings.total() - count} recordings were made with another model: not linked")
    return voices[usual]


def _assigned(voices: _Voices, threshold: float, settings: LinkingSettings) -> list[str]:
    """Return the label in the archive of each voice: by its name, by what it had, by its sound."""
    numbers = [int(re.sub(r"\D", "", voice.person) or 0) for _, voice in voices if voice.person]
    free = max(numbers, default=-1) + 1
    of_name: dict[str, str] = {}
    of_group: dict[int, str] = {}
    joined = _strangers(voices, threshold, settings)
    people: list[str] = []
    for number, (_, voice) in enumerate(voices):
        name, person = voice.name, voice.person
        if name is not None:
            person = of_name.get(name, person)
        elif person is None:
            known, group = joined[number]
            person = known or of_group.get(group)
        if person is None:
            person = f"VOICE_{free:05d}"
            free += 1
        if name is not None:
            of_name[name] = person
        elif number in joined:
            of_group[joined[number][1]] = person
        people.append(person)
    return people


def _strangers(
    voices: _Voices, threshold: float, settings: LinkingSettings
) -> dict[int, tuple[str | None, int]]:
    """Return the known person, or else the group, of each new voice without a name."""
    of_place = {place: number for number, place in enumerate(dict.fromkeys(at for at, _ in voices))}
    members: dict[str, _Voices] = {}
    new = []
    for number, (place, voice) in enumerate(voices):
        if voice.name is None and voice.person is None:
            new.append(number)
        elif voice.name is None and voice.person is not None:
            members.setdefault(voice.person, []).append((place, voice))
    if not new:
        return {}
    known = list(members)
    groups = [*members.values(), *([voices[number]] for number in new)]
    found = link_vectors(
        np.array([np.mean([one.vector for _, one in group], axis=0) for group in groups]),
        [frozenset(of_place[place] for place, _ in group) for group in groups],
        threshold,
        sizes=np.array([len(group) for group in groups], np.int64),
        fixed=len(known),
        neighbors=settings.neighbors,
    )[len(known) :]
    return {
        number: (known[group] if group < len(known) else None, group)
        for number, group in zip(new, found.tolist(), strict=True)
    }


def _people(voices: _Voices, people: list[str]) -> list[PersonInArchive]:
    """Return everybody, with where and how long they speak."""
    places: dict[str, set[str]] = {}
    seconds: Counter[str] = Counter()
    names: dict[str, str | None] = {}
    for (place, voice), person in zip(voices, people, strict=True):
        places.setdefault(person, set()).add(place)
        seconds[person] += voice.seconds  # type: ignore[assignment]
        names[person] = names.get(person) or voice.name
    return [
        PersonInArchive(one, names[one], len(places[one]), round(seconds[one], 3))
        for one in sorted(places)
    ]


def _write(
    store: Store, place: str, labels: Mapping[str, str], tell: Callable[[str], None]
) -> None:
    """Write the outputs of a recording under the labels of the archive, and last the sidecar."""
    sidecar = read_sidecar(store, place)
    if sidecar is None:
        return
    outputs = dict(sidecar.outputs)
    name = main_json(place, outputs)
    result = None if name is None else result_at(store, name)
    if name is None or result is None:
        tell(
            f"{store.place(name or place)}: is gone or damaged; the recording keeps its labels: "
            "delete the file, and the next run makes it anew"
        )
        return
    if result.relabelling is not None:
        tell(f"{store.place(place)}: was corrected by hand and keeps its labels")
        return
    result = with_labels(with_audio_found(result, Path(store.place(name))), labels)
    for file, written in _rendered(result, sidecar, store, place, tell).items():
        outputs[file] = sha256_of_bytes(written)
    shown = {old: result.diarization.display(new) for old, new in labels.items()}
    voices = tuple(
        replace(one, label=labels.get(one.label, one.label), person=labels.get(one.label))
        if one.label in labels
        else one
        for one in sidecar.voices or ()
    )
    speakers = tuple((shown.get(who, who), seconds) for who, seconds in sidecar.speakers)
    done = replace(sidecar, outputs=outputs, voices=voices, speakers=speakers)
    store.write(place + ENDING, done.encoded(), private=True)


def _rendered(
    result: Result, sidecar: Sidecar, store: Store, place: str, tell: Callable[[str], None]
) -> dict[str, bytes]:
    """Write those outputs that nobody has changed; return what was written, by name."""
    options = WriterOptions(**sidecar.parameters.get("writer", {}))
    asked = [*sidecar.parameters.get("formats", ()), "srt", "json", "rttm", *FORMATS]
    folder = None if store.remote else Path(store.place(place)).parent
    recording = {}
    if folder is not None and result.audio is not None:
        recording = describe_recording(result.audio, folder)
    found: dict[str, bytes] = {}
    notes: dict[Path, Note] = {}
    for file, checksum in sidecar.outputs.items():
        content = store.read(beside(place, file))
        if content is None or sha256_of_bytes(content) != checksum:
            tell(f"{store.place(beside(place, file))}: was changed since, and is left alone")
            continue
        ending = extension_in(place, file)
        form = next(name for name in asked if get_writer(name).extension == ending)
        found[file] = encoded(result.render(form, options, folder=folder))
        if folder is not None:
            notes[folder / file] = note_of(result, form, recording, options)
    if folder is not None:
        write_whole({folder / file: content for file, content in found.items()}, notes)
    else:
        for file, content in found.items():
            store.write(beside(place, file), content)
    return found
