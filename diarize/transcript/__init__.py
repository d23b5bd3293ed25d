"""Transcripts: reading them, running Whisper, and putting speakers on their words."""
