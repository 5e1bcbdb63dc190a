"""Full journal, feed store, order pool, port: clean counters and rejects, and going on where that is sensible."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.book.check import check_book
from appliance.exchange import whole_state_hash
from appliance.journal.records import Cursor
from native import codes, counters
from native.jit import INTERPRETED
from native.limits import ICEBERG_PARTS_MAX, RX_BURST_MAX
from tests.naive.venue import Venue
from tests.venue_rig import (
    START_NS,
    Client,
    VenueRig,
    cancel,
    demo_sessions,
    new,
    replies,
    run_twin,
    single,
    small_config,
)

ONE_INSTRUMENT: dict[str, Any] = {"instruments": [{"security_id": 1, "symbol": "ONE"}]}


def journal_is_whole(rig: VenueRig) -> bool:
    written = int(rig.exchange.journal.control[0]["committed_records"])
    assert written == rig.counter(counters.SEQUENCED_INPUTS)
    return Cursor(1, rig.config.epoch).count_whole(rig.exchange.journal.records[:written]) == written


def test_a_full_journal_refuses_and_stays_whole() -> None:
    """The day's last records are refused with a counter; nothing is half done, no number is used up."""
    config = small_config(journal={"records": 1024}, limits={"orders": 2048, "levels": 16}, **ONE_INSTRUMENT)
    client = Client(1)
    with VenueRig(config) as rig:
        # one phase, one peer; an input is taken while two records fit
        taken = 1024 - 2 - 1
        for cl_ord_id in range(1, 1100):
            rig.send(client.frame(new(cl_ord_id)))
        assert rig.counter(counters.ORDERS_ACCEPTED) == taken == len(replies(rig.sent, client))
        assert rig.counter(counters.DROP_JOURNAL_FULL) == 1099 - taken
        assert journal_is_whole(rig)
        before = whole_state_hash(rig.exchange)
        # a datagram of several is refused whole; so are cancels, announced gaps and a phase
        rig.send(client.frame(new(2000), cancel(2001, 1)), client.frame(at=client.next_number + 50))
        rig.open_day()
        assert rig.counter(counters.DROP_JOURNAL_FULL) == 1099 - taken + 3
        # what comes before the sequencer works as ever: a duplicate is a duplicate
        rig.send(client.frame(new(1), at=1))
        assert rig.counter(counters.DROP_DUPLICATE) == 1
        assert whole_state_hash(rig.exchange) == before
        assert check_book(rig.exchange.book) == []
        assert int(rig.exchange.tables.sessions[0]["expected_seq"]) == taken + 1


@pytest.mark.skipif(INTERPRETED, reason="filling a store takes minutes in interpreted kernels")
@pytest.mark.parametrize("burst_of", [1, RX_BURST_MAX])
def test_a_full_feed_store_refuses_before_it_overflows(burst_of: int) -> None:
    """However much of a burst waits unsent in the outbox. What was published is stored whole; all else is refused."""
    config = small_config(
        feed={"store_mib": 1}, limits={"orders": 16, "levels": 16}, journal={"records": 1 << 16}, **ONE_INSTRUMENT
    )
    client = Client(1)
    with VenueRig(config) as rig:
        store = rig.exchange.feed.store
        rig.send(client.frame(new(1, side=2, qty=1_000_000)))
        # each message causes a summary, a trade and an update of the resting order: 208 bytes
        frames = [client.frame(*(new(10 + 28 * i + j, tif="3") for j in range(28))) for i in range(320)]
        for at in range(0, len(frames), burst_of):
            rig.now_ns += 1000
            rig.burst(frames[at : at + burst_of])
        used = int(rig.exchange.feed.header[0]["committed_bytes"])
        assert store.size * 3 // 4 < used <= store.size
        assert rig.counter(counters.DROP_JOURNAL_FULL) > 0
        assert journal_is_whole(rig)
        assert check_book(rig.exchange.book) == []
        assert sum(map(len, rig.sent.feed_packets)) < used
        assert int(rig.exchange.feed.header[0]["next_sequence"]) == len(rig.sent.feed) + 1


@pytest.mark.skipif(INTERPRETED, reason="filling a store takes minutes in interpreted kernels")
def test_a_burst_of_wide_sweeps_does_not_overflow_the_feed_store() -> None:
    """Each sweep's market data waits in the outbox while the next is judged: the room that it needs is counted."""
    sessions = 1000
    config = small_config(
        feed={"store_mib": 1},
        limits={"orders": 1024, "levels": 16},
        journal={"records": 1 << 16},
        sessions=demo_sessions(sessions),
        **ONE_INSTRUMENT,
    )
    clients = [Client(n) for n in range(1, sessions + 1)]
    twin = Venue(config)
    twin.open_day(START_NS)
    with VenueRig(config, tx_frames=16_384) as rig:
        for day_part in range(60):
            frames = [
                client.frame(new(day_part * 10 + 1, 2, 1, 100, Account=n)) for n, client in enumerate(clients[1:401], 2)
            ]
            frames += [clients[0].frame(new(day_part * 10 + i, 1, 130, 100, "3")) for i in (1, 2, 3)]
            for at in range(0, len(frames), RX_BURST_MAX):
                rig.now_ns += 1000
                rig.burst(frames[at : at + RX_BURST_MAX])
            used = int(rig.exchange.feed.header[0]["committed_bytes"])
            assert used <= rig.exchange.feed.store.size
        assert rig.counter(counters.DROP_JOURNAL_FULL) > 0
        assert used > rig.exchange.feed.store.size // 2
        assert int(rig.exchange.feed.header[0]["next_sequence"]) == len(rig.sent.feed) + 1
        assert check_book(rig.exchange.book) == []


@pytest.mark.skipif(INTERPRETED, reason="filling a store takes minutes in interpreted kernels")
def test_icebergs_that_need_more_than_the_feed_store_holds() -> None:
    """Two orders can give a thousand trades: what the store cannot take is published all the same, told by a counter,
    and nothing more is taken in."""
    config = small_config(
        feed={"store_mib": 1}, limits={"orders": 16, "levels": 16}, journal={"records": 1 << 16}, **ONE_INSTRUMENT
    )
    client = Client(1)
    with VenueRig(config, tx_frames=16_384) as rig:
        cl_ord_id, store = 0, rig.exchange.feed.store
        while rig.counter(counters.DROP_JOURNAL_FULL) == 0:
            parts = ICEBERG_PARTS_MAX
            cl_ord_id += 2
            rig.send(client.frame(single(cl_ord_id, 2, parts, DisplayQty=1), new(cl_ord_id + 1, 1, parts)))
            assert cl_ord_id < 100
        unstored = rig.counter(counters.FEED_PACKETS_UNSTORED)
        assert unstored > 0
        used = int(rig.exchange.feed.header[0]["committed_bytes"])
        assert store.size * 3 // 4 < used <= store.size
        assert rig.counter(counters.FEED_PACKETS_OUT) == len(rig.sent.feed_packets)
        stored = int(rig.exchange.feed.header[0]["next_sequence"]) - 1
        assert sum(packet[19] for packet in rig.sent.feed_packets[:-unstored]) == stored < len(rig.sent.feed)
        assert journal_is_whole(rig)
        assert check_book(rig.exchange.book) == []


def test_a_full_order_pool_rejects_and_recovers() -> None:
    config = small_config(limits={"orders": 16, "levels": 16}, **ONE_INSTRUMENT)
    client, twin = Client(1), Venue(config)
    twin.open_day(START_NS)
    with VenueRig(config) as rig:
        messages = [new(i) for i in range(1, 19)] + [cancel(19, 3), new(20), new(21), new(22, side=2, tif="3")]
        for message in messages:
            frame = client.frame(message)
            rig.send(frame)
            run_twin(twin, [frame], rig.now_ns)
        rig.compare(twin)
        rejected = [f["ClOrdID"] for name, f in replies(rig.sent, client) if name == "ExecutionReportReject"]
        assert rejected == [17, 18, 21, 22]  # a slot is needed even for an order that would fill at once
        codes_given = {f["OrdRejReason"] for name, f in replies(rig.sent, client) if name == "ExecutionReportReject"}
        assert codes_given == {codes.REJECT_BOOK_FULL}


def test_a_full_level_pool_rejects_and_recovers() -> None:
    config = small_config(limits={"orders": 64, "levels": 16}, **ONE_INSTRUMENT)
    client, twin = Client(1), Venue(config)
    twin.open_day(START_NS)
    with VenueRig(config) as rig:
        for message in [*(new(i, ticks=i) for i in range(1, 19)), new(30, ticks=4), cancel(31, 3), new(32, ticks=40)]:
            frame = client.frame(message)
            rig.send(frame)
            run_twin(twin, [frame], rig.now_ns)
        rig.compare(twin)
        rejected = [f["ClOrdID"] for name, f in replies(rig.sent, client) if name == "ExecutionReportReject"]
        assert rejected == [17, 18]


def test_a_port_that_takes_nothing_for_a_while() -> None:
    """Frames are given up and counted, no buffer is lost, state goes on; later frames are taken again."""
    config = small_config()
    client = Client(1)
    with VenueRig(config, opens=False, tx_frames=64, tx_pending_max=4) as rig:
        rig.open_day()
        opened = rig.counter(counters.PACKETS_OUT)
        dropped = 0
        for cl_ord_id in range(1, 41):  # far more than 64 frames
            rig.now_ns += 1000
            rig.burst([client.frame(new(cl_ord_id))], collect=False)
            dropped = rig.counter(counters.TX_DROPPED)
        assert rig.counter(counters.PACKETS_OUT) == opened + 4
        assert dropped == 2 * 40 - 4
        assert rig.counter(counters.TX_RETRIES) > 0
        assert rig.counter(counters.ORDERS_ACCEPTED) == 40
        stats = rig.port.stats()
        assert stats["tx_free"] == 64 - 4
        assert stats["bad_descriptors"] == stats["tx_invalid"] == stats["rx_held"] == 0

        # the far end reads again: two frames, the reports and the market data, reach it, numbered as if all had
        while rig.port.collect() is not None:
            pass
        rig.burst([client.frame(new(41))], collect=False)
        assert rig.counter(counters.TX_DROPPED) == dropped
        for stream in (rig.sent.reports[client.uuid], rig.sent.feed):
            stream += [(0, "given up", {})] * 40
        rig.collect()
        assert rig.sent.reports[client.uuid][-1][:2] == (41, "ExecutionReportNew")
        assert rig.sent.feed[-1][0] == len(rig.sent.feed)
        assert rig.port.stats()["tx_free"] == 64
        # nothing is lost for good: every packet is in the store
        assert int(rig.exchange.feed.header[0]["next_sequence"]) == len(rig.sent.feed) + 1
