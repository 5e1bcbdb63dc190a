"""Keeps the gateway process running: started with the appliance, started again when it ends by itself, stopped."""

from __future__ import annotations

import os
import subprocess
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from appliance.gateway.process import GatewayError, command_line

RESTARTS_MAX: Final = 5
"""Within RESTARTS_SECONDS: what ends so often will not get better."""
RESTARTS_SECONDS: Final = 60.0
_STOP_SECONDS_MAX: Final = 2.0


class GatewayKeeper:
    """The gateway of one instance. To be used from a thread that lives as long as the appliance."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder: Final = folder
        self._clock: Final = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._ends: Final[deque[float]] = deque()

    @property
    def pid(self) -> int:
        """Of the process that runs now; 0: none does."""
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    @property
    def restarts(self) -> int:
        """Times that it was started again lately."""
        return len(self._ends)

    def start(self) -> None:
        """Start it and wait until it listens. Raises GatewayError."""
        self._process = self._start()
        assert self._process.stdout is not None
        if not self._process.stdout.readline():  # it says where it listens, or ends
            code = self._process.wait()
            self._process.stdout.close()
            self._process = None
            raise GatewayError(f"The gateway did not start (exit {code}); its own message stands above.")

    def check(self) -> None:
        """Start it again if it has ended by itself. Raises GatewayError when that happens again and again."""
        if self._process is None or self._process.poll() is None:
            return
        now = self._clock()
        self._ends.append(now)
        while self._ends and now - self._ends[0] > RESTARTS_SECONDS:
            self._ends.popleft()
        if len(self._ends) > RESTARTS_MAX:
            raise GatewayError(
                f"The gateway ended by itself {len(self._ends)} times within {RESTARTS_SECONDS:g} s "
                f"(exit {self._process.returncode} in the end); its own messages stand above."
            )
        self._close()
        self._process = self._start()

    def stop(self) -> None:
        """End it. Again is harmless."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close()
        self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command_line(self._folder, parent_pid=os.getpid()), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )

    def _close(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()
