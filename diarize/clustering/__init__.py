"""From embeddings to speakers: how many there are and whose each window is."""
