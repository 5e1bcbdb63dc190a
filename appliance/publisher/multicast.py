"""Finished packets to the multicast group: headers, the store, heartbeats and the Topic."""

from __future__ import annotations

import numpy as np

from appliance.publisher.packet import NEXT_NUMBER, end_packet, write_packet_header
from appliance.publisher.store import append
from appliance.publisher.topic import write_topic
from appliance.state import FREE, OWNER_FEED, open_slot, payload_start, set_frame
from native import counters
from native.jit import inner_kernel, kernel
from wire.gen import fixp
from wire.gen import market_data as md
from wire.net import udp4


@inner_kernel
def close_packet(tables, outbox, feed, route, slot, sending_time_ns):
    """Finish the packet in `slot`: its header, its place in the store, its network headers, those of an empty
    packet being in `route` (uint8[HEADERS_ROOM]). Returns 1."""
    if outbox.building[OWNER_FEED + 1]["slot"] == slot:
        end_packet(outbox, feed)
    octets = outbox.octets
    at = payload_start(slot)
    packet = outbox.slots[slot]
    message_count = packet["message_count"]
    first_number = packet["first_number"]
    write_packet_header(
        octets, at, feed, sending_time_ns, first_number, md.packetHeader_PktFlags_Incremental, message_count
    )
    if append(feed, octets, at, packet["payload_bytes"], first_number, message_count) == 0:
        tables.counters[counters.FEED_PACKETS_UNSTORED] += 1
    tables.counters[counters.FEED_PACKETS_OUT] += 1
    tables.counters[counters.FEED_MESSAGES_OUT] += message_count
    return _close(outbox, route, slot)


@kernel
def heartbeat(tables, outbox, feed, route, topic_id, heartbeat_ms, sending_time_ns):
    """A packet without messages that names the next number, and the Topic that says whom to ask for lost ones.

    `topic_id` is uint8[16]; `heartbeat_ms`: at the latest by then comes the next. Both slots are closed. Returns the
    slots used.
    """
    next_number = feed.scalars[NEXT_NUMBER]
    slot = open_slot(outbox, np.int64(OWNER_FEED), next_number)
    if slot == FREE:
        return 0
    octets = outbox.octets
    at = payload_start(slot)
    write_packet_header(octets, at, feed, sending_time_ns, next_number, md.packetHeader_PktFlags_Incremental, 0)
    outbox.slots[slot]["payload_bytes"] = md.packetHeader_SIZE
    _close(outbox, route, slot)
    tables.counters[counters.FEED_HEARTBEATS_OUT] += 1

    slot = open_slot(outbox, np.int64(OWNER_FEED), next_number)
    if slot == FREE:
        return 1
    at = payload_start(slot)
    write_packet_header(octets, at, feed, sending_time_ns, next_number, 0, 1)
    outbox.slots[slot]["payload_bytes"] = write_topic(
        octets, at, topic_id, 0, np.int64(fixp.FlowType_Recoverable), heartbeat_ms
    )
    _close(outbox, route, slot)
    return 2


@kernel
def _close(outbox, route, slot):
    payload_at = payload_start(slot)
    payload_bytes = outbox.slots[slot]["payload_bytes"]
    udp4.put_headers(outbox.octets, payload_at, payload_bytes, route, np.int64(udp4.HEADERS_ROOM))
    set_frame(outbox, slot, payload_at - udp4.HEADERS_BYTES, payload_at + payload_bytes)
    return 1
