"""Named speakers: the book of enrolled people, matching, calibration, and linking of strangers."""
