"""Named speakers: the book of enrolled people, matching, calibration, and linking of strangers."""

from __future__ import annotations

from diarize.speakers.enrollment import enroll
from diarize.speakers.linking import link
from diarize.speakers.matching import Match, MatchOptions
from diarize.speakers.naming import identify_segments, name_speakers
from diarize.speakers.records import BookModel, BookThresholds, Person, Sample
from diarize.speakers.store import SpeakerBook, default_path

__all__ = [
    "BookModel",
    "BookThresholds",
    "Match",
    "MatchOptions",
    "Person",
    "Sample",
    "SpeakerBook",
    "default_path",
    "enroll",
    "identify_segments",
    "link",
    "name_speakers",
]
