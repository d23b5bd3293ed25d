"""Named speakers: the book of enrolled people, matching, calibration, and linking of strangers."""

from __future__ import annotations

from diarize.speakers.book import SpeakerBook
from diarize.speakers.records import BookModel, Sample

__all__ = ["BookModel", "Sample", "SpeakerBook"]
