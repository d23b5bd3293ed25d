"""Reports of libraries to their makers: forbidden for this process and those it starts.

See docs/privacy.md.
"""

from __future__ import annotations

import os
import sys

#: Whether onnxruntime was imported, and so began to report, before this package was.
has_begun = False


def forbid() -> None:
    """Set the variables that forbid telemetry; called when the package is imported.

    From 1.29 on, onnxruntime reports from the moment of its import, unless one of them is set.
    """
    global has_begun
    has_begun = "onnxruntime" in sys.modules and not os.environ.get("ORT_DISABLE_TELEMETRY")
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
