"""Ethernet (with or without one VLAN tag), IPv4 and UDP frames in plain Python, for tools and tests.

The twin of the kernel in `wire.net.udp4`, written independently of it: the same checks in the same order, the same
drop counters, but readable values. Sources: IEEE 802.3 and 802.1Q, RFC 791, RFC 768, RFC 1071. No numba.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import NamedTuple

from native import counters
from native.limits import FRAME_BYTES_MAX

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_VLAN = 0x8100
PROTOCOL_UDP = 17
DONT_FRAGMENT = 0x4000
FRAGMENT_MASK = 0x3FFF
"""More-fragments flag and fragment offset."""

ETHERNET = struct.Struct("!6s6sH")
VLAN = struct.Struct("!HH")
IPV4 = struct.Struct("!BBHHHBBH4s4s")
UDP = struct.Struct("!HHHH")
PSEUDO_HEADER = struct.Struct("!4s4sBBH")


class Endpoint(NamedTuple):
    """One end of a UDP flow."""

    mac: bytes  # 6 octets
    ip: bytes  # 4 octets
    udp_port: int

    @classmethod
    def of(cls, mac: str, ip: str, udp_port: int) -> Endpoint:
        """From text: `02:00:00:00:00:01`, `192.0.2.1`. Raises ValueError."""
        octets = bytes.fromhex(mac.replace(":", ""))
        if len(octets) != 6:
            raise ValueError(f"{mac!r} is not a MAC address.")
        return cls(octets, ipaddress.IPv4Address(ip).packed, udp_port)

    def __str__(self) -> str:
        return f"{ipaddress.IPv4Address(self.ip)}:{self.udp_port}"


class UdpFrame(NamedTuple):
    """A UDP datagram and the headers that carried it."""

    source: Endpoint
    destination: Endpoint
    vlan_tci: int | None  # None: untagged
    payload: bytes


class FrameError(ValueError):
    """A frame that goes no further; `drop` is the counter of `native.counters` that says why."""

    def __init__(self, drop: int) -> None:
        super().__init__(counters.COUNTERS[drop].sentence)
        self.drop = drop


def checksum(data: bytes) -> int:
    """The internet checksum of `data` (RFC 1071); 0 for data that holds its own right checksum.

    The one's complement sum of 16-bit words is the whole number modulo 65535, since 65536 leaves 1.
    """
    if len(data) % 2:
        data += b"\0"
    total = int.from_bytes(data, "big")
    return (0xFFFF - total % 0xFFFF) % 0xFFFF if total else 0xFFFF


def udp_checksum(source_ip: bytes, destination_ip: bytes, datagram: bytes, udp_bytes: int) -> int:
    """Checksum over the pseudo header and `datagram` (UDP header and payload, `udp_bytes` long)."""
    return checksum(PSEUDO_HEADER.pack(source_ip, destination_ip, 0, PROTOCOL_UDP, udp_bytes) + datagram)


def build_udp_frame(
    payload: bytes,
    source: Endpoint,
    destination: Endpoint,
    *,
    vlan_tci: int | None = None,
    ttl: int = 64,
    identification: int = 0,
    with_udp_checksum: bool = True,
) -> bytes:
    """An Ethernet frame around `payload`, without padding to 60 bytes and without FCS. Raises ValueError if too long.

    `with_udp_checksum` False sends 0, which means that the sender computed none (RFC 768).
    """
    udp_bytes = UDP.size + len(payload)
    ipv4_bytes = IPV4.size + udp_bytes
    tag = b"" if vlan_tci is None else VLAN.pack(ETHERTYPE_VLAN, vlan_tci)
    if ETHERNET.size + len(tag) + ipv4_bytes > FRAME_BYTES_MAX:
        raise ValueError(f"A payload of {len(payload)} bytes does not fit a frame of {FRAME_BYTES_MAX}.")
    udp = UDP.pack(source.udp_port, destination.udp_port, udp_bytes, 0) + payload
    if with_udp_checksum:
        # a sum of 0 is sent as its other form: 0 would mean that there is none
        value = udp_checksum(source.ip, destination.ip, udp, udp_bytes) or 0xFFFF
        udp = udp[:6] + value.to_bytes(2, "big") + udp[8:]
    ipv4 = IPV4.pack(
        0x45, 0, ipv4_bytes, identification, DONT_FRAGMENT, ttl, PROTOCOL_UDP, 0, source.ip, destination.ip
    )
    ipv4 = ipv4[:10] + checksum(ipv4).to_bytes(2, "big") + ipv4[12:]
    macs = destination.mac + source.mac
    return b"".join((macs, tag, ETHERTYPE_IPV4.to_bytes(2, "big"), ipv4, udp))


def parse_udp_frame(frame: bytes, *, verify_udp_checksum: bool = True) -> UdpFrame:
    """The UDP datagram in an Ethernet frame; raises FrameError with the reason.

    IPv4 options and fragments are refused. A UDP checksum of 0 (none) is taken.
    """
    if len(frame) < ETHERNET.size:
        raise FrameError(counters.DROP_FRAME_TRUNCATED)
    destination_mac, source_mac, ethertype = ETHERNET.unpack_from(frame)
    ip_at, vlan_tci = ETHERNET.size, None
    if ethertype == ETHERTYPE_VLAN:
        ip_at += VLAN.size
        if len(frame) < ip_at:
            raise FrameError(counters.DROP_FRAME_TRUNCATED)
        vlan_tci, ethertype = VLAN.unpack_from(frame, ETHERNET.size)
    if ethertype != ETHERTYPE_IPV4:
        raise FrameError(counters.DROP_NOT_IPV4)

    ipv4 = frame[ip_at : ip_at + IPV4.size]
    if len(ipv4) < IPV4.size or ipv4[0] >> 4 != 4 or ipv4[0] & 15 < 5:
        raise FrameError(counters.DROP_IPV4_HEADER)
    _words, _tos, total_bytes, _id, fragment, _ttl, protocol, _sum, source_ip, destination_ip = IPV4.unpack(ipv4)
    if ipv4[0] & 15 > 5:
        raise FrameError(counters.DROP_IPV4_OPTIONS)
    if total_bytes < IPV4.size or ip_at + total_bytes > len(frame):
        raise FrameError(counters.DROP_IPV4_LENGTH)
    if checksum(ipv4):
        raise FrameError(counters.DROP_IPV4_CHECKSUM)
    if fragment & FRAGMENT_MASK:
        raise FrameError(counters.DROP_IPV4_FRAGMENT)
    if protocol != PROTOCOL_UDP:
        raise FrameError(counters.DROP_NOT_UDP)

    udp = frame[ip_at + IPV4.size : ip_at + total_bytes]
    if len(udp) < UDP.size:
        raise FrameError(counters.DROP_UDP_LENGTH)
    source_udp_port, destination_udp_port, udp_bytes, sent_checksum = UDP.unpack_from(udp)
    if not UDP.size <= udp_bytes <= len(udp):
        raise FrameError(counters.DROP_UDP_LENGTH)
    udp = udp[:udp_bytes]
    if verify_udp_checksum and sent_checksum and udp_checksum(source_ip, destination_ip, udp, udp_bytes):
        raise FrameError(counters.DROP_UDP_CHECKSUM)
    return UdpFrame(
        Endpoint(source_mac, source_ip, source_udp_port),
        Endpoint(destination_mac, destination_ip, destination_udp_port),
        vlan_tci,
        udp[UDP.size :],
    )
