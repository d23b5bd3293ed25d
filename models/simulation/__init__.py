"""Makes conversations of one-voice recordings: rooms, channels, turns, words."""
