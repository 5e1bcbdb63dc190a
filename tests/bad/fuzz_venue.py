"""Hostile frames for the whole path, and what must come of them. `python -m tests.bad.fuzz_venue` runs it by itself.

A round is one venue from the start of its day and 20,000 frames (or fewer): good requests of four sessions, frames of
other protocols as scapy makes them, and mutations of all of these: flipped bits, cut ends, spliced halves, lies in
length fields, copies, late arrivals. The naive twin sees the same frames; every report, market data message and counter
must be the twin's. The frames follow from the seed and the twin's state, so every build must end in the same state.
"""

from __future__ import annotations

import argparse
import json
import random
import struct
from typing import Any

import numpy as np
from scapy.contrib.mpls import MPLS
from scapy.layers.igmp import IGMP
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, GRE, LLC, Dot1AD, Dot1Q, Dot3, Ether
from scapy.layers.ppp import PPPoE
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from appliance.book.check import check_book
from appliance.exchange import whole_state_hash
from appliance.loop import allocate_loop, run
from appliance.replay import opening_phases
from native import counters
from native.jit import CHECKED, INTERPRETED, kernel
from native.layout import (
    KIND_CANCEL,
    KIND_CONTEXT,
    KIND_MASS_CANCEL,
    KIND_NEW_ORDER,
    KIND_OF_THE_BOOK_MAX,
    KIND_PHASE,
    KIND_REPLACE,
    KIND_SESSION_PEER,
    KIND_TIMER,
    PHASE_CONTINUOUS,
    PKT_CLOCK_FILE,
    PKT_UDP_CHECKSUM_COMPLETE,
)
from native.limits import FRAME_BYTES_MAX, RX_BURST_MAX
from native.lowlevel import load_u16
from pcap.datagrams import VENUE
from pcap.noise import noise_frames
from tests.naive.venue import Venue
from tests.session_rig import PROOF, Party, give_handshake
from tests.venue_rig import (
    START_NS,
    TICK,
    Client,
    VenueRig,
    cancel,
    demo_sessions,
    mass_cancel,
    new,
    replace,
    replies,
    run_twin,
    single,
    small_config,
)
from wire.net.frames import checksum

FRAMES_A_ROUND_MAX = 20_000
KEYED_ROW = 4
IP_AT, UDP_AT, CONTEXT_AT, MESSAGES_AT = 14, 34, 42, 74
LENGTH_FIELDS = ((16, ">H"), (38, ">H"), (42, "<H"), (74, "<H"), (122, "<H"), (14, "B"), (12, ">H"), (66, "<Q"))
"""Where the lengths, versions and numbers of an untagged frame stand that decide how far anyone reads."""
LIES = (0, 1, 5, 7, 8, 19, 20, 23, 24, 25, 31, 32, 33, 39, 40, 41, 0x44, 0x45, 0x46, 0x4F, 255, 1399, 1400, 1401,
        0x0800, 0x8100, 0x7FFF, 0xFFFF, (1 << 31) - 1, 1 << 31, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)  # fmt: skip

FRAME_DROPS = range(counters.DROP_FRAME_TRUNCATED, counters.DROP_SESSION_SEQ + 1)
"""The reasons for which a frame goes no further; a frame has one of these, or counts as one of datagrams_in."""

CONFIG = small_config(
    limits={"orders": 4096, "levels": 1024},
    journal={"records": 1 << 17},
    feed={"store_mib": 64},
    sessions=[*demo_sessions(4), {"key_id": "fuzz", "account": 5, "cl_ord_id_rule": "unique_open"}],
)


def odd_frames() -> list[bytes]:
    """Frames of other protocols, and of ours in unusual dress."""
    ether = Ether(src="02:50:57:01:00:01", dst="02:50:57:00:00:01")
    ends = {"src": "198.18.1.1", "dst": "198.18.0.1"}
    ip = IP(**ends, id=7)
    udp = UDP(sport=40001, dport=26400)
    body = Raw(bytes(range(200)))
    found = [
        ether / ARP(pdst="198.18.0.1", psrc="198.18.1.1", hwsrc="02:50:57:01:00:01"),
        ether / IPv6(src="fd00::1", dst="fd00::2") / udp / body,
        ether / IPv6(src="fd00::1", dst="fd00::2") / ICMPv6EchoRequest(),
        ether / ip / ICMP() / body,
        ether / ip / TCP(sport=40001, dport=26400, flags="S") / body,
        ether / ip / IGMP(type=0x16, gaddr="239.192.26.1"),
        ether / ip / GRE() / ip / udp / body,
        ether / ip / ip / udp / body,
        ether / ip / udp / VXLAN(vni=7) / ether / ip / udp / body,
        ether / Dot1Q(vlan=100, prio=7) / ip / udp / body,
        ether / Dot1Q(vlan=0) / ip / udp / body,
        ether / Dot1Q(vlan=1) / Dot1Q(vlan=2) / ip / udp / body,
        ether / Dot1AD(vlan=1) / Dot1Q(vlan=2) / ip / udp / body,
        ether / MPLS(label=5, s=1) / ip / udp / body,
        ether / PPPoE(sessionid=1) / body,
        Dot3(src="02:50:57:01:00:01", dst="01:80:c2:00:00:00") / LLC() / body,
        ether / IP(**ends, options=[IPOption(b"\x07\x07\x04\x00\x00\x00\x00")]) / udp / body,
        ether / IP(**ends, flags="MF") / udp / body,
        ether / IP(**ends, frag=3) / body,
        ether / IP(**ends, len=1500) / udp / body,
        ether / IP(**ends, ihl=15) / udp / body,
        ether / ip / UDP(sport=40001, dport=26400, len=4) / body,
        ether / ip / UDP(sport=40001, dport=26400, len=900) / body,
        ether / ip / udp,
        ether / ip / udp / Raw(bytes(1450)),
    ]
    return [bytes(frame)[:FRAME_BYTES_MAX] for frame in found] + [frame for _, frame in noise_frames()] + [b"", b"\0"]


class Fuzzer:
    """Makes frames; knows the twin, so that good requests carry numbers that are still to come."""

    def __init__(self, seed: int, twin: Venue) -> None:
        self.draw = random.Random(seed)
        self.twin = twin
        self.clients = [Client(number) for number in range(1, 5)]
        self.party = Party(KEYED_ROW, 1)
        self.odd = odd_frames()
        self.recent: list[bytes] = list(self.odd)
        self.late: list[bytes] = []
        self.cl_ord_id = 0
        self.known: list[list[tuple[int, int, int]]] = [[], [], [], []]

    def message(self, account: int) -> bytes:
        draw, known = self.draw, self.known[account - 1]
        self.cl_ord_id += 1
        if known and draw.random() < 0.4:
            at = draw.randrange(len(known))
            orig, side, security = known[at]
            if draw.random() < 0.6:
                return cancel(self.cl_ord_id, orig, side, SecurityID=security)
            known[at] = (self.cl_ord_id, side, security)
            qty, ticks = draw.randint(0, 9), draw.randint(95, 105)
            return replace(self.cl_ord_id, orig, side, qty, ticks, Account=account, SecurityID=security)
        if draw.random() < 0.02:
            return mass_cancel(
                self.cl_ord_id, draw.choice((1, 7, 10)), SecurityID=draw.choice((None, 1, 7)), AckStyle=1
            )
        side, qty, ticks = draw.choice((1, 2, 5)), draw.randint(0, 5), draw.randint(95, 105)
        security = draw.choice((1, 1, 1, 7))
        known.append((self.cl_ord_id, side, security))
        del known[:-12]
        if draw.random() < 0.7:
            return new(self.cl_ord_id, side, qty, ticks, draw.choice("000134"), Account=account, SecurityID=security)
        return single(
            self.cl_ord_id, side, qty, ticks, Account=account, SecurityID=security, OrdType=draw.choice("122234JTK"),
            TimeInForce=draw.choice("0000126347A"), StopPx=draw.randint(95, 105) * TICK,
            ExpireTime=START_NS + draw.randint(0, 3000) * 1000, DisplayQty=draw.choice((None, None, 1, 2)),
            MinQty=draw.choice((None, None, None, 1, 2)), ExecInst=draw.choice((0, 0, 0, 0, 1, 2, 4, 16)),
            STPInstruction=draw.randint(0, 5), SelfMatchPreventionID=draw.choice((0, 0, 7)),
        )  # fmt: skip

    def of_the_keyed(self) -> bytes:
        """From the negotiated session: requests, and what it says of itself."""
        draw, session = self.draw, self.twin.sessions[KEYED_ROW]
        last = len(session.reports)
        match draw.randrange(12):
            case 0:
                return self.party.terminate(draw.randrange(5))
            case 1:
                return self.party.finished_receiving()
            case 2 | 3 | 4:
                first = draw.randint(max(0, last - 3), last + 1)
                return self.party.retransmit(self.twin.time_ns - draw.choice((0, 0, 9)), first, draw.randrange(4))
        number = session.expected + draw.choice((0, 0, 0, 1, -1))
        self.cl_ord_id += 1
        order = new(self.cl_ord_id, 1, 1, draw.randint(95, 105), Account=KEYED_ROW + 1)
        return self.party.frame(order, at=max(0, number))

    def good(self) -> bytes:
        if self.draw.random() < 0.05:
            return self.of_the_keyed()
        account = self.draw.randint(1, 4)
        client = self.clients[account - 1]
        messages = [self.message(account) for _ in range(self.draw.choice((0, 1, 1, 1, 2, 3, 15)))]
        number = self.twin.sessions[account - 1].expected + self.draw.choice((0, 0, 0, 0, 0, 0, 1, -1, -3))
        tag = self.draw.choice((None, None, None, None, None, 0, 100))
        return client.frame(*messages, at=max(0, number), vlan_tci=tag)

    def frame(self) -> bytes:
        draw = self.draw
        if self.late and draw.random() < 0.1:
            return self.late.pop(draw.randrange(len(self.late)))
        base = draw.choice(self.odd) if draw.random() < 0.1 else self.good()
        if draw.random() < 0.02:
            self.late.append(base)
        self.recent[draw.randrange(len(self.recent))] = base
        match draw.randrange(10):
            case 0 | 1:
                return base
            case 2:
                return draw.choice(self.recent)
            case 3:
                return self.flipped(base, 0)
            case 4:
                return mended(self.flipped(base, 0))
            case 5:
                return mended(self.flipped(base, min(CONTEXT_AT, len(base))))
            case 6:
                return self.maybe_mended(base[: draw.randint(0, len(base))])
            case 7:
                other = draw.choice(self.recent)
                cut = draw.randint(0, min(len(base), len(other)))
                return self.maybe_mended(base[:cut] + other[cut:])
            case 8:
                return self.maybe_mended(self.lying(base))
        return draw.randbytes(draw.randint(0, FRAME_BYTES_MAX)) if draw.random() < 0.2 else self.lying(self.lying(base))

    def flipped(self, frame: bytes, first: int) -> bytes:
        octets = bytearray(frame)
        if len(octets) > first:
            for _ in range(self.draw.choice((1, 1, 2, 8))):
                octets[self.draw.randrange(first, len(octets))] ^= 1 << self.draw.randrange(8)
        return bytes(octets)

    def lying(self, frame: bytes) -> bytes:
        octets = bytearray(frame)
        at, layout = self.draw.choice(LENGTH_FIELDS)
        size = struct.calcsize(layout)
        if at + size <= len(octets):
            struct.pack_into(layout, octets, at, self.draw.choice(LIES) & ((1 << 8 * size) - 1))
        return bytes(octets)

    def maybe_mended(self, frame: bytes) -> bytes:
        return mended(frame) if self.draw.random() < 0.6 else frame


def mended(frame: bytes) -> bytes:
    """The IPv4 and UDP lengths and the IPv4 checksum made right, so that a mutation gets past them."""
    if len(frame) < CONTEXT_AT:
        return frame
    octets = bytearray(frame)
    struct.pack_into(">H", octets, IP_AT + 2, len(frame) - IP_AT)
    struct.pack_into(">H", octets, UDP_AT + 4, len(frame) - UDP_AT)
    octets[UDP_AT + 6 : UDP_AT + 8] = b"\0\0"
    octets[IP_AT + 10 : IP_AT + 12] = b"\0\0"
    octets[IP_AT + 10 : IP_AT + 12] = checksum(bytes(octets[IP_AT:UDP_AT])).to_bytes(2, "big")
    return bytes(octets)


def account_for(rig: VenueRig, frames: int) -> None:
    """Every frame and every message ends in exactly one way.

    frames    packets_in = the sum of FRAME_DROPS + datagrams_in
    messages  of each accepted datagram: sequenced, or drop_duplicate, drop_message_schema or drop_message_block;
              reading a datagram ends early by at most one drop_message_truncated or drop_journal_full
    sequenced sequenced_inputs = new orders + cancels, replaces and mass cancels, done or rejected + moved peers +
              announced gaps + phases + timers: the kinds of the records in the journal
    """
    count = rig.counter
    assert count(counters.PACKETS_IN) == frames
    assert frames == sum(count(drop) for drop in FRAME_DROPS) + count(counters.DATAGRAMS_IN)
    undecided = count(counters.NEW_ORDERS) - count(counters.ORDERS_ACCEPTED) - count(counters.ORDERS_REJECTED)
    assert 0 <= undecided <= count(counters.SESSIONS_TERMINATED), "a request that ends its session is not decided"
    kinds = np.bincount(rig.exchange.journal.records["kind"][: count(counters.SEQUENCED_INPUTS)], minlength=32)
    assert kinds[KIND_NEW_ORDER] == count(counters.NEW_ORDERS)
    assert kinds[KIND_CANCEL] == count(counters.CANCELS) + count(counters.CANCELS_REJECTED)
    assert kinds[KIND_REPLACE] == count(counters.REPLACES) + count(counters.REPLACES_REJECTED)
    assert kinds[KIND_MASS_CANCEL] == count(counters.MASS_CANCELS) + count(counters.MASS_CANCELS_REJECTED)
    assert kinds[KIND_TIMER] == count(counters.TIMERS)
    assert kinds[KIND_PHASE] >= len(rig.config.instruments)
    others = kinds[KIND_SESSION_PEER] + kinds[KIND_CONTEXT] + count(counters.SESSION_INPUTS)
    others += count(counters.STATUS_QUERIES)
    assert others + kinds[: KIND_OF_THE_BOOK_MAX + 1].sum() == count(counters.SEQUENCED_INPUTS)


def fuzz_round(seed: int, frames: int) -> dict[str, Any]:
    """One venue and `frames` frames. Returns its counters and state hash."""
    twin = Venue(CONFIG)
    twin.proof = PROOF
    twin.open_day(START_NS)
    with VenueRig(CONFIG) as rig:
        fuzzer = Fuzzer(seed, twin)
        done = 0
        while done < frames:
            count = min(fuzzer.draw.randint(1, RX_BURST_MAX), frames - done)
            verify = fuzzer.draw.random() < 0.5
            rig.now_ns += 1000
            if fuzzer.draw.random() < 0.1:
                rig.tick()
                twin.tick(rig.now_ns)
            if fuzzer.draw.random() < 0.03:
                change_phase(rig, twin, fuzzer.draw.choice((0, 1, 1, 1, 2, 3, 4, 5, 7, 8)))
            if fuzzer.draw.random() < 0.03:
                log_on(rig, twin, fuzzer)
            twin.turn += 1
            burst = []
            for _ in range(count):
                burst.append(fuzzer.frame())
                run_twin(twin, burst[-1:], rig.now_ns, verify_udp_checksum=verify)
            rig.burst(burst, flags=PKT_CLOCK_FILE | (PKT_UDP_CHECKSUM_COMPLETE if verify else 0))
            done += count
        change_phase(rig, twin, PHASE_CONTINUOUS)
        rig.compare(twin)
        account_for(rig, frames)
        stats = rig.port.stats()
        assert stats["bad_descriptors"] == stats["tx_invalid"] == stats["rx_held"] == stats["rx_dropped"] == 0
        result = {"counters": rig.counts(), "state_hash": whole_state_hash(rig.exchange), "book": rig.book_digest()}
        good_order_is_answered(rig)
    return result


def log_on(rig: VenueRig, twin: Venue, fuzzer: Fuzzer) -> None:
    """The keyed row is established, mostly by the session that it has, for both."""
    draw = fuzzer.draw
    if draw.random() < 0.2 or not twin.sessions[KEYED_ROW].uuid:
        fuzzer.party = Party(KEYED_ROW, draw.randrange(1 << 30))
    party = fuzzer.party
    for message in (party.negotiate(rig.now_ns), party.establish(rig.now_ns + 1, number=None)):
        twin.turn += 1
        give_handshake(rig, party, message)
        twin.take_handshake(KEYED_ROW, message, (party.endpoint, VENUE, None), rig.now_ns)


def change_phase(rig: VenueRig, twin: Venue, phase: int) -> None:
    """Of instrument 1, for both."""
    rig.set_phase(0, phase)
    twin.set_phase(twin.instruments[0], phase, rig.now_ns)


def good_order_is_answered(rig: VenueRig) -> None:
    """After all that the loop itself, by the real clock, still takes an order and answers it."""
    client = Client(3)
    client.next_number = int(rig.exchange.tables.sessions[2]["expected_seq"])
    before = len(rig.sent.reports[client.uuid])
    # far from every other price, so that it rests
    assert rig.port.inject(client.frame(new((1 << 62) + 1, 1, 1, 2, Account=3)))
    loop = allocate_loop(opening_phases(CONFIG), heartbeat_ms=10)
    assert run(rig.exchange, loop, rig.port.handle, 3) == 0
    rig.collect()
    told = replies(rig.sent, client)[before:]
    # by the real clock other orders may come to their end, too
    assert [name for name, fields in told if fields.get("ClOrdID") == (1 << 62) + 1] == ["ExecutionReportNew"]
    assert check_book(rig.exchange.book) == []


@kernel
def read_beyond(octets):
    """A load that ends one byte behind the buffer."""
    return load_u16(octets, octets.size - 1)


def build() -> str:
    """Which build of the kernels this process runs."""
    if INTERPRETED:
        return "interpreted"
    if not CHECKED:
        return "compiled"
    try:
        read_beyond(np.zeros(8, np.uint8))
    except IndexError:
        return "checked"
    raise AssertionError("NUMBA_BOUNDSCHECK is on, but a load outside its buffer went through.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--frames", type=int, default=FRAMES_A_ROUND_MAX)
    arguments = parser.parse_args()
    results, left, seed = [], arguments.frames, arguments.seed
    while left > 0:
        results.append(fuzz_round(seed, min(left, FRAMES_A_ROUND_MAX)))
        left -= FRAMES_A_ROUND_MAX
        seed += 1
    print(json.dumps({"build": build(), "rounds": results}))


if __name__ == "__main__":
    main()
