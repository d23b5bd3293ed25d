"""Training of the bundled models; nothing in the package itself imports this."""
