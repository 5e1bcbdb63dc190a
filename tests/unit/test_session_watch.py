"""What the loop does for sessions by the clock, and what it takes from the gateway's ring and gives to it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.exchange import Exchange
from appliance.gateway.ring import Address, Entry, Ring
from appliance.gateway_rings import RING_HEADER_BYTES, make_rings
from appliance.session_watch import MISSED_MAX, hear_gateway, watch_sessions
from native.gateway_layout import (
    GATEWAY_IN_DATAGRAM,
    GATEWAY_IN_HANDSHAKE,
    GATEWAY_IN_LOST,
    GATEWAY_IN_STARTED,
    GATEWAY_OUT_CLOSE,
    GATEWAY_OUT_HANDSHAKE,
    GATEWAY_OUT_REPLY,
    TRANSPORT_TCP,
    TRANSPORT_UDP,
)
from native.layout import VLAN_NONE
from pcap.datagrams import VENUE
from pcap.messages import encode_context
from tests.session_rig import BLOCKS, PROOF, Party, SessionRig, keyed_config
from tests.venue_rig import new
from wire.net.frames import parse_udp_frame

A, B = Party(0, 1), Party(1, 2)
KEEPALIVE_NS = 1_000_000_000


class WatchRig(SessionRig):
    """A rig whose clock turns the loop's part as well."""

    def watch(self, milliseconds: int = 0) -> list[tuple[str, dict[str, Any]]]:
        """So much later, every session is looked at once. What was said."""
        self.now_ns += milliseconds * 1_000_000
        watch_sessions(self.exchange, self.port.handle, self.now_ns)
        self.collect()
        return self.take_said()


def test_a_silent_venue_says_that_nothing_is_new() -> None:
    with WatchRig() as rig:
        rig.log_on(A)
        rig.send(A.frame(new(1), at=1))
        rig.take_said()
        assert rig.watch(999) == []
        assert rig.watch(1) == [("Context", {"SessionId": A.uuid, "NextSeqNo": 2})]
        assert rig.watch(999) == []
        rig.send(A.frame(new(2), at=2))  # what was told counts as a heartbeat
        assert rig.watch(999) == []
        assert [name for name, _ in rig.watch(1)] == ["Context"]
        assert rig.counts()["sequenced_inputs"] == 4 + 4, "a heartbeat is no input"


def test_a_silent_client_is_lost() -> None:
    with WatchRig() as rig:
        rig.log_on(A)
        rig.take_said()
        begun_ns = rig.now_ns
        rig.watch(500)
        rig.send(A.frame(at=1))  # a heartbeat
        heard_ns = rig.now_ns
        rig.now_ns = heard_ns + MISSED_MAX * KEEPALIVE_NS
        assert [name for name, _ in rig.watch()] == ["Context"]
        assert begun_ns < heard_ns
        assert rig.watch(1) == [("Terminate", {"SessionId": A.uuid, "Code": 1, "Reason": b""})]
        assert rig.watch(5000) == []
        assert rig.counts()["sessions_terminated"] == 1


def test_any_datagram_of_a_session_is_life() -> None:
    """A duplicate, a copy of a RetransmitRequest that is answered, an Establish."""
    with WatchRig() as rig:
        rig.log_on(A)
        rig.send(A.frame(new(1), at=1))
        for frame in (A.frame(new(1), at=1), A.retransmit(9, 1, 1), A.frame(at=1)):
            rig.watch(2900)
            rig.send(frame)
        rig.watch(2900)
        rig.shake(A, A.establish(5, number=None))
        rig.watch(2900)
        assert "sessions_terminated" not in rig.counts()


def test_a_provisioned_session_is_not_watched() -> None:
    provisioned = Party(3, 99)
    with WatchRig() as rig:
        rig.send(provisioned.frame(new(1, Account=99), at=1))
        assert rig.watch(1_000_000) == []


def test_every_session_has_its_turn() -> None:
    """More sessions than are looked at in one turn."""
    parties = [Party(row, 10 + row) for row in range(20)]
    with WatchRig(keyed_config(20)) as rig:
        for party in parties:
            rig.log_on(party)
        rig.take_said()
        rig.now_ns += 1_100 * 1_000_000
        told = [fields["SessionId"] for _ in range(3) for _, fields in rig.watch()]
        assert sorted(told) == sorted(party.uuid for party in parties)


# --- the gateway ------------------------------------------------------------------------------------------------


class GatewayRig(SessionRig):
    """A rig with rings, and the gateway's ends of them."""

    def __init__(self, folder: Path, **more: Any) -> None:
        super().__init__(keyed_config(**more))
        memory = []
        for name in ("outward", "inward"):
            (folder / name).write_bytes(bytes(RING_HEADER_BYTES + (1 << 16)))
            memory.append(np.memmap(folder / name, np.uint8, "r+").view(np.ndarray))
        members = {name: getattr(self.exchange, name) for name in self.exchange.member_names}
        self.exchange = Exchange(**members | {"rings": make_rings(*memory)})
        self.outward, self.inward = Ring(folder / "outward"), Ring(folder / "inward")

    def tell(self, entry: Entry) -> list[Entry]:
        """The gateway's entry, taken by the loop. What the gateway hears."""
        self.now_ns += 1000
        assert self.inward.put(entry)
        assert hear_gateway(self.exchange, self.port.handle, self.now_ns) == 1
        assert hear_gateway(self.exchange, self.port.handle, self.now_ns) == 0
        self.collect()
        return self.heard()

    def heard(self) -> list[Entry]:
        entries = []
        while (entry := self.outward.take()) is not None:
            entries.append(entry)
        return entries


def of_tcp(kind: int, payload: bytes = b"", connection: int = 7, row: int = 0) -> Entry:
    return Entry(kind, payload, TRANSPORT_TCP, session=row, connection=connection, proof=PROOF)


def names(entries: list[Entry]) -> list[tuple[int, str]]:
    return [(entry.kind, BLOCKS.decode(entry.payload).block.name) for entry in entries]


def log_on(rig: GatewayRig) -> None:
    for message, answer in (
        (A.negotiate(1), "NegotiationResponse"),
        (A.establish(2, cod_type=1), "EstablishmentAck"),
    ):
        told = rig.tell(of_tcp(GATEWAY_IN_HANDSHAKE, message))
        assert names(told) == [(GATEWAY_OUT_REPLY, answer)]
        assert told[0].connection == 7


def test_a_session_over_tcp(tmp_path: Path) -> None:
    """All its datagrams go through the rings; what comes by UDP for it is dropped."""
    with GatewayRig(tmp_path) as rig:
        log_on(rig)
        told = rig.tell(of_tcp(GATEWAY_IN_DATAGRAM, encode_context(A.uuid, 1) + new(1) + new(2)))
        assert names(told) == [(GATEWAY_OUT_REPLY, "Context")]
        assert len(told[0].payload) == 32 + 2 * 128
        rig.send(A.frame(new(3), at=3))
        assert rig.counts()["drop_session_unbound"] == 1
        assert rig.tell(of_tcp(GATEWAY_IN_DATAGRAM, encode_context(A.uuid, 3) + new(3), connection=8)) == []
        assert rig.counts()["drop_session_unbound"] == 2
        payload = parse_udp_frame(A.retransmit(9, 1, 2)).payload
        assert names(rig.tell(of_tcp(GATEWAY_IN_DATAGRAM, payload))) == [(GATEWAY_OUT_REPLY, "Retransmission")]
        payload = parse_udp_frame(A.terminate()).payload
        assert names(rig.tell(of_tcp(GATEWAY_IN_DATAGRAM, payload))) == [(GATEWAY_OUT_CLOSE, "Terminate")]
        assert all(parse_udp_frame(got.frame).destination.udp_port != A.endpoint.udp_port for got in rig.frames_out)


@pytest.mark.parametrize("lost", [of_tcp(GATEWAY_IN_LOST), Entry(GATEWAY_IN_STARTED)], ids=["lost", "started"])
def test_a_connection_that_ends(tmp_path: Path, lost: Entry) -> None:
    with GatewayRig(tmp_path) as rig:
        log_on(rig)
        rig.log_on(B)
        rig.tell(of_tcp(GATEWAY_IN_DATAGRAM, encode_context(A.uuid, 1) + new(1)))
        rig.tell(lost)
        counts = rig.counts()
        assert counts["sessions_terminated"] == 1, "not the one by UDP"
        assert counts["venue_canceled"] == 1
        rig.tell(lost)
        assert rig.counts()["sessions_terminated"] == 1


def test_another_connection_is_nobodys(tmp_path: Path) -> None:
    with GatewayRig(tmp_path) as rig:
        log_on(rig)
        rig.tell(of_tcp(GATEWAY_IN_LOST, connection=8))
        rig.tell(of_tcp(GATEWAY_IN_LOST, connection=0))
        assert "sessions_terminated" not in rig.counts()


def test_a_handshake_by_udp_goes_round_by_the_gateway(tmp_path: Path) -> None:
    with GatewayRig(tmp_path) as rig:
        for message, answer in ((A.negotiate(1), "NegotiationResponse"), (A.establish(2), "EstablishmentAck")):
            rig.send(A.datagram(message))
            (asked,) = rig.heard()
            assert (asked.kind, asked.transport, asked.payload) == (GATEWAY_OUT_HANDSHAKE, TRANSPORT_UDP, message)
            assert asked.receive_time_ns == rig.now_ns
            assert asked.address == Address(
                int.from_bytes(A.endpoint.mac, "big"), int.from_bytes(VENUE.mac, "big"),
                int.from_bytes(A.endpoint.ip, "big"), int.from_bytes(VENUE.ip, "big"),
                A.endpoint.udp_port, VENUE.udp_port, VLAN_NONE,
            )  # fmt: skip
            assert rig.tell(dataclasses.replace(asked, kind=GATEWAY_IN_HANDSHAKE, session=0, proof=PROOF)) == []
            ((destination, name, _),) = rig.out.said
            assert (destination, name) == (A.endpoint, answer)
            rig.out.said.clear()
        rig.send(A.frame(new(1), at=1))
        assert rig.out.live == {A.uuid: [1]}


def test_nonsense_of_the_gateway_harms_nobody(tmp_path: Path) -> None:
    """Rows that there are not, messages that are none, kinds that nobody knows."""
    with GatewayRig(tmp_path) as rig:
        for entry in (
            of_tcp(GATEWAY_IN_HANDSHAKE, A.negotiate(1), row=4),
            of_tcp(GATEWAY_IN_HANDSHAKE, A.negotiate(1)[:-61]),
            of_tcp(GATEWAY_IN_HANDSHAKE, A.negotiate(1)[:-1]),
            of_tcp(GATEWAY_IN_HANDSHAKE, A.establish(1)[:40]),
            of_tcp(GATEWAY_IN_HANDSHAKE, b""),
            of_tcp(GATEWAY_IN_HANDSHAKE, encode_context(A.uuid, 1)),
            of_tcp(GATEWAY_IN_DATAGRAM, b"\0" * 7),
            of_tcp(GATEWAY_IN_DATAGRAM, encode_context(A.uuid, 1), connection=0),
            of_tcp(99, b"what"),
        ):
            assert rig.tell(entry) == []
        assert rig.counts()["sequenced_inputs"] == 4
        assert rig.counts()["drop_session_message"] == 5
        assert rig.counts()["drop_handshake"] == 1


def test_handshakes_of_strangers_are_rationed(tmp_path: Path) -> None:
    """Four at once, then one a millisecond."""
    order_entry = {"handshakes_a_second": 1000, "handshakes_at_once": 4}
    with GatewayRig(tmp_path, order_entry=order_entry) as rig:
        frame = A.datagram(A.negotiate(1))
        for expected, later_ns in ((4, 0), (0, 500_000), (1, 500_000), (4, 60_000_000_000)):
            rig.now_ns += later_ns
            rig.burst([frame] * 6)
            assert len(rig.heard()) == expected
        assert rig.counts()["drop_handshake"] == 24 - 9
        assert rig.counts()["handshakes_in"] == 9


def test_without_room_in_the_ring_a_reply_waits_to_be_asked_for(tmp_path: Path) -> None:
    with GatewayRig(tmp_path) as rig:
        log_on(rig)
        number = 1
        while rig.counts().get("gateway_dropped", 0) == 0:
            rig.now_ns += 1000
            assert rig.inward.put(of_tcp(GATEWAY_IN_DATAGRAM, encode_context(A.uuid, number) + new(number)))
            hear_gateway(rig.exchange, rig.port.handle, rig.now_ns)
            number += 1
        rig.heard()
        payload = parse_udp_frame(A.retransmit(9, number - 1, 1)).payload
        assert names(rig.tell(of_tcp(GATEWAY_IN_DATAGRAM, payload))) == [(GATEWAY_OUT_REPLY, "Retransmission")]
