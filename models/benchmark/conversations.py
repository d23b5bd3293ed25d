"""Writes the benchmark's simulated conversations: sound, RTTM and the scene of each."""

from __future__ import annotations

import argparse

from models.benchmark import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    options.add_conversations(parser)


def run(args: argparse.Namespace) -> int:
    """Write them, and print their paths."""
    for item in options.simulated_conversations(args):
        print(item.audio)
    return 0
