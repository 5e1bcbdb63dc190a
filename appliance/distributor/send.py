"""From the stores to the lines and subscribers: every packet to every destination, in order, none left out.

Lines come first, A before B; then the subscribers, in an order that is drawn anew for each packet, so that nobody is
always first. The draw is a function of a recorded seed, the channel and the packet's number: anybody can check it.

A port that is full stops its channel where it is; the next turn goes on from there.
"""

from __future__ import annotations

import numpy as np

from appliance.distributor_counters import BYTES_OUT, FRAMES_OUT, TX_RETRIES
from native.arrays import Arrays
from native.jit import INTERPRETED, kernel
from native.layout import FEED_ENTRY, PKT, VLAN_NONE
from native.limits import TX_BURST_MAX
from native.lowlevel import bytes_at, copy_bytes, getter
from native.rim import port_service, port_tx_alloc, port_tx_burst, port_tx_flush
from wire.net import udp4

ENTRY_BYTES = FEED_ENTRY.itemsize
PORTS = 2
_HEADERS_BYTES = udp4.ETHERNET_HEADER_BYTES + udp4.IPV4_HEADER_BYTES + udp4.UDP_HEADER_BYTES
_PKT_BYTES = PKT.itemsize
_SERVICE_BUDGET = 256
_MASK = 0xFFFFFFFFFFFFFFFF

_get_first_sequence = getter("u64", FEED_ENTRY.fields["first_sequence"][1])  # type: ignore[index]
_get_message_count = getter("u32", FEED_ENTRY.fields["message_count"][1])  # type: ignore[index]
_get_payload_bytes = getter("u32", FEED_ENTRY.fields["payload_bytes"][1])  # type: ignore[index]

# indexes of `Sender.scalars`
SEED = 0
ORDER_HAND = 1
"""The hand whose packet `order` was drawn for."""
ORDER_NUMBER = 2
SCALARS_COUNT = 3


class Sender(Arrays):
    """Where packets go, and what the ports have not taken yet."""

    channels: np.ndarray
    """CHANNEL[n]: those of the derivation"""
    hands: np.ndarray
    """HAND[n + 1]: one for each channel, one for the snapshot loop"""
    destinations: np.ndarray
    """DESTINATION[n]: those of each channel together, lines first"""
    order: np.ndarray
    """int64[most destinations of a channel]: the order for the packet in hand"""
    ports: np.ndarray
    """int64[PORTS]: handles"""
    tx: np.ndarray
    """PKT[PORTS * TX_BURST_MAX]: frames that wait in buffers of each port"""
    waiting: np.ndarray
    """int64[PORTS]: how many"""
    told: np.ndarray
    """int64[appliance.distributor_counters.SLOTS]"""
    scalars: np.ndarray
    """int64[SCALARS_COUNT]"""


if INTERPRETED:

    def next_draw(state: int) -> int:
        """63 bits of splitmix64 (Steele, Lea, Flood 2014; its output function over `state`)."""
        mixed = (int(state) + 0x9E3779B97F4A7C15) & _MASK
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & _MASK
        return np.int64((mixed ^ (mixed >> 31)) >> 1)

else:

    @kernel
    def next_draw(state: int) -> int:
        """63 bits of splitmix64 (Steele, Lea, Flood 2014; its output function over `state`)."""
        mixed = np.uint64(state) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.int64((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(1))


@kernel
def draw_order(order, line_count, count, seed, channel_id, number):
    """`order[:count]`: lines as they are, then the others shuffled (Fisher and Yates, from the last to the first)."""
    for i in range(count):
        order[i] = i
    state = next_draw(next_draw(seed) ^ number) ^ channel_id
    for i in range(count - 1, line_count, -1):
        state = next_draw(state)
        j = line_count + state % (i - line_count + 1)
        swapped = order[i]
        order[i] = order[j]
        order[j] = swapped
    return count


@kernel
def send_packets(sender, place, store, end, packets_max):
    """Send the packets of `store[:end]` of the channel at `place` from where it was left, at most `packets_max`.
    Returns how many were handed over whole."""
    channel = sender.channels[place]
    sent = np.int64(0)
    if sender.hands[place]["destination_count"] == 0:
        channel["sent_bytes"] = end
        return sent
    while sent < packets_max and channel["sent_bytes"] < end:
        at = channel["sent_bytes"]
        payload_bytes = _get_payload_bytes(store, at)
        payload = at + ENTRY_BYTES
        number = _get_first_sequence(store, at)
        if not hand_over(sender, place, store, payload, payload_bytes, number):
            break
        channel["sent_number"] = number + _get_message_count(store, at)
        channel["sent_bytes"] = payload + ((payload_bytes + 7) & ~7)
        sent += 1
    return sent


@kernel
def hand_over(sender, hand_index, octets, at, payload_bytes, number):
    """One payload to all destinations of a hand, from the one where it was left. False: a port is full."""
    hand = sender.hands[hand_index]
    count = hand["destination_count"]
    is_drawn = sender.scalars[ORDER_HAND] == hand_index and sender.scalars[ORDER_NUMBER] == number
    if not is_drawn or hand["destination"] == 0:
        draw_order(sender.order, hand["line_count"], count, sender.scalars[SEED], hand["channel_id"], number)
        sender.scalars[ORDER_HAND] = hand_index
        sender.scalars[ORDER_NUMBER] = number
    while hand["destination"] < count:
        destination = hand["first_destination"] + sender.order[hand["destination"]]
        if not put(sender, destination, octets, at, payload_bytes):
            return False
        hand["destination"] += 1
    hand["destination"] = 0
    return True


@kernel
def put(sender, index, octets, at, payload_bytes):
    """One payload to one destination. False: the port is full."""
    destination = sender.destinations[index]
    port = destination["port"]
    if sender.waiting[port] == TX_BURST_MAX and not push(sender, port):
        return False
    slot = port * TX_BURST_MAX + sender.waiting[port]
    if np.int64(port_tx_alloc(sender.ports[port], sender.tx.ctypes.data + slot * _PKT_BYTES, 1)) != 1:
        push(sender, port)
        return False
    room = bytes_at(np.int64(sender.tx[slot]["data"]), np.int64(sender.tx[slot]["len"]))
    frame_bytes = _HEADERS_BYTES + payload_bytes
    assert frame_bytes <= room.size  # every port has room for FRAME_BYTES_MAX
    copy_bytes(room, _HEADERS_BYTES, octets, at, payload_bytes)
    udp4.write_headers(
        room,
        np.int64(_HEADERS_BYTES),
        payload_bytes,
        destination["source_mac"],
        destination["mac"],
        np.int64(VLAN_NONE),
        destination["source_ip"],
        destination["ip"],
        destination["ports"],
        destination["ttl"],
    )
    sender.tx[slot]["len"] = frame_bytes
    sender.tx[slot]["ts_ns"] = 0
    sender.waiting[port] += 1
    return True


@kernel
def push(sender, port):
    """Give what waits to a port. True: it has taken something."""
    waiting = sender.waiting[port]
    if waiting == 0:
        return True
    base = port * TX_BURST_MAX
    taken = np.int64(port_tx_burst(sender.ports[port], sender.tx.ctypes.data + base * _PKT_BYTES, waiting))
    port_tx_flush(sender.ports[port])
    if taken <= 0:
        sender.told[TX_RETRIES] += 1
        port_service(sender.ports[port], _SERVICE_BUDGET)
        return False
    for i in range(taken):
        sender.told[BYTES_OUT] += np.int64(sender.tx[base + i]["len"])
    sender.told[FRAMES_OUT] += taken
    for i in range(taken, waiting):
        sender.tx[base + i - taken] = sender.tx[base + i]
    sender.waiting[port] = waiting - taken
    if taken < waiting:
        sender.told[TX_RETRIES] += 1
    return True


@kernel
def push_all(sender):
    """Give what waits to all ports. Returns the frames that still wait."""
    left = np.int64(0)
    for port in range(PORTS):
        if sender.waiting[port] > 0:
            push(sender, port)
        left += sender.waiting[port]
        port_service(sender.ports[port], _SERVICE_BUDGET)
    return left
