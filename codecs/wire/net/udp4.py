"""Ethernet II (with or without one 802.1Q tag), IPv4 (RFC 791) and UDP (RFC 768) as kernels.

`find_payload` proves every length against the frame before it reads, and says which counter of `native.counters` a
frame that it refuses belongs to. `write_headers` puts headers in front of a payload that is already in place;
`put_headers` does so with headers that were written once, for all datagrams between the same two ends.
"""

from __future__ import annotations

import numpy as np

from native import counters
from native.jit import inner_kernel, kernel, outer_kernel
from native.layout import PKT_UDP_CHECKSUM_COMPLETE, VLAN_NONE
from native.lowlevel import (
    load_i32be,
    load_u8,
    load_u16be,
    load_u32,
    load_u32be,
    load_u64,
    load_u64be,
    rarely,
    store_u16be,
    store_u32be,
    store_u64,
    store_u64be,
    usually,
)

# what `parse` finds, as indexes of its int64 array
SOURCE_MAC = 0
DESTINATION_MAC = 1
VLAN_TCI = 2
SOURCE_IP = 3
DESTINATION_IP = 4
SOURCE_PORT = 5
DESTINATION_PORT = 6
PAYLOAD_AT = 7
PAYLOAD_BYTES = 8
FIELDS_COUNT = 9

ETHERNET_HEADER_BYTES = 14
VLAN_TAG_BYTES = 4
IPV4_HEADER_BYTES = 20
UDP_HEADER_BYTES = 8
HEADERS_BYTES = ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES + UDP_HEADER_BYTES
HEADERS_BYTES_MAX = HEADERS_BYTES + VLAN_TAG_BYTES
HEADERS_ROOM = 64
"""Bytes that are kept for headers, which end there: a cache line."""

_ETHERTYPE_IPV4 = 0x0800
_ETHERTYPE_VLAN = 0x8100
_PROTOCOL_UDP = 17
_DONT_FRAGMENT = 0x4000
_MORE_FRAGMENTS_OR_OFFSET = 0x3FFF
_VERSION_AND_WORDS = 0x4500
"""IPv4, a header of five words, type of service 0."""
_FIXED = 0x45
_FIXED_BITS = 0xFF3F_0000_0000_00FF - (1 << 64)
"""Of the first 8 bytes of a header, read little-endian: version and words, and that it is no fragment."""
_LOW_32 = 0xFFFFFFFF
_MAC = 0xFFFF_FFFF_FFFF


@kernel
def checksum_add(total, buf, at, size):
    """`total` plus the 16-bit big-endian words of `buf[at:at+size]` (RFC 1071); an odd last byte is padded with 0."""
    words = size >> 1
    for i in range(words):
        total += load_u16be(buf, at + 2 * i)
    if size & 1:
        total += load_u8(buf, at + size - 1) << 8
    return total


@kernel
def checksum_fold(total):
    """The 16-bit one's complement of a sum of `checksum_add` below 2**32: of up to 128 KiB."""
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@kernel
def parse(frame, packet_flags, fields):
    """Find the UDP payload of `frame` (uint8[:]) and write addresses and place into `fields` (int64[FIELDS_COUNT]).

    Returns 0, or the index of the DROP counter that says why the frame goes no further: see `find_payload`.
    """
    at = find_payload(frame, packet_flags)
    if at < 0:
        return -at
    read_addresses(frame, at, fields)
    fields[PAYLOAD_AT] = at
    fields[PAYLOAD_BYTES] = payload_bytes(frame, at)
    return np.int64(0)


@inner_kernel
def find_payload(frame, packet_flags):
    """Where the UDP payload of `frame` (uint8[:]) begins, or minus the index of the DROP counter that says why the
    frame goes no further.

    The UDP checksum is verified only where `packet_flags` has PKT_UDP_CHECKSUM_COMPLETE and the sender computed one (0:
    it did not, RFC 768). Nearly every frame is good, and a few wide loads prove that; what is wrong with another one
    `_find_payload` finds out step by step.
    """
    size = np.int64(frame.size)
    if usually(size >= HEADERS_BYTES_MAX):
        ip_at = np.int64(ETHERNET_HEADER_BYTES)
        if rarely(load_u16be(frame, ip_at - 2) == _ETHERTYPE_VLAN):
            ip_at = np.int64(ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES)
        first, second, last = load_u64(frame, ip_at), load_u64(frame, ip_at + 8), load_u32(frame, ip_at + 16)
        total_bytes = load_u16be(frame, ip_at + 2)
        udp_bytes = load_u16be(frame, ip_at + IPV4_HEADER_BYTES + 4)
        if usually(
            (load_u16be(frame, ip_at - 2) == _ETHERTYPE_IPV4)
            & (first & _FIXED_BITS == _FIXED)
            & (load_u8(frame, ip_at + 9) == _PROTOCOL_UDP)
            & (ip_at + total_bytes <= size)
            & (udp_bytes >= UDP_HEADER_BYTES)
            & (udp_bytes + IPV4_HEADER_BYTES <= total_bytes)
            & _ipv4_header_is_whole(first, second, last)
        ):
            at = ip_at + IPV4_HEADER_BYTES + UDP_HEADER_BYTES
            if rarely(packet_flags & PKT_UDP_CHECKSUM_COMPLETE != 0):
                return np.int64(_if_whole(frame, at))
            return at
    return np.int64(_find_payload(frame, packet_flags))


@inner_kernel
def _ipv4_header_is_whole(first, second, last):
    """Whether the checksum of a header of 20 bytes, two words of 64 bits and one of 32, is right: the sum of the 16-bit
    words in one's complement is then 0xFFFF, in any byte order (RFC 1071, 2B). 2**16 leaves 1 when divided by 0xFFFF,
    so the sum of wider words leaves the same as theirs; 0 is what 0xFFFF leaves."""
    total = (first & _LOW_32) + ((first >> 32) & _LOW_32) + (second & _LOW_32) + ((second >> 32) & _LOW_32) + last
    return total % 0xFFFF == 0


@outer_kernel
def _find_payload(frame, packet_flags):
    """`find_payload` of any frame, each reason to refuse one in its turn."""
    size = np.int64(frame.size)
    if size < ETHERNET_HEADER_BYTES:
        return np.int64(-counters.DROP_FRAME_TRUNCATED)
    ip_at = np.int64(ETHERNET_HEADER_BYTES)
    ethertype = load_u16be(frame, 12)
    if ethertype == _ETHERTYPE_VLAN:
        if size < ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES:
            return np.int64(-counters.DROP_FRAME_TRUNCATED)
        ethertype = load_u16be(frame, 16)
        ip_at += VLAN_TAG_BYTES
    if ethertype != _ETHERTYPE_IPV4:
        return np.int64(-counters.DROP_NOT_IPV4)

    if size < ip_at + IPV4_HEADER_BYTES:
        return np.int64(-counters.DROP_IPV4_HEADER)
    version_and_words = load_u8(frame, ip_at)
    if version_and_words >> 4 != 4 or version_and_words & 15 < 5:
        return np.int64(-counters.DROP_IPV4_HEADER)
    if version_and_words & 15 > 5:
        return np.int64(-counters.DROP_IPV4_OPTIONS)
    total_bytes = load_u16be(frame, ip_at + 2)
    if total_bytes < IPV4_HEADER_BYTES or ip_at + total_bytes > size:
        return np.int64(-counters.DROP_IPV4_LENGTH)
    if checksum_fold(checksum_add(np.int64(0), frame, ip_at, IPV4_HEADER_BYTES)) != 0:
        return np.int64(-counters.DROP_IPV4_CHECKSUM)
    if load_u16be(frame, ip_at + 6) & _MORE_FRAGMENTS_OR_OFFSET != 0:
        return np.int64(-counters.DROP_IPV4_FRAGMENT)
    if load_u8(frame, ip_at + 9) != _PROTOCOL_UDP:
        return np.int64(-counters.DROP_NOT_UDP)

    udp_at = ip_at + IPV4_HEADER_BYTES
    udp_room = total_bytes - IPV4_HEADER_BYTES
    if udp_room < UDP_HEADER_BYTES:
        return np.int64(-counters.DROP_UDP_LENGTH)
    udp_bytes = load_u16be(frame, udp_at + 4)
    if udp_bytes < UDP_HEADER_BYTES or udp_bytes > udp_room:
        return np.int64(-counters.DROP_UDP_LENGTH)
    at = udp_at + UDP_HEADER_BYTES
    return np.int64(_if_whole(frame, at)) if packet_flags & PKT_UDP_CHECKSUM_COMPLETE != 0 else at


@outer_kernel
def _if_whole(frame, at):
    """`at`, or minus DROP_UDP_CHECKSUM where the datagram whose payload is there has a wrong checksum."""
    udp_at = at - UDP_HEADER_BYTES
    udp_bytes = load_u16be(frame, udp_at + 4)
    if load_u16be(frame, udp_at + 6) != 0:
        pseudo = checksum_add(np.int64(_PROTOCOL_UDP) + udp_bytes, frame, udp_at - 8, 8)
        if checksum_fold(checksum_add(pseudo, frame, udp_at, udp_bytes)) != 0:
            return np.int64(-counters.DROP_UDP_CHECKSUM)
    return np.int64(at)


@inner_kernel
def payload_bytes(frame, at):
    """Size of the payload that `find_payload` found at `at`."""
    return load_u16be(frame, at - 4) - UDP_HEADER_BYTES


@inner_kernel
def destination_port(frame, at):
    """UDP port to which the payload at `at` was sent."""
    return load_u16be(frame, at - 6)


@inner_kernel
def source_mac(frame):
    """Of a whole frame, as all of these."""
    return (load_u64be(frame, 6) >> 16) & _MAC


@inner_kernel
def destination_mac(frame):
    return (load_u64be(frame, 0) >> 16) & _MAC


@inner_kernel
def ips(frame, at):
    """Source << 32 | destination, of the payload at `at`."""
    return load_u64be(frame, at - 16)


@inner_kernel
def ports_and_vlan(frame, at):
    """Source port << 48 | destination port << 32 | `vlan_tci`, of the payload at `at`."""
    return (load_i32be(frame, at - 8) << 32) | vlan_tci(frame, at)


@inner_kernel
def vlan_tci(frame, at):
    """TCI of the frame's tag, or VLAN_NONE; its payload is at `at`."""
    return np.int64(VLAN_NONE) if usually(at == HEADERS_BYTES) else load_u16be(frame, 14)


@kernel
def read_addresses(frame, at, fields):
    """Write where a frame came from and went to into `fields` (int64[FIELDS_COUNT]); its payload is at `at`."""
    fields[DESTINATION_MAC] = destination_mac(frame)
    fields[SOURCE_MAC] = source_mac(frame)
    fields[VLAN_TCI] = vlan_tci(frame, at)
    fields[SOURCE_IP] = load_u32be(frame, at - 16)
    fields[DESTINATION_IP] = load_u32be(frame, at - 12)
    fields[SOURCE_PORT] = load_u16be(frame, at - 8)
    fields[DESTINATION_PORT] = load_u16be(frame, at - 6)
    return 0


@kernel
def write_headers(
    buf, payload_at, payload_bytes, source_mac, destination_mac, vlan_tci, source_ip, destination_ip, ports, ttl
):
    """Write Ethernet, IPv4 and UDP headers so that they end at `payload_at`; returns where the frame starts.

    `ports` is source << 16 | destination. The UDP checksum is 0 (none, RFC 768): the frame's FCS and, on the sequenced
    channels, the stream's own numbers guard the payload, and a checksum would read every byte again.

    By words of 8 bytes that end at `payload_at`: few stores, and what copies the frame by the same words need not wait.
    """
    total_bytes = np.int64(IPV4_HEADER_BYTES + UDP_HEADER_BYTES) + payload_bytes
    if vlan_tci == VLAN_NONE:
        frame_at = payload_at - HEADERS_BYTES
        store_u16be(buf, frame_at, destination_mac >> 32)
        store_u64be(buf, payload_at - 40, (destination_mac << 32) | (source_mac >> 16))
        before_ethertype = source_mac & 0xFFFF
    else:
        frame_at = payload_at - HEADERS_BYTES_MAX
        store_u16be(buf, frame_at, destination_mac >> 32)
        store_u32be(buf, frame_at + 2, destination_mac)
        store_u64be(buf, payload_at - 40, (source_mac << 16) | _ETHERTYPE_VLAN)
        before_ethertype = vlan_tci
    before_total = (before_ethertype << 48) | (_ETHERTYPE_IPV4 << 32) | (_VERSION_AND_WORDS << 16)
    store_u64be(buf, payload_at - 32, before_total | total_bytes)

    ttl_and_protocol = (ttl << 8) | _PROTOCOL_UDP
    total = _VERSION_AND_WORDS + _DONT_FRAGMENT + total_bytes + ttl_and_protocol
    total += (source_ip >> 16) + (source_ip & 0xFFFF) + (destination_ip >> 16) + (destination_ip & 0xFFFF)
    checksum = checksum_fold(total)
    store_u64be(buf, payload_at - 24, (_DONT_FRAGMENT << 32) | (ttl_and_protocol << 16) | checksum)
    store_u64be(buf, payload_at - 16, (source_ip << 32) | destination_ip)
    store_u64be(buf, payload_at - 8, (ports << 32) | ((UDP_HEADER_BYTES + payload_bytes) << 16))
    return frame_at


@inner_kernel
def put_headers(buf, payload_at, payload_bytes, headers, end):
    """Write the headers that end at `headers[end]`, which `write_headers` wrote for an empty datagram, so that they end
    at `payload_at`, for a datagram of `payload_bytes`. It overwrites up to `payload_at - 48`.

    Both lengths are larger by the payload, and the checksum less by it, in one's complement (RFC 1624)."""
    store_u64(buf, payload_at - 48, load_u64(headers, end - 48))
    store_u64(buf, payload_at - 40, load_u64(headers, end - 40))
    store_u64be(buf, payload_at - 32, load_u64be(headers, end - 32) + payload_bytes)
    until_checksum = load_u64be(headers, end - 24)
    borrow = ((until_checksum & 0xFFFF) - payload_bytes) >> 63
    store_u64be(buf, payload_at - 24, until_checksum - payload_bytes + (borrow & 0xFFFF))
    store_u64(buf, payload_at - 16, load_u64(headers, end - 16))
    store_u64be(buf, payload_at - 8, load_u64be(headers, end - 8) + (payload_bytes << 16))
    return 0
