"""Keeps a distributor running: started with the appliance, started again when it ends, stopped behind the loop.

The matching core notices nothing of it: what a distributor needs to go on lies in shared memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

_DELAY_SECONDS_MIN: Final = 0.1
_DELAY_SECONDS_MAX: Final = 30.0
_STEADY_SECONDS: Final = 60.0
"""Who has run so long is started again at once."""
_STOP_SECONDS_MAX: Final = 3.0


def command_line(folder: Path, parent_pid: int, python: str = sys.executable) -> list[str]:
    """The command that starts a distributor as a child process (`subprocess.Popen`)."""
    return [python, "-m", "appliance.distributor", "--folder", str(folder), "--parent-pid", str(parent_pid)]


class DistributorKeeper:
    """One distributor at a time for the appliance whose shared memory is `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._due = 0.0
        self._delay_seconds = _DELAY_SECONDS_MIN
        self._ended_with = 0

    @property
    def pid(self) -> int:
        """Of the distributor that runs; 0 while none does."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start one. It follows the L3 store from its beginning, so nobody has to wait for it."""
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            command_line(self._folder, os.getpid()), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

    def check(self) -> str:
        """Start another one where it ended, more and more slowly where that does not help. Returns a sentence while
        none runs, else nothing."""
        now = time.monotonic()
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return ""
            self._process = None
            self._ended_with = code
            steady = now - self._started >= _STEADY_SECONDS
            self._delay_seconds = _DELAY_SECONDS_MIN if steady else min(2 * self._delay_seconds, _DELAY_SECONDS_MAX)
            self._due = now + self._delay_seconds
        if now >= self._due:
            self.start()
            return ""
        return (
            f"The distributor ended by itself (exit {self._ended_with}) and is started again in "
            f"{self._delay_seconds:g} s; until then line B, L2, L1 and snapshots are silent."
        )

    def stop(self) -> None:
        """End it; it sends first what the core has published. Again is harmless."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
