"""A local web application: recordings are uploaded, wait their turn, and become pages to correct.

Requests reach :mod:`~diarize.serve.guard` first, then the routes: the page's own
(:mod:`~diarize.serve.recordings`) and OpenAI's (:mod:`~diarize.serve.openai`). Both put jobs into
the queue, :mod:`~diarize.serve.jobs`, which processes of :mod:`~diarize.serve.worker` work off.
"""
