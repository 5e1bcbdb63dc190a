"""The retransmit server as a process of its own: signals, the parent's death, and what it says at start and end."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from appliance.config import Config
from appliance.journal.process import die_with
from appliance.journal.records import JournalError
from appliance.keys import KeysError
from appliance.recovery.few_lines import FewLines
from appliance.recovery.limits import ServerLimits
from appliance.recovery.logon import Keys
from appliance.recovery.server import RecoveryServer
from appliance.recovery.snapshots import BookSizes, SnapshotDesk
from appliance.recovery.store import FeedStore, StoreError
from appliance.recovery.warm_up import warm_up

_STORE_POLL_SECONDS: Final = 0.02
_NICENESS: Final = 10
"""Whoever lost messages can wait; whoever trades can not."""
_DESCRIPTORS_RESERVE: Final = 64
"""Open files that are not clients."""

log = logging.getLogger("pitwire.recovery")


class RecoveryError(Exception):
    """The server cannot start; the message is one sentence that says why."""


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


async def _serve(server: RecoveryServer, ip: str, tcp_port: int, ready: Callable[[str, int], None]) -> None:
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


def allow_descriptors(count: int) -> None:
    """Raise the limit of open files, as far as it may be raised, so that `count` clients find room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _DESCRIPTORS_RESERVE
    if hard != resource.RLIM_INFINITY and wanted > hard:
        log.warning("%d connections are allowed, but no more than %d open files.", count, hard)
        wanted = hard
    if soft != resource.RLIM_INFINITY and wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def run(
    store_path: str | Path,
    config: Config,
    *,
    limits: ServerLimits | None = None,
    ip: str | None = None,
    tcp_port: int | None = None,
    parent_pid: int | None = None,
    wait_seconds: float = 5.0,
    ready: Callable[[str, int], None] = lambda ip, tcp_port: None,
) -> dict[str, int]:
    """Serve the feed store at `store_path` until SIGTERM or SIGINT; returns the counters. Raises RecoveryError.

    `ready(ip, port)` is called once the port is open. With `parent_pid` the server ends when that process does.
    `ip`, `tcp_port` and `limits` replace those of `config`. SIGUSR1 writes the counters to the log.
    """
    if parent_pid is not None:
        try:
            die_with(parent_pid)
        except JournalError as error:
            raise RecoveryError(str(error)) from None
    log.addFilter(FewLines())
    os.nice(_NICENESS)
    table = config.recovery
    if table.cpu >= 0:
        try:
            os.sched_setaffinity(0, {table.cpu})
        except OSError as error:
            raise RecoveryError(
                f"recovery.cpu is {table.cpu}, which this process may not use: {error.strerror}."
            ) from None
    limits = limits or ServerLimits.of(table)
    allow_descriptors(limits.connections_max)
    try:
        keys = Keys(table.keys_file) if table.keys_file else None
    except KeysError as error:
        raise RecoveryError(str(error)) from None
    store = open_store(store_path, wait_seconds)
    warm_up(snapshots=table.snapshots)
    sizes = BookSizes(tuple(row.security_id for row in config.instruments), config.limits.orders, config.limits.levels)
    desk = SnapshotDesk(sizes, limits) if table.snapshots else None
    if desk is not None:
        desk.work(store, [store])  # its books are there before anybody asks
    server = RecoveryServer(
        store, limits, folder=store.path.parent, entitlements=table.entitlements, snapshots=desk, keys=keys
    )
    listen_ip = table.ip if ip is None else ip
    asyncio.run(_serve(server, listen_ip, table.tcp_port if tcp_port is None else tcp_port, ready))
    return dict(server.counters)


def command_line(
    store_path: str | Path, config_path: str | Path, *, parent_pid: int | None = None, python: str = sys.executable
) -> list[str]:
    """The command that starts this server as a child process (`subprocess.Popen`), as the configuration file says."""
    words = [python, "-m", "appliance.recovery", "--store", str(store_path), "--config", str(config_path)]
    return words if parent_pid is None else [*words, "--parent-pid", str(parent_pid)]
