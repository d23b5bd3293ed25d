"""The windows of a recording that get an embedding each."""

from __future__ import annotations

from diarize.embedding.base import Embedder
from diarize.embedding.windows import sliding_windows, split_at
from diarize.segmentation.activity import SpeechActivity
from diarize.settings import EmbeddingSettings
from diarize.timeline import Segment, difference, union


def cut_windows(
    activity: SpeechActivity, embedder: Embedder, settings: EmbeddingSettings
) -> list[Segment]:
    """Cut the stretches in which one voice is alone; all speech where there are none."""
    shortest = settings.min_segment
    bridged = union(activity.speech, settings.bridge)
    single = split_at(difference(bridged, activity.overlaps), activity.changes, shortest)
    for pieces in (single, activity.speech):
        cuts = sliding_windows(pieces, embedder.window, embedder.hop, shortest)
        if cuts:
            return cuts
    return list(activity.speech)
