"""Two days: what is open after the first is there on the second, for clients and for new subscribers."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from appliance.cli import main
from appliance.client.book import FeedBook
from appliance.client.feed import FeedHandler
from appliance.config import Config, parse
from appliance.control import engine_book_digest
from appliance.exchange import SharedFolder, allocate, save_journal, venue_identity, whole_state_hash
from appliance.history.beginning import begin_as_the_day_did
from appliance.history.compare import compare
from appliance.history.day_end import DayEndError, carry_over, next_day, positions_of, write_positions
from appliance.history.records import RecordArray
from appliance.history.recover import recover
from appliance.history.state import load
from appliance.history.timeline import sized_exchange
from appliance.journal.event_store import EventStore
from appliance.publisher.packet import NEXT_NUMBER
from appliance.replay import LOCAL_MAC, ReplayError, replay_journal
from appliance.sequencer.journal import COMMITTED
from native import codes, counters
from native.layout import KIND_NEW_DAY, KIND_PHASE, PHASE_CLOSED
from tests.history_rig import CONFIG, same_state
from tests.session_rig import Party, SessionRig, keyed_config
from tests.venue_rig import TICK, Client, VenueRig, cancel, new, replies, single

TOMORROW = next_day(CONFIG)
NEXT_DAY_NS = 86_400_000_000_000


def first_day(rig: VenueRig, a: Client, b: Client) -> None:
    """Leaves a GTC order of 5, an iceberg, a hidden order, a stop; a DAY order goes; 3 lots are traded."""
    rig.send(
        a.frame(new(1, 1, 8, 100, tif="1"), new(2, 1, 4, 99)),
        a.frame(single(3, 1, 20, 98, TimeInForce="1", DisplayQty=2), single(4, 1, 6, 97, TimeInForce="1", ExecInst=16)),
        a.frame(single(5, 1, 2, None, OrdType="3", StopPx=104 * TICK, TimeInForce="1")),
        b.frame(new(1, 2, 3, 100, Account=2)),
    )


def close(rig: VenueRig) -> None:
    for instrument in range(len(rig.config.instruments)):
        rig.set_phase(instrument, PHASE_CLOSED)


def test_orders_positions_and_numbers_are_carried_over(tmp_path: Path) -> None:
    a, b = Client(1), Client(2)
    with VenueRig(CONFIG) as rig:
        first_day(rig, a, b)
        close(rig)
        assert positions_of(rig.exchange) == [(1, 1, 3), (2, 1, -3)]
        numbers = rig.exchange.tables.sessions[["expected_seq", "next_out_seq"]].copy()
        reports = rig.sent.reports
        now_ns = rig.now_ns
        write_positions(rig.exchange, tmp_path / "positions.csv")
        carried = carry_over(rig.exchange, CONFIG, TOMORROW, tmp_path)
    assert (tmp_path / "positions.csv").read_text() == "account,security_id,net_lots\n1,1,3\n2,1,-3\n"
    assert (carried.epoch, carried.open_orders, carried.positions) == (2, 4, 2)

    with VenueRig(TOMORROW, opens=False) as rig:
        snapshot = load(rig.exchange, TOMORROW, Path(carried.snapshot))
        assert snapshot.sequence == 0
        assert snapshot.state_hash == carried.state_hash
        assert (rig.exchange.tables.sessions[["expected_seq", "next_out_seq"]] == numbers).all()
        rig.sent.reports = reports
        rig.now_ns = now_ns + NEXT_DAY_NS
        rig.open_day()
        assert int(rig.exchange.journal.records[0]["kind"]) == KIND_NEW_DAY
        assert subscriber_digest(rig) == engine_book_digest(rig.exchange)
        assert [name for _, name, _ in rig.sent.feed[:2]] == ["OrderPut"] * 2

        # what a client sends again is known; what it sends now reaches the orders of yesterday
        rig.send(a.frame(new(1, 1, 8, 100, tif="1"), at=1))
        assert rig.counter(counters.DROP_DUPLICATE) == 1
        rig.send(b.frame(new(2, 2, 5, 100, Account=2)), a.frame(cancel(6, 3)))
        last = [(name, fields.get("LeavesQty")) for name, fields in replies(rig.sent, a)[-2:]]
        assert last[0][1] == 0, last
        assert rig.counter(counters.FILLS) == 1
        assert rig.counter(counters.CANCELS) == 1
        assert positions_of(rig.exchange) == [(1, 1, 8), (2, 1, -8)]
        assert subscriber_digest(rig) == engine_book_digest(rig.exchange)

        # and a restart on the second day begins with the carry-over
        count = int(rig.exchange.journal.scalars[COMMITTED])
        recovered = allocate(TOMORROW, local_mac=LOCAL_MAC)
        result = recover(recovered, TOMORROW, tmp_path, RecordArray(rig.exchange.journal.records[:count].copy()))
        assert (str(result.snapshot), result.snapshot_sequence) == (carried.snapshot, 0)
        same_state(recovered, rig.exchange)
        assert int(recovered.feed.scalars[NEXT_NUMBER]) == len(rig.sent.feed) + 1
        check_replays(tmp_path, rig, count)


def check_replays(tmp_path: Path, rig: VenueRig, count: int) -> None:
    """The second day's journal leads to its state in every way of playing it, and to none without the first's."""
    journal = tmp_path / "tuesday.journal"
    save_journal(rig.exchange, TOMORROW, journal)
    snapshots = TOMORROW.journal.model_copy(update={"snapshots": str(tmp_path)})
    config = TOMORROW.model_copy(update={"journal": snapshots})
    expected = whole_state_hash(rig.exchange)
    assert replay_journal(journal, config, begin=begin_as_the_day_did).state_hash == expected
    (tmp_path / "tuesday.json").write_text(config.to_json())
    for more in ([], ["--state-only"], ["--hash-every", "5"]):
        words = ["replay", str(journal), "--config", str(tmp_path / "tuesday.json"), "--json", *more]
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout.splitlines()[-1])["state_hash"] == expected
    assert compare(journal, journal, config).equal
    for replay in (
        lambda: replay_journal(journal, TOMORROW, begin=begin_as_the_day_did),
        lambda: sized_exchange(rig.exchange.journal.records[:count], TOMORROW),
    ):
        with pytest.raises(ReplayError, match=r"must name the folder of that in journal\.snapshots"):
            replay()


def subscriber_digest(rig: VenueRig) -> str:
    """Of the book of somebody who saw this day's feed and nothing else."""
    handler, book = FeedHandler(), FeedBook()
    for packet in rig.sent.feed_packets:
        for message in handler.receive(packet):
            book.apply(message)
    assert (book.faults, handler.recovering) == (0, False)
    return book.digest()


def test_many_open_orders_are_published_whole(tmp_path: Path) -> None:
    """More than a buffer of events, more than an outbox."""
    config = CONFIG.model_copy(update={"limits": CONFIG.limits.model_copy(update={"orders": 2048}), "name": "many"})
    a = Client(1)
    with VenueRig(config) as rig:
        for first in range(1, 1300, 10):
            rig.send(a.frame(*(new(n, 1, 1, 90 + n % 20, tif="1") for n in range(first, first + 10))))
        close(rig)
        carried = carry_over(rig.exchange, config, next_day(config), tmp_path)
        now_ns = rig.now_ns
    with VenueRig(next_day(config), opens=False) as rig:
        load(rig.exchange, rig.config, Path(carried.snapshot))
        rig.now_ns = now_ns
        rig.open_day()
        assert sum(name == "OrderPut" for _, name, _ in rig.sent.feed) == carried.open_orders == 1300
        assert subscriber_digest(rig) == engine_book_digest(rig.exchange)


def day_of_two_rows() -> Config:
    """Rows with keys, whose accounts may trade 4 lots a day and lose 300 cents."""
    limits = {"limits": {"daily_loss": 300}, "instruments": [{"security_id": 1, "traded_lots": 4}]}
    return keyed_config(
        2,
        instruments=[{"security_id": 1, "symbol": "ONE", "price_ticks_max": 1000, "qty_lots_max": 1000}],
        firms=[{"id": 7}],
        accounts=[{"id": number, "firm": 7} | limits for number in (1, 2, 99)],
    )


def test_what_counts_by_the_day_begins_anew(tmp_path: Path) -> None:
    """Also where no order was carried over: quantities, results, ClOrdIDs, drop copies, SessionIds that died."""
    config = day_of_two_rows()
    tomorrow = next_day(config)
    a, b, dead = Party(0, 1), Party(1, 2), Party(0, 3)
    with SessionRig(config) as rig:
        rig.log_on(dead, 1)
        rig.log_on(a, 3)
        rig.log_on(b, 5)
        rig.send(a.frame(new(70, 1, 4, 200)), b.frame(new(80, 2, 4, 200, Account=2)))
        rig.send(a.frame(new(71, 1, 1, 200)))
        assert rig.out.streams[a.uuid][3][1]["OrdRejReason"] == codes.REJECT_TRADED_LOTS
        rig.exchange.accounts.accounts[0]["day_result"] = -400
        rig.set_phase(0, PHASE_CLOSED)
        assert rig.exchange.tables.firm_numbers[0] > 4
        streams, now_ns = rig.out.streams, rig.now_ns
        carried = carry_over(rig.exchange, config, tomorrow, tmp_path)
        assert carried.open_orders == 0
    with SessionRig(tomorrow, opens=False) as rig:
        load(rig.exchange, tomorrow, Path(carried.snapshot))
        rig.out.streams = streams
        rig.now_ns = now_ns + NEXT_DAY_NS
        rig.open_day()
        assert [int(kind) for kind in rig.exchange.journal.records[:2]["kind"]] == [KIND_NEW_DAY, KIND_PHASE]
        assert rig.exchange.tables.firm_numbers[0] == 1
        rig.send(a.frame(new(1, 1, 4, 200)), b.frame(new(1, 2, 4, 200, Account=2)))
        assert [streams[a.uuid][number][0] for number in (4, 5)] == ["ExecutionReportNew", "ExecutionReportTrade"]
        rig.shake(a, dead.negotiate(9))
        assert [name for name, _ in rig.take_said()] == ["Terminate", "NegotiationResponse"]


def test_the_first_day_is_not_a_new_one() -> None:
    with VenueRig(CONFIG) as rig:
        assert KIND_NEW_DAY not in np.unique(rig.exchange.journal.records["kind"])


def test_refusals(tmp_path: Path) -> None:
    a, b = Client(1), Client(2)
    with VenueRig(CONFIG) as rig:
        first_day(rig, a, b)
        before = whole_state_hash(rig.exchange)
        with pytest.raises(DayEndError, match="2 instruments are not closed, PLAIN is the first"):
            carry_over(rig.exchange, CONFIG, TOMORROW, tmp_path)
        close(rig)
        with pytest.raises(DayEndError, match="give one above 1"):
            carry_over(rig.exchange, CONFIG, CONFIG, tmp_path)
        fewer = TOMORROW.model_copy(update={"instruments": TOMORROW.instruments[:2]})
        with pytest.raises(DayEndError, match="other instruments"):
            carry_over(rig.exchange, CONFIG, fewer, tmp_path)
        assert whole_state_hash(rig.exchange) != before
    assert list(tmp_path.iterdir()) == []


def test_the_command_tells_what_is_missing(tmp_path: Path) -> None:
    """A venue that does not run: without a log, with one that did not end in good order, without a folder."""
    name = f"day-end-{os.getpid()}"
    memory = SharedFolder(name).path

    def command(folder: str) -> str:
        journal = CONFIG.journal.model_copy(update={"snapshots": folder})
        config = CONFIG.model_copy(update={"name": name, "journal": journal})
        (tmp_path / "monday.json").write_text(config.to_json())
        words = ["end-of-day", "--config", str(tmp_path / "monday.json"), "--next-config", str(tmp_path / "next.json")]
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 1
        assert not (tmp_path / "next.json").exists()
        return done.output

    try:
        assert "No such file or directory" in command(str(tmp_path / "snapshots"))
        memory.mkdir()
        store = EventStore.create(memory, venue_identity(CONFIG), segment_records=64, records_max=64)
        assert "did not end in good order: start it once more" in command(str(tmp_path / "snapshots"))
        store.control.row["closed"] = 1
        assert "must name a folder in journal.snapshots" in command("")
        assert "instruments are not closed" in command(str(tmp_path / "snapshots"))
    finally:
        shutil.rmtree(memory, ignore_errors=True)


def test_folders_of_the_next_day() -> None:
    journal = {"mode": "disk", "directory": "/x/log", "archive": "/x/archive", "snapshots": "/x/snapshots"}
    days = [parse({"journal": journal, "epoch": 9})]
    for _ in range(2):
        days.append(next_day(days[-1]))
    assert [day.journal.directory for day in days] == ["/x/log", "/x/log-10", "/x/log-11"]
    assert [day.journal.archive for day in days] == ["/x/archive", "/x/archive-10", "/x/archive-11"]
    assert {day.journal.snapshots for day in days} == {"/x/snapshots"}
