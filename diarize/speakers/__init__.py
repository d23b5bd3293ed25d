"""Named speakers: the book of enrolled people, matching, calibration, and linking of strangers."""

from __future__ import annotations

from diarize.speakers.book import SpeakerBook, default_path
from diarize.speakers.enrollment import enroll
from diarize.speakers.identification import identify_speakers, identify_turns
from diarize.speakers.linking import link
from diarize.speakers.matching import Gallery, Match, MatchOptions
from diarize.speakers.records import BookModel, BookThresholds, Person, Sample
from diarize.speakers.segments import SegmentMatch, identify_segments

__all__ = [
    "BookModel",
    "BookThresholds",
    "Gallery",
    "Match",
    "MatchOptions",
    "Person",
    "Sample",
    "SegmentMatch",
    "SpeakerBook",
    "default_path",
    "enroll",
    "identify_segments",
    "identify_speakers",
    "identify_turns",
    "link",
]
