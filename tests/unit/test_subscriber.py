"""The subscriber's states, one by one."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.client.book import FeedBook
from appliance.client.feed_words import Books, FeedState, Range, Snapshot, SubscriberPolicy
from appliance.client.kernel_book import KernelBook
from appliance.client.snapshots import SnapshotAssembler
from appliance.client.subscriber import FeedSubscriber
from tests.naive.feed_venue import SNAPSHOT_CHANNEL, FeedVenue
from tests.naive.feed_writer import message, packet
from tests.naive.snapshots import end_of_cycle, snapshot_packets
from wire.framing import packets

MS = 1_000_000


def put(instrument: int, number: int, order_id: int, **facts: Any) -> bytes:
    values = {"InstrFlags": 3, "InstrSide": 1, "Price": 5, "Quantity": 2, "ExtPriority": order_id} | facts
    return message("OrderPut", InstrumentId=instrument, InstrSeqNum=number, OrderId=order_id, **values)


def subscriber(**policy: Any) -> FeedSubscriber:
    return FeedSubscriber(SubscriberPolicy(**policy), snapshot_channel_id=SNAPSHOT_CHANNEL)


def test_from_silence_to_complete_and_back() -> None:
    one = subscriber(from_first=True)
    assert one.state is FeedState.SILENT and not one.sound and not one.is_right(1)
    assert one.receive(packet(1, [put(1, 1, 7)]), 10 * MS) == 1
    assert one.state is FeedState.COMPLETE and one.sound and one.is_right(1) and one.sequence == 1
    one.tick(10 * MS + one.policy.silence_ns + 1)
    assert one.state is FeedState.SILENT
    one.receive(packet(2, []), 5000 * MS)
    assert one.complete


def test_a_hole_is_waited_for_and_then_asked_for() -> None:
    one = subscriber(from_first=True)
    one.receive(packet(1, [put(1, 1, 7)]), MS)
    one.receive(packet(4, [put(1, 4, 9)]), 2 * MS)
    assert one.state is FeedState.WAITING and one.wanted(3 * MS) is None
    assert one.wanted(8 * MS) == Range(2, 2) and one.state is FeedState.RECOVERING_RANGE
    assert one.sound and one.sequence == 1, "right as of message 1"
    one.answered(Range(2, 2), 9 * MS, "It is down.")
    assert one.wanted(10 * MS) is None and one.last_fault == "It is down."
    later = 10 * MS + one.policy.retry_ns
    assert one.wanted(later) == Range(2, 2)
    for octets in (packet(2, [put(1, 2, 8)]), packet(3, [put(1, 3, 8, Quantity=3)])):
        one.receive(packets.retransmitted(octets, 0, 1), later)
    one.answered(Range(2, 2), later)
    assert one.complete and one.sequence == 4 and one.last_fault == "" and one.counters.ranges == 1
    assert [order.order_id for order in one.books.orders(1)] == [7, 8, 9]


def test_many_small_holes_are_one_request() -> None:
    one = subscriber(from_first=True)
    for number in range(1, 40, 2):
        one.receive(packet(number, [put(1, number, number)]), MS)
    assert one.wanted(20 * MS) == Range(2, 37)
    far = subscriber(from_first=True)
    far.receive(packet(2, [put(1, number, number) for number in range(2, 202)]), MS)
    far.receive(packet(203, [put(1, 203, 203)]), MS)
    assert far.wanted(20 * MS) == Range(1, 1), "two holes far apart are two requests"


def test_a_server_that_names_a_pause_gets_it() -> None:
    one = subscriber(from_first=True)
    one.receive(packet(2, [put(1, 2, 8)]), MS)
    assert one.wanted(10 * MS) == Range(1, 1)
    one.answered(Range(1, 1), 10 * MS, "Too much.", 2_000 * MS)
    assert one.wanted(2_009 * MS) is None and one.wanted(2_010 * MS) == Range(1, 1)


def test_what_comes_late_on_the_other_line_mends_the_hole() -> None:
    one = subscriber(from_first=True)
    one.receive(packet(1, [put(1, 1, 7)]), MS, line=0)
    one.receive(packet(3, [put(1, 3, 9)]), MS, line=0)
    one.receive(packet(1, [put(1, 1, 7), put(1, 2, 8)]), 2 * MS, line=1)
    assert one.complete and one.sequence == 3
    lines = one.handler.lines
    assert (lines[0].messages_first, lines[1].messages_first, lines[1].duplicates) == (2, 1, 1)


def test_a_late_joiner_asks_for_a_snapshot_of_all() -> None:
    venue = FeedVenue(3)
    for _ in range(30):
        venue.transaction(0)
    one = subscriber(has_snapshots=True)
    sent: list[bytes] = []
    while len(sent) < 3:
        sent += venue.transaction(MS)[3]
    first = packets.parse_header(sent[0]).sequence
    for octets in sent:
        one.receive(octets, MS)
    assert one.state is FeedState.JOINING and not one.sound
    assert one.wanted(MS) == Snapshot(0, first - 1)
    for octets in venue.snapshot(3, 1):
        one.receive_snapshot(octets, 2 * MS)
    assert one.complete
    for instrument in venue.books:
        assert [tuple(order) for order in one.books.orders(instrument)] == venue.orders(instrument)


def test_a_cycle_that_lost_an_instrument_does_not_count() -> None:
    venue = FeedVenue(4)
    for _ in range(30):
        venue.transaction(0)
    one = subscriber(has_snapshot_loop=True)
    one.receive(venue.heartbeat(3), MS)
    packets_of_it = venue.snapshot(3, SNAPSHOT_CHANNEL)
    for octets in packets_of_it:
        if packets.parse_header(octets).epoch != 20:
            one.receive(octets, 2 * MS)
    assert one.state is FeedState.JOINING and one.is_right(10) and not one.is_right(20)
    for octets in packets_of_it:
        one.receive(octets, 3 * MS)
    assert one.complete and one.is_right(20)


@pytest.mark.parametrize("books", [FeedBook, lambda: KernelBook(3, 8, 64, 64)])
def test_a_contradiction_is_not_believed_until_a_snapshot(books: Any) -> None:
    made: Books = books()
    one = FeedSubscriber(SubscriberPolicy(from_first=True, has_snapshots=True), made)
    one.receive(packet(1, [put(1, 1, 7), put(2, 1, 8)]), MS)
    gone = message("OrderDelete", InstrFlags=3, InstrumentId=1, InstrSeqNum=2, OrderId=99)
    one.receive(packet(3, [gone]), MS)
    assert one.state is FeedState.RECOVERING_SNAPSHOT and one.counters.contradictions == 1
    assert not one.is_right(1) and one.is_right(2)
    one.receive(packet(4, [put(1, 3, 10)]), MS)
    assert not one.is_right(1), "its numbers go on, its book is not to be believed"
    assert one.wanted(2 * MS) == Snapshot(1, 3)


def test_a_contradiction_in_a_whole_packet_is_noticed() -> None:
    one = FeedSubscriber(SubscriberPolicy(from_first=True, has_snapshots=True), KernelBook(3, 2, 8, 8))
    one.receive(packet(1, [put(1, 1, 7)]), MS)
    one.receive(packet(2, [put(2, 1, 8)]), MS)
    assert one._by_packets
    gone = message("OrderDelete", InstrFlags=3, InstrumentId=1, InstrSeqNum=2, OrderId=99)
    one.receive(packet(3, [gone, put(2, 2, 9)]), MS)
    assert not one.is_right(1) and one.is_right(2) and one.counters.contradictions == 1
    one = FeedSubscriber(SubscriberPolicy(from_first=True, has_snapshots=True), KernelBook(3, 2, 8, 8))
    one.receive(packet(1, [put(1, 1, 7)]), MS)
    one.receive(packet(2, [put(2, 1, 8), put(3, 1, 8)]), MS)
    assert not one.sound and not one.is_right(3), "a third instrument has no room"


def test_numbers_of_an_instrument_that_jump_are_a_loss() -> None:
    one = subscriber(from_first=True, has_snapshots=True)
    one.receive(packet(1, [put(1, 1, 7), put(1, 3, 8), put(1, 4, 9)]), MS)
    assert not one.is_right(1) and one.wanted(2 * MS) == Snapshot(1, 1)
    assert [order.order_id for order in one.books.orders(1)] == [7]


def test_instruments_that_lost_nothing_go_on_by_their_numbers() -> None:
    one = subscriber(from_first=True, has_ranges=False, has_snapshots=True)
    one.receive(packet(1, [put(1, 1, 7), put(2, 1, 8)]), MS)
    one.receive(packet(4, [put(1, 2, 9)]), 2 * MS)
    one.tick(10 * MS)
    assert one.sequence == 4 and one.is_right(1) and not one.is_right(2)
    assert one.counters.resumed == 1 and one.state is FeedState.RECOVERING_SNAPSHOT


def test_a_snapshot_that_was_ahead_counts_when_what_it_reflects_is_given_up() -> None:
    one = subscriber(has_ranges=False, has_snapshot_loop=True)
    one.receive(packet(7, [put(5, 4, 7)]), MS)
    assert one.state is FeedState.JOINING
    one.receive(packet(10, []), 2 * MS)  # 8 and 9 are lost, and nothing comes behind them
    for octets in snapshot_of(9, 1):
        one.receive_snapshot(octets, 3 * MS)
    head = {"as_of_sequence": 9, "sending_time_ns": 0, "channel_id": 1, "epoch": 1}
    one.receive_snapshot(end_of_cycle(head, 1), 3 * MS)
    assert not one.is_right(5), "the channel has not come so far"
    one.tick(2 * MS + one.policy.patience_ns)
    assert one.sequence == 9 and one.is_right(5) and not one.complete, "8 and 9 may have been of another instrument"
    one.receive_snapshot(end_of_cycle(head, 1), 8 * MS)
    assert one.complete


def test_a_buffer_that_is_full_costs_another_snapshot() -> None:
    one = subscriber(has_snapshots=True, buffered_messages_max=2)
    for number in range(2, 6):
        one.receive(packet(number, [put(1, number, number)]), MS)
    assert one.counters.buffer_full == 1
    assert one.wanted(2 * MS) == Snapshot(0, 4)


def test_a_number_from_nowhere_is_forgotten() -> None:
    one = subscriber(from_first=True)
    one.receive(packet(1, [put(1, 1, 7)]), MS)
    one.receive(packet(1 << 60, []), 2 * MS)
    assert not one.complete
    one.receive(packet(1 << 50, [put(1, 2, 8)]), 3 * MS)
    assert not one.complete
    one.receive(packet(2, []), 4 * MS)
    assert one.complete and one.handler.counters.buffer_full == 1


@pytest.mark.parametrize("books", [FeedBook, lambda: KernelBook(3, 8, 64, 64)])
def test_a_number_from_nowhere_in_a_quiet_market_is_left_after_a_silence(books: Any) -> None:
    one = FeedSubscriber(SubscriberPolicy(has_ranges=False, has_snapshots=True), books())
    one.receive(packet(1, [put(1, 1, 7)]), MS)
    assert one.complete
    one.receive(packet(1 << 60, []), 2 * MS)
    now = 10 * MS
    assert one.wanted(now) == Snapshot(0, (1 << 60) - 1), "it is believed: what is behind it was given up"
    while one.handler.next_sequence != 2:
        assert not one.sound and not one.is_right(1)
        now += 500 * MS
        one.receive(packet(2, []), now)
        one.tick(now)
        assert now < 6_000 * MS
    assert one.state is FeedState.JOINING and one.wanted(now) == Snapshot(0, 1)
    assert one.handler.counters.packets_behind > 5


def test_an_instrument_from_nowhere_is_forgotten_when_two_cycles_do_not_have_it() -> None:
    venue = FeedVenue(5)
    one = subscriber(from_first=True, has_snapshots=True)
    for _ in range(30):
        for octets in venue.transaction(MS)[3]:
            one.receive(octets, MS)
    last = len(venue.channels[3].frames)
    stray = put(777, 5, 9)
    one.receive(packet(last + 1, [stray]), MS)
    assert one.state is FeedState.RECOVERING_SNAPSHOT and one.wanted(MS) == Snapshot(777, last)
    one.answered(Snapshot(777, last), MS, "There is no instrument 777.")
    now = 2 * MS + one.policy.retry_ns
    assert one.wanted(now) == Snapshot(0, last), "then all are asked for"
    cut = venue.snapshot(3, 1)
    for octets in [*cut[3:], *cut]:  # the first cycle began before we listened
        one.receive_snapshot(octets, now)
    assert not one.complete
    for octets in cut:
        one.receive_snapshot(octets, now)
    assert one.complete and one.counters.instruments_forgotten == 1
    assert all(map(one.is_right, venue.books))


def snapshot_of(as_of: int, entries: int, security_id: int = 5) -> list[bytes]:
    head = {
        "as_of_sequence": as_of, "sending_time_ns": 0, "transact_time_ns": 0, "epoch": 1, "instrument_id": security_id,
        "instr_sequence": 1, "channel_id": 1, "trading_session_date": 0, "trading_status": 1, "is_levels": 0,
    }  # fmt: skip
    row = {"price_nanos": 5, "qty_lots": 1, "transact_time_ns": 0, "orders": 1, "side": 1}
    return snapshot_packets(head, [row | {"order_id": n, "priority": n} for n in range(1, entries + 1)])


def test_a_snapshot_from_nowhere_does_not_keep_the_later_ones_out() -> None:
    one = SnapshotAssembler()
    stray = snapshot_of(1 << 60, 100)[1]
    assert one.receive(stray) == []
    found = [[whole for octets in snapshot_of(as_of, 100) for whole in one.receive(octets)] for as_of in range(1, 6)]
    assert [len(whole) for whole in found] == [0, 0, 1, 1, 1]


def test_snapshots_that_never_become_whole_take_a_bounded_room() -> None:
    one = SnapshotAssembler(open_bytes_max=100_000)
    for security_id in range(1, 300):
        assert one.receive(snapshot_of(7, 100, security_id)[1]) == []
    assert len(one._open) < 100 and one._open_bytes <= 100_000
    assert len(one.receive(snapshot_of(7, 3)[0])) == 1, "who comes now finds room"
    large = SnapshotAssembler(open_bytes_max=3000)
    assert not any(large.receive(octets) for octets in snapshot_of(7, 100))
    assert large.packets_bad and "no room" in large.last_fault and large._open_bytes <= 3000


def test_an_epoch_from_nowhere_is_left_after_a_silence() -> None:
    one = subscriber(from_first=True)
    one.receive(packet(1, [put(1, 1, 7)], epoch=5), MS)
    one.receive(packet(1, [put(1, 1, 7)], epoch=500), 2 * MS)
    now = 2 * MS
    while one.handler.epoch == 500:
        now += 1000 * MS
        one.receive(packet(2, [], epoch=5), now)
        one.tick(now)
        assert now < 10_000 * MS
    one.receive(packet(1, [put(1, 1, 7)], epoch=5), now)
    assert one.handler.epoch == 5 and one.complete


def test_damaged_packets_are_counted() -> None:
    one = subscriber(from_first=True)
    for octets in (b"", b"\1" * 17, packet(1, [put(1, 1, 7)])[:-5]):
        assert one.receive(octets, MS) == 0
    assert one.state is FeedState.SILENT
    assert one.handler.counters.packets_bad == 3
