"""Speakers for people who call another library themselves: its objects in, its objects out.

``whisper``
    ``transcribe(model, audio, …)``: Whisper's own result, with speakers.
``faster_whisper``
    The same for faster-whisper's segments and info.
``whisperx``
    A stand-in for whisperX's ``DiarizationPipeline``.
``pyannote``
    ``Annotation`` both ways, and a pipeline that is called as pyannote's are.

Nothing here imports the other library before it is needed.
"""
