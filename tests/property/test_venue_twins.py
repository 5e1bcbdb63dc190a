"""The venue and its naive twin: any datagrams in any bursts give the same reports, market data, counters and book."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.book.check import check_book
from appliance.config import Config
from appliance.exchange import whole_state_hash
from native.jit import INTERPRETED
from native.layout import PKT_CLOCK_FILE, PKT_CLOCK_MONOTONIC, PKT_CLOCK_NONE, PKT_CLOCK_REALTIME
from native.limits import RX_BURST_MAX
from pcap.datagrams import DatagramWriter
from pcap.generate import generate
from pcap.noise import noise_in_turn
from tests.naive.venue import Venue
from tests.venue_rig import START_NS, TICK, Client, VenueRig, demo_sessions, run_twin, small_config
from wire.blocks import schema

ORDERS = schema("order_entry")
CONFIG = small_config()
TICKS = {1: TICK, 2: 3, 7: TICK, 2_000_000_000: TICK, 99: TICK}
CLOCKS = [PKT_CLOCK_FILE, PKT_CLOCK_REALTIME, PKT_CLOCK_MONOTONIC, PKT_CLOCK_NONE]
U64_MAX, I64_MIN, I64_MAX = (1 << 64) - 1, -(1 << 63), (1 << 63) - 1


class Asked(NamedTuple):
    """One message, drawn."""

    name: str
    security_id: int
    side: int
    ticks: int
    qty: int
    time_in_force: int
    target: int
    """Which of the session's earlier ClOrdIDs a cancel or replace means, from the newest."""
    wrong: tuple[str, int] | None
    """A field with a value that may be anything."""


WRONG = st.one_of(
    st.tuples(st.just("Account"), st.sampled_from([0, 2, (1 << 32) - 1])),
    st.tuples(st.just("SecurityID"), st.sampled_from([0, 99, (1 << 32) - 1])),
    st.tuples(st.just("Side"), st.integers(0, 255)),
    st.tuples(st.just("TimeInForce"), st.integers(0, 255)),
    st.tuples(st.just("ExecInst"), st.integers(0, 0xFFFF)),
    st.tuples(st.just("Price"), st.sampled_from([0, 1, -TICK, TICK + 1]) | st.integers(I64_MIN, I64_MAX)),
    st.tuples(st.just("OrderQty"), st.sampled_from([0, (1 << 31) - 1, 1 << 31, 1 << 63]) | st.integers(0, U64_MAX)),
    st.tuples(st.just("ClOrdID"), st.sampled_from([0, 1, 2, 1 << 63, U64_MAX])),
    st.tuples(st.just("OrigClOrdID"), st.sampled_from([0, 1, 2, 1 << 63, U64_MAX])),
    st.tuples(st.just("OrderID"), st.sampled_from([0, U64_MAX, 1 << 24, 2 << 24 | 1, 1 << 63])),
    st.tuples(st.just("SelfMatchPreventionID"), st.sampled_from([0, 7, (1 << 32) - 1])),
)  # fmt: skip
MESSAGES = st.builds(
    Asked,
    name=st.sampled_from(["NewOrderShort"] * 4 + ["OrderCancelRequest", "OrderCancelReplaceRequest"] * 2),
    security_id=st.sampled_from([1] * 6 + [2, 2, 7, 2_000_000_000]),
    side=st.sampled_from([1, 1, 1, 2, 2, 5, 6]),
    ticks=st.integers(97, 103),
    qty=st.integers(0, 9),
    time_in_force=st.sampled_from([48, 48, 48, 49, 51, 52]),
    target=st.integers(0, 3),
    wrong=st.none() | st.none() | st.none() | st.none() | WRONG,
)
BROKEN = st.sampled_from([b"", b"\0", b"\x28\0\x64\0\x8c\x23\0", b"\x08\0\xff\xff\x8c\x23\0\0" + bytes(8), bytes(9)])
"""What may stand behind the messages: nothing, too little of one, or something that is none."""


class Datagram(NamedTuple):
    """One datagram, drawn."""

    session: int
    messages: list[Asked]
    tail: bytes
    skip: int
    """Numbers that are left out before it: a gap."""
    back: int
    """0: under the next numbers; else that many below, and the numbering stays: a duplicate, in part or whole."""
    again: bool
    """The same frame arrives twice."""
    late: bool
    """It arrives after the session's next one."""
    vlan_tci: int | None
    udp_port: int
    """The client sends from here."""
    ends_burst: bool


DATAGRAMS = st.builds(
    Datagram,
    session=st.integers(1, 4),
    messages=st.lists(MESSAGES, max_size=4),
    tail=st.just(b"") | BROKEN,
    skip=st.sampled_from([0] * 9 + [1, 2, 70_000, 1 << 31]),
    back=st.sampled_from([0] * 8 + [1, 2, 3]),
    again=st.sampled_from([False] * 9 + [True]),
    late=st.sampled_from([False] * 11 + [True]),
    vlan_tci=st.sampled_from([None] * 8 + [0, 100]),
    udp_port=st.sampled_from([40_001] * 8 + [40_002]),
    ends_burst=st.booleans(),
)


class Sender:
    """Makes frames of what was drawn."""

    def __init__(self) -> None:
        self.clients = {number: Client(number) for number in range(1, 5)}
        self.names: dict[int, list[int]] = {number: [] for number in range(1, 5)}
        self.waiting: dict[int, list[bytes]] = {number: [] for number in range(1, 5)}

    def encode(self, session: int, asked: Asked) -> bytes:
        known = self.names[session]
        cl_ord_id = len(known) + 1
        values: dict[str, Any] = {
            "ClOrdID": cl_ord_id, "SecurityID": asked.security_id, "Side": asked.side, "Account": session,
            "Price": asked.ticks * TICKS[asked.security_id], "OrderQty": asked.qty,
            "TimeInForce": asked.time_in_force, "OrigClOrdID": known[-1 - asked.target % len(known)] if known else 0,
        }  # fmt: skip
        known.append(cl_ord_id)
        if asked.wrong is not None:
            values[asked.wrong[0]] = asked.wrong[1]
        names = ORDERS[asked.name].names
        return ORDERS.encode(asked.name, **{name: value for name, value in values.items() if name in names})

    def frames(self, drawn: Datagram) -> list[bytes]:
        client = self.clients[drawn.session]
        client.endpoint = client.endpoint._replace(udp_port=drawn.udp_port)
        messages = [self.encode(drawn.session, asked) for asked in drawn.messages]
        client.next_number += drawn.skip
        at = max(0, client.next_number - drawn.back) if drawn.back else None
        frame = client.frame(*messages, *([drawn.tail] if drawn.tail else []), at=at, vlan_tci=drawn.vlan_tci)
        if drawn.late:
            self.waiting[drawn.session].append(frame)
            return []
        found = [frame] * (2 if drawn.again else 1) + self.waiting[drawn.session]
        self.waiting[drawn.session] = []
        return found


def run_both(rig: VenueRig, twin: Venue, bursts: list[list[bytes]], *, flags: int = PKT_CLOCK_FILE) -> None:
    for burst in bursts:
        rig.now_ns += 1000
        rig.sent.last_peer.clear()
        rig.burst(burst, flags=flags)
        run_twin(twin, burst, rig.now_ns)
        for uuid, peer in rig.sent.last_peer.items():
            assert peer == twin.by_uuid[uuid].peer


@settings(max_examples=25 if INTERPRETED else 600, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=st.lists(DATAGRAMS, max_size=40), clock=st.sampled_from(CLOCKS))
def test_any_datagrams(drawn: list[Datagram], clock: int) -> None:
    sender, twin = Sender(), Venue(CONFIG)
    twin.open_day(START_NS)
    bursts: list[list[bytes]] = [[]]
    for datagram in drawn:
        for frame in sender.frames(datagram):
            bursts[-1].append(frame)
            if datagram.ends_burst or len(bursts[-1]) == RX_BURST_MAX:
                bursts.append([])
    with VenueRig(CONFIG) as rig:
        run_both(rig, twin, bursts, flags=clock)
        rig.compare(twin)
        # how frames share bursts is in no one's state
        with VenueRig(CONFIG) as apart:
            for burst in bursts:
                apart.send(*burst)
            assert whole_state_hash(apart.exchange) == whole_state_hash(rig.exchange)
            assert apart.book_digest() == rig.book_digest()


class FrameList:
    """A capture that is a list in memory."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def write(self, time_ns: int, frame: bytes, *, comment: str = "") -> None:
        self.frames.append(frame)


def flow(seed: int, scenario: str, messages: int, a_datagram: int, noise_every: int = 50) -> list[bytes]:
    """A generated order flow with network faults and noise, as frames."""
    capture, noise = FrameList(), noise_in_turn()
    writer = DatagramWriter(capture, messages_per_datagram=a_datagram, vlan_ids={2: 100})  # type: ignore[arg-type]
    for number, request in enumerate(generate(seed, scenario, messages, 8, 4, faults_per_10000=300), 1):
        writer.add(request)
        if number % noise_every == 0:
            writer.add_frame(next(noise)[1])
    writer.close()
    return capture.frames


def flow_config(**more: Any) -> Config:
    return small_config(
        instruments=[{"security_id": n, "symbol": f"I{n}"} for n in range(1, 9)],
        limits={"orders": 4096, "levels": 1024},
        journal={"records": 1 << 16},
        feed={"store_mib": 16},
        sessions=demo_sessions(4),
        **more,
    )


@pytest.mark.parametrize(
    ("scenario", "a_datagram", "bursts_of"), [("calm", 1, 1), ("crash", 5, 7), ("trending", 3, 32), ("swing", 15, 32)]
)
def test_a_generated_day(scenario: str, a_datagram: int, bursts_of: int) -> None:
    frames = flow(11, scenario, 300 if INTERPRETED else 4000, a_datagram)
    twin = Venue(flow_config())
    twin.open_day(START_NS)
    with VenueRig(flow_config()) as rig:
        run_both(rig, twin, [frames[at : at + bursts_of] for at in range(0, len(frames), bursts_of)])
        rig.compare(twin)
        assert twin.count["fills"] > 0
        assert twin.count["gaps"] > 0


def test_a_full_pool_refuses_and_recovers() -> None:
    """Orders and levels run out in the midst of a flow: the twin's rejects, a sound book, and room again later."""
    config = flow_config().model_copy(update={"limits": small_config(limits={"orders": 64, "levels": 16}).limits})
    frames = flow(5, "calm", 300 if INTERPRETED else 3000, 2, noise_every=10_000)
    twin = Venue(config)
    twin.open_day(START_NS)
    with VenueRig(config) as rig:
        run_both(rig, twin, [frames[at : at + 8] for at in range(0, len(frames), 8)])
        rig.compare(twin)
        full = [
            fields["ClOrdID"]
            for session in twin.sessions
            for _, name, fields in session.reports
            if name == "ExecutionReportReject" and fields["OrdRejReason"] == 9002
        ]
        assert full
        assert check_book(rig.exchange.book) == []
        assert np.count_nonzero(rig.exchange.book.orders["leaves_lots"]) <= 64
