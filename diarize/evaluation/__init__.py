"""Measuring: error rates, and the files of references and hypotheses."""
