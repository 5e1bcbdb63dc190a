"""Clients of the library against the real core over a network that does everything wrong, and what must hold then.

`LossDrill` runs some traders, each a `FixpClient` with a lossy path to the venue and one back, on the test's own clock:
random orders, cancels and replaces, cut into datagrams as the library does it, through `pipeline.turn`. Sessions are
provisioned, or log on with keys: then handshakes cross the same network to the gateway's verifier, clients log out and
on again, and paths fail for longer than a keepalive. When all have sent enough, it goes on, as lossy as before, until
every client knows everything; then `check` compares:

- the journal: every (session, ClOrdID) was applied at most once, the numbers rise;
- NotApplied: the numbers that were never applied, each named exactly once;
- the ledgers: open orders, fills and positions of each client are the engine's to the last unit.

What the venue said is read where it leaves the port, before the network has it, by code that is not the client's.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import numpy as np

from appliance.book.check import check_book
from appliance.book.state import open_orders
from appliance.client.fixp import FixpClient
from appliance.client.ledger import BUY, DAY, IMMEDIATE_OR_CANCEL, SELL, Kind, Request, State
from appliance.client.session import ClientSession
from appliance.client.terms import Phase, Terms
from appliance.config import Config, demo_session_uuid, parse
from appliance.gateway.verify import ESTABLISH, NEGOTIATE, Verifier
from appliance.keys import Secret
from appliance.pipeline import begin_turn, drain
from appliance.session_intake import take_handshake
from appliance.session_watch import watch_sessions
from native.layout import (
    KIND_CANCEL,
    KIND_CONTEXT,
    KIND_ESTABLISH,
    KIND_FINISHED,
    KIND_MASS_CANCEL,
    KIND_NEGOTIATE,
    KIND_NEW_ORDER,
    KIND_REPLACE,
    KIND_STATUS_QUERY,
    NO_INDEX,
    PKT_CLOCK_FILE,
    PKT_UDP_CHECKSUM_COMPLETE,
    VLAN_NONE,
)
from native.limits import RX_BURST_MAX
from pcap.datagrams import VENUE, session_endpoint
from tests.lossy_network import Damage, LossyPath
from tests.venue_rig import TICK, VenueRig, demo_sessions
from wire.blocks import schema
from wire.net import udp4
from wire.net.frames import FrameError, build_udp_frame, parse_udp_frame

STEP_NS = 100_000
OUTAGE_NS = 400_000_000
LEAVES_PER_10000 = 50
OUTAGE_PER_10000 = 10
RENEWALS_PER_10000 = 60
"""Of a trader's moments: it logs out, its paths fail, it begins a new session (where it does that at all)."""
QUIET_STEPS_MAX = 200_000
NUDGE_STEPS = 200
STEPS_A_MESSAGE_MAX = 20
OPEN_MAX = 60
FIXP, ORDER_ENTRY = schema("fixp"), schema("order_entry")
PROVISIONED = Terms(resends=True, recovery_timeout_ms=6, probe_ms=4)
KEYED = replace(PROVISIONED, keepalive_ms=50, answer_timeout_ms=6, tries_max=40)


def secret_of(number: int) -> bytes:
    """Of trader `number`."""
    return bytes([number]) * 32


def drill_config(traders: int, *, keyed: bool, messages: int) -> Config:
    """Two plain instruments, and room for so many requests."""
    sessions: list[dict[str, Any]] = demo_sessions(traders)
    if keyed:
        sessions = [{"key_id": f"trader-{n}", "account": n} for n in range(1, traders + 1)]
    return parse(
        {
            "limits": {"orders": 4096, "levels": 256},
            "journal": {"records": 4 * messages + 10_000},
            "feed": {"store_mib": 2 + messages // 2000},
            "reports": {"store_mib": 4 + messages // 2000},
            "instruments": [{"security_id": 1, "symbol": "ONE"}, {"security_id": 7, "symbol": "SEVEN"}],
            "sessions": sessions,
        }
    )


NUMBERED = (KIND_NEW_ORDER, KIND_CANCEL, KIND_REPLACE, KIND_MASS_CANCEL, KIND_STATUS_QUERY)
"""Kinds of input that a number of the client's flow stands for."""


class Trader:
    """A client, its two paths, and its mind. Times in ns."""

    def __init__(self, number: int, seed: int, percent: float, damage: Damage, keyed: bool, renews: bool) -> None:
        self.number = number
        self.draw = random.Random(seed)
        self.keyed = keyed
        self.renews = renews
        session_id, terms = demo_session_uuid(number).bytes, PROVISIONED
        if keyed:
            session_id = self.draw.randbytes(16)
            terms = replace(KEYED, key_id=f"trader-{number}", secret=secret_of(number))
        self.client = FixpClient(ClientSession(session_id, account=number), terms)
        self.client.requests_unanswered_max = 200
        self.endpoint = session_endpoint(number)
        self.to_venue = LossyPath(seed + 1, percent, damage=damage, repair=with_right_checksums)
        back = Damage.LINK if damage is Damage.SWITCH else damage
        self.to_client = LossyPath(seed + 2, percent, damage=back, repair=with_right_checksums)
        self.known: list[Request] = []
        self.count: Counter[str] = Counter()
        self.dead_until_ns = 0
        """The paths carry nothing until then."""

    @property
    def session(self) -> ClientSession:
        return self.client.session

    def think(self, now_ns: int) -> None:
        """Collect one to four requests; now and then, leave or be cut off."""
        draw, session = self.draw, self.session
        if self.client.phase is not Phase.ESTABLISHED:
            return
        if self.keyed and draw.random() * 10_000 < LEAVES_PER_10000:
            self.client.log_out(now_ns)
            self.count["log-outs"] += 1
            return
        if self.keyed and draw.random() * 10_000 < OUTAGE_PER_10000:
            self.dead_until_ns = now_ns + OUTAGE_NS
            self.count["outages"] += 1
        if self.renews and draw.random() * 10_000 < RENEWALS_PER_10000:
            self.client.begin_anew(draw.randbytes(16))
            self.count["renewals"] += 1
        for _ in range(draw.randint(1, 4)):
            self.known = [one for one in self.known if one.is_open or one.state is State.PENDING]
            what = draw.random()
            if self.known and (what < 0.3 or len(self.known) > OPEN_MAX):
                session.cancel(self._any_known().cl_ord_id)
            elif self.known and what < 0.45:
                target = self._any_known()
                self.known.append(session.replace(target.cl_ord_id, self._price(), draw.randint(1, 30)))
            else:
                tif = IMMEDIATE_OR_CANCEL if draw.random() < 0.15 else DAY
                side = draw.choice((BUY, SELL))
                security = draw.choice((1, 7))
                self.known.append(session.new_order(security, side, self._price(), draw.randint(1, 20), tif))

    def _any_known(self) -> Request:
        """One of its orders, mostly one that nothing was asked about yet; now and then one that is gone by now."""
        at = self.draw.randrange(len(self.known))
        return self.known[at] if self.draw.random() < 0.1 else self.known.pop(at)

    def _price(self) -> int:
        return (100 + self.draw.randint(-6, 6)) * TICK

    def send(self, now_ns: int) -> None:
        """Everything that is to leave, as frames with checksums, onto the path."""
        if self.client.phase in (Phase.UNNEGOTIATED, Phase.NEGOTIATED):
            self.client.log_on(now_ns)
            self.count["log-ons"] += 1
        for payload in self.client.outgoing(now_ns):
            if now_ns >= self.dead_until_ns:
                self.to_venue.send(build_udp_frame(payload, self.endpoint, VENUE), now_ns)

    def receive(self, now_ns: int) -> None:
        """What has come, as the kernel hands it up."""
        for frame in self.to_client.arrived(now_ns):
            try:
                payload = parse_udp_frame(frame).payload
            except FrameError:
                self.count["refused by the kernel"] += 1
            else:
                if now_ns >= self.dead_until_ns:
                    self.client.receive(payload, now_ns)
        if now_ns >= self.client.deadline_ns:
            self.client.tick(now_ns)

    @property
    def is_settled(self) -> bool:
        """Everything it asked for is answered, and nothing that it heard of is missing."""
        session = self.session
        done = not (session.collected or session.unanswered_count or session.queries or self.client.flow.missing)
        return done and self.client.phase is Phase.ESTABLISHED


class Truth:
    """What the venue said to one session, as it left the port: every message by number. What it has for a session that
    is not bound leaves only when it is asked for."""

    def __init__(self, session_id: bytes, accepted: Counter[int]) -> None:
        """`accepted` counts, over all sessions of the trader, how often each ClOrdID was accepted."""
        self.session_id = session_id
        self.accepted = accepted
        self.next_number = 1
        self.early: dict[int, bytes] = {}
        """Messages behind one that was not said yet."""
        self.not_applied: list[tuple[int, int]] = []
        self.cum_by_order: dict[int, int] = {}
        self.filled_by_order: Counter[int] = Counter()
        self.count: Counter[str] = Counter()

    def read(self, payload: bytes) -> None:
        """A datagram: messages behind a Context or a Retransmission; or what the session layer says."""
        first = FIXP.decode(payload)
        self.count[first.block.name] += 1
        if first.block.name not in ("Context", "Retransmission"):
            return
        at, number = first.end, first.values.NextSeqNo
        while at < len(payload):
            end = at + 8 + int.from_bytes(payload[at : at + 2], "little")
            if number >= self.next_number:
                message = self.early.setdefault(number, payload[at:end])
                assert message == payload[at:end], "a number means two messages"
            number, at = number + 1, end
        if first.block.name == "Retransmission":
            assert number == first.values.NextSeqNo + first.values.Count
        while (message := self.early.pop(self.next_number, None)) is not None:
            is_ours = int.from_bytes(message[4:6], "little") == ORDER_ENTRY.schema_id
            decoded = (ORDER_ENTRY if is_ours else FIXP).decode(message)
            self._take(decoded.block.name, decoded.values)
            self.next_number += 1

    def _take(self, name: str, values: Any) -> None:
        self.count[name] += 1
        if name == "NotApplied":
            self.not_applied.append((values.FromSeqNo, values.Count))
        elif name == "ExecutionReportTrade":
            before = values.CumQty - values.LastQty if values.OrderID not in self.cum_by_order else 0
            self.filled_by_order[values.OrderID] += before + values.LastQty  # before: under an earlier session
            assert values.CumQty == self.filled_by_order[values.OrderID], "fills do not add up"
        if name in ("ExecutionReportNew", "ExecutionReportModify", "ExecutionReportReject"):
            self.accepted[values.ClOrdID] += 1
        if name in ("ExecutionReportNew", "ExecutionReportTrade"):
            self.cum_by_order[values.OrderID] = values.CumQty


class LossDrill:
    """Use as a context manager."""

    def __init__(
        self,
        messages: int,
        *,
        seed: int,
        keyed: bool,
        renews: bool = False,
        percent: float = 10.0,
        traders: int = 3,
        damage: Damage = Damage.SWITCH,
    ) -> None:
        """About `messages` requests in all. `damage`: of what the traders send; SWITCH is LINK on the way back,
        because the venue makes no UDP checksum that would show it."""
        self.messages = messages
        config = drill_config(traders, keyed=keyed, messages=messages)
        self.rig = VenueRig(config, opens=True)
        self.traders = [Trader(n, seed * 1000 + 10 * n, percent, damage, keyed, renews) for n in range(1, traders + 1)]
        self.accepted: dict[int, Counter[int]] = {trader.number: Counter() for trader in self.traders}
        self.truth = {t.number: Truth(t.session.uuid, self.accepted[t.number]) for t in self.traders}
        self.by_port = {trader.endpoint.udp_port: trader for trader in self.traders}
        keys = {f"trader-{n}": (Secret(secret_of(n)),) for n in range(1, traders + 1)}
        self.verifier = Verifier(keys, {f"trader-{n}": n - 1 for n in range(1, traders + 1)})

    def __enter__(self) -> LossDrill:
        return self

    def __exit__(self, *exception: object) -> None:
        self.rig.__exit__(*exception)

    def run(self) -> None:
        """Send the requests, and settle."""
        self.trade()
        self.settle()

    def trade(self) -> None:
        """Send the requests."""
        for _ in range(STEPS_A_MESSAGE_MAX * self.messages):
            if sum(trader.session.next_cl_ord_id for trader in self.traders) >= self.messages:
                return
            for trader in self.traders:
                if trader.session.collected < 50:
                    trader.think(self.rig.now_ns)
            self.step()
        raise AssertionError([self.describe(trader) for trader in self.traders])

    def settle(self) -> None:
        """Until every trader knows everything."""
        for quiet in range(QUIET_STEPS_MAX):
            if all(trader.is_settled and self.knows_all(trader) for trader in self.traders):
                return
            for trader in self.traders:
                if not trader.keyed and quiet % NUDGE_STEPS == NUDGE_STEPS - 1 and not self.knows_all(trader):
                    self.nudge(trader)
            self.step()
        raise AssertionError([self.describe(trader) for trader in self.traders])

    def knows_all(self, trader: Trader) -> bool:
        """The trader has every message that the venue has for it."""
        return trader.client.flow.next_seq == self.next_number(trader)

    def next_number(self, trader: Trader) -> int:
        """Of the venue's next report to the trader."""
        return int(self.rig.exchange.tables.sessions[trader.number - 1]["next_out_seq"])

    def nudge(self, trader: Trader) -> None:
        """Have the venue say a number, by a request that does nothing: a provisioned session has no heartbeats of the
        venue that would show that the last report is lost."""
        trader.session.cancel(trader.session.next_cl_ord_id, 1, BUY)

    def step(self) -> None:
        """A moment passes."""
        rig = self.rig
        rig.now_ns += STEP_NS
        frames: list[bytes] = []
        for trader in self.traders:
            trader.send(rig.now_ns)
            for frame in trader.to_venue.arrived(rig.now_ns):
                if not self.is_handshake(frame):
                    frames.append(frame)
        for at in range(0, len(frames), RX_BURST_MAX):
            rig.burst(frames[at : at + RX_BURST_MAX], flags=PKT_CLOCK_FILE | PKT_UDP_CHECKSUM_COMPLETE, collect=False)
        watch_sessions(rig.exchange, rig.port.handle, rig.now_ns)
        self.collect()
        for trader in self.traders:
            trader.receive(rig.now_ns)

    def is_handshake(self, frame: bytes) -> bool:
        """Whether it was: then the gateway's verifier has judged it and the core has taken the good."""
        try:
            datagram = parse_udp_frame(frame)
        except FrameError:
            return False
        template = int.from_bytes(datagram.payload[2:4], "little")
        if template not in (NEGOTIATE, ESTABLISH):
            return False
        rig = self.rig
        handshake = self.verifier.verify(datagram.payload, rig.now_ns)
        if not handshake.is_good:
            return True
        begin_turn(rig.exchange, rig.now_ns)
        fields = rig.exchange.udp_fields
        for at, octets in (
            (udp4.SOURCE_MAC, datagram.source.mac),
            (udp4.DESTINATION_MAC, datagram.destination.mac),
            (udp4.SOURCE_IP, datagram.source.ip),
            (udp4.DESTINATION_IP, datagram.destination.ip),
        ):
            fields[at] = int.from_bytes(octets, "big")
        fields[udp4.SOURCE_PORT], fields[udp4.DESTINATION_PORT] = datagram.source.udp_port, VENUE.udp_port
        fields[udp4.VLAN_TCI] = VLAN_NONE
        octets, proof = np.frombuffer(datagram.payload, np.uint8), np.frombuffer(handshake.proof, np.uint8)
        take_handshake(rig.exchange, rig.port.handle, octets, 0, octets.size, handshake.row, 0, rig.now_ns, proof, 0)
        drain(rig.exchange, rig.port.handle)
        return True

    def collect(self) -> None:
        """What the venue transmitted goes onto the paths."""
        while (got := self.rig.port.collect()) is not None:
            datagram = parse_udp_frame(got.frame)
            trader = self.by_port.get(datagram.destination.udp_port)
            if trader is not None:
                self.truth_of(trader).read(datagram.payload)
                if self.rig.now_ns >= trader.dead_until_ns:
                    trader.to_client.send(got.frame, self.rig.now_ns)

    def truth_of(self, trader: Trader) -> Truth:
        """A new session begins with nothing said."""
        row = self.rig.exchange.tables.sessions[trader.number - 1]
        session_id = row["uuid_low"].tobytes() + row["uuid_high"].tobytes()
        if session_id != self.truth[trader.number].session_id and trader.keyed:
            self.truth[trader.number] = Truth(session_id, self.accepted[trader.number])
        return self.truth[trader.number]

    def describe(self, trader: Trader) -> dict[str, Any]:
        """For the message of a failure."""
        flow = trader.client.flow
        return {
            "trader": trader.number,
            "unanswered": [request.cl_ord_id for request in trader.session.unanswered()][:5],
            "next": flow.next_seq,
            "missing": flow.missing,
            "venue's next": self.next_number(trader),
            "phase": trader.client.phase,
            "counters": trader.session.counters,
        }

    # --- what must hold -----------------------------------------------------------------------------------------

    def check_once(self) -> None:
        """What must hold whatever is damaged: the book is sound, and no ClOrdID was applied twice."""
        assert check_book(self.rig.exchange.book) == []
        for accepted in self.accepted.values():
            assert max(accepted.values(), default=1) == 1

    def check(self) -> None:
        """All of it."""
        self.check_once()
        records = self.rig.exchange.journal.records[: int(self.rig.exchange.journal.scalars[0])]
        for trader in self.traders:
            assert self.truth[trader.number].next_number == self.next_number(trader)
            self._check_journal(trader, records[self.rows_of(records) == trader.number - 1])
            self._check_ledger(trader)

    def rows_of(self, records: np.ndarray) -> np.ndarray:
        """The session of each record; each kind has it at a place of its own."""
        log, count = self.rig.exchange.journal, len(records)
        rows = records["session"].astype(np.int64)
        for kind, view in (
            (KIND_NEGOTIATE, log.negotiations),
            (KIND_ESTABLISH, log.establishments),
            (KIND_FINISHED, log.session_inputs),
        ):
            rows = np.where(records["kind"] == kind, view[:count]["session"], rows)
        return rows

    def begun_at(self, trader: Trader) -> int:
        """Sequence of the input that opened the trader's newest session (a repeat of it opens nothing)."""
        log = self.rig.exchange.journal
        row = self.rig.exchange.tables.sessions[trader.number - 1]
        negotiations = log.negotiations[: int(log.scalars[0])]
        its = (negotiations["kind"] == KIND_NEGOTIATE) & (negotiations["uuid_low"] == row["uuid_low"])
        return int(negotiations["sequence"][its][0])

    def _check_journal(self, trader: Trader, own: np.ndarray) -> None:
        applied = own[(own["kind"] >= KIND_NEW_ORDER) & (own["kind"] <= KIND_MASS_CANCEL)]
        ids, times = np.unique(applied["cl_ord_id"], return_counts=True)
        assert not np.any(times > 1), f"applied more than once: {ids[times > 1][:5]}"
        if trader.renews:  # numbers are those of the newest session
            own = own[own["sequence"] >= self.begun_at(trader)]
        numbered = own[np.isin(own["kind"], NUMBERED)]
        numbers = numbered["session_seq"].astype(np.int64)
        assert np.all(np.diff(numbers) > 0), "numbers do not rise"
        expected = trader.session.next_seq
        named: list[int] = []
        for first, count in self.truth[trader.number].not_applied:
            named += range(first, first + count)
        assert len(named) == len(set(named)), "a number was named twice"
        assert set(named) == set(range(1, expected)) - set(numbers.tolist()), "numbers are neither applied nor named"
        gaps = int(np.count_nonzero(np.diff(np.concatenate(([0], numbers))) > 1))
        announced = int(np.count_nonzero((own["kind"] == KIND_CONTEXT) | (own["kind"] == KIND_ESTABLISH)))
        assert gaps <= len(self.truth[trader.number].not_applied) <= gaps + announced, "one NotApplied a gap"
        requests = trader.session.requests
        applied_ids = set(ids.tolist())
        for request in requests.values():
            lost = request.state is State.NOT_APPLIED
            if request.state is not State.OVER:  # taken or lost under an earlier session: nobody told
                assert lost != (request.cl_ord_id in applied_ids), request
            assert not lost or request.resent_as in requests, request

    def _check_ledger(self, trader: Trader) -> None:
        exchange, truth, session = self.rig.exchange, self.truth[trader.number], trader.session
        instruments = exchange.tables.instruments
        book = {
            int(order["cl_ord_id"]): (
                int(order["order_id"]),
                int(instruments[int(order["instrument"])]["security_id"]),
                int(order["side"]),
                int(order["price_ticks"]) * int(instruments[int(order["instrument"])]["tick_nanos"]),
                int(order["leaves_lots"]),
                int(order["cum_lots"]),
            )
            for order in open_orders(exchange.book)
            if int(order["session"]) == trader.number - 1
        }
        ledger = {
            one.cl_ord_id: (one.order_id, one.security_id, one.side, one.price_nanos, one.leaves_lots, one.cum_lots)
            for one in session.open_orders()
        }
        assert ledger == book
        if trader.renews:  # what was filled unheard under an earlier session is not told
            return
        cum: dict[int, int] = {}
        positions: dict[int, int] = defaultdict(int)
        for one in session.requests.values():
            if one.kind in (Kind.NEW, Kind.REPLACE) and one.order_id:
                cum[one.order_id] = max(cum.get(one.order_id, 0), one.cum_lots)
        sides = {one.order_id: (one.security_id, one.side) for one in session.requests.values() if one.order_id}
        assert cum == truth.cum_by_order
        assert session.counters.reports == truth.next_number - 1 and session.counters.stale == 0
        for order_id, lots in cum.items():
            security, side = sides[order_id]
            positions[security] += lots if side == BUY else -lots
        engine = {
            int(instruments[int(row["instrument"])]["security_id"]): int(row["net_lots"])
            for row in exchange.book.positions
            if int(row["account"]) == trader.number and int(row["instrument"]) != NO_INDEX
        }
        assert {s: n for s, n in positions.items() if n} == {s: n for s, n in engine.items() if n}

    def counts(self) -> Counter[str]:
        """What the network did, both ways, and what the clients did about it."""
        total: Counter[str] = Counter()
        for trader in self.traders:
            total += trader.to_venue.count + trader.to_client.count + trader.count
            total["not applied"] += trader.session.counters.not_applied
            total["retransmit requests"] += trader.session.counters.retransmit_requests
            total["gaps"] += trader.session.counters.gaps
        return total


def with_right_checksums(frame: bytes) -> bytes:
    """The frame as a device passes it on that computes every checksum anew; as it is where nobody could read it."""
    try:
        datagram = parse_udp_frame(frame[:14] + bytes((0x45,)) + frame[15:], verify_udp_checksum=False)
    except FrameError:
        return frame
    return build_udp_frame(datagram.payload, datagram.source, datagram.destination)
