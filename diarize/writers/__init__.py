"""Writers: one file a format, which :mod:`diarize.formats` loads when it is used."""
