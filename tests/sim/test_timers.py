"""Time is an input: what the clock brings (expiry, schedules, auctions, halts) is the same live and in every replay."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.config import Config
from appliance.control import engine_book_digest
from appliance.exchange import Exchange, allocate, save_journal, whole_state_hash
from appliance.loop import RUN_TURNS_DONE, allocate_loop, answer_of, run, scheduled_phase, write_command
from appliance.operator.actions import bodies
from appliance.replay import LOCAL_MAC, opening_phases, replay_capture, replay_journal
from appliance.sequencer.journal import COMMITTED
from native import codes, counters
from native.layout import (
    CONTROL_SEQUENCE,
    KIND_PHASE,
    KIND_TIMER,
    PHASE_CLOSED,
    PHASE_CLOSING_AUCTION,
    PHASE_CONTINUOUS,
    PHASE_OPENING_AUCTION,
    PHASE_PRE_OPEN,
    PKT_CLOCK_REALTIME,
)
from native.ports import PortConfig, open_port
from tests.naive.venue import Venue
from tests.venue_rig import START_NS, TICK, Client, Sent, VenueRig, new, replies, run_twin, single, small_config
from wire.capture import create_capture, open_capture

SECOND = 10**9
DAY = 86_400 * SECOND
MIDNIGHT = START_NS // DAY * DAY
SCHEDULE = [
    {"time": "07:00:00", "phase": "pre_open"},
    {"time": "08:50:00", "phase": "opening_auction"},
    {"time": "09:00:00", "phase": "continuous"},
    {"time": "17:30:00", "phase": "closing_auction"},
    {"time": "17:35:00", "phase": "closed"},
]


def scheduled(**more: Any) -> Config:
    return small_config(
        instruments=[{"security_id": 1, "symbol": "DAY", "schedule": SCHEDULE, "freeze_ms": 30_000} | more]
    )


def at(text: str) -> int:
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return MIDNIGHT + (hours * 3600 + minutes * 60 + seconds) * SECOND


def write_capture(path: Path, frames: list[tuple[int, bytes]]) -> Path:
    with create_capture(path) as capture:
        for time_ns, frame in frames:
            capture.write(time_ns, frame)
    return path


def sent_by(path: Path, config: Config) -> Sent:
    """What a replay sent, read back."""
    sent = Sent(config)
    for packet in open_capture(path):
        sent.read(bytes(packet.data))
    return sent


def replayed(capture: Path, config: Config, tmp_path: Path) -> tuple[Sent, Exchange]:
    """Replay the capture twice, then the journal that it wrote: always the same bytes and state."""
    kept: list[Exchange] = []
    outs = [tmp_path / "1.pcap", tmp_path / "2.pcap", tmp_path / "3.pcap"]
    hashes = [replay_capture(capture, config, out=out, keep=kept).state_hash for out in outs[:2]]
    save_journal(kept[0], config, tmp_path / "journal")
    hashes.append(replay_journal(tmp_path / "journal", config, out=outs[2]).state_hash)
    assert len(set(hashes)) == 1
    frames = [[bytes(packet.data) for packet in open_capture(out)] for out in outs]
    assert frames[0] == frames[1] == frames[2]
    return sent_by(outs[0], config), kept[0]


def test_good_till_date_by_the_clock_of_a_capture(tmp_path: Path) -> None:
    """The next frame comes an hour later; the order expired in between, at its time to the nanosecond."""
    config, client = small_config(), Client(1)
    end_ns = START_NS + 10 * SECOND + 7
    capture = write_capture(
        tmp_path / "in.pcap",
        [
            (START_NS, client.frame(single(1, TimeInForce="6", ExpireTime=end_ns), new(2, ticks=90))),
            (START_NS + 3600 * SECOND, client.frame(new(3, ticks=80))),
        ],
    )
    sent, exchange = replayed(capture, config, tmp_path)
    told = replies(sent, client)
    assert [name for name, _ in told] == ["ExecutionReportNew"] * 2 + ["ExecutionReportCancel", "ExecutionReportNew"]
    gone = told[2][1]
    assert (gone["ClOrdID"], gone["TransactTime"], gone["ReceiveTime"]) == (1, end_ns, None)
    assert (gone["OrdStatus"], gone["ExecRestatementReason"]) == (ord("C"), codes.RESTATEMENT_EXPIRED)
    assert int(exchange.tables.counters[counters.TIMERS]) == 1
    assert sent.feed[-2][1] == "OrderDelete"


def test_a_scheduled_day_from_a_capture(tmp_path: Path) -> None:
    """Pre-open, opening auction with its freeze, continuous trading, closing auction, closed: each at its time."""
    config, one, two = scheduled(), Client(1), Client(2)
    capture = write_capture(
        tmp_path / "in.pcap",
        [
            (at("07:30:00"), one.frame(new(1, 1, 10, 101))),
            (at("08:55:00"), two.frame(new(1, 2, 6, 99, Account=2), single(2, 2, 3, None, OrdType="1", Account=2))),
            (at("08:59:45"), one.frame(new(2, 1, 1, 100))),  # frozen
            (at("12:00:00"), one.frame(single(3, 1, 5, 100, TimeInForce="7"))),  # parked until the closing auction
            (at("17:31:00"), two.frame(new(3, 2, 5, 100, Account=2))),
            (at("18:00:00"), two.frame(new(4, 2, 5, 100, Account=2))),  # closed
        ],
    )
    sent, exchange = replayed(capture, config, tmp_path)
    phases = [
        (fields["TransactTime"], fields["TradingStatus"], fields["ExtTradingEvent"], fields["ExtReason"])
        for _, name, fields in sent.feed
        if name == "TradingStatusUpdate"
    ]
    assert phases == [
        (at("08:50:00"), 0, 1, 1),  # the day begins in pre-open, as the schedule has it: no change
        (at("08:59:30"), 5, 1, 1),
        (at("09:00:00"), 1, None, 1),
        (at("17:30:00"), 0, 2, 1),
        (at("17:34:30"), 5, 2, 1),
        (at("17:35:00"), 4, None, 1),
    ]
    trades = [(f["TransactTime"], f["Price"], f["Quantity"]) for _, name, f in sent.feed if name == "Trade"]
    assert trades[:2] == [(at("09:00:00"), 101 * TICK, 3), (at("09:00:00"), 101 * TICK, 6)]
    assert {time_ns for time_ns, _, _ in trades[2:]} == {at("17:35:00")}
    indicative = [f for _, name, f in sent.feed if name == "AuctionUpdate"]
    assert any((f["PairedQty"], f["ImbalanceQty"], f["ImbalanceSide"]) == (9, 1, 1) for f in indicative)
    told = replies(sent, one)
    rejects = [(f["ClOrdID"], f["OrdRejReason"]) for name, f in told if name == "ExecutionReportReject"]
    assert rejects == [(2, codes.REJECT_FROZEN)]
    auction = next(f for name, f in told if name == "ExecutionReportTrade")
    assert (auction["LastLiquidityInd"], auction["AggressorIndicator"]) == (4, None)
    parked = next(f for name, f in told if name == "ExecutionReportNew" and f["ClOrdID"] == 3)
    assert (parked["WorkingIndicator"], parked["MDOrderPriority"]) == (0, 0)
    joined = next(f for name, f in told if name == "ExecutionReportRestated")
    assert (joined["TransactTime"], joined["WorkingIndicator"]) == (at("17:30:00"), 1)
    assert joined["ExecRestatementReason"] == codes.RESTATEMENT_JOINED_AUCTION
    last = replies(sent, two)[-1]
    assert (last[0], last[1]["OrdRejReason"]) == ("ExecutionReportReject", codes.REJECT_EXCHANGE_CLOSED)
    assert int(exchange.book.state[0]["open_orders"]) == 0


@pytest.mark.parametrize(
    ("time_of_day", "phase"),
    [
        ("00:00:00", PHASE_CLOSED),
        ("06:59:59", PHASE_CLOSED),
        ("07:00:00", PHASE_PRE_OPEN),
        ("08:59:59", PHASE_OPENING_AUCTION),
        ("09:00:00", PHASE_CONTINUOUS),
        ("17:34:59", PHASE_CLOSING_AUCTION),
        ("23:59:59", PHASE_CLOSED),
    ],
)
def test_the_day_begins_in_the_phase_that_the_schedule_has_then(time_of_day: str, phase: int) -> None:
    config = scheduled()
    exchange = allocate(config)
    assert scheduled_phase(exchange, 0, at(time_of_day)) == phase
    twin = Venue(config)
    with VenueRig(config, opens=False) as rig:
        rig.now_ns = at(time_of_day)
        rig.open_day()
        twin.open_day(rig.now_ns)
        frame = Client(1).frame(new(1))
        rig.burst([frame])
        run_twin(twin, [frame], rig.now_ns)
        rig.compare(twin)
        assert int(rig.exchange.book.instruments[0]["phase"]) == phase


def test_many_timers_between_two_frames_are_bounded(tmp_path: Path) -> None:
    """A year between two frames: a thousand timers at most, the last at the time of the frame."""
    config, client = scheduled(), Client(1)
    end_ns = START_NS + 365 * DAY
    capture = write_capture(tmp_path / "in.pcap", [(START_NS, client.frame(new(1))), (end_ns, client.frame(new(2)))])
    sent, exchange = replayed(capture, config, tmp_path)
    records = exchange.journal.records[: int(exchange.journal.scalars[COMMITTED])]
    timers = records[records["kind"] == KIND_TIMER]
    assert 1000 < timers.size <= 1026
    assert int(timers[-1]["time_ns"]) == end_ns
    assert sent.feed


def asked(instrument: int, phase: int) -> np.void:
    """An operator's KIND_PHASE."""
    record = bodies(KIND_PHASE)[0]
    record["instrument"], record["qty_lots"] = instrument, phase
    return record


def test_live_timers_and_commands_replayed_from_the_journal(tmp_path: Path) -> None:
    """The loop by the real clock: an order expires, an auction is asked for and held. Its journal gives the same."""
    config = small_config(instruments=[{"security_id": 1, "symbol": "LIVE"}])
    exchange = allocate(config, local_mac=LOCAL_MAC)
    loop = allocate_loop(opening_phases(config))
    one, two = Client(1), Client(2)
    live: list[bytes] = []
    with open_port(PortConfig(kind="memory", rx_frames=64, tx_frames=4096)) as port:

        def turns(count: int) -> None:
            assert run(exchange, loop, port.handle, count) == RUN_TURNS_DONE
            while (got := port.collect()) is not None:
                live.append(got.frame)

        def until(counter: int, value: int) -> None:
            deadline = time.monotonic() + 30
            while int(exchange.tables.counters[counter]) < value:
                assert time.monotonic() < deadline
                turns(50)

        turns(1)
        end_ns = time.time_ns() + 20_000_000
        assert port.inject(one.frame(single(1, 1, 7, 90, TimeInForce="6", ExpireTime=end_ns)), 1, PKT_CLOCK_REALTIME)
        until(counters.ORDERS_EXPIRED, 1)
        commands = [asked(0, PHASE_OPENING_AUCTION), asked(0, 99), asked(7, PHASE_CLOSED)]
        assert all(write_command(loop, CONTROL_SEQUENCE, record) for record in commands)
        turns(5)
        answers = [answer_of(loop, number) for number in range(4)]
        no_such_phase = no_such_instrument = (0, codes.ERROR_INVALID_ARGUMENT)
        assert answers[1:] == [no_such_phase, no_such_instrument, None]
        assert answers[0] is not None
        sequence, outcome = answers[0]
        assert outcome == 0 and int(exchange.journal.records[sequence - 1]["kind"]) == KIND_PHASE
        assert port.inject(one.frame(new(2, 1, 5, 101)), 1, PKT_CLOCK_REALTIME)
        turns(2)
        time.sleep(0.002)  # the next indicative price may be told
        assert port.inject(two.frame(new(1, 2, 4, 100, Account=2)), 1, PKT_CLOCK_REALTIME)
        until(counters.TIMERS, int(exchange.tables.counters[counters.TIMERS]) + 1)
        assert write_command(loop, CONTROL_SEQUENCE, asked(0, PHASE_CONTINUOUS))
        until(counters.AUCTION_TRADES, 1)
        turns(2)
    sent = Sent(config)
    for frame in live:
        sent.read(frame)
    gone = next(f for name, f in replies(sent, one) if name == "ExecutionReportCancel")
    assert gone["TransactTime"] >= end_ns
    assert any(f["PairedQty"] == 4 for _, name, f in sent.feed if name == "AuctionUpdate")
    out, kept = tmp_path / "out.pcap", []
    save_journal(exchange, config, tmp_path / "journal")
    result = replay_journal(tmp_path / "journal", config, out=out, keep=kept)
    assert [bytes(packet.data) for packet in open_capture(out)] == live
    assert result.state_hash == whole_state_hash(exchange)
    assert engine_book_digest(kept[0]) == engine_book_digest(exchange)


def test_a_clock_that_is_set_back_gives_the_time_before_again(tmp_path: Path) -> None:
    """Counted; the inputs keep their order and their times never fall, live and in the replay."""
    config, client = small_config(), Client(1)
    with VenueRig(config) as rig:
        rig.send(client.frame(new(1)), client.frame(new(2, 2)))
        highest_ns = rig.now_ns
        rig.now_ns -= 3600 * SECOND
        rig.send(client.frame(new(3, 1, 2)), client.frame(new(4, 2, 2)))
        assert rig.counter(counters.CLOCK_WENT_BACK) == 2
        rig.now_ns = highest_ns + 1
        rig.send(client.frame(new(5)))
        assert rig.counter(counters.CLOCK_WENT_BACK) == 2
        count = int(rig.exchange.journal.scalars[COMMITTED])
        times = rig.exchange.journal.records[:count]["time_ns"].astype(np.int64)
        assert (np.diff(times) >= 0).all() and int(times[-2]) == highest_ns < int(times[-1])
        assert rig.counter(counters.FILLS) == 2
        save_journal(rig.exchange, config, tmp_path / "journal")
        assert replay_journal(tmp_path / "journal", config).state_hash == whole_state_hash(rig.exchange)
