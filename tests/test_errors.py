"""Errors cross the borders of processes, as results do."""

from __future__ import annotations

import copy
import pickle

import pytest

from diarize import errors
from diarize.plugins import PluginError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type)]


@pytest.mark.parametrize("kind", [*KINDS, PluginError])
def test_errors_are_pickled_and_copied(kind: type[errors.DiarizeError]) -> None:
    words = ("a.wav: no such file",)
    if kind is errors.MissingExtraError:
        words = ("matplotlib", "plot", "drawing")
    error = kind(*words)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is kind
        assert str(twin) == str(error)


def test_a_missing_package_is_told_with_its_command() -> None:
    assert str(errors.MissingExtraError("matplotlib", "plot", "drawing")) == (
        "drawing needs matplotlib, which is not installed. "
        'Install it with: pip install "autospeech-diarize[plot]"'
    )
