"""Speakers that other tools, or people, wrote into the text itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from diarize.transcript.readers.common import Data

# Labels made by machines: "[SPEAKER_00]: " and "[[SPEAKER_00]]" (whisperX), "SPEAKER_00: ",
# "Speaker 0: " (whisper-diarization), "(speaker 0)" (whisper.cpp).
_PREFIX = re.compile(
    r"""^\s*(?:
        \[{1,2}(?P<bracketed>[A-Z]+_\d+)\]{1,2}\s*:?
      | (?P<bare>SPEAKER_\d+|Speaker\ \d+)\s*:
      | \(speaker\ (?P<numbered>\d+|\?)\)
    )\s*""",
    re.VERBOSE,
)
# A person's name: one to five words, with a colon. The words begin with a capital letter where
# the script has any; particles (van, de) and initials may stand between them.
_NAME = re.compile(
    r"^\s*(?:>>\s*|-\s*)?(?:\[(?P<boxed>[^\[\]:]{1,40})\]|(?P<name>[^:：\n]{1,40}?))"
    r"\s*[:：](?![/\d])\s*"
)
_PARTICLE = re.compile(r"van|von|der|den|de|da|do|dos|das|di|del|della|la|le|al|el|bin|ibn|y|e")
# Words that begin remarks as often as names do.
_REMARK = re.compile(
    r"note|warning|question|answer|example|remember|update|summary|hint|tip|attention",
    re.IGNORECASE,
)
# A file whose cues nearly all begin with names writes one on each; in others a name has to recur.
_ALL = 0.9
_SEVERAL = 0.2


def split_speaker(text: str) -> tuple[str | None, str]:
    """Take a machine's speaker label off the front of a text.

    Examples
    --------
    >>> split_speaker("[SPEAKER_01]: Hello.")
    ('SPEAKER_01', 'Hello.')
    >>> split_speaker("Note: this stays.")
    (None, 'Note: this stays.')
    """
    match = _PREFIX.match(text)
    if match is None:
        return None, text
    label = match["bracketed"] or match["bare"] or match["numbered"]
    return label, text[match.end() :]


def split_name(text: str) -> tuple[str | None, str]:
    """Take what looks like a person's name and a colon off the front of a text.

    Examples
    --------
    >>> split_name("Ann Lee: Good morning.")
    ('Ann Lee', 'Good morning.')
    >>> split_name("One more thing: bring boots.")
    (None, 'One more thing: bring boots.')
    """
    match = _NAME.match(text)
    if match is None:
        return None, text
    name = (match["boxed"] or match["name"] or "").strip()
    words = name.split()
    if not 0 < len(words) <= 5 or _REMARK.fullmatch(name) or not _is_name(words):
        return None, text
    return name, text[match.end() :]


def _is_name(words: Sequence[str]) -> bool:
    """Return whether each word is capital, a particle, or a number after a word."""
    bare = [word.strip("(\"'“”’)") for word in words]
    if not bare[0] or not bare[0][0].isalpha():
        return False
    return all(
        word.isdecimal()
        or _PARTICLE.fullmatch(word)
        or (word[:1].isalpha() and not word[0].islower() and word == word.strip(",;!?…"))
        for word in bare
    ) and not all(_PARTICLE.fullmatch(word) for word in bare)


def take_labels(segments: Sequence[Data]) -> list[Data]:
    """Move speakers from the front of texts into ``original_speaker``; in place.

    Machines' labels are taken wherever they stand. A person's name is taken if the file as a whole
    writes names so: on nearly every segment, or the same ones again and again.
    """
    for segment in segments:
        if not segment.get("words"):
            speaker, segment["text"] = split_speaker(segment["text"])
            if speaker is not None:
                segment.setdefault("original_speaker", speaker)
    bare = [
        segment
        for segment in segments
        if segment["text"].strip() and not segment.keys() & {"words", "original_speaker"}
    ]
    found = [split_name(segment["text"]) for segment in bare]
    known = _known([name for name, _ in found], len(bare))
    for segment, (name, rest) in zip(bare, found, strict=True):
        if name in known and rest.strip():
            segment["text"] = rest
            segment.setdefault("original_speaker", name)
    return list(segments)


def _known(names: Sequence[str | None], total: int) -> set[str]:
    """Return which of the names that texts seem to begin with are names of speakers."""
    counts = Counter(name for name in names if name is not None)
    if total >= 2 and counts.total() >= _ALL * total:
        return set(counts)
    recurring = {name for name, count in counts.items() if count > 1}
    share = sum(counts[name] for name in recurring) / max(1, total)
    if len(recurring) < 2 or share < _SEVERAL:
        return set()
    return recurring | {name for name in counts if " " in name}
