"""The real pipeline behind a memory port: frames in by bursts, every frame out decoded by the generic codec.

`VenueRig` drives `pipeline.turn`, one call a burst, with a clock of the test's own. `Sent` reads what came out and
checks on the way what holds for every frame: addresses, numbers without a hole, sizes. `Client` makes datagrams.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from appliance.book.check import check_book
from appliance.config import Config, demo_session_uuid, parse
from appliance.control import engine_book_digest
from appliance.exchange import Exchange, allocate
from appliance.loop import allocate_loop, open_day
from appliance.pipeline import begin_turn, drain, turn
from appliance.replay import LOCAL_MAC, opening_phases
from appliance.venue_intake import set_phase, take_asked, tick
from native import counters
from native._native import lib
from native.account_layout import ADMIN
from native.layout import KIND_ADMIN, NO_INDEX, PKT_CLOCK_FILE, SEQUENCED
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX, RX_BURST_MAX
from native.ports import Collected, Port, PortConfig, open_port
from pcap.datagrams import VENUE, session_endpoint
from pcap.messages import encode_context
from tests.naive.accounts.compare import compare_books
from tests.naive.venue import Message, Venue
from wire.blocks import schema
from wire.framing import packets
from wire.net.frames import Endpoint, build_udp_frame, parse_udp_frame
from wire.sbe import Codec, load_schema

SCHEMAS = Path(__file__).resolve().parent.parent / "codecs" / "schemas"
FIXP, ORDER_ENTRY, MARKET_DATA = (load_schema(SCHEMAS / f"{n}.xml") for n in ("fixp", "order_entry", "market_data"))
ORDERS = schema("order_entry")
START_NS = 1_700_000_000_000_000_000
TICK = 1_000_000
"""Price of one tick of the demonstration venue, in 1e-9."""
NOT_OF_THE_TWIN = frozenset(
    ("turns", "busy_turns", "cycle_ns_max", "packets_out", "bytes_out", "tx_retries", "tx_dropped")
    + ("report_packets_out", "feed_packets_out", "feed_heartbeats_out")
    + ("hold_crowded", "hold_waits", "hold_discarded_bytes", "clock_went_back")
)
"""Counters about datagrams and time, which the twin does not have."""

# --- in ---------------------------------------------------------------------------------------------------------


def new(cl_ord_id: int, side: int = 1, qty: int = 1, ticks: int = 100, tif: str = "0", **more: int) -> bytes:
    """NewOrderShort: a DAY order in instrument 1 unless said otherwise; `more` by the schema's field names."""
    values = {"SecurityID": 1, "Account": 1, "Price": ticks * TICK, "OrderQty": qty, "Side": side} | more
    return ORDERS.encode("NewOrderShort", ClOrdID=cl_ord_id, TimeInForce=ord(tif), **values)


def single(cl_ord_id: int, side: int = 1, qty: int = 1, ticks: int | None = 100, **more: Any) -> bytes:
    """NewOrderSingle: a DAY limit order in instrument 1 unless said otherwise; OrdType and TimeInForce by letter."""
    values = {
        "SecurityID": 1, "Account": 1, "Price": None if ticks is None else ticks * TICK, "OrderQty": qty, "Side": side,
        "OrdType": "2", "TimeInForce": "0",
    } | more  # fmt: skip
    letters = {name: ord(values[name]) for name in ("OrdType", "TimeInForce") if isinstance(values[name], str)}
    return ORDERS.encode("NewOrderSingle", ClOrdID=cl_ord_id, **values | letters)


def mass_cancel(cl_ord_id: int, scope: int = 7, **more: Any) -> bytes:
    """OrderMassActionRequest that cancels; all orders of the session unless said otherwise."""
    values = {"MassActionType": 3, "MassActionScope": scope, "AckStyle": 2} | more
    return ORDERS.encode("OrderMassActionRequest", ClOrdID=cl_ord_id, **values)


def cancel(cl_ord_id: int, orig: int, side: int = 1, **more: int) -> bytes:
    """OrderCancelRequest."""
    return ORDERS.encode(
        "OrderCancelRequest", **({"ClOrdID": cl_ord_id, "OrigClOrdID": orig, "SecurityID": 1, "Side": side} | more)
    )


def replace(cl_ord_id: int, orig: int, side: int = 1, qty: int = 1, ticks: int = 100, **more: int) -> bytes:
    """OrderCancelReplaceRequest."""
    values = {"SecurityID": 1, "Account": 1, "Price": ticks * TICK, "OrderQty": qty, "Side": side} | more
    return ORDERS.encode("OrderCancelReplaceRequest", ClOrdID=cl_ord_id, OrigClOrdID=orig, **values)


class Client:
    """The sender's side of session `number` (from 1): numbers its messages."""

    def __init__(self, number: int) -> None:
        self.uuid = demo_session_uuid(number).bytes
        self.endpoint = session_endpoint(number)
        self.next_number = 1

    def frame(self, *messages: bytes, at: int | None = None, vlan_tci: int | None = None) -> bytes:
        """A datagram of `messages` under the next numbers; `at`: under these, and the numbering stays as it is."""
        number = self.next_number if at is None else at
        if at is None:
            self.next_number += len(messages)
        payload = encode_context(self.uuid, number) + b"".join(messages)
        return build_udp_frame(payload, self.endpoint, VENUE, vlan_tci=vlan_tci)


# --- out --------------------------------------------------------------------------------------------------------


def plain(codec: Codec, octets: bytes, at: int) -> tuple[str, dict[str, Any], int]:
    """(name, fields but SendingTime, end) of the message at `at`; numbers as plain as the twin's."""
    message = codec.decode(octets, at)
    fields = {name: None if value is None else int(value) for name, value in message.items() if name != "SendingTime"}
    return message.name, fields, message.end


class Sent:
    """Everything that left, read back: `reports` by session UUID, and `feed`."""

    def __init__(self, config: Config) -> None:
        self.reports: dict[bytes, list[Message]] = {session.uuid_bytes: [] for session in config.sessions}
        self.feed: list[Message] = []
        self.feed_packets: list[bytes] = []
        self.feed_route = (ipaddress.IPv4Address(config.feed.group).packed, config.feed.udp_port)
        group = int(ipaddress.IPv4Address(config.feed.group))
        self.feed_mac = (0x01005E000000 | group & 0x7FFFFF).to_bytes(6, "big")  # RFC 1112, section 6.4
        self.feed_facts = (config.feed.channel_id, packets.FLAG_INCREMENTAL, config.epoch)
        self.said: list[str] = []
        """Messages of the FIXP session layer."""
        self.last_peer: dict[bytes, tuple[Endpoint, Endpoint, int | None]] = {}

    def read(self, frame: bytes) -> None:
        """Take one frame."""
        datagram = parse_udp_frame(frame)
        assert len(datagram.payload) <= DATAGRAM_PAYLOAD_BYTES_MAX
        if (datagram.destination.ip, datagram.destination.udp_port) == self.feed_route:
            assert datagram.destination.mac == self.feed_mac
            self._read_feed(datagram.payload)
            return
        payload = datagram.payload
        context = FIXP.decode(payload)
        if context.name != "Context":
            self.said.append(context.name)
            return
        uuid = bytes(context.SessionId)
        if uuid not in self.reports:
            return  # negotiated: tests/session_rig.py is for those
        self.last_peer[uuid] = (datagram.destination, datagram.source, datagram.vlan_tci)
        stream, number, at = self.reports[uuid], context.NextSeqNo, context.end
        assert number == len(stream) + 1, "a report is missing or comes twice"
        assert at < len(payload), "a datagram without a report"
        while at < len(payload):
            is_ours = int.from_bytes(payload[at + 4 : at + 6], "little") == ORDER_ENTRY.schema.id
            name, fields, at = plain(ORDER_ENTRY if is_ours else FIXP, payload, at)
            stream.append((number, name, fields))
            number += 1

    def _read_feed(self, packet: bytes) -> None:
        header = packets.parse_header(packet)
        if header.flags == 0 or header.message_count == 0:
            return  # Topic, heartbeat
        assert (header.channel_id, header.flags, header.epoch) == self.feed_facts
        assert header.sequence == len(self.feed) + 1, "a market data message is missing or comes twice"
        self.feed_packets.append(packet)
        end = packets.HEADER_BYTES
        for number, (start, end) in enumerate(packets.frames(packet, header.message_count), header.sequence):
            name, fields, message_end = plain(MARKET_DATA, packet, start)
            assert packet[message_end:end].count(0) == end - message_end, "padding that is not zero"
            self.feed.append((number, name, fields))
        assert end == len(packet)


def replies(sent: Sent, client: Client) -> list[tuple[str, dict[str, Any]]]:
    """(name, fields) of every report to `client`."""
    return [(name, fields) for _, name, fields in sent.reports[client.uuid]]


# --- the venue between ------------------------------------------------------------------------------------------


class VenueRig:
    """A venue at the start of its day, on a memory port. Use as a context manager."""

    def __init__(self, config: Config, *, opens: bool = True, tx_frames: int = 2048, tx_pending_max: int = 0) -> None:
        self.config = config
        self.exchange: Exchange = allocate(config, local_mac=LOCAL_MAC)
        self.port: Port = open_port(
            PortConfig(kind="memory", rx_frames=64, tx_frames=tx_frames, tx_pending_max=tx_pending_max)
        )
        self.sent = Sent(config)
        self.frames_out: list[Collected] = []
        self.now_ns = START_NS
        if opens:
            self.open_day()

    def __enter__(self) -> VenueRig:
        return self

    def __exit__(self, *_: object) -> None:
        self.port.close()

    def open_day(self) -> None:
        """What the loop does first: schedules begin, and every instrument gets its phase."""
        open_day(self.exchange, allocate_loop(opening_phases(self.config)), self.port.handle, self.now_ns)
        self.collect()

    def set_phase(self, instrument: int, phase: int) -> None:
        """As a control command does, now."""
        begin_turn(self.exchange, self.now_ns)
        set_phase(self.exchange, self.port.handle, instrument, phase, self.now_ns)
        drain(self.exchange, self.port.handle)
        self.collect()

    def tick(self) -> None:
        """A timer input, now."""
        tick(self.exchange, self.port.handle, self.now_ns)
        self.collect()

    def burst(self, frames: Sequence[bytes], *, flags: int = PKT_CLOCK_FILE, collect: bool = True) -> None:
        """Let `frames` (at most RX_BURST_MAX) arrive at once, `now_ns`, and take them in one turn."""
        assert len(frames) <= RX_BURST_MAX
        for frame in frames:
            assert self.port.inject(frame, self.now_ns, flags)
        rx = self.exchange.rx.ctypes.data
        assert lib.port_rx_burst(self.port.handle, rx, RX_BURST_MAX) == len(frames)
        turn(self.exchange, self.port.handle, len(frames), self.now_ns, 0)
        assert lib.port_rx_release(self.port.handle, rx, len(frames)) == len(frames)
        if collect:
            self.collect()

    def send(self, *frames: bytes) -> None:
        """Each frame in a burst of its own, a microsecond apart."""
        for frame in frames:
            self.now_ns += 1000
            self.burst([frame])

    def collect(self) -> None:
        """Read what was transmitted."""
        while (got := self.port.collect()) is not None:
            self.frames_out.append(got)
            self.sent.read(got.frame)

    def administer(self, **values: int | None) -> int:
        """An operator's command, by the names of ADMIN (what is not given is not named). Returns 0 or its refusal."""
        command = np.zeros(1, ADMIN)
        for name in ("firm", "account", "instrument", "asset", "session"):
            command[0][name] = NO_INDEX
        for name, value in values.items():
            if value is not None:
                command[0][name] = value
        command[0]["operator"][:5] = np.frombuffer(b"tests", np.uint8)
        command[0]["kind"], command[0]["length"] = KIND_ADMIN, ADMIN.itemsize
        outcome = take_asked(self.exchange, self.port.handle, command.view(SEQUENCED), 0, self.now_ns)
        self.collect()
        return int(outcome)

    def counter(self, index: int) -> int:
        """A row of `native.counters`."""
        return int(self.exchange.tables.counters[index])

    def counts(self) -> dict[str, int]:
        """Every counter that is not 0, by name."""
        return named(self.exchange.tables.counters)

    def compare(self, twin: Venue) -> None:
        """Every message and every counter is the twin's, and the book is sound and the twin's."""
        for session in (one for one in twin.sessions if one.uuid in self.sent.reports):
            same(self.sent.reports[session.uuid], session.reports, f"reports of session {session.index + 1}")
        same(self.sent.feed, twin.feed, "market data")
        compare_counts(self.counts(), twin)
        assert check_book(self.exchange.book) == []
        assert int(self.exchange.book.state[0]["open_orders"]) == len(twin.book.open)
        assert [int(n) for n in self.exchange.tables.sessions["expected_seq"]] == [s.expected for s in twin.sessions]
        if twin.books.accounts:
            compare_books(self.exchange.accounts, self.exchange.book, twin.books)

    def book_digest(self) -> str:
        """As a subscriber computes it."""
        return engine_book_digest(self.exchange)


def named(values: np.ndarray) -> dict[str, int]:
    """Counters that are not 0, by name."""
    return {row.name: int(value) for row, value in zip(counters.COUNTERS, values, strict=True) if value}


def compare_counts(counts: dict[str, int], twin: Venue) -> None:
    """The counters that the twin has, too."""
    mine = {name: value for name, value in counts.items() if name not in NOT_OF_THE_TWIN}
    assert mine == {name: value for name, value in twin.count.items() if value}


def same(actual: Sequence[Message], expected: Sequence[Message], what: str) -> None:
    """Equal streams; the first difference is shown field by field."""
    for mine, its in zip(actual, expected, strict=False):
        if mine != its:
            differing = {
                name: (mine[2].get(name), its[2].get(name))
                for name in mine[2] | its[2]
                if mine[2].get(name, "absent") != its[2].get(name, "absent")
            }
            raise AssertionError(f"{what}: message {mine[:2]}, the twin's {its[:2]}: (venue, twin) {differing}")
    assert len(actual) == len(expected), f"{what}: {len(actual)} messages, the twin has {len(expected)}: " + str(
        list(actual[len(expected) :][:3]) + list(expected[len(actual) :][:3])
    )


def small_config(**more: Any) -> Config:
    """A venue of 4 sessions and 4 instruments: 1 is plain; 2 has an odd tick and a narrow band; 3 a low quantity limit;
    4 is closed. `more` replaces whole tables."""
    instruments: list[dict[str, Any]] = [
        {"security_id": 1, "symbol": "PLAIN"},
        {"security_id": 2, "symbol": "ODD", "tick_nanos": 3, "price_ticks_min": 90, "price_ticks_max": 110},
        {"security_id": 7, "symbol": "FEW", "qty_lots_max": 5},
        {"security_id": 2_000_000_000, "symbol": "CLOSED", "status": "closed"},
    ]
    return parse(
        {
            "epoch": 1,
            "limits": {"orders": 256, "levels": 64},
            "journal": {"records": 8192},
            "feed": {"store_mib": 2},
            "instruments": instruments,
            "sessions": demo_sessions(4),
        }
        | more
    )


def demo_sessions(count: int) -> list[dict[str, Any]]:
    """The first `count` demonstration sessions, for a configuration."""
    return [{"uuid": str(demo_session_uuid(n)), "account": n} for n in range(1, count + 1)]


def run_twin(twin: Venue, frames: Iterable[bytes], now_ns: int, *, verify_udp_checksum: bool = False) -> None:
    """Give `frames`, which arrive at `now_ns`, to the twin."""
    for frame in frames:
        twin.take_frame(frame, now_ns, now_ns, verify_udp_checksum)
