"""The order of stages: a recording in, who spoke when out."""
