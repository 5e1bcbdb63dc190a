"""The real session server behind a memory port, and a client's side of it: handshakes go in as the gateway gives them.

`SessionRig` reads everything that comes out: `said` is what the session layer says, in order; `streams` are the
numbered messages of every SessionId; `again` those that came after a Retransmission.
"""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np

from appliance.book.check import check_book
from appliance.config import Config
from appliance.pipeline import begin_turn, drain
from appliance.session_intake import finish_session, lose_session, take_handshake
from native.jit import INTERPRETED
from native.layout import VLAN_NONE
from pcap.datagrams import VENUE
from pcap.messages import encode_context
from tests.naive.venue import Venue
from tests.venue_rig import FIXP, ORDER_ENTRY, VenueRig, compare_counts, plain, small_config
from wire import credentials
from wire.blocks import schema
from wire.net import udp4
from wire.net.frames import Endpoint, build_udp_frame, parse_udp_frame

BLOCKS = schema("fixp")
STATES = ["free", "negotiated", "established"]
PROOF = bytes(range(32))
SECRET = b"a secret of the tests, 32 bytes."
Said = tuple[Endpoint, str, dict[str, Any]]
"""To whom, name of the message, its fields (var-data as bytes)."""
__all__ = ["INTERPRETED", "PROOF", "Party", "SessionRig", "keyed_config", "name_of"]


def keyed_config(keys: int = 3, **more: Any) -> Config:
    """`small_config` with `keys` negotiated sessions (key `key-n`, account n) and a provisioned one behind them."""
    sessions: list[dict[str, Any]] = [{"key_id": f"key-{n}", "account": n} for n in range(1, keys + 1)]
    sessions.append({"uuid": str(name_of(99)), "account": 99})
    return small_config(**({"sessions": sessions} | more))


def name_of(number: int) -> uuid.UUID:
    """A SessionId for tests."""
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"test-{number}.pitwire.example")


class Party:
    """A client's side of row `row`: makes messages, remembers nothing of answers."""

    def __init__(self, row: int, number: int, udp_port: int = 40_000) -> None:
        self.row = row
        self.uuid = name_of(number).bytes
        self.endpoint = Endpoint(bytes([2, 0, 0, 0, 1, row]), bytes([198, 18, 1, row + 1]), udp_port)
        self.next_number = 1

    def negotiate(self, timestamp: int, flow: int = 1) -> bytes:
        return BLOCKS.encode(
            "Negotiate", SessionId=self.uuid, Timestamp=timestamp, ClientFlow=flow, Credentials=self.credentials()
        )

    def establish(
        self, timestamp: int, keepalive: int = 1000, number: int | None = 1, cod_type: int = 0, window: int = 0
    ) -> bytes:
        return BLOCKS.encode(
            "Establish", SessionId=self.uuid, Timestamp=timestamp, KeepaliveInterval=keepalive, NextSeqNo=number,
            Credentials=self.credentials(cod_type, window),
        )  # fmt: skip

    def credentials(self, cod_type: int = 0, window: int = 0) -> bytes:
        """With a mac that nobody looks at behind the gateway."""
        return credentials.pack(credentials.Credentials(f"key-{self.row + 1}", cod_type, window))

    def terminate(self, code: int = 0) -> bytes:
        return self.alone("Terminate", Code=code)

    def finished_sending(self, last: int | None = None) -> bytes:
        return self.alone("FinishedSending", LastSeqNo=last)

    def finished_receiving(self) -> bytes:
        return self.alone("FinishedReceiving")

    def retransmit(self, timestamp: int, first: int, count: int) -> bytes:
        return self.alone("RetransmitRequest", Timestamp=timestamp, FromSeqNo=first, Count=count)

    def alone(self, name: str, **fields: Any) -> bytes:
        return self.datagram(BLOCKS.encode(name, SessionId=self.uuid, **fields))

    def datagram(self, payload: bytes) -> bytes:
        return build_udp_frame(payload, self.endpoint, VENUE)

    def frame(self, *messages: bytes, at: int | None = None) -> bytes:
        number = self.next_number if at is None else at
        if at is None:
            self.next_number += len(messages)
        return self.datagram(encode_context(self.uuid, number) + b"".join(messages))


class SessionSent:
    """What left, read back."""

    def __init__(self, feed_route: tuple[bytes, int]) -> None:
        self.feed_route = feed_route
        self.said: list[Said] = []
        self.streams: dict[bytes, dict[int, tuple[str, dict[str, Any]]]] = {}
        self.live: dict[bytes, list[int]] = {}
        """Numbers in the order in which they were sent for the first time."""
        self.again: dict[bytes, list[int]] = {}

    def read(self, frame: bytes) -> None:
        datagram = parse_udp_frame(frame)
        if (datagram.destination.ip, datagram.destination.udp_port) == self.feed_route:
            return
        payload = datagram.payload
        head = BLOCKS.decode(payload)
        fields = head.values._asdict()
        name = head.block.name
        if name not in ("Context", "Retransmission") or head.end == len(payload):
            assert head.end == len(payload), f"{name} is not alone"
            self.said.append((datagram.destination, name, fields))
            return
        if name == "Retransmission":
            self.said.append((datagram.destination, name, fields))
        numbers = (self.again if name == "Retransmission" else self.live).setdefault(fields["SessionId"], [])
        stream = self.streams.setdefault(fields["SessionId"], {})
        number, at = fields["NextSeqNo"], head.end
        while at < len(payload):
            is_ours = int.from_bytes(payload[at + 4 : at + 6], "little") == ORDER_ENTRY.schema.id
            told, values, at = plain(ORDER_ENTRY if is_ours else FIXP, payload, at)
            assert stream.setdefault(number, (told, values)) == (told, values), "a number means two messages"
            numbers.append(number)
            number += 1
        if name == "Retransmission":
            assert number - fields["NextSeqNo"] == fields["Count"]


def give_handshake(rig: VenueRig, party: Party, message: bytes, connection: int = 0) -> None:
    """A Negotiate or Establish of the party's row, with good credentials."""
    rig.now_ns += 1000
    begin_turn(rig.exchange, rig.now_ns)
    fields = rig.exchange.udp_fields
    fields[udp4.SOURCE_MAC] = int.from_bytes(party.endpoint.mac, "big")
    fields[udp4.DESTINATION_MAC] = int.from_bytes(VENUE.mac, "big")
    fields[udp4.SOURCE_IP] = int.from_bytes(party.endpoint.ip, "big")
    fields[udp4.DESTINATION_IP] = int.from_bytes(VENUE.ip, "big")
    fields[udp4.SOURCE_PORT] = party.endpoint.udp_port
    fields[udp4.DESTINATION_PORT] = VENUE.udp_port
    fields[udp4.VLAN_TCI] = VLAN_NONE
    octets, proof = np.frombuffer(message, np.uint8), np.frombuffer(PROOF, np.uint8)
    take_handshake(rig.exchange, rig.port.handle, octets, 0, octets.size, party.row, connection, rig.now_ns, proof, 0)
    drain(rig.exchange, rig.port.handle)
    rig.collect()


class SessionRig(VenueRig):
    """A venue of `keyed_config` whose sessions can be spoken to."""

    def __init__(self, config: Config | None = None, *, opens: bool = True) -> None:
        super().__init__(config or keyed_config(), opens=opens)
        self.out = SessionSent(self.sent.feed_route)
        self.frames_out.clear()

    def collect(self) -> None:
        while (got := self.port.collect()) is not None:
            self.frames_out.append(got)
            if hasattr(self, "out"):
                self.out.read(got.frame)

    def shake(self, party: Party, message: bytes, *, connection: int = 0) -> None:
        """A handshake with good credentials, as the gateway gives it, in a turn of its own."""
        give_handshake(self, party, message, connection)

    def lose(self, row: int, reason: int = 1) -> None:
        """The session of the row is lost, as the loop finds."""
        self.now_ns += 1000
        begin_turn(self.exchange, self.now_ns)
        lose_session(self.exchange, self.port.handle, row, reason, self.now_ns)
        drain(self.exchange, self.port.handle)
        self.collect()

    def log_on(self, party: Party, timestamp: int = 1, **terms: Any) -> None:
        """Negotiate and Establish, both accepted."""
        self.shake(party, party.negotiate(timestamp))
        self.shake(party, party.establish(timestamp + 1, **terms))
        assert [name for _, name, _ in self.out.said[-2:]] == ["NegotiationResponse", "EstablishmentAck"]

    def finish_own(self, row: int) -> None:
        """The venue ends its flow to the row's session."""
        self.now_ns += 1000
        begin_turn(self.exchange, self.now_ns)
        finish_session(self.exchange, self.port.handle, row, self.now_ns)
        drain(self.exchange, self.port.handle)
        self.collect()

    def compare_sessions(self, twin: Venue) -> None:
        """Everything that was said and sent, sent again, every state and every counter is the twin's."""
        said = [one for one in self.out.said if one[1] != "Retransmission"]
        for mine, its in zip(said, twin.said, strict=False):
            assert mine == its
        assert len(said) == len(twin.said), (said[len(twin.said) :], twin.said[len(said) :])
        assert self.out.live == twin.sent
        assert self.out.again == twin.again
        for uuid_bytes, stream in self.out.streams.items():
            told = {number: (name, fields) for number, name, fields in twin.streams[uuid_bytes]}
            for number, message in stream.items():
                assert message == told[number], (number, message, told[number])
        compare_counts(self.counts(), twin)
        assert check_book(self.exchange.book) == []
        assert int(self.exchange.book.state[0]["open_orders"]) == len(twin.book.open)
        rows = self.exchange.tables.sessions
        assert [int(one) for one in rows["expected_seq"]] == [one.expected for one in twin.sessions]
        assert [int(one) for one in rows["next_out_seq"]] == [len(one.reports) + 1 for one in twin.sessions]
        assert [STATES[int(one)] for one in rows["state"]] == [one.state for one in twin.sessions]
        assert [int(one) for one in rows["cl_ord_id"]] == [one.watermark for one in twin.sessions]

    def take_said(self) -> list[tuple[str, dict[str, Any]]]:
        """(name, fields) of what the session layer said since the last call."""
        said = [(name, fields) for _, name, fields in self.out.said]
        self.out.said.clear()
        return said
