"""A crowd at the recovery server, each client with an address of its own: well-behaved, slow, malformed, greedy.

Allocations hold, memory is bounded, the well-behaved get every byte; also when the server is started anew in between.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from appliance.client.recovery import RangeReceiver, RetransmitError
from native.layout import FEED_HEADER
from tests.naive.feed_writer import TOPIC_SESSION_ID, FeedWriter
from tests.naive.recovery_talk import SBE, range_request, snapshot_request
from wire.framing import packets, sofh

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = 84_000
REQUESTS_A_MINUTE = 60
CONFIG = f"""
[recovery]
requests_a_second = 20
requests_a_minute = {REQUESTS_A_MINUTE}
requests_a_day = 1000
connections_a_client_max = 2
connections_max = 2048
snapshots = false
"""
BOUND_BYTES = 64 << 20
"""Far below what the batches of all clients would take, if the server held them."""


@dataclass
class Crowd:
    """What the clients saw."""

    ip: str
    port: int
    truth: list[bytes]
    goal: int
    """Ranges that each well-behaved client wants."""
    draw: random.Random = field(default_factory=lambda: random.Random(11))
    served: int = 0
    retries: int = 0
    granted: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)

    async def connect(self, source_ip: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """As often as it takes: the server may be away."""
        while True:
            try:
                return await asyncio.open_connection(self.ip, self.port, local_addr=(source_ip, 0), limit=1 << 16)
            except OSError:
                self.seen["not_connected"] += 1
                await asyncio.sleep(0.1)

    async def well_behaved(self, source_ip: str) -> None:
        """Wants `goal` ranges and checks each; begins a range again where the server went away."""
        for _ in range(self.goal):
            first = self.draw.randrange(1, MESSAGES - 700)
            count = self.draw.randrange(1, 700)
            while True:
                try:
                    got = await self._range(source_ip, first, count)
                    break
                except (OSError, RetransmitError):
                    self.retries += 1
                    await asyncio.sleep(0.1)
            assert got == b"".join(self.truth[first - 1 : first - 1 + count])
            self.served += 1
            await asyncio.sleep(self.draw.random() / 5)

    async def _range(self, source_ip: str, first: int, count: int) -> bytes:
        reader, writer = await self.connect(source_ip)
        try:
            receiver = RangeReceiver(TOPIC_SESSION_ID, first, count, time.time_ns())
            writer.write(receiver.request)
            got = b""
            while not receiver.done:
                for packet in receiver.receive(await reader.read(1 << 16)):
                    got += packet[packets.HEADER_BYTES :]
            return got
        finally:
            writer.transport.abort()

    async def slow(self, source_ip: str) -> None:
        """Asks for all that one request may ask for, and hardly reads."""
        while True:
            with socket.socket() as slow:
                slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                slow.bind((source_ip, 0))
                slow.setblocking(False)
                loop = asyncio.get_running_loop()
                with suppress(OSError):
                    await loop.sock_connect(slow, (self.ip, self.port))
                    await loop.sock_sendall(slow, range_request(1, 65_536))
                    while await loop.sock_recv(slow, 256):
                        await asyncio.sleep(0.2)
                self.seen["slow_closed"] += 1
            await asyncio.sleep(1)

    async def malformed(self, source_ip: str) -> None:
        """Says what makes no sense, in many ways, again and again."""
        while True:
            draw = self.draw
            octets = draw.choice(
                [
                    draw.randbytes(draw.randrange(1, 3000)),
                    sofh.framed(SBE, draw.randbytes(draw.randrange(1, 100))),
                    struct.pack(">IH", 0xFFFFFFFF, SBE),
                    struct.pack(">IH", 2, SBE),
                    range_request(1, 5)[: draw.randrange(1, 50)],
                    range_request(0, 1 << 31) + range_request(1, 0),
                    range_request(1, 1, bytes(16)) + snapshot_request(9),
                ]
            )
            reader, writer = await self.connect(source_ip)
            try:
                writer.write(octets)
                if draw.random() < 0.3:
                    writer.write_eof()
                async with asyncio.timeout(1):
                    await reader.read(4096)
            except (OSError, TimeoutError):
                pass
            finally:
                writer.transport.abort()
            await asyncio.sleep(draw.random() / 2)

    async def greedy(self, source_ip: str) -> None:
        """Never stops asking, on as many connections as it gets."""

        async def ask() -> None:
            while True:
                reader, writer = await self.connect(source_ip)
                frames = sofh.FrameReader(1 << 16)
                try:
                    writer.write(range_request(1, 50))
                    while octets := await reader.read(1 << 16):
                        for encoding, message in frames.feed(octets):
                            if encoding != SBE:
                                continue
                            self.granted[source_ip] += message[2] == 12  # Retransmission: one a request of this size
                            self.seen["rejected"] += message[2] == 13
                            self.seen["terminated"] += message[2] == 14
                            writer.write(range_request(1, 50))
                except OSError:
                    pass
                finally:
                    writer.transport.abort()
                await asyncio.sleep(0.2)

        await asyncio.gather(*(ask() for _ in range(4)))

    async def run(self, clients: int, meanwhile: asyncio.Task[None] | None = None) -> None:
        """Two in five are well-behaved; ends when they have what they want."""
        ends, others = [], []
        for number in range(clients):
            source_ip = f"127.{1 + number // 60_000}.{number // 250 % 250}.{1 + number % 250}"
            kind = number % 5
            if kind in (0, 1):
                ends.append(asyncio.ensure_future(self.well_behaved(source_ip)))
            else:
                troublemaker = (self.slow, self.malformed, self.greedy)[kind - 2]
                others.append(asyncio.ensure_future(troublemaker(source_ip)))
        try:
            await asyncio.gather(*ends, *([meanwhile] if meanwhile else []))
        finally:
            for task in [*others, *ends]:
                task.cancel()
            await asyncio.gather(*others, *ends, return_exceptions=True)


class Server:
    """The server as a process of its own."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        config = folder / "venue.toml"
        config.write_text(CONFIG)
        words = [sys.executable, "-m", "appliance.recovery", "--store", str(folder), "--config", str(config)]
        words += ["--port", str(port), "--stall-seconds", "1", "--idle-seconds", "2"]
        environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'codecs'}"}
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        assert self.process.stdout is not None
        address = json.loads(self.process.stdout.readline())["listening"]
        self.ip, self.port = address["ip"], address["port"]
        self.rss_bytes_at_start = self.rss_bytes()

    def rss_bytes(self) -> int:
        """Memory of its own: what it has mapped of the store is not counted."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("RssAnon:")[2].split()[0]) * 1024

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def stop(self) -> dict[str, int]:
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=30)
        return json.loads(out)["counters"]


@contextmanager
def many_files(count: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def day(tmp_path_factory) -> tuple[Path, list[bytes]]:
    folder = tmp_path_factory.mktemp("day")
    truth = FeedWriter(folder / "feed", capacity_bytes=8 << 20).publish([21] * (MESSAGES // 21))
    assert np.fromfile(folder / "feed", FEED_HEADER, 1)[0]["next_sequence"] == MESSAGES + 1
    return folder, truth


@pytest.mark.parametrize("clients", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_the_well_behaved_are_served_in_a_crowd(day, clients):
    folder, truth = day
    with Server(folder) as server:
        crowd = Crowd(server.ip, server.port, truth, goal=5)
        began = time.time()
        highest = 0

        async def watch() -> None:
            nonlocal highest
            while True:
                highest = max(highest, server.rss_bytes())
                await asyncio.sleep(0.1)

        async def found_out() -> None:
            """As long as it takes until those who do not read are closed."""
            async with asyncio.timeout(60):
                while not crowd.seen["slow_closed"]:
                    await asyncio.sleep(0.1)

        async def main() -> None:
            watching = asyncio.ensure_future(watch())
            await crowd.run(clients, asyncio.ensure_future(found_out()))
            watching.cancel()

        with many_files(8192):
            asyncio.run(main())
            minutes = int(time.time() // 60) - int(began // 60) + 1
        counters = server.stop()
    assert crowd.served == 5 * (clients * 2 // 5)
    assert crowd.retries == 0
    assert highest - server.rss_bytes_at_start < BOUND_BYTES
    assert crowd.granted and max(crowd.granted.values()) <= minutes * REQUESTS_A_MINUTE
    assert counters["closed_slow_reader"] > 0
    assert counters["closed_garbage"] > 0 and counters["rejects_exhausted"] > 0
    assert counters["closed_too_many_connections"] > 0, "the greedy open four connections and may have two"


def test_a_server_that_is_started_anew_is_found_again(day):
    folder, truth = day
    with Server(folder) as first:
        crowd = Crowd(first.ip, first.port, truth, goal=20)
        followers: list[Server] = []

        async def restart() -> None:
            await asyncio.sleep(0.5)
            first.process.kill()
            await asyncio.to_thread(first.process.wait)
            await asyncio.sleep(0.5)
            followers.append(await asyncio.to_thread(Server, folder, first.port))

        async def main() -> None:
            await crowd.run(20, asyncio.ensure_future(restart()))

        try:
            asyncio.run(main())
        finally:
            for follower in followers:
                follower.__exit__()
    assert crowd.served == 20 * 8
    assert crowd.seen["not_connected"] > 0
