"""What the core and the gateway process tell each other: two rings in shared memory, one each way.

A ring is a GATEWAY_RING and behind it a power of two of bytes, in which entries lie at multiples of their header's
size: a GATEWAY_ENTRY, then the payload. One side writes entries and `put_bytes`, the other reads them and writes
`taken_bytes`; nobody waits for anybody.
"""

from __future__ import annotations

from native.layout import record

GATEWAY_COUNTERS_NAME = "gateway.json"
"""File in the instance's folder in which the gateway tells its counters, one JSON object."""

GATEWAY_RING = record(
    [
        ("magic", "u8"),
        ("format_version", "u4"),
        ("entry_header_bytes", "u4"),
        ("size_bytes", "u8"),  # of what lies behind this header: a power of two
        ("reserved", "u1", 104),
        # a pair of cache lines for each writer: the one who puts
        ("put_bytes", "u8"),  # ever put; stored with release after the entry is whole
        ("reserved_put", "u1", 120),
        # the one who takes
        ("taken_bytes", "u8"),  # ever taken; stored with release after the entry was used
        ("reserved_taken", "u1", 120),
        ("reserved_end", "u1", 3712),
    ],
    size=4096,
)
GATEWAY_RING_MAGIC = int.from_bytes(b"PITWGATE", "little")
GATEWAY_RING_VERSION = 1

GATEWAY_ENTRY = record(
    [
        ("entry_bytes", "u4"),  # with this header and the padding behind the payload
        ("payload_bytes", "u4"),
        ("kind", "u2"),  # GATEWAY_*
        ("transport", "u2"),  # TRANSPORT_*
        ("verdict", "u4"),  # of a handshake's credentials: VERDICT_*
        ("session", "u4"),  # row of [[sessions]] that the key belongs to; NO_INDEX: none
        ("reason", "u4"),  # why a connection is lost or is to be closed: GATEWAY_REASON_*
        ("connection", "u8"),  # of TCP; never used again; 0: none
        ("receive_time_ns", "u8"),  # when the datagram came in, UTC
        # where it came from and where to: as in SESSION_PEER
        ("peer_mac", "u8"),
        ("local_mac", "u8"),
        ("peer_ip", "u4"),
        ("local_ip", "u4"),
        ("peer_udp_port", "u2"),
        ("local_udp_port", "u2"),
        ("vlan_tci", "u4"),
        ("proof", "u1", 32),  # HMAC with which the server answers a good Negotiate, should the core accept it
        ("depends_on", "u8"),  # newest record of the log that the payload may tell of; 0: none that is to be waited for
        ("reserved", "u1", 16),
    ],
    size=128,
)
GATEWAY_ENTRY_BYTES = 128
GATEWAY_PAYLOAD_BYTES_MAX = 1408
"""Largest payload: a whole datagram, rounded up to words."""

GATEWAY_FILLER = 0
"""Nothing: what is left of the ring before its end."""
# core to gateway
GATEWAY_OUT_HANDSHAKE = 1
"""A datagram that a stranger may have sent: verify it. Payload: the datagram's."""
GATEWAY_OUT_REPLY = 2
"""Payload: what a datagram to the session would hold, for its TCP connection."""
GATEWAY_OUT_CLOSE = 3
"""Send what the payload holds, if anything, then close the connection."""
# gateway to core
GATEWAY_IN_HANDSHAKE = 17
"""A Negotiate or Establish whose credentials are good: the session's state decides. Payload: the message."""
GATEWAY_IN_DATAGRAM = 18
"""Payload: what a datagram of the session would hold, from its TCP connection."""
GATEWAY_IN_LOST = 19
"""The TCP connection has ended: `reason`."""
GATEWAY_IN_ANSWER = 20
"""Send the payload to the address, and forget it: no state is touched, nothing is sequenced."""
GATEWAY_IN_STARTED = 21
"""A gateway process has begun: every TCP connection of before is lost."""

TRANSPORT_UDP = 0
TRANSPORT_TCP = 1

VERDICT_GOOD = 0
VERDICT_MALFORMED = 1
VERDICT_UNKNOWN_KEY = 2
VERDICT_FORGED = 3
VERDICT_KEY_NOT_VALID_NOW = 4
VERDICT_STALE = 5
VERDICT_REPLAYED = 6

GATEWAY_REASON_NONE = 0
GATEWAY_REASON_CLIENT_CLOSED = 1
GATEWAY_REASON_PROTOCOL = 2
"""It sent what makes no sense here."""
GATEWAY_REASON_SLOW = 3
"""It did not read what it was sent."""
GATEWAY_REASON_IDLE = 4
GATEWAY_REASON_STOPPED = 5
"""The gateway ends."""

assert GATEWAY_ENTRY.itemsize == GATEWAY_ENTRY_BYTES
assert GATEWAY_RING.itemsize % GATEWAY_ENTRY_BYTES == 0
