"""Runs a RecoveryServer on a loopback port in a thread of its own, for tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from appliance.recovery.limits import ServerLimits
from appliance.recovery.server import RecoveryServer
from appliance.recovery.store import FeedStore


@dataclass
class Running:
    """A server that is listening: its address and counters."""

    ip: str
    port: int
    server: RecoveryServer


@contextmanager
def serving(store: FeedStore, limits: ServerLimits | None = None, **more: Any) -> Iterator[Running]:
    """A server for `store` until the block ends; `more` goes to RecoveryServer."""
    server = RecoveryServer(store, limits, **more)
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()
    ready = threading.Event()
    address: list[tuple[str, int]] = []

    async def main() -> None:
        address.append(await server.start("127.0.0.1", 0))
        ready.set()
        await ended.wait()
        await server.stop()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield Running(*address[0], server)
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        assert not thread.is_alive()
        loop.close()
