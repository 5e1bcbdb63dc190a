"""The client's book and feed handler on single messages: what is a fault, what a Topic does, how levels add up."""

from __future__ import annotations

import pytest

from appliance.client.book import SIDE_BUY, SIDE_SELL, BookOrder, FeedBook, book_digest
from appliance.client.drill import Dropper
from appliance.client.feed import FIXP, FeedHandler
from tests.naive.feed_messages import NaiveMarket
from tests.naive.feed_writer import TOPIC_SESSION_ID, message, packet
from wire.framing import packets


def put(sequence: int, order_id: int, side: int, price: int, qty: int, priority: int, flags: int = 3) -> bytes:
    return message(
        "OrderPut",
        InstrFlags=flags,
        InstrSide=side,
        InstrumentId=1,
        InstrSeqNum=sequence,
        OrderId=order_id,
        Price=price,
        Quantity=qty,
        ExtPriority=priority,
    )


def built(*frames: bytes) -> FeedBook:
    book = FeedBook()
    for feed_message in FeedHandler().receive(packet(1, list(frames))):
        book.apply(feed_message)
    return book


def test_orders_stand_in_queue_order():
    book = built(put(1, 10, 1, 99, 5, 1), put(2, 11, 1, 100, 6, 2), put(3, 12, -1, 101, 7, 3), put(4, 13, 1, 100, 8, 4))
    assert book.orders(1) == [
        BookOrder(11, SIDE_BUY, 100, 6, 2),
        BookOrder(13, SIDE_BUY, 100, 8, 4),
        BookOrder(10, SIDE_BUY, 99, 5, 1),
        BookOrder(12, SIDE_SELL, 101, 7, 3),
    ]
    assert book.levels(1, SIDE_BUY, 5) == [(100, 14, 2), (99, 5, 1)]
    assert book.levels(1, SIDE_BUY, 1) == [(100, 14, 2)]
    assert book.levels(1, SIDE_SELL, 5) == [(101, 7, 1)]
    assert book.orders(2) == [] and book.levels(2, SIDE_BUY, 5) == []


def test_the_digest_is_of_the_orders_alone():
    one = built(put(1, 10, 1, 99, 5, 1), put(2, 11, 1, 100, 6, 2))
    other = built(put(1, 11, 1, 100, 1, 9), put(2, 10, 1, 99, 5, 1), put(3, 11, 1, 100, 6, 2))
    assert one.digest() == other.digest() == book_digest([(1, one.orders(1)), (7, [])])
    assert built(put(1, 10, 1, 99, 5, 1)).digest() != one.digest()


def test_a_transaction_that_is_not_over_is_told():
    assert not built(put(1, 10, 1, 99, 5, 1, flags=1)).instruments[1].whole
    assert built(put(1, 10, 1, 99, 5, 1, flags=1), put(2, 11, 1, 99, 5, 2, flags=2)).instruments[1].whole


@pytest.mark.parametrize(
    ("frames", "sentence"),
    [
        ([put(2, 10, 1, 99, 5, 1)], "InstrSeqNum 2 follows 0"),
        ([put(1, 10, 0, 99, 5, 1)], "has side 0"),
        ([put(1, 10, 1, 99, 0, 1)], "quantity 0"),
        ([message("OrderDelete", InstrumentId=1, InstrSeqNum=1, OrderId=4)], "order 4 is deleted but not in the book"),
    ],
)
def test_contradictions_are_counted(frames, sentence):
    book = built(*frames)
    assert book.faults == 1 and sentence in book.last_fault


def test_status_clear_and_unknown_templates():
    handler, book = FeedHandler(), FeedBook()
    strange = bytearray(message("OrderDelete", InstrumentId=1, InstrSeqNum=1, OrderId=4))
    strange[4:6] = (4242).to_bytes(2, "little")
    frames = [
        put(1, 10, 1, 99, 5, 1),
        bytes(strange),
        message("TradingStatusUpdate", InstrumentId=1, InstrSeqNum=2, TradingStatus=2),
        message("BookClear", InstrumentId=1, InstrSeqNum=3),
        message("SystemEvent", EventCode=79),
    ]
    delivered = handler.receive(packet(1, frames))
    for feed_message in delivered:
        book.apply(feed_message)
    assert [m.name for m in delivered] == [
        "OrderPut",
        "template 4242",
        "TradingStatusUpdate",
        "BookClear",
        "SystemEvent",
    ]
    assert handler.counters.messages_unknown == 1
    assert book.instruments[1].trading_status == 2 and book.orders(1) == [] and book.faults == 0


def test_the_topic_names_the_session_to_recover_from():
    handler = FeedHandler()
    topic = packets.frame(FIXP.encode("Topic", SessionId=TOPIC_SESSION_ID, Classification=b"L3"))
    header = packets.PacketHeader(0, 5, 1, 0, 1, 1)
    assert handler.receive(packets.pack_header(header) + topic) == []
    assert handler.topic_session_id == TOPIC_SESSION_ID and handler.counters.topics == 1
    assert handler.next_sequence == 1 and not handler.recovering


def test_a_heartbeat_uncovers_a_lost_tail():
    handler = FeedHandler()
    handler.receive(packet(1, [put(1, 1, 1, 1, 1, 1)]))
    handler.receive(packet(4, []))
    assert handler.recovering and handler.wanted() == (2, 2) and handler.counters.gaps == 1


def test_a_handler_without_a_start_takes_what_comes_first():
    handler = FeedHandler(next_sequence=None)
    assert [m.sequence for m in handler.receive(packet(40, [put(1, 1, 1, 1, 1, 1)]))] == [40]
    assert handler.receive(packet(39, [put(1, 1, 1, 1, 1, 1)])) == []


def test_other_channels_are_left_alone():
    handler = FeedHandler(channel_id=1)
    assert handler.receive(packet(1, [put(1, 1, 1, 1, 1, 1)], channel_id=2)) == []
    assert handler.counters.packets_of_others == 1


def test_the_dropper_loses_its_share_and_repeats_itself():
    one, other = Dropper(10, seed=3), Dropper(10, seed=3)
    drawn = [one.loses() for _ in range(5000)]
    assert drawn == [other.loses() for _ in range(5000)]
    assert 400 < one.dropped < 600
    never = Dropper(0)
    assert not any(never.loses() for _ in range(100))
    with pytest.raises(ValueError):
        Dropper(101)


def test_a_long_seeded_day_equals_the_naive_book():
    market = NaiveMarket(11, instruments=8).run(3000)
    handler, book = FeedHandler(), FeedBook()
    for octets in market.packets():
        for feed_message in handler.receive(octets):
            book.apply(feed_message)
    for instrument in market.books:
        assert [tuple(order) for order in book.orders(instrument)] == market.orders(instrument)
    assert book.faults == 0
