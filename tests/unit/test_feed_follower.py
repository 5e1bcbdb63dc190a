"""The follower over loopback: real multicast, real TCP recovery, datagrams lost on purpose, one book at the end."""

from __future__ import annotations

import socket
import time

import pytest

from appliance.client.drill import Dropper
from appliance.client.follower import FeedAddress, FeedFollower, join
from appliance.recovery.store import FeedStore
from tests.naive.feed_messages import NaiveMarket
from tests.naive.feed_writer import TOPIC_SESSION_ID, FeedWriter, packet
from tests.naive.recovery_server import serving
from wire.blocks import schema
from wire.framing import packets

GROUP, PORT = "239.192.26.99", 26499


def topic(next_sequence: int) -> bytes:
    message = schema("fixp").encode("Topic", SessionId=TOPIC_SESSION_ID)
    return packets.pack_header(packets.PacketHeader(0, next_sequence, 1, 0, 1, 1)) + packets.frame(message)


@pytest.fixture
def publisher():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        try:
            probe = join(GROUP, PORT, "127.0.0.1")
            probe.settimeout(1)
            sender.sendto(b"probe", (GROUP, PORT))
            probe.recv(10)
            probe.close()
        except OSError as error:
            pytest.skip(f"multicast does not work on the loopback interface here: {error}")
        yield lambda octets: sender.sendto(octets, (GROUP, PORT))


@pytest.mark.parametrize("percent", [0, 5, 30, 100])
def test_the_book_is_whole_whatever_is_lost(tmp_path, publisher, percent):
    market = NaiveMarket(21).run(400)
    writer = FeedWriter(tmp_path / "feed")
    with serving(FeedStore(tmp_path / "feed")) as running:
        address = FeedAddress(GROUP, PORT, "127.0.0.1", running.ip, running.port)
        # the Topic must come through once: without it nobody knows whom to ask
        with FeedFollower(address, dropper=Dropper(0)) as follower:
            publisher(topic(1))
            assert follower.poll(2) == 0 and follower.handler.topic_session_id == TOPIC_SESSION_ID
            follower.dropper = Dropper(percent, seed=4)
            for octets in market.packets():
                count = packets.parse_header(octets).message_count
                if count:
                    writer.append(octets, count)
                publisher(octets)
                follower.poll(0.001)
            follower.dropper = Dropper(0)
            deadline = time.monotonic() + 20
            while follower.handler.counters.messages < len(market.frames) and time.monotonic() < deadline:
                publisher(packet(len(market.frames) + 1, []))
                follower.poll(0.01)
            assert not follower.recovering and follower.book.faults == 0
            assert follower.handler.counters.messages == len(market.frames)
            for instrument in market.books:
                assert [tuple(order) for order in follower.book.orders(instrument)] == market.orders(instrument)
            assert bool(follower.recoveries) == bool(follower.handler.counters.messages_recovered)
            assert follower.recoveries or percent == 0


def test_without_a_recovery_server_it_says_recovering_and_why(publisher):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = FeedAddress(GROUP, PORT, "127.0.0.1", "127.0.0.1", free.getsockname()[1])
        with FeedFollower(address) as follower:
            publisher(topic(9))
            publisher(packet(9, []))
            deadline = time.monotonic() + 10
            while not follower.last_fault and time.monotonic() < deadline:
                follower.poll(0.01)
            assert follower.recovering and "refused" in follower.last_fault
            assert follower.handler.wanted() == (1, 8)
