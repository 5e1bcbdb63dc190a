"""The session server and its naive twin: any handshakes, messages, losses and questions, in any order, give the same
answers, reports, streams, counters and book; and so does a replay of the log."""

from __future__ import annotations

import random
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.config import Config
from appliance.decide_again import replay_records
from appliance.exchange import Exchange, allocate, whole_state_hash
from appliance.history.player import Player
from appliance.pipeline import drain
from appliance.report.log import ENTRY_BYTES
from native.ports import PortConfig, open_port
from native.session_layout import SESSION
from pcap.datagrams import VENUE
from tests.naive.venue import Venue
from tests.session_rig import INTERPRETED, PROOF, Party, SessionRig, keyed_config
from tests.venue_rig import ORDERS, START_NS, cancel, mass_cancel, new, replace, run_twin, single

U64_MAX = (1 << 64) - 1
THROTTLED = keyed_config(
    throttle={"window_ms": 8, "messages_reject": 6, "messages_logout": 10, "cancels_reject": 3, "cancels_logout": 5}
)
CONFIG = keyed_config(order_entry={"session_ids_remembered": 16})
ROWS = 3


class Step(NamedTuple):
    """One thing that happens, drawn; what its numbers mean depends on `kind`."""

    kind: str
    row: int
    name: int
    """Which of the row's SessionIds."""
    a: int
    b: int
    ends_burst: bool


KINDS = (
    ["log on"] * 2 + ["negotiate"] + ["establish"] * 4 + ["orders"] * 20 + ["cancel"] * 4 + ["query"] * 4
    + ["retransmit"] * 9 + ["twice"] + ["terminate", "lose", "finish", "received", "own finish", "mass"]
    + ["time"] * 4 + ["again"] * 2 + ["heartbeat", "short"]
)  # fmt: skip
STEPS = st.builds(
    Step,
    kind=st.sampled_from(KINDS),
    row=st.integers(0, ROWS - 1),
    name=st.integers(0, 2),
    a=st.integers(0, 12),
    b=st.integers(0, 12),
    ends_burst=st.booleans(),
)


class Both:
    """The server and its twin, told the same."""

    def __init__(self, config: Config) -> None:
        self.twin = Venue(config)
        self.twin.proof = PROOF
        self.twin.open_day(START_NS)
        self.rig = SessionRig(config)
        self.parties: list[list[Party]] = [[] for _ in range(ROWS)]
        self.current: list[Party | None] = [None] * ROWS
        self.stamps = [10] * ROWS
        self.cl_ord_ids = [0] * ROWS
        self.waiting: list[bytes] = []
        self.frames: list[bytes] = [b""]

    def party(self, step: Step) -> Party:
        """Whoever has the row; for a log-on mostly somebody new, else now and then somebody old."""
        known = self.parties[step.row]
        is_new = step.kind in ("log on", "negotiate") and (step.name > 0 or not known)
        if is_new or not known:
            number = 100 * step.row + len(known) + 1
            known.append(Party(step.row, number, 40_000 + step.name))
        if is_new:
            self.current[step.row] = known[-1]
        elif step.kind in ("log on", "negotiate"):
            return known[step.a % len(known)]
        return known[0] if step.name == 2 and step.b == 0 else self.current[step.row] or known[-1]

    def flush(self) -> None:
        """What waits arrives in one burst."""
        self.rig.now_ns += 1000
        self.twin.turn += 1
        frames, self.waiting = self.waiting, []
        self.rig.burst(frames)
        run_twin(self.twin, frames, self.rig.now_ns)

    def send(self, frame: bytes, ends_burst: bool) -> None:
        self.waiting.append(frame)
        self.frames.append(frame)
        if ends_burst or len(self.waiting) == 8:
            self.flush()

    def shake(self, party: Party, message: bytes) -> None:
        self.flush()
        self.twin.turn += 1
        self.rig.shake(party, message)
        self.twin.take_handshake(party.row, message, (party.endpoint, VENUE, None), self.rig.now_ns)

    def stamp(self, step: Step) -> int:
        """A Timestamp, now and then an old one."""
        if step.a != 12:
            self.stamps[step.row] += 1
        return self.stamps[step.row] if step.b != 12 else self.stamps[step.row] - 1

    def do(self, step: Step) -> None:
        party, row = self.party(step), step.row
        if step.b == 4:  # it goes on over another socket
            party.endpoint = party.endpoint._replace(udp_port=40_000 + step.a)
        session = self.twin.sessions[row]
        match step.kind:
            case "log on":
                self.shake(party, party.negotiate(self.stamp(step)))
                self.shake(
                    party, party.establish(self.stamp(step), number=None, cod_type=step.a % 8, window=step.b % 3)
                )
                party.next_number = session.expected
            case "negotiate":
                self.shake(party, party.negotiate(self.stamp(step), flow=0 if step.a == 0 else 1))
            case "establish":
                number = [None, session.expected, session.expected + 2, 0, 1][step.b % 5]
                keepalive = {0: 9, 1: 60_001}.get(step.a, 1000)
                terms = {"cod_type": step.a % 9, "window": 60_001 if step.b == 7 else step.b}
                self.shake(party, party.establish(self.stamp(step), keepalive, number, **terms))
                party.next_number = session.expected
            case "orders":
                party.next_number = max(party.next_number, session.expected) + (step.a == 0)
                self.send(party.frame(*self.orders(step)), step.ends_burst)
            case "cancel":
                self.cl_ord_ids[row] += 1
                known = max(1, self.cl_ord_ids[row] - step.a)
                self.send(party.frame(cancel(self.cl_ord_ids[row], known)), step.ends_burst)
            case "mass":
                self.cl_ord_ids[row] += 1
                self.send(party.frame(mass_cancel(self.cl_ord_ids[row])), step.ends_burst)
            case "query":
                self.send(party.frame(self.query(step)), step.ends_burst)
            case "retransmit":
                last = len(session.reports)
                first = max(0, last - step.a + 1)
                count = min(step.b, max(0, last - first + (2 if step.b == 12 else 1)))
                stamp = self.twin.time_ns + len(self.waiting) - (step.a == 11)
                self.send(party.retransmit(stamp, first, count), step.ends_burst)
            case "twice":
                stamp = self.twin.time_ns + len(self.waiting)
                self.send(party.retransmit(stamp, 1, 1), False)
                self.send(party.retransmit(stamp + 1, 1, 1), step.ends_burst)
            case "terminate":
                self.send(party.terminate(step.a % 4), step.ends_burst)
            case "finish":
                last = None if step.a == 0 else max(0, session.expected - 2 + step.a % 3)
                self.send(party.finished_sending(last), step.ends_burst)
            case "received":
                self.send(party.finished_receiving(), step.ends_burst)
            case "again":
                self.send(self.frames[-1 - step.a % len(self.frames)] or party.frame(), step.ends_burst)
            case "heartbeat":
                self.send(party.frame(at=max(1, session.expected - 1 + step.a % 3)), step.ends_burst)
            case "short":
                frame = party.datagram(party.retransmit(1, 1, 1)[42 : 42 + 8 + step.a])
                self.send(frame, step.ends_burst)
            case _:
                self.by_the_venue(step)

    def by_the_venue(self, step: Step) -> None:
        self.flush()
        self.twin.turn += 1
        match step.kind:
            case "lose":
                self.rig.lose(step.row)
                self.twin.lose(step.row, self.rig.now_ns)
            case "own finish":
                self.rig.finish_own(step.row)
                self.twin.finish_own(step.row, self.rig.now_ns)
            case "time":
                self.rig.now_ns += step.a * 700_000
                self.rig.tick()
                self.twin.tick(self.rig.now_ns)

    def orders(self, step: Step) -> list[bytes]:
        """One to three new orders, buys of even rows against sells of odd ones; some stay though their owner goes."""
        made: list[bytes] = []
        for k in range(1 + step.b % 3):
            self.cl_ord_ids[step.row] += 1
            cl_ord_id = max(0, self.cl_ord_ids[step.row] - (2 if step.a == 1 and k == 0 else 0))
            ticks, terms = 100 + (step.a + k) % 3, {"Account": step.row + 1, "ExecInst": 8 if step.b == 5 else 0}
            side = 1 + step.row % 2
            if step.a == 2 and k == 1:
                made.append(replace(cl_ord_id, max(0, cl_ord_id - 1), side, qty=3, ticks=ticks, Account=step.row + 1))
            elif step.a == 3:
                made.append(single(cl_ord_id, side, 2, ticks, **terms))
            else:
                made.append(new(cl_ord_id, side, 1 + step.b % 2, ticks, "01"[step.b % 2], **terms))
        return made

    def query(self, step: Step) -> bytes:
        asked = {"OrdStatusReqID": 100 + step.b}
        if step.a == 0:
            return ORDERS.encode("WatermarkRequest", **asked)
        mine = [one for one in self.twin.book.open.values() if one.session == step.row]
        order = mine[step.b % len(mine)] if mine else None
        cl_ord_id = order.cl_ord_id if order and step.a < 8 else step.b
        order_id = order.order_id + (step.a == 9) if order and step.a > 4 else None
        if step.a > 9:
            cl_ord_id = 0
        return ORDERS.encode("OrderStatusRequest", **asked, ClOrdID=cl_ord_id, OrderID=order_id)

    def close(self) -> None:
        self.rig.port.close()


def run(config: Config, steps: list[Step]) -> None:
    both = Both(config)
    try:
        for row in range(2):
            both.do(Step("log on", row, 1, 3, row, True))
        for step in steps:
            both.do(step)
        both.flush()
        both.rig.compare_sessions(both.twin)
        compare_replay(both.rig, config)
    finally:
        both.close()


def compare_replay(rig: SessionRig, config: Config) -> None:
    """The log, decided again, says the same to everybody and ends in the same state."""
    written = int(rig.exchange.journal.scalars[0])
    exchange = allocate(config, records=rig.exchange.journal.records[:written].copy(), local_mac=0x020000000001)
    with open_port(PortConfig(kind="memory", rx_frames=16, tx_frames=4096)) as port:
        replay_records(exchange, port.handle, 0, written)
        drain(exchange, port.handle)
        frames = []
        while (got := port.collect()) is not None:
            frames.append(got.frame)
    unsequenced = [is_invalid_session(got.frame) for got in rig.frames_out]
    live = [got.frame for got, left_out in zip(rig.frames_out, unsequenced, strict=True) if not left_out]
    assert frames[-len(live) :] == live if live else True
    assert whole_state_hash(exchange) == whole_state_hash(rig.exchange)
    used = int(rig.exchange.reports.scalars[0]) * ENTRY_BYTES
    assert int(exchange.reports.scalars[0]) * ENTRY_BYTES == used
    assert exchange.reports.octets[:used].tobytes() == rig.exchange.reports.octets[:used].tobytes()
    same_state(exchange, rig.exchange, {"retransmit_turn"})
    quiet = allocate(config)
    with Player(quiet, quiet=True) as player:
        player.play(rig.exchange.journal.records[: written // 2])
        player.play(rig.exchange.journal.records[written // 2 : written])
    assert whole_state_hash(quiet) == whole_state_hash(rig.exchange)
    same_state(quiet, exchange, set())


def same_state(one: Exchange, other: Exchange, left_out: set[str]) -> None:
    """Every field of every session but those, and what goes with them."""
    for name in SESSION.names or ():
        if name not in left_out:
            assert one.tables.sessions[name].tolist() == other.tables.sessions[name].tolist(), name
    for name in ("names", "session_scalars", "throttles", "firm_numbers"):
        assert getattr(one.tables, name).tolist() == getattr(other.tables, name).tolist(), name


def is_invalid_session(frame: bytes) -> bool:
    """The one answer that is not sequenced."""
    return frame[44:46] == b"\x0d\0" and frame[46:48] == b"\xbc\x0a" and frame[50 + 24] == 1


@settings(max_examples=15 if INTERPRETED else 120, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, max_size=60), is_throttled=st.booleans())
def test_any_sessions(steps: list[Step], is_throttled: bool) -> None:
    run(THROTTLED if is_throttled else CONFIG, steps)


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", range(20 if INTERPRETED else 400))
def test_long_lives(seed: int) -> None:
    run(THROTTLED if seed % 2 else CONFIG, some_steps(random.Random(seed), 600))


def some_steps(draw: random.Random, count: int) -> list[Step]:
    """Steps of a seeded generator."""
    return [
        Step(draw.choice(KINDS), draw.randrange(ROWS), draw.randrange(3), draw.randrange(13), draw.randrange(13),
             draw.random() < 0.5)
        for _ in range(count)
    ]  # fmt: skip
