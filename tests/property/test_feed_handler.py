"""The feed handler and the client's book under loss, duplication and reordering, against the truth in order."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.client.book import FeedBook
from appliance.client.feed import FeedHandler, FeedMessage
from appliance.recovery.store import FeedStore
from tests.naive.feed_messages import NaiveMarket
from tests.naive.feed_writer import FeedWriter, packet
from wire.framing import packets


def disturbed(some: list[bytes], draw: random.Random, loss: float) -> list[bytes]:
    """`some` with a share lost, a tenth doubled, and neighbours up to 5 apart swapped; the last heartbeat stays."""
    kept = [packet for packet in some[:-1] if draw.random() >= loss]
    kept += [packet for packet in kept if draw.random() < 0.1]
    keyed = sorted(enumerate(kept), key=lambda pair: pair[0] + draw.random() * 5)
    return [packet for _, packet in keyed] + [some[-1]]


def again(frames: list[bytes], first: int, count: int, draw: random.Random) -> list[bytes]:
    """Messages [first, first + count) as a recovery channel sends them, in packets cut anywhere."""
    found = []
    while count:
        size = min(draw.randrange(1, 20), count)
        whole = packet(first, frames[first - 1 : first - 1 + size])
        found.append(packets.retransmitted(whole, 0, size))
        first, count = first + size, count - size
    return found


def equal(book: FeedBook, market: NaiveMarket) -> None:
    for instrument in market.books:
        assert [tuple(order) for order in book.orders(instrument)] == market.orders(instrument)
    assert book.faults == 0, book.last_fault
    assert book.open_orders() == sum(map(len, market.books.values()))
    assert sum(b.trades for b in book.instruments.values()) == len(market.trades)
    assert sum(b.traded_lots for b in book.instruments.values()) == sum(lots for *_, lots in market.trades)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**9), loss=st.sampled_from([0.0, 0.01, 0.1, 0.3, 0.9]), slow=st.integers(0, 20))
def test_every_message_once_and_in_order(seed, loss, slow):
    """`slow`: packets that pass before the handler gets round to asking for what is missing."""
    draw = random.Random(seed)
    market = NaiveMarket(seed).run(120)
    handler, book = FeedHandler(), FeedBook()
    delivered: list[FeedMessage] = []
    for turn, octets in enumerate(disturbed(market.packets(), draw, loss)):
        delivered += handler.receive(octets)
        if turn % (slow + 1) == 0 and (wanted := handler.wanted()):
            for recovered in again(market.frames, *wanted, draw):
                delivered += handler.receive(recovered)
    while wanted := handler.wanted():
        for recovered in again(market.frames, *wanted, draw):
            delivered += handler.receive(recovered)
    assert [message.sequence for message in delivered] == list(range(1, len(market.frames) + 1))
    assert handler.counters.messages == len(market.frames) and not handler.recovering
    assert bool(handler.counters.gaps) >= bool(handler.counters.messages_recovered)
    for message in delivered:
        book.apply(message)
    equal(book, market)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**9), limit=st.integers(1, 30))
def test_a_small_buffer_and_small_ranges_only_cost_time(seed, limit):
    draw = random.Random(seed)
    market = NaiveMarket(seed).run(80)
    handler = FeedHandler(buffered_messages_max=limit, range_messages_max=limit)
    delivered: list[FeedMessage] = []
    for octets in disturbed(market.packets(), draw, 0.3):
        delivered += handler.receive(octets)
        assert len(handler._waiting) <= limit
    while wanted := handler.wanted():
        assert 1 <= wanted[1] <= limit
        for recovered in again(market.frames, *wanted, draw):
            delivered += handler.receive(recovered)
    assert [message.sequence for message in delivered] == list(range(1, len(market.frames) + 1))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**9))
def test_a_restarted_publisher_is_no_gap(seed):
    draw = random.Random(seed)
    before, after = NaiveMarket(seed).run(60), NaiveMarket(seed + 1).run(60)
    handler, book = FeedHandler(), FeedBook()
    old = before.packets(epoch=1)
    for octets in old + after.packets(epoch=2):
        for message in handler.receive(octets):
            book.apply(message)
        if draw.random() < 0.2 and handler.epoch == 2:
            assert handler.receive(draw.choice(old)) == []
    equal(book, after)
    assert handler.counters.epochs == 1


@settings(deadline=None, max_examples=200)
@given(octets=st.binary(max_size=200))
def test_any_bytes_are_survived(octets):
    handler = FeedHandler()
    handler.receive(octets)
    handler.receive(packet(1, [])[:18] + octets)
    assert handler.counters.packets == 2


def test_a_flipped_byte_is_survived_and_the_store_gives_what_was_published(tmp_path):
    market = NaiveMarket(5).run(150)
    writer = FeedWriter(tmp_path / "feed")
    sent = [octets for octets in market.packets() if packets.parse_header(octets).message_count]
    for octets in sent:
        writer.append(octets, packets.parse_header(octets).message_count)
    draw = random.Random(6)
    handler = FeedHandler()
    for octets in sent:
        broken = bytearray(octets)
        broken[draw.randrange(packets.HEADER_BYTES, len(broken))] ^= 1 << draw.randrange(8)
        handler.receive(bytes(broken))
    store = FeedStore(tmp_path / "feed")
    fresh, book = FeedHandler(), FeedBook()
    for _, octets in store.packets_of(1, len(market.frames)):
        for message in fresh.receive(octets):
            book.apply(message)
    equal(book, market)
    assert fresh.counters.messages_recovered == len(market.frames)
