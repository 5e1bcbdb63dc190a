"""The far end of a DPDK wire in a process of its own: opens a dpdk port and sends and receives as it is told.

Started as `python -m tests.dpdk_far`; speaks pickles over its standard input and output.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from native.ports import Port, PortConfig, PortError, open_port

EAL_ARGS = os.environ.get("PITWIRE_TEST_EAL_ARGS", "--no-huge -m 512")
"""Without hugepages the tests run anywhere; set it to nothing to run them with."""
LINK_SECONDS_MAX = 10.0


def wait_for_link(port: Port, seconds: float = LINK_SECONDS_MAX) -> bool:
    """Until somebody is at the other end."""
    deadline = time.monotonic() + seconds
    while not port.stats()["link_up"]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


class FarEnd:
    """This side's view of the process: `open`, `link`, `send`, `receive`, `poll` and `close` are done over there."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.dpdk_far"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[1],
        )
        atexit.register(self.process.kill)

    def _ask(self, *words: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        pickle.dump(words, self.process.stdin)
        self.process.stdin.flush()
        answer = pickle.load(self.process.stdout)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def open(self, device: str) -> None:
        self._ask("open", device)

    def link(self) -> bool:
        return bool(self._ask("link"))

    def send(self, frames: list[bytes]) -> None:
        self._ask("send", frames)

    def receive(self, count: int, seconds: float) -> list[bytes]:
        frames: list[bytes] = self._ask("receive", count, seconds)
        return frames

    def poll(self) -> int:
        """How many frames one poll brought, which are held until the port is closed."""
        return int(self._ask("poll"))

    def close(self) -> None:
        self._ask("close")


def main() -> None:
    from tests.port_rigs import Hand  # here: the rigs import this module

    port: Port | None = None

    def opened(device: str) -> None:
        nonlocal port
        port = open_port(PortConfig("dpdk", device=device, eal_args=EAL_ARGS, rx_frames=4096, tx_frames=1024))

    def close() -> None:
        nonlocal port
        if port is not None:
            port.close()
            port = None

    actions: dict[str, Callable[..., Any]] = {
        "open": opened,
        "link": lambda: wait_for_link(port) if port else False,
        "send": lambda frames: Hand(port).send(frames) if port else None,
        "poll": lambda: len(Hand(port).receive()) if port else 0,
        "receive": lambda count, seconds: Hand(port).receive_frames(count, seconds) if port else [],
        "close": close,
    }
    while True:
        try:
            name, *words = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = actions[name](*words)
        except PortError as error:
            answer = RuntimeError(f"the far end: {error.sentence}")
        except AssertionError as error:
            answer = RuntimeError(f"the far end: {error}")
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
