"""From whatever a recording is given as to 16 kHz samples, and their spectrograms."""
