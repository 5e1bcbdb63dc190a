"""Datagrams that are whole: headers in front of them, or over to the gateway for a session that is there by TCP."""

from __future__ import annotations

import numpy as np

from appliance.gateway_rings import open_entry, payload_at, send_entry, send_payload
from appliance.hold import DURABLE_ADDRESS
from appliance.publisher import multicast
from appliance.report import datagram
from appliance.report.log import append_datagram
from appliance.sequencer.journal import COMMITTED
from appliance.state import (
    LAST_OF_CONNECTION,
    NOW_NS,
    OUTBOX_USED,
    OWNER_CONNECTION,
    OWNER_FEED,
    OWNER_NONE,
    end_datagram,
    payload_start,
)
from appliance.watch import BUCKET_EACH, BUCKET_FILLED, BUCKET_MAX, BUCKET_TIME
from native import counters
from native.gateway_layout import GATEWAY_OUT_CLOSE, GATEWAY_OUT_HANDSHAKE, GATEWAY_OUT_REPLY, TRANSPORT_TCP
from native.jit import far_kernel, outer_kernel
from native.layout import NO_INDEX
from native.lowlevel import copy_bytes
from wire.net import udp4


@far_kernel
def close_slot(exchange, slot):
    """Finish the datagram in `slot`, if it is open. Returns 0."""
    outbox = exchange.outbox
    tables = exchange.tables
    row = outbox.slots[slot]
    owner = row["owner"]
    if owner == OWNER_NONE:
        return 0
    if owner == OWNER_FEED:
        multicast.close_packet(tables, outbox, exchange.feed, exchange.route, slot, tables.clock[NOW_NS])
        return 0
    connection = row["first_number"]
    if owner != OWNER_CONNECTION:
        exchange.watch.told_ns[owner] = tables.clock[NOW_NS]
        if outbox.building[owner + 1]["slot"] == slot:
            end_datagram(outbox, owner)
        newest = exchange.journal.scalars[COMMITTED]
        append_datagram(tables, exchange.reports, outbox, slot, owner, datagram.CONTEXT_BYTES, newest)
        connection = np.int64(tables.sessions[owner]["connection"])
        if connection == 0:
            datagram.put_headers(tables, outbox, slot, owner)
    if connection != 0:
        _to_gateway(exchange, slot, connection)
    row["owner"] = OWNER_NONE
    return 0


@outer_kernel
def _to_gateway(exchange, slot, connection):
    """What does not fit into the ring is lost: a client asks for it again."""
    outbox = exchange.outbox
    row = outbox.slots[slot]
    is_last = row["owner"] == OWNER_CONNECTION and row["message_count"] == LAST_OF_CONNECTION
    newest = exchange.journal.scalars[COMMITTED] if exchange.hold.scalars[DURABLE_ADDRESS] != 0 else np.int64(0)
    sent = send_payload(
        exchange.rings,
        np.int64(GATEWAY_OUT_CLOSE if is_last else GATEWAY_OUT_REPLY),
        np.int64(TRANSPORT_TCP),
        connection,
        np.int64(0),
        newest,
        outbox.octets,
        payload_start(slot),
        row["payload_bytes"],
    )
    if sent == 0:
        exchange.tables.counters[counters.GATEWAY_DROPPED] += 1
    else:
        exchange.tables.counters[counters.REPORT_PACKETS_OUT] += 1
    return sent


@outer_kernel
def close_slots(exchange, kept_slot):
    """Finish every open datagram but the one in `kept_slot` (FREE: none is kept). Returns 0."""
    outbox = exchange.outbox
    for slot in range(outbox.scalars[OUTBOX_USED]):
        row = outbox.slots[slot]
        if slot != kept_slot and row["frame_bytes"] == 0 and row["owner"] != OWNER_NONE:
            close_slot(exchange, slot)
    return 0


@outer_kernel
def close_slots_of(exchange, session):
    """Finish what is open for the session, before it changes. Returns 0."""
    for slot in range(exchange.outbox.scalars[OUTBOX_USED]):
        if exchange.outbox.slots[slot]["owner"] == session:
            close_slot(exchange, slot)
    return 0


@outer_kernel
def pass_on(exchange, frame, at, size, now_ns, receive_ns):
    """Give the gateway a Negotiate or Establish from `exchange.udp_fields`, to be verified. Returns 0, or the DROP
    counter that it hit: there is no room, or too many came of late."""
    tables = exchange.tables
    if _put_handshake(exchange, frame, at, size, now_ns, receive_ns) == 0:
        tables.counters[counters.DROP_HANDSHAKE] += 1
        return counters.DROP_HANDSHAKE
    tables.counters[counters.DATAGRAMS_IN] += 1
    tables.counters[counters.HANDSHAKES_IN] += 1
    return 0


@outer_kernel
def _put_handshake(exchange, frame, at, size, now_ns, receive_ns):
    """Returns 1, or 0 where it is not passed on."""
    bucket = exchange.watch.handshakes
    if bucket[BUCKET_MAX] > 0:
        bucket[BUCKET_FILLED] = min(
            bucket[BUCKET_MAX], bucket[BUCKET_FILLED] + max(now_ns - bucket[BUCKET_TIME], np.int64(0))
        )
        bucket[BUCKET_TIME] = now_ns
        if bucket[BUCKET_FILLED] < bucket[BUCKET_EACH]:
            return 0
        bucket[BUCKET_FILLED] -= bucket[BUCKET_EACH]
    index = open_entry(exchange.rings, size)
    if index < 0:
        return 0
    entry = exchange.rings.outward_entries[index]
    fields = exchange.udp_fields
    entry["kind"] = GATEWAY_OUT_HANDSHAKE
    entry["session"] = NO_INDEX
    entry["receive_time_ns"] = receive_ns
    entry["peer_mac"] = fields[udp4.SOURCE_MAC]
    entry["local_mac"] = fields[udp4.DESTINATION_MAC]
    entry["peer_ip"] = fields[udp4.SOURCE_IP]
    entry["local_ip"] = fields[udp4.DESTINATION_IP]
    entry["peer_udp_port"] = fields[udp4.SOURCE_PORT]
    entry["local_udp_port"] = fields[udp4.DESTINATION_PORT]
    entry["vlan_tci"] = fields[udp4.VLAN_TCI]
    copy_bytes(exchange.rings.outward, payload_at(index), frame, at, size)
    send_entry(exchange.rings)
    return 1
