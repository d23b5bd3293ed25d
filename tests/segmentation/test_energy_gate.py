"""Leaving out speech that nobody in the room would hear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diarize.audio.waveform import Waveform
from diarize.segmentation.activity import SpeechActivity
from diarize.segmentation.energy_gate import drop_inaudible
from diarize.settings import EnergyGateSettings
from diarize.timeline import Segment

RATE = 16_000


def recording(*levels: float) -> Waveform:
    """A second of noise at each level in dBFS."""
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=RATE) * 10 ** (level / 20) * 32767 for level in levels]
    return Waveform(np.clip(np.round(np.concatenate(parts)), -32768, 32767).astype(np.int16))


SECONDS = SpeechActivity(
    (Segment(0, 1), Segment(1.1, 1.9), Segment(2, 3)),
    overlaps=(Segment(0.5, 0.7), Segment(1.2, 1.4)),
    changes=(0.5, 0.7, 1.2, 1.4, 2.5),
    confident_overlaps=(Segment(0.6, 0.7), Segment(1.2, 1.3)),
)


def test_a_leak_is_left_out_with_all_that_was_found_in_it() -> None:
    found = drop_inaudible(SECONDS, recording(-35, -72, -40))
    assert found.speech == (Segment(0, 1), Segment(2, 3))
    assert found.overlaps == (Segment(0.5, 0.7),)
    assert found.changes == (0.5, 0.7, 2.5)
    assert found.confident_overlaps == (Segment(0.6, 0.7),)
    plain = drop_inaudible(replace(SECONDS, confident_overlaps=None), recording(-35, -72, -40))
    assert plain.confident_overlaps is None


@pytest.mark.parametrize("levels", [(-35, -60, -35), (-20, -50, -20), (-60, -72, -60), (-75,) * 3])
def test_quiet_people_and_quiet_recordings_stay(levels: tuple[float, ...]) -> None:
    """Far below the others but audible; hardly audible but so is everybody."""
    assert drop_inaudible(SECONDS, recording(*levels)) is SECONDS


def test_both_limits_are_settings() -> None:
    waveform = recording(-35, -60, -35)
    found = drop_inaudible(
        SECONDS, waveform, EnergyGateSettings(relative_db=20.0, absolute_dbfs=-50.0)
    )
    assert len(found.speech) == 2
    found = drop_inaudible(
        SECONDS, waveform, EnergyGateSettings(relative_db=30.0, absolute_dbfs=-50.0)
    )
    assert found is SECONDS


def test_nothing_and_one_region_are_left_alone() -> None:
    nothing, one = SpeechActivity(()), SpeechActivity((Segment(0, 1),))
    assert drop_inaudible(nothing, recording(-35)) is nothing
    assert drop_inaudible(one, recording(-80)) is one


def test_a_region_that_reaches_beyond_the_end_is_measured_where_there_is_sound() -> None:
    activity = SpeechActivity((Segment(0, 1), Segment(1, 2.5)))
    assert drop_inaudible(activity, recording(-30, -30)) is activity
