"""Frames that a venue must not act on, each named after the counter of the drop that it should cause.

They are built whole and right first, then broken in one place.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from appliance.config import demo_session_uuid
from native import counters
from native.layout import KIND_NEW_ORDER
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX
from pcap.datagrams import VENUE, session_endpoint
from pcap.messages import SIDE_BUY, TIME_IN_FORCE_DAY, encode_context, encode_request
from pcap.requests import Request
from wire.net.frames import ETHERNET, IPV4, VLAN, build_udp_frame, checksum

_SENDER = session_endpoint(1)
_IP_AT = ETHERNET.size
_UDP_AT = _IP_AT + IPV4.size
_USED_SEQ_NO = 1
"""A number that is used up when noise comes, so that a venue that takes the frame (a checksum is not always verified)
drops its message as a duplicate and the flow is not disturbed."""


def _patched(frame: bytes, at: int, new: bytes, *, mend_ipv4: bool = True) -> bytes:
    """`frame` with bytes replaced and, unless that is the point, its IPv4 checksum made right again."""
    frame = frame[:at] + new + frame[at + len(new) :]
    if not mend_ipv4:
        return frame
    header = frame[_IP_AT : _IP_AT + 10] + b"\0\0" + frame[_IP_AT + 12 : _UDP_AT]
    return frame[: _IP_AT + 10] + checksum(header).to_bytes(2, "big") + frame[_IP_AT + 12 :]


def _datagram(payload: bytes) -> bytes:
    return build_udp_frame(payload, _SENDER, VENUE, with_udp_checksum=False)


def noise_frames() -> list[tuple[int, bytes]]:
    """(drop counter of `native.counters`, frame) for each kind of noise, in the order of the counters."""
    context = encode_context(demo_session_uuid(1).bytes, _USED_SEQ_NO)
    order = encode_request(
        Request(0, 1, KIND_NEW_ORDER, 1, 1, 0, SIDE_BUY, 1_000_000_000, 1, TIME_IN_FORCE_DAY), account=1
    )
    good = build_udp_frame(context + order, _SENDER, VENUE)
    macs = VENUE.mac + _SENDER.mac
    arp = macs + bytes.fromhex("08060001080006040001") + _SENDER.mac + _SENDER.ip + bytes(6) + VENUE.ip
    two_tags = macs + VLAN.pack(0x8100, 100) + VLAN.pack(0x8100, 200) + good[12:]
    options = _patched(good, _IP_AT, b"\x46")[:_UDP_AT] + b"\x01\x01\x01\x00" + good[_UDP_AT:]
    options = _patched(options, _IP_AT + 2, (len(options) - _IP_AT).to_bytes(2, "big"))
    unknown = encode_context(uuid.uuid5(uuid.NAMESPACE_DNS, "nobody.pitwire.example").bytes, 1)
    other_port = VENUE._replace(udp_port=VENUE.udp_port + 1000)
    return [
        (counters.DROP_FRAME_TRUNCATED, good[:13]),
        (counters.DROP_NOT_IPV4, arp),
        (counters.DROP_NOT_IPV4, two_tags),
        (counters.DROP_IPV4_HEADER, _patched(good, _IP_AT, b"\x44", mend_ipv4=False)),
        (counters.DROP_IPV4_OPTIONS, options),
        (counters.DROP_IPV4_LENGTH, _patched(good, _IP_AT + 2, b"\x05\xdc")),
        (counters.DROP_IPV4_CHECKSUM, _patched(good, _IP_AT + 10, b"\xde\xad", mend_ipv4=False)),
        (counters.DROP_IPV4_FRAGMENT, _patched(good, _IP_AT + 6, b"\x20\x00")),
        (counters.DROP_NOT_UDP, _patched(good, _IP_AT + 9, b"\x06")),
        (counters.DROP_UDP_LENGTH, _patched(good, _UDP_AT + 4, b"\x00\x07")),
        (counters.DROP_UDP_CHECKSUM, _patched(good, _UDP_AT + 6, b"\xde\xad")),
        (counters.DROP_NOT_FOR_US, build_udp_frame(context, _SENDER, other_port)),
        (counters.DROP_DATAGRAM_SIZE, _datagram(context + bytes(DATAGRAM_PAYLOAD_BYTES_MAX))),
        (counters.DROP_CONTEXT_MISSING, _datagram(order)),
        (counters.DROP_SESSION_UNKNOWN, _datagram(unknown + order)),
        (counters.DROP_SESSION_SEQ, _datagram(encode_context(demo_session_uuid(1).bytes, 0) + order)),
    ]


def noise_in_turn() -> Iterator[tuple[int, bytes]]:
    """The frames of `noise_frames`, again and again."""
    frames = noise_frames()
    while True:
        yield from frames
