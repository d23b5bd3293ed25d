"""Measures accuracy, speed and memory: ``python -m models.benchmark``."""
