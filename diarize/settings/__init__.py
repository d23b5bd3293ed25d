"""Every tuned number, one group a stage, all of them in one tree that is handed down.

A field says its meaning, unit and range. Below each group stands the page with its table; what was
tried before is in ``models/EXPERIMENTS.md``. Thresholds of an embedding model lie in the model's
own metadata: :class:`diarize.embedding.base.Thresholds`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from diarize.settings.people import (
    BookSettings,
    EnrollmentSettings,
    IdentificationSettings,
    LinkingSettings,
)
from diarize.settings.stages import (
    ChannelSettings,
    ClusteringSettings,
    EmbeddingSettings,
    EnergyGateSettings,
    OverlapSettings,
    PairSettings,
    ResegmentationSettings,
    SegmentationSettings,
    VbxSettings,
    WebRtcSettings,
)
from diarize.settings.words import TranscriptSettings, WordSettings

__all__ = [
    "DEFAULTS",
    "BookSettings",
    "ChannelSettings",
    "ClusteringSettings",
    "EmbeddingSettings",
    "EnergyGateSettings",
    "EnrollmentSettings",
    "IdentificationSettings",
    "LinkingSettings",
    "OverlapSettings",
    "PairSettings",
    "ResegmentationSettings",
    "SegmentationSettings",
    "Settings",
    "TranscriptSettings",
    "VbxSettings",
    "WebRtcSettings",
    "WordSettings",
]


@dataclass(frozen=True)
class Settings:
    """All groups, in the order of the pipeline.

    Examples
    --------
    >>> from dataclasses import replace
    >>> patient = Settings(resegmentation=ResegmentationSettings(switch_cost=6.0))
    >>> patient.differences()
    {'resegmentation.switch_cost': 6.0}
    """

    channels: ChannelSettings = ChannelSettings()
    segmentation: SegmentationSettings | None = None
    """None: what the segmentation model's metadata say."""
    energy_gate: EnergyGateSettings = EnergyGateSettings()
    webrtc: WebRtcSettings = WebRtcSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    clustering: ClusteringSettings = ClusteringSettings()
    vbx: VbxSettings = VbxSettings()
    pairs: PairSettings = PairSettings()
    resegmentation: ResegmentationSettings = ResegmentationSettings()
    overlap: OverlapSettings = OverlapSettings()
    transcript: TranscriptSettings = TranscriptSettings()
    words: WordSettings = WordSettings()
    enrollment: EnrollmentSettings = EnrollmentSettings()
    book: BookSettings = BookSettings()
    identification: IdentificationSettings = IdentificationSettings()
    linking: LinkingSettings = LinkingSettings()

    def digest(self) -> str:
        """Return twelve hexadecimal digits that change with any number."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def differences(self) -> dict[str, Any]:
        """Return the fields that differ from the defaults, as ``group.field``."""
        usual, mine = _flat(DEFAULTS), _flat(self)
        return {name: value for name, value in mine.items() if usual.get(name) != value}


def _flat(settings: Settings) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for group, fields in asdict(settings).items():
        for name, value in (fields or {}).items():
            flat[f"{group}.{name}"] = value
    return flat


#: The numbers in use unless somebody gives others; groups are arguments' defaults everywhere.
DEFAULTS = Settings()
