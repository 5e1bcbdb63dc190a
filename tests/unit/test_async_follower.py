"""Followers with two lines and a real recovery server over loopback: blocking and asyncio."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.client.async_follower import AsyncFeedFollower
from appliance.client.feed_words import FeedState
from appliance.client.follower import FeedAddress, FeedFollower, LineAddress, policy_of
from appliance.client.kernel_book import KernelBook
from appliance.client.relay import FaultyLine, LinePolicy
from appliance.recovery.store import FeedStore
from tests.naive.feed_messages import NaiveMarket
from tests.naive.feed_writer import TOPIC_SESSION_ID, FeedWriter, packet
from tests.naive.recovery_server import serving
from wire.blocks import schema
from wire.framing import packets

LINES = (LinePolicy(loss_percent=30, duplicate_percent=5), LinePolicy(burst_percent=30, burst_length=6))


def topic() -> bytes:
    message = schema("fixp").encode("Topic", SessionId=TOPIC_SESSION_ID)
    return packets.pack_header(packets.PacketHeader(0, 1, 1, 0, 1, 1)) + packets.frame(message)


def free_ports(count: int) -> list[int]:
    holders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for holder in holders:
        holder.bind(("127.0.0.1", 0))
    found = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return found


class Publisher:
    """Sends a market's packets by unicast on two lines, with their faults, and stores them for the recovery server."""

    def __init__(self, folder: Path, ports: list[int], market: NaiveMarket) -> None:
        self.lines = [FaultyLine(policy, seed) for seed, policy in enumerate(LINES)]
        self.market = market
        self._ports = ports
        self._writer = FeedWriter(folder / "feed")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(self, line: int, octets: bytes) -> None:
        self._socket.sendto(octets, ("127.0.0.1", self._ports[line]))

    def publish(self) -> Iterator[None]:
        self.send(0, topic())
        yield
        for octets in self.market.packets():
            count = packets.parse_header(octets).message_count
            if count:
                self._writer.append(octets, count)
            for number, line in enumerate(self.lines):
                line.offer(octets, 0)
                for datagram in line.due(0):
                    self.send(number, datagram)
            yield
        while True:
            self.send(1, packet(len(self.market.frames) + 1, []))
            yield

    def close(self) -> None:
        self._socket.close()

    def address(self, recovery_ip: str, recovery_port: int) -> FeedAddress:
        line_b = LineAddress("127.0.0.1", self._ports[1])
        return FeedAddress("127.0.0.1", self._ports[0], "127.0.0.1", recovery_ip, recovery_port, (line_b,))


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    made = Publisher(tmp_path, free_ports(2), NaiveMarket(8).run(300))
    yield made
    made.close()


def test_a_blocking_follower_of_two_lines(tmp_path: Path, publisher: Publisher) -> None:
    market = publisher.market
    ends: list[tuple[int, bool]] = []
    books = KernelBook(3, 16, 4096, 512)
    with serving(FeedStore(tmp_path / "feed")) as running:
        address = publisher.address(running.ip, running.port)
        with FeedFollower(address, books=books, on_transaction=lambda *end: ends.append(end)) as follower:
            deadline = time.monotonic() + 20
            for _ in publisher.publish():
                follower.poll(0.002)
                is_last = follower.subscriber.sequence == len(market.frames)
                if (is_last and follower.state is FeedState.COMPLETE) or time.monotonic() > deadline:
                    break
            assert follower.state is FeedState.COMPLETE and follower.recoveries
            assert all(line.messages_first for line in follower.handler.lines)
            for instrument in market.books:
                assert [tuple(order) for order in books.orders(instrument)] == market.orders(instrument)
            assert ends[-1] == (len(market.frames), True)


def test_asyncio_gives_every_message_once(tmp_path: Path, publisher: Publisher) -> None:
    market = publisher.market

    async def follow(address: FeedAddress) -> list[int]:
        got: list[int] = []

        async def publish() -> None:
            for _ in publisher.publish():
                await asyncio.sleep(0.001)

        async with AsyncFeedFollower(address, policy=policy_of(address), queue_max=40) as follower:
            sending = asyncio.create_task(publish())
            async for message in follower:
                got.append(message.sequence)
                if message.sequence % 50 == 0:
                    await asyncio.sleep(0.02)  # slow now and then: the queue fills and is not overrun
                if message.sequence == len(market.frames):
                    break
            sending.cancel()
            assert follower.state is FeedState.COMPLETE
            for instrument in market.books:
                assert [tuple(order) for order in follower.books.orders(instrument)] == market.orders(instrument)
        return got

    with serving(FeedStore(tmp_path / "feed")) as running:
        got = asyncio.run(asyncio.wait_for(follow(publisher.address(running.ip, running.port)), 30))
    assert got == list(range(1, len(market.frames) + 1))


def test_what_a_callback_raises_comes_out_of_the_iteration(publisher: Publisher) -> None:
    def faulty(sequence: int, sound: bool) -> None:
        raise RuntimeError("mine")

    async def follow() -> None:
        async with AsyncFeedFollower(publisher.address("127.0.0.1", 0), on_transaction=faulty) as follower:
            steps = publisher.publish()
            for _ in range(20):
                next(steps)
            async for _ in follower:
                pass

    with pytest.raises(RuntimeError, match="mine"):
        asyncio.run(asyncio.wait_for(follow(), 10))


def test_whoever_waits_for_a_message_when_it_is_left_goes_on(publisher: Publisher) -> None:
    async def iterate(follower: AsyncFeedFollower) -> int:
        return len([message async for message in follower])

    async def follow() -> int:
        async with AsyncFeedFollower(publisher.address("127.0.0.1", 0)) as follower:
            waiting = asyncio.create_task(iterate(follower))
            await asyncio.sleep(0.05)
        return await waiting

    assert asyncio.run(asyncio.wait_for(follow(), 10)) == 0
