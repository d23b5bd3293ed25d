"""How new samples of a person fit the people who are enrolled already."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diarize.embedding.base import Embedder, Thresholds
from diarize.errors import EnrollmentError
from diarize.settings import DEFAULTS, EnrollmentSettings
from diarize.speakers.book import SpeakerBook
from diarize.speakers.enrollment import Enrollment
from diarize.speakers.matching import Gallery
from diarize.speakers.records import BookModel, Sample, centroid_of


def add_person(
    book: SpeakerBook,
    name: str,
    found: Enrollment,
    embedder: Embedder,
    *,
    one_voice: bool = False,
    note: str | None = None,
) -> tuple[int, list[str]]:
    """Enroll a person; return how many samples were new, and what there is to know of them.

    Raises
    ------
    EnrollmentError
        The samples do not sound like those which the person has already.
    """
    doubts = [] if one_voice else check_person(book, name, found.samples, embedder.thresholds)
    doubts += similar_people(book, name, found.samples, embedder.thresholds)
    return book.add(name, found.samples, BookModel.of(embedder), note=note), doubts


def check_person(
    book: SpeakerBook,
    name: str,
    samples: Sequence[Sample],
    thresholds: Thresholds,
    settings: EnrollmentSettings = DEFAULTS.enrollment,
) -> list[str]:
    """Refuse samples that do not sound like those which the person has already.

    Returns
    -------
    list of str
        A warning where there is doubt.

    Raises
    ------
    EnrollmentError
        They would make the person harder to recognize.
    """
    before = book.samples(name) if book.enrolled(name) else []
    if not before:
        return []
    likeness = float(centroid_of(samples) @ centroid_of(before))
    if likeness < thresholds.verification + settings.unlike_offset:
        raise EnrollmentError(
            f"this voice does not sound like the {name} enrolled before ({likeness:.2f}, usual "
            f"is {thresholds.verification:.2f} and more); give another name, or add --one-voice "
            "if it is the same person"
        )
    if likeness < thresholds.verification + settings.doubtful_offset:
        return [
            f"this voice sounds little like the {name} enrolled before ({likeness:.2f}, usual is "
            f"{thresholds.verification:.2f} and more); check that it is the same person"
        ]
    return []


def similar_people(
    book: SpeakerBook, name: str, samples: Sequence[Sample], thresholds: Thresholds
) -> list[str]:
    """Return a warning for each other person who may be taken for this one."""
    people = Gallery.of(book)
    if not len(people):
        return []
    names, cosines = people.names, people.centroids @ centroid_of(samples)
    return [
        f"this voice sounds like {names[row]}, who is enrolled ({cosines[row]:.2f}); "
        "the two may be taken for each other"
        for row in np.argsort(-cosines, kind="stable")[:3].tolist()
        if names[row] != name and cosines[row] >= thresholds.verification
    ]
