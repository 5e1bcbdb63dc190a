"""Ethernet II (with or without one 802.1Q tag), IPv4 (RFC 791) and UDP (RFC 768) as kernels.

`parse` proves every length against the frame before it reads, and says which counter of `native.counters` a frame that
it refuses belongs to. `write_headers` puts headers in front of a payload that is already in place.
"""

from __future__ import annotations

import numpy as np

from native import counters
from native.jit import inner_kernel, kernel
from native.layout import PKT_UDP_CHECKSUM_COMPLETE, VLAN_NONE
from native.lowlevel import load_u8, load_u16be, load_u32, load_u32be, store_u16be, store_u32be, store_u64be

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

_ETHERTYPE_IPV4 = 0x0800
_ETHERTYPE_VLAN = 0x8100
_PROTOCOL_UDP = 17
_DONT_FRAGMENT = 0x4000
_MORE_FRAGMENTS_OR_OFFSET = 0x3FFF
_VERSION_AND_WORDS = 0x4500
"""IPv4, a header of five words, type of service 0."""


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


@inner_kernel
def _ipv4_header_is_whole(buf, at):
    """Whether the checksum of the 20 bytes at `at` is right. The sum is the same in any byte order (RFC 1071, 2B), so
    five words of 32 bits do."""
    total = load_u32(buf, at) + load_u32(buf, at + 4) + load_u32(buf, at + 8)
    total += load_u32(buf, at + 12) + load_u32(buf, at + 16)
    total = (total & 0xFFFFFFFF) + (total >> 32)
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return (total & 0xFFFF) + (total >> 16) == 0xFFFF


@kernel
def _mac(buf, at):
    return (load_u16be(buf, at) << 32) | load_u32be(buf, at + 2)


@kernel
def parse(frame, packet_flags, fields):
    """`parse_inline` as a function of its own."""
    return parse_inline(frame, packet_flags, fields)


@inner_kernel
def parse_inline(frame, packet_flags, fields):
    """Find the UDP payload of `frame` (uint8[:]) and write addresses and place into `fields` (int64[FIELDS_COUNT]).

    Returns 0, or the index of the DROP counter that says why the frame goes no further. The UDP checksum is verified
    only where `packet_flags` has PKT_UDP_CHECKSUM_COMPLETE and the sender computed one (0: it did not, RFC 768).
    """
    size = np.int64(frame.size)
    if size < ETHERNET_HEADER_BYTES:
        return counters.DROP_FRAME_TRUNCATED
    ip_at = np.int64(ETHERNET_HEADER_BYTES)
    ethertype = load_u16be(frame, 12)
    vlan_tci = np.int64(VLAN_NONE)
    if ethertype == _ETHERTYPE_VLAN:
        if size < ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES:
            return counters.DROP_FRAME_TRUNCATED
        vlan_tci = load_u16be(frame, 14)
        ethertype = load_u16be(frame, 16)
        ip_at += VLAN_TAG_BYTES
    if ethertype != _ETHERTYPE_IPV4:
        return counters.DROP_NOT_IPV4

    if size < ip_at + IPV4_HEADER_BYTES:
        return counters.DROP_IPV4_HEADER
    version_and_words = load_u8(frame, ip_at)
    if version_and_words >> 4 != 4 or version_and_words & 15 < 5:
        return counters.DROP_IPV4_HEADER
    if version_and_words & 15 > 5:
        return counters.DROP_IPV4_OPTIONS
    total_bytes = load_u16be(frame, ip_at + 2)
    if total_bytes < IPV4_HEADER_BYTES or ip_at + total_bytes > size:
        return counters.DROP_IPV4_LENGTH
    if not _ipv4_header_is_whole(frame, ip_at):
        return counters.DROP_IPV4_CHECKSUM
    if load_u16be(frame, ip_at + 6) & _MORE_FRAGMENTS_OR_OFFSET != 0:
        return counters.DROP_IPV4_FRAGMENT
    if load_u8(frame, ip_at + 9) != _PROTOCOL_UDP:
        return counters.DROP_NOT_UDP

    udp_at = ip_at + IPV4_HEADER_BYTES
    udp_room = total_bytes - IPV4_HEADER_BYTES
    if udp_room < UDP_HEADER_BYTES:
        return counters.DROP_UDP_LENGTH
    udp_bytes = load_u16be(frame, udp_at + 4)
    if udp_bytes < UDP_HEADER_BYTES or udp_bytes > udp_room:
        return counters.DROP_UDP_LENGTH
    if packet_flags & PKT_UDP_CHECKSUM_COMPLETE != 0 and load_u16be(frame, udp_at + 6) != 0:
        pseudo = checksum_add(np.int64(_PROTOCOL_UDP) + udp_bytes, frame, ip_at + 12, 8)
        if checksum_fold(checksum_add(pseudo, frame, udp_at, udp_bytes)) != 0:
            return counters.DROP_UDP_CHECKSUM

    fields[DESTINATION_MAC] = _mac(frame, 0)
    fields[SOURCE_MAC] = _mac(frame, 6)
    fields[VLAN_TCI] = vlan_tci
    fields[SOURCE_IP] = load_u32be(frame, ip_at + 12)
    fields[DESTINATION_IP] = load_u32be(frame, ip_at + 16)
    fields[SOURCE_PORT] = load_u16be(frame, udp_at)
    fields[DESTINATION_PORT] = load_u16be(frame, udp_at + 2)
    fields[PAYLOAD_AT] = udp_at + UDP_HEADER_BYTES
    fields[PAYLOAD_BYTES] = udp_bytes - UDP_HEADER_BYTES
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
