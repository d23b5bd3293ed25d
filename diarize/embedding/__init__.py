"""From windows of speech to one unit vector each."""
