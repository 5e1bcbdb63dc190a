"""The retransmit server as a process of its own: signals, the parent's death, and what it says at start and end."""

from __future__ import annotations

import asyncio
import ctypes
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from appliance.recovery.server import RecoveryServer, ServerLimits
from appliance.recovery.store import FeedStore, StoreError

_PR_SET_PDEATHSIG: Final = 1
_STORE_POLL_SECONDS: Final = 0.02
_NICENESS: Final = 10
"""Whoever lost messages can wait; whoever trades can not."""

log = logging.getLogger("pitwire.recovery")


class RecoveryError(Exception):
    """The server cannot start; the message is one sentence that says why."""


def die_with(parent_pid: int) -> None:
    """Ask the kernel for SIGTERM when process `parent_pid`, our parent, ends. Raises RecoveryError if it has already.

    The kernel means the thread that started us: a parent must start this server from a thread that stays.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise RecoveryError(f"prctl(PR_SET_PDEATHSIG) failed: {os.strerror(ctypes.get_errno())}.")
    if os.getppid() != parent_pid:
        raise RecoveryError(f"The parent process {parent_pid} has ended already.")


def open_store(path: str | Path, wait_seconds: float) -> FeedStore:
    """The store at `path`, once its publisher has made it. Raises RecoveryError after `wait_seconds`."""
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return FeedStore(path)
        except StoreError as error:
            if time.monotonic() >= deadline:
                raise RecoveryError(f"{error} Is the appliance running?") from None
        time.sleep(_STORE_POLL_SECONDS)


async def _serve(
    store: FeedStore, ip: str, tcp_port: int, limits: ServerLimits, ready: Callable[[str, int], None]
) -> RecoveryServer:
    server = RecoveryServer(store, limits)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    loop.add_signal_handler(signal.SIGUSR1, lambda: log.info("counters %s", json.dumps(server.counters)))
    try:
        address = await server.start(ip, tcp_port)
    except OSError as error:
        raise RecoveryError(f"Cannot listen on TCP {ip}:{tcp_port}: {error.strerror}.") from None
    ready(*address)
    await ended.wait()
    await server.stop()
    return server


def run(
    store_path: str | Path,
    ip: str,
    tcp_port: int,
    *,
    limits: ServerLimits | None = None,
    parent_pid: int | None = None,
    wait_seconds: float = 5.0,
    ready: Callable[[str, int], None] = lambda ip, tcp_port: None,
) -> dict[str, int]:
    """Serve the feed store at `store_path` until SIGTERM or SIGINT; returns the counters. Raises RecoveryError.

    `ready(ip, port)` is called once the port is open. With `parent_pid` the server ends when that process does.
    SIGUSR1 writes the counters to the log.
    """
    if parent_pid is not None:
        die_with(parent_pid)
    os.nice(_NICENESS)
    store = open_store(store_path, wait_seconds)
    server = asyncio.run(_serve(store, ip, tcp_port, limits or ServerLimits(), ready))
    return dict(server.counters)


def command_line(
    store_path: str | Path,
    ip: str,
    tcp_port: int,
    *,
    messages_a_request_max: int,
    parent_pid: int | None = None,
    python: str = sys.executable,
) -> list[str]:
    """The command that starts this server as a child process (`subprocess.Popen`)."""
    words = [python, "-m", "appliance.recovery", "--store", str(store_path), "--ip", ip, "--port", str(tcp_port)]
    words += ["--messages-a-request-max", str(messages_a_request_max)]
    return words if parent_pid is None else [*words, "--parent-pid", str(parent_pid)]
