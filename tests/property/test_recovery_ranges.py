"""Any range from the store, and over TCP, equals a slice of the published messages; hypothesis draws both."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.client.recovery import AsyncRecoveryClient, RecoveryClient, RetransmitRejected
from appliance.recovery.limits import ServerLimits
from appliance.recovery.store import FeedStore
from tests.naive.feed_writer import TOPIC_SESSION_ID, FeedWriter
from tests.naive.recovery_server import serving
from wire.framing import packets

PACKET_SIZES = [1, 2, 3, 21, 1, 7, 20, 5, 1, 1, 12, 21, 21, 4]
MESSAGES = sum(PACKET_SIZES)


def frames_of(some: list[bytes], first: int) -> list[bytes]:
    """The frames of packets that must follow each other from message `first` on, all flagged as sent again."""
    found = []
    for packet in some:
        header = packets.parse_header(packet)
        assert header.sequence == first + len(found)
        assert header.flags == packets.FLAG_INCREMENTAL | packets.FLAG_RETRANSMIT
        bounds = [(start - 2, end) for start, end in packets.frames(packet, header.message_count)]
        assert bounds[-1][1] == len(packet)
        found += [packet[start:end] for start, end in bounds]
    return found


@settings(deadline=None, max_examples=150)
@given(sizes=st.lists(st.integers(1, 21), min_size=1, max_size=12), data=st.data())
def test_a_range_of_the_store_is_a_slice(tmp_path_factory, sizes, data):
    path = tmp_path_factory.mktemp("store") / "feed"
    truth = FeedWriter(path, capacity_bytes=1 << 16).publish(sizes)
    first = data.draw(st.integers(1, len(truth)))
    count = data.draw(st.integers(1, len(truth) - first + 1))
    store = FeedStore(path)
    some = list(store.packets_of(first, count))
    assert sum(messages for messages, _ in some) == count
    assert frames_of([packet for _, packet in some], first) == truth[first - 1 : first - 1 + count]
    store.close()


@pytest.fixture(scope="module")
def venue(tmp_path_factory):
    path = tmp_path_factory.mktemp("venue") / "feed"
    truth = FeedWriter(path).publish(PACKET_SIZES)
    with serving(FeedStore(path), ServerLimits(batch_bytes=700)) as running:
        yield running, truth


@settings(deadline=None, max_examples=60)
@given(first=st.integers(0, MESSAGES + 2), count=st.integers(0, MESSAGES + 2))
def test_a_range_over_tcp_is_a_slice_or_a_reject(venue, first, count):
    running, truth = venue
    with RecoveryClient(running.ip, running.port, TOPIC_SESSION_ID) as client:
        if 1 <= first and 1 <= count and first + count - 1 <= MESSAGES:
            assert frames_of(list(client.fetch(first, count)), first) == truth[first - 1 : first - 1 + count]
        elif count:
            with pytest.raises(RetransmitRejected) as refusal:
                list(client.fetch(first, count))
            assert refusal.value.code == 0
            assert f"1..{MESSAGES}" in refusal.value.reason


def test_one_connection_serves_many_ranges_and_survives_a_reject(venue):
    running, truth = venue

    async def main() -> list[list[bytes]]:
        client = await AsyncRecoveryClient.connect(running.ip, running.port, TOPIC_SESSION_ID)
        got = []
        for first, count in ((1, MESSAGES), (5, 1), (MESSAGES, 1)):
            got.append(frames_of([packet async for packet in client.fetch(first, count)], first))
            with pytest.raises(RetransmitRejected):
                async for _ in client.fetch(MESSAGES + 1, 1):
                    pass
        await client.close()
        return got

    assert asyncio.run(main()) == [truth, truth[4:5], truth[-1:]]
