"""Measuring: error rates, reference files, simulated conversations and benchmarks."""
