"""Runs a command and says what it cost: ``python process_cost.py RESULT.json COMMAND…``.

A process of its own and without imports of size, because Linux counts the memory of whoever starts
a programme towards that programme's peak.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time


def main() -> int:
    """Run the command line's command; write seconds, cpu_seconds, megabytes and error."""
    result, *command = sys.argv[1:]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        said = process.stderr.read().decode("utf-8", "replace").strip()
    seconds = time.perf_counter() - start
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    last = (said.splitlines() or [f"exit code {process.returncode}"])[-1]
    cost = {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "megabytes": usage.ru_maxrss * unit / 1e6,
        "error": last if process.returncode else "",
    }
    with open(result + ".part", "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(cost, file)
    os.replace(result + ".part", result)  # noqa: PTH105
    return 0


if __name__ == "__main__":
    sys.exit(main())
