"""Snapshots on demand over TCP against the market that wrote the feed; channels that come, go and are replaced."""

from __future__ import annotations

import time

import pytest

from appliance.recovery import snapshots
from appliance.recovery.limits import ServerLimits
from appliance.recovery.snapshots import BookSizes, SnapshotDesk
from appliance.recovery.store import FeedStore
from appliance.recovery.warm_up import warm_up
from appliance.recovery_config import Entitlement
from appliance.retransmit.index import MARK_BYTES
from tests.naive.feed_messages import NaiveMarket
from tests.naive.feed_writer import FeedWriter, message, packet
from tests.naive.recovery_server import serving
from tests.naive.recovery_talk import FIXP, Talk, messages_of, range_request, snapshot_request
from wire.framing import packets

SIZES = BookSizes((1, 2, 3, 9), 4096, 1024)
LIMITS = ServerLimits(batch_bytes=4096)


def publish(writer: FeedWriter, frames: list[bytes], size: int = 7) -> None:
    """The frames that the writer has not had yet, in packets."""
    for start in range(writer.next_sequence - 1, len(frames), size):
        part = frames[start : start + size]
        writer.append(packet(start + 1, part), len(part))


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """As the process does: nobody's question waits for a compiler."""
    warm_up()


@pytest.fixture
def venue(tmp_path):
    market = NaiveMarket(5).run(3000)
    writer = FeedWriter(tmp_path / "feed", epoch=4)
    publish(writer, market.frames)
    store = FeedStore(tmp_path / "feed")
    with serving(store, LIMITS, folder=tmp_path, snapshots=SnapshotDesk(SIZES, LIMITS)) as running:
        yield running, market, writer


def orders_of(market: NaiveMarket, instrument: int) -> list[tuple[int, int, int, int, int]]:
    """(id, side 1/-1, price, qty, priority): bids best first, then offers best first, in queue order."""
    book = market.books.get(instrument, {})
    rows = [(n, 1 if side == 1 else -1, price, qty, priority) for n, (side, price, qty, priority) in book.items()]
    return sorted(rows, key=lambda row: (-row[1], -row[1] * row[2], row[4]))


def judged(market: NaiveMarket, octets: list[bytes], instruments: list[int], as_of: int) -> None:
    """The snapshot is that of `instruments` of the market after message `as_of`, which must be its last."""
    found = [entry for one in octets for entry in messages_of(one)]
    for one in octets:
        header = packets.parse_header(one)
        assert (header.flags, header.sequence, header.channel_id) == (packets.FLAG_SNAPSHOT, as_of, 1)
        assert {values.InstrumentId for _, values in messages_of(one) if hasattr(values, "InstrumentId")} <= {
            header.epoch
        }
    for instrument in instruments:
        expected = orders_of(market, instrument)
        name, start = found.pop(0)
        assert name == "SnapshotStart"
        assert (start.InstrumentId, start.AsOfSequence, start.EntryCount) == (instrument, as_of, len(expected))
        assert start.InstrSeqNum == market.instrument_sequences.get(instrument, 0)
        assert start.Epoch == 4
        rows = [found.pop(0) for _ in expected]
        assert [
            (values.OrderId, values.ExtSide, values.Price, values.Quantity, values.ExtPriority) for _, values in rows
        ] == expected
        assert [values.SnapshotSeqNum for _, values in rows] == list(range(1, len(expected) + 1))
        name, end = found.pop(0)
        assert (name, end.EntryCount, end.AsOfSequence) == ("SnapshotEnd", len(expected), as_of)
    [(name, cycle)] = found
    assert (name, cycle.ActiveInstrumentCount, cycle.ExtAsOfSequence, cycle.ExtEpoch) == (
        "EndOfCycle", len(instruments), as_of, 4,
    )  # fmt: skip


def test_a_snapshot_is_the_book(venue):
    running, market, _ = venue
    with Talk(running.ip, running.port) as talk:
        judged(market, talk.snapshot(1), [1, 2, 3, 9], len(market.frames))
        judged(market, talk.snapshot(1, 2), [2], len(market.frames))
        judged(market, talk.snapshot(1, 9), [9], len(market.frames))
        assert talk.range(3, 4)
    assert running.server.counters["snapshots"] == 3


def test_it_reflects_what_was_published_last(venue):
    running, market, writer = venue
    with Talk(running.ip, running.port) as talk:
        for _ in range(5):
            market.run(50)
            publish(writer, market.frames)
            judged(market, talk.snapshot(1, minimum=len(market.frames)), [1, 2, 3, 9], len(market.frames))


def test_what_cannot_be_given_is_rejected(venue):
    running, market, _ = venue
    asked = [
        (snapshot_request(7), 1, "no channel 7"),
        (snapshot_request(1, 77), 0, "no instrument 77"),
        (snapshot_request(1, -1), 0, "no instrument -1"),
        (snapshot_request(1, 0, -5), 0, "not below 0"),
        (snapshot_request(1, 0, len(market.frames) + 1), 0, "retry_ns="),
    ]
    with Talk(running.ip, running.port) as talk:
        for octets, code, words in asked:
            talk.say(octets)
            reject = talk.session_message()
            assert (reject.block.name, reject.values.Code) == ("RetransmitReject", code)
            assert words in reject.values.Reason.decode()
        talk.say(snapshot_request(1) * 2)
        assert talk.session_message().values.Code == 3, "a second request while the first is answered"


def test_an_unfinished_transaction_is_waited_for(tmp_path):
    writer = FeedWriter(tmp_path / "feed", epoch=4)
    opened = message(
        "OrderPut", InstrFlags=1, InstrSide=1, InstrumentId=1, InstrSeqNum=1, OrderId=7, Price=5, Quantity=1
    )
    ended = message("OrderDelete", InstrFlags=2, InstrSide=1, InstrumentId=1, InstrSeqNum=2, OrderId=7)
    writer.append(packet(1, [opened]), 1)
    limits = ServerLimits()
    store = FeedStore(tmp_path / "feed")
    with (
        serving(store, limits, snapshots=SnapshotDesk(SIZES, limits)) as running,
        Talk(running.ip, running.port) as talk,
    ):
        talk.say(snapshot_request(1, 1))
        time.sleep(0.2)
        assert running.server.counters["snapshots"] == 0
        writer.append(packet(2, [ended]), 1)
        _, first = next(talk.frames())
        assert messages_of(first)[0][1].AsOfSequence == 2


def put(number: int, order_id: int, price: int, flags: int = 3) -> bytes:
    facts = {"InstrSide": 1, "InstrumentId": 1, "InstrSeqNum": number, "OrderId": order_id, "Price": price}
    return message("OrderPut", InstrFlags=flags, Quantity=1, ExtPriority=number, **facts)


def test_a_venue_with_a_full_table_of_levels_may_move_all_of_them_at_once(tmp_path):
    writer = FeedWriter(tmp_path / "feed", epoch=4)
    frames = [put(1, 1, 10), put(2, 2, 20), put(3, 1, 30, flags=1), put(4, 2, 40, flags=2)]
    publish(writer, frames)
    limits = ServerLimits()
    desk = SnapshotDesk(BookSizes((1,), orders=2, levels=2), limits)
    with (
        serving(FeedStore(tmp_path / "feed"), limits, snapshots=desk) as running,
        Talk(running.ip, running.port) as talk,
    ):
        entries = [values for one in talk.snapshot(1) for name, values in messages_of(one) if name == "OrderSnapshot"]
        assert [(one.OrderId, one.Price) for one in entries] == [(2, 40), (1, 30)]


class Waiting:
    """Who waits for a snapshot, without a connection."""

    awaits_snapshot = True

    def __init__(self) -> None:
        self.answers: list[object] = []

    def answer_snapshot(self, answer: object, messages: int) -> None:
        self.answers.append(messages)

    def reject(self, code: int, reason: str, **_: object) -> None:
        self.answers.append(reason)


def test_however_many_wait_a_turn_follows_a_channel_by_one_step(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshots, "_FOLLOW_BYTES", 1)
    writer = FeedWriter(tmp_path / "feed", capacity_bytes=1 << 20, epoch=4)
    publish(writer, [put(number, 1, 10) for number in range(1, 4001)])
    store = FeedStore(tmp_path / "feed")
    desk = SnapshotDesk(SIZES, ServerLimits())
    desk.work(store, [store])
    assert store.indexed_bytes > 7 * MARK_BYTES
    crowd = [Waiting() for _ in range(4)]
    steps: list[object] = []
    step = snapshots.Follower.follow
    monkeypatch.setattr(snapshots.Follower, "follow", lambda self: steps.append(self) or step(self))
    for one in crowd:
        desk.ask(one, store, 0, 0)
    assert desk.work(store, [store])
    assert len(steps) == len(crowd) + 1 and not any(one.answers for one in crowd)
    while desk.work(store, [store]):
        pass
    assert all(one.answers == [1 + 1 + 2 * len(SIZES.security_ids)] for one in crowd)


def test_who_waits_for_a_channel_that_is_started_anew_is_told(tmp_path):
    writer = FeedWriter(tmp_path / "feed", epoch=4)
    publish(writer, [put(1, 1, 10, flags=1)])  # its transaction is still open
    store = FeedStore(tmp_path / "feed")
    desk, one = SnapshotDesk(SIZES, ServerLimits()), Waiting()
    desk.work(store, [store])
    desk.ask(one, store, 0, 0)
    (tmp_path / "anew").mkdir()
    FeedWriter(tmp_path / "anew" / "feed", epoch=5).header[0]["topic_session_id"][:] = 7
    anew = FeedStore(tmp_path / "anew" / "feed")
    desk.work(anew, [anew])
    assert one.answers == ["The publisher was started anew meanwhile."]


def test_books_that_contradict_the_feed_are_not_given(tmp_path):
    writer = FeedWriter(tmp_path / "feed")
    writer.append(
        packet(1, [message("OrderDelete", InstrFlags=3, InstrSide=1, InstrumentId=1, InstrSeqNum=1, OrderId=7)]), 1
    )
    limits = ServerLimits()
    with (
        serving(FeedStore(tmp_path / "feed"), limits, snapshots=SnapshotDesk(SIZES, limits)) as running,
        Talk(running.ip, running.port) as talk,
    ):
        [reject] = talk.snapshot(1)
        assert b"not right" in FIXP.decode(reject).values.Reason
        assert talk.range(1, 1), "the messages themselves are served"


def test_channels_come_go_and_are_replaced(tmp_path):
    market = NaiveMarket(6).run(100)
    main = FeedWriter(tmp_path / "feed")
    publish(main, market.frames)
    limits = ServerLimits()

    def level(sequence: int, price: int, lots: int) -> bytes:
        return message(
            "PriceLevelUpdate", InstrFlags=3, InstrSide=1, InstrumentId=1, InstrSeqNum=sequence,
            Price=price, AggregateQty=lots, NumberOfOrders=2,
        )  # fmt: skip

    def second(epoch: int, session_id: bytes) -> FeedWriter:
        path = tmp_path / "making"
        writer = FeedWriter(path, channel_id=2, epoch=epoch)
        writer.header[0]["topic_session_id"][:] = list(session_id)
        for sequence in range(1, 4):
            writer.append(packet(sequence, [level(sequence, 100 + sequence, 5 * epoch)], channel_id=2, epoch=epoch), 1)
        path.rename(tmp_path / "feed-l2")
        return writer

    def until_served(talk: Talk, session_id: bytes) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            talk.say(range_request(1, 3, session_id))
            if talk.session_message().block.name == "Retransmission":
                return
            time.sleep(0.1)
        raise AssertionError("not served")

    first_id, next_id = bytes([1] * 16), bytes([2] * 16)
    with (
        serving(
            FeedStore(tmp_path / "feed"), limits, folder=tmp_path, snapshots=SnapshotDesk(SIZES, limits)
        ) as running,
        Talk(running.ip, running.port) as talk,
    ):
        talk.say(range_request(1, 3, first_id))
        assert talk.session_message().values.Code == 1
        second(1, first_id)
        until_served(talk, first_id)
        rows = [
            values for one in talk.snapshot(2, 1) for name, values in messages_of(one) if name == "PriceLevelSnapshot"
        ]
        assert [(row.Price, row.AggregateQty, row.NumberOfOrders, row.InstrSide) for row in rows] == [
            (103, 5, 2, 1), (102, 5, 2, 1), (101, 5, 2, 1),
        ]  # fmt: skip
        (tmp_path / "feed-l2").unlink()  # its publisher ended: what it published stays
        time.sleep(1.2)
        until_served(talk, first_id)
        second(2, next_id)  # and began anew
        until_served(talk, next_id)
        talk.say(range_request(1, 3, first_id))
        assert b"started anew" in talk.session_message().values.Reason
        rows = [
            values for one in talk.snapshot(2, 1) for name, values in messages_of(one) if name == "PriceLevelSnapshot"
        ]
        assert {row.AggregateQty for row in rows} == {10}
        (tmp_path / "feed").unlink()
        time.sleep(1.2)
        assert len(talk.range(1, 50)) > 1, "the file is gone, its memory is not"


def test_entitlements(tmp_path):
    writer = FeedWriter(tmp_path / "feed")
    writer.publish([5])
    rows = (Entitlement(source="127.0.0.2"), Entitlement(source="127.0.1.0/24", channels=(2,)))
    with serving(FeedStore(tmp_path / "feed"), entitlements=rows) as running:
        with Talk(running.ip, running.port, source_ip="127.0.0.2") as talk:
            assert talk.range(1, 5)
        with Talk(running.ip, running.port, source_ip="127.0.1.7") as talk:
            talk.say(range_request(1, 5))
            assert b"Not entitled to channel 1" in talk.session_message().values.Reason
        with Talk(running.ip, running.port, source_ip="127.0.0.3") as talk:
            assert list(talk.frames()) == []
        assert running.server.counters["closed_not_entitled"] == 1
