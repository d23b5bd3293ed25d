"""Change who is who in a finished result: join speakers, swap them, give them names."""

from __future__ import annotations

import contextlib
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from diarize.annotation import Diarization, Speaker, find_speaker, speaker_label
from diarize.edits import NEW, Edit, Merge, Reassign, Rename, Split, Swap
from diarize.errors import UsageError
from diarize.reassign import Move, reassign
from diarize.result import Relabelling, Result
from diarize.timeline import Segment


def relabel(
    result: Result,
    *,
    merge: Sequence[Sequence[str]] = (),
    swap: Sequence[tuple[str, str]] = (),
    rename: Mapping[str, str] | None = None,
) -> Result:
    """Return a result with other speakers; neither audio nor a model is needed.

    Joining comes first, then swapping, then renaming; see :func:`apply_edits`, which does it.

    Parameters
    ----------
    result : Result
    merge : sequence of sequence of str
        Speakers who are one person; the first one's label and name are kept.
    swap : sequence of (str, str)
        Two speakers who were taken for each other throughout.
    rename : mapping
        New names. A name that another speaker bears already joins the two.

    Raises
    ------
    UsageError
        If a speaker is not in the result, a new name is empty, or it belongs to a speaker who is
        renamed later.

    Examples
    --------
    >>> from diarize.annotation import Diarization, Turn
    >>> talk = Result(Diarization([Turn(0, 1, "SPEAKER_00"), Turn(1, 2, "SPEAKER_01")], 2))
    >>> relabel(talk, rename={"SPEAKER_01": "Ann"}).diarization.display("SPEAKER_01")
    'Ann'
    """
    merges = (Merge(tuple(group)) for group in merge)
    swaps = (Swap(tuple(pair)) for pair in swap)
    return apply_edits(result, [*merges, *swaps, *renames(rename or {}, result.diarization)])


def renames(names: Mapping[str, str], talk: Diarization) -> list[Rename]:
    """Return renames of the speakers of a talk, done one after the other.

    Raises
    ------
    UsageError
        If a speaker gets the name of one who is renamed only later: that joins the two for good.
    """
    later = list(names)
    for old, new in names.items():
        later.remove(old)
        other = next((key for key in later if new in _called(talk, key)), None)
        if other is not None:
            instead = (
                f"to exchange the two, swap them (--swap {old},{other})"
                if names[other] in _called(talk, old)
                else f"rename {other} before {old}"
            )
            raise UsageError(f"renaming {old} to {new} joins the two for good: {instead}")
    return [Rename(old, new) for old, new in names.items()]


def _called(talk: Diarization, key: str) -> set[str]:
    """Return what else the speaker is called whom a key means."""
    found = find_speaker(talk, key)
    return {key} if found is None else {key, found.label, found.display}


def apply_edits(result: Result, edits: Iterable[Edit]) -> Result:
    """Return a result with a list of edits done, in their order.

    Each edit is said in terms of what those before made of the result. Speakers are named by
    label, by the label's number, or by the name shown; whoever is to speak in some stretch may also
    be new: by a name, by a free label (``SPEAKER_04``), or ``+`` for the next one.

    Raises
    ------
    UsageError
        As for :func:`relabel`.

    Examples
    --------
    >>> from diarize.annotation import Diarization, Turn
    >>> from diarize.edits import Reassign
    >>> talk = Result(Diarization([Turn(0, 4, "SPEAKER_00")], 4))
    >>> for turn in apply_edits(talk, [Reassign(1, 2, "Ann")]).diarization:
    ...     print(turn.start, turn.end, turn.speaker)
    0 1.0 SPEAKER_00
    1.0 2.0 SPEAKER_01
    2.0 4 SPEAKER_00
    """
    for edit in edits:
        result, done = _applied(result, edit)
        known = _relabelling(result)
        listed = None if known.edits is None else (*known.edits, done)
        result = replace(result, relabelling=replace(known, edits=listed))
    return result


def replay(result: Result, edits: Iterable[Edit]) -> Result:
    """Return a result with edits of before done, but those that it refuses by now."""
    for edit in edits:
        with contextlib.suppress(UsageError):
            result = apply_edits(result, [edit])
    return result


def _applied(result: Result, edit: Edit) -> tuple[Result, Edit]:
    """Return the result of an edit, and the edit with labels in place of names and numbers."""
    talk = result.diarization
    if isinstance(edit, Rename):
        edit = replace(edit, speaker=_label(talk, edit.speaker), name=edit.name.strip())
        return _rename(result, edit.speaker, edit.name), edit
    if isinstance(edit, Merge):
        labels = tuple(_label(talk, key) for key in edit.speakers)
        others = [label for label in labels if label != labels[0]]
        return _move(result, dict.fromkeys(others, labels[0])), Merge(labels)
    if isinstance(edit, Swap):
        first, second = (_label(talk, key) for key in edit.speakers)
        return _move(result, {first: second, second: first}), Swap((first, second))
    return _reassigned(result, edit)


def _reassigned(result: Result, edit: Reassign | Split) -> tuple[Result, Edit]:
    talk = result.diarization
    target = _target(talk, edit.to)
    is_new = target not in talk.speakers
    source = None if edit.speaker is None else find_speaker(talk, _label(talk, edit.speaker))
    start, end = (edit.at, math.inf) if isinstance(edit, Split) else (edit.start, edit.end)
    last = _end(result)
    if start >= last:
        raise UsageError(f"{start:g} s is not in the recording, which ends at {last:g} s")
    moved = reassign(result, Move(Segment(start, end), target, source))
    unmoved = moved.diarization.turns == talk.turns and moved.transcript == result.transcript
    if unmoved and source is not None and (is_new or isinstance(edit, Split)):
        raise UsageError(
            f"{source.display} says nothing from {start:g} s on that could be {target.display}'s"
        )
    known, left = _relabelling(result), set(moved.diarization.labels)
    names = {label: name for label, name in known.names.items() if label in left}
    if is_new and target.name is not None and target.label in left:
        names[target.label] = target.name
    edit = replace(edit, to=target.display if is_new else target.label)
    if source is not None:
        edit = replace(edit, speaker=source.label)
    return replace(moved, relabelling=replace(known, names=names)), edit


def _end(result: Result) -> float:
    """Return where a recording ends, or what is said in it if that is later."""
    talk, said = result.diarization, result.utterances
    return max([talk.duration, *(turn.end for turn in talk.turns), *(part.end for part in said)])


def _target(diarization: Diarization, key: str) -> Speaker:
    """Return the speaker who is to speak: one of the result, or a new one."""
    key = key.strip()
    found = find_speaker(diarization, key)
    if found is not None:
        return found
    if not key or (key.isascii() and key.isdigit()):
        _label(diarization, key)
    if re.fullmatch(r"SPEAKER_\d\d+", key, re.ASCII):
        return Speaker(key)
    taken = set(diarization.labels)
    free = (speaker_label(number) for number in itertools.count())
    label = next(label for label in free if label not in taken)
    return Speaker(label, None if key == NEW else key)


def keep_relabelling(found: Diarization, earlier: Result) -> tuple[Result, list[str]]:
    """Carry what a person changed in an earlier result over to a new diarization.

    Where the same turns come out, speakers are joined, swapped and named as before; else a name is
    kept where its speaker has the same turns.

    Returns
    -------
    Result
        The diarization with those changes, and the note of them.
    list of str
        Names that could not be kept.
    """
    changed = earlier.relabelling
    if changed is None:
        return Result(found), []
    if changed.edits:
        again = replay(Result(found), changed.edits)  # refused: of a speaker who had words alone
        if _spans(again.diarization) == _spans(earlier.diarization):
            return replace(again, relabelling=changed), []
    before = _spans(earlier.diarization)
    moved = found.rename(changed.labels)
    if _spans(moved) == before:
        names, labels, talk = dict(changed.names), dict(changed.labels), moved
    else:
        now = _spans(found)
        same = {old: new for new in now for old in before if before[old] == now[new]}
        names = {same[old]: name for old, name in changed.names.items() if old in same}
        labels, talk = {label: label for label in found.labels}, found
    speakers = [
        _named(one, names[one.label]) if one.label in names else one for one in talk.speakers
    ]
    lost = [name for name in changed.names.values() if name not in names.values()]
    changes = Relabelling(labels, names, None) if names or talk is moved else None
    return Result(replace(talk, speakers=speakers), relabelling=changes), lost


def _spans(diarization: Diarization) -> dict[str, list[tuple[float, float]]]:
    """Return each speaker's turns, to the millisecond, as a result's file holds them."""
    spans: dict[str, list[tuple[float, float]]] = {}
    for turn in diarization.turns:
        spans.setdefault(turn.speaker, []).append((round(turn.start, 3), round(turn.end, 3)))
    return {label: sorted(turns) for label, turns in spans.items()}


def withdraw(result: Result, key: str, name: str) -> Result:
    """Return a result in which a speaker, called ``key``, is not the enrolled person ``name``."""
    label = _label(result.diarization, key)
    old = result.diarization.display(label)
    speakers = [
        _without(speaker, name) if speaker.label == label else speaker
        for speaker in result.diarization.speakers
    ]
    changed = replace(result, diarization=replace(result.diarization, speakers=speakers))
    given = result.relabelling
    if given is not None and given.names.get(label) == name:
        names = {old: new for old, new in given.names.items() if old != label}
        edits = given.edits and tuple(
            edit for edit in given.edits if not (isinstance(edit, Rename) and edit.name == name)
        )
        changed = replace(changed, relabelling=Relabelling(given.labels, names, edits))
    new = changed.diarization.display(label)
    return _with_speakers(changed, {old: new})


def _without(speaker: Speaker, name: str) -> Speaker:
    candidates = tuple(one for one in speaker.candidates if one.name != name)
    if speaker.name == name:
        return Speaker(speaker.label, candidates=candidates)
    proposal = speaker.proposal
    if proposal is not None and proposal.name == name:
        proposal = None
    return replace(speaker, candidates=candidates, proposal=proposal)


def with_labels(result: Result, labels: Mapping[str, str]) -> Result:
    """Return a result whose speakers bear other labels; nobody is joined, and no edit is noted."""
    before = result.diarization
    after = before.rename(labels)
    shown = {before.display(old): after.display(labels.get(old, old)) for old in before.labels}
    return _with_speakers(replace(result, diarization=after), shown)


def _label(diarization: Diarization, key: str) -> str:
    """Return the label of the speaker who is called ``key``, or bears this number."""
    found = find_speaker(diarization, key)
    if found is not None:
        return found.label
    known = ", ".join(
        speaker.label if speaker.name is None else f"{speaker.label} ({speaker.name})"
        for speaker in diarization.speakers
    )
    raise UsageError(f"there is no speaker {key!r} in this result; it has {known or 'none'}")


def _move(result: Result, moves: Mapping[str, str]) -> Result:
    """Give the turns and words of some speakers to others."""
    before = result.diarization
    turns = [replace(turn, speaker=moves.get(turn.speaker, turn.speaker)) for turn in before.turns]
    remaining = set(before.labels) - (set(moves) - set(moves.values()))
    speakers = [speaker for speaker in before.speakers if speaker.label in remaining]
    # voice prints stay with the voices, which have other labels now; joined ones fit no more
    vectors = {moves.get(label, label): vector for label, vector in before.embeddings.items()}
    after = replace(before, turns=turns, speakers=speakers, embeddings=vectors)
    shown = {before.display(old): before.display(new) for old, new in moves.items()}
    known = _relabelling(result)
    relabelling = Relabelling(
        {found: moves.get(now, now) for found, now in known.labels.items()},
        {label: name for label, name in known.names.items() if label in remaining},
        known.edits,
    )
    return _with_speakers(replace(result, diarization=after, relabelling=relabelling), shown)


def _relabelling(result: Result) -> Relabelling:
    """Return what was changed so far: at first every voice has the label that it was found by."""
    return result.relabelling or Relabelling(
        {label: label for label in result.diarization.labels}, {}
    )


def _named(speaker: Speaker, name: str) -> Speaker:
    """Return a speaker whom a person named: scores of the automatic match say nothing of that."""
    return Speaker(speaker.label, name, candidates=speaker.candidates)


def _rename(result: Result, label: str, name: str) -> Result:
    """Name one speaker; whoever bears the name already becomes the same."""
    if not name:
        raise UsageError(f"the new name of {label!r} is empty: write --rename {label}=NAME")
    for speaker in result.diarization.speakers:
        if speaker.display == name and speaker.label != label:
            return _move(result, {label: speaker.label})
    old = result.diarization.display(label)
    speakers = [
        _named(speaker, name) if speaker.label == label else speaker
        for speaker in result.diarization.speakers
    ]
    known = _relabelling(result)
    renamed = replace(
        result,
        diarization=replace(result.diarization, speakers=speakers),
        relabelling=replace(known, names={**known.names, label: name}),
    )
    return _with_speakers(renamed, {old: name})


def _with_speakers(result: Result, names: Mapping[str, str]) -> Result:
    """Rewrite the speakers' names in the transcript."""
    if result.transcript is None:
        return result

    def renamed(item: Any) -> Any:
        if not isinstance(item, Mapping):
            return item
        copied = dict(item)
        if isinstance(copied.get("speaker"), str):
            copied["speaker"] = names.get(copied["speaker"], copied["speaker"])
        if isinstance(copied.get("words"), list):
            copied["words"] = [renamed(word) for word in copied["words"]]
        return copied

    transcript = dict(result.transcript)
    for key in ("segments", "word_segments", "words"):
        if isinstance(transcript.get(key), list):
            transcript[key] = [renamed(item) for item in transcript[key]]
    return replace(result, transcript=transcript)
