"""What the training of both models shares: recipes, stages, the training loop, checkpoints."""
