"""A day at a small venue with everything in it, drawn from a seed: the records that it leaves, and its state."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from appliance.exchange import Exchange, allocate, schema_digest, whole_state_hash
from appliance.history.state import state_arrays
from appliance.journal.records import Identity
from appliance.journal.whole import save_log
from appliance.replay import LOCAL_MAC
from appliance.sequencer.journal import COMMITTED
from native.layout import PHASE_CLOSED, PHASE_CONTINUOUS, PHASE_HALT, PHASE_OPENING_AUCTION, PHASE_VOLATILITY_AUCTION
from tests.property.test_venue_order_types import CONFIG, TICKS
from tests.venue_rig import Client, VenueRig, cancel, mass_cancel, replace, single

__all__ = ["CONFIG", "Day", "fresh", "make_day", "same_state", "write_journal"]

PHASES = [PHASE_CONTINUOUS] * 4 + [PHASE_HALT, PHASE_OPENING_AUCTION, PHASE_VOLATILITY_AUCTION, PHASE_CLOSED]


@dataclass
class Day:
    """What a day left."""

    records: np.ndarray
    """SEQUENCED[n], a copy"""
    exchange: Exchange
    feed_packets: list[bytes] = field(default_factory=list)


def fresh() -> Exchange:
    """An exchange at the start of its day."""
    return allocate(CONFIG, local_mac=LOCAL_MAC)


def make_day(seed: int, messages: int) -> Day:
    """Requests of every kind from three sessions in bursts of one to four datagrams, phases, timers, lost datagrams."""
    draw = random.Random(seed)
    with VenueRig(CONFIG) as rig:
        clients = [Client(number) for number in (1, 2, 3)]
        named: list[list[int]] = [[1], [1], [1]]
        while messages > 0:
            rig.now_ns += draw.choice((1000, 50_000, 700_000))
            turn = draw.random()
            if turn < 0.06:
                rig.set_phase(draw.randrange(len(CONFIG.instruments)), draw.choice(PHASES))
            elif turn < 0.16:
                rig.tick()
            frames = []
            for _ in range(draw.randint(1, 4)):
                who = draw.randrange(3)
                octets = [_message(draw, named[who]) for _ in range(draw.randint(1, 3))]
                messages -= len(octets)
                frame = clients[who].frame(*octets, vlan_tci=draw.choice((None, None, 5)))
                if draw.random() > 0.03:  # else it is lost: a gap
                    frames.append(frame)
            if frames:
                rig.burst(frames)
        count = int(rig.exchange.journal.scalars[COMMITTED])
        return Day(rig.exchange.journal.records[:count].copy(), rig.exchange, rig.sent.feed_packets)


def _message(draw: random.Random, named: list[int]) -> bytes:
    cl_ord_id = named[-1] + draw.choice((1, 1, 3))
    orig = draw.choice(named[-12:])
    named.append(cl_ord_id)
    security_id = draw.choice((1, 1, 2, 2, 3))
    tick = TICKS[security_id]
    side = draw.choice((1, 2))
    ticks, qty = draw.randint(97, 103), 2 * draw.randint(1, 8)
    kind = draw.random()
    if kind < 0.15:
        return cancel(cl_ord_id, orig, side, SecurityID=security_id)
    if kind < 0.3:
        return replace(cl_ord_id, orig, side, qty, SecurityID=security_id, Price=ticks * tick)
    if kind < 0.33:
        return mass_cancel(cl_ord_id)
    ord_type = draw.choice("2222221K34JT")
    more: dict[str, object] = {"SecurityID": security_id, "OrdType": ord_type, "TimeInForce": draw.choice("000113467A")}
    more["Price"] = ticks * tick if ord_type in "24T" else None
    if ord_type in "34JT":
        more["StopPx"] = (ticks + draw.randint(-2, 2)) * tick
    if more["TimeInForce"] == "6":
        more["ExpireTime"] = 1_700_000_000_000_000_000 + draw.randint(1, 400) * 1_000_000
    if draw.random() < 0.15:
        more["DisplayQty"] = 2
    return single(cl_ord_id, side, qty, **more)


def same_state(one: Exchange, other: Exchange) -> None:
    """Every array of the state is equal, byte by byte: hidden links and free lists, too. The number of the turn is left
    out (a live loop turns without input, as well), and how full the feed store is."""
    assert whole_state_hash(one) == whole_state_hash(other)
    for (name, mine), its in zip(state_arrays(one).items(), state_arrays(other).values(), strict=True):
        mine, its = mine.copy(), its.copy()
        for array in (mine, its):
            if name == "tables.clock":
                array[:2] = 0
            elif name == "feed.scalars":
                array[4:7] = 0
            elif name == "journal.scalars":
                array[2] = 0
        assert mine.tobytes() == its.tobytes(), name


def write_journal(day: Day, path: Path) -> Path:
    """The day's journal as a file."""
    save_log(path, Identity(bytes(16), CONFIG.epoch, schema_digest(), CONFIG.state_digest()), day.records)
    return path
