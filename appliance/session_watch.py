"""What the loop does for sessions by the clock, outside of the log: who was heard and told when, heartbeats, the entry
of the gateway that is next. What follows from it for the state is sequenced: a session that fell silent is lost by a
KIND_SESSION_LOST input.
"""

from __future__ import annotations

import numpy as np

from appliance.gateway_rings import NOTHING, PAYLOAD_BYTES, next_entry, payload_at, release_entry
from appliance.outgoing import close_slots
from appliance.pipeline import begin_turn, drain, send, take_datagram
from appliance.report.session_messages import answer, heartbeat
from appliance.session_intake import lose_session, take_handshake
from appliance.state import FREE, REPORT_TTL
from native.gateway_layout import (
    GATEWAY_ENTRY,
    GATEWAY_ENTRY_BYTES,
    GATEWAY_IN_ANSWER,
    GATEWAY_IN_DATAGRAM,
    GATEWAY_IN_HANDSHAKE,
    GATEWAY_IN_LOST,
    GATEWAY_IN_STARTED,
)
from native.jit import far_kernel, inner_kernel, outer_kernel
from native.session_layout import SESSION_ESTABLISHED, SESSION_LOST_CONNECTION, SESSION_LOST_SILENT
from wire.net import udp4

SESSIONS_A_TURN = 8
"""Sessions that are looked at in a turn: all of them in a few microseconds of turns."""
MISSED_MAX = 3
"""A session is lost when nothing was heard of it for so many keepalive intervals."""

_NANOS_A_MS = 1_000_000
_PROOF_AT = GATEWAY_ENTRY.fields["proof"][1]  # type: ignore[index]


@far_kernel
def watch_sessions(exchange, port, now_ns):
    """Look at the next few sessions: lose the silent, tell the waiting that nothing is new. Returns 0."""
    watch = exchange.watch
    count = exchange.tables.sessions.size
    session = watch.next_session[0]
    for _ in range(min(np.int64(SESSIONS_A_TURN), count)):
        session = session + 1 if session + 1 < count else np.int64(0)
        row = exchange.tables.sessions[session]
        interval_ns = np.int64(row["keepalive_ms"]) * _NANOS_A_MS
        if interval_ns == 0 or np.int64(row["state"]) != SESSION_ESTABLISHED:
            continue
        if watch.heard_ns[session] == 0:  # established before this run of the loop
            watch.heard_ns[session] = now_ns
        if now_ns - watch.heard_ns[session] > MISSED_MAX * interval_ns:
            begin_turn(exchange, now_ns)
            lose_session(exchange, port, session, np.int64(SESSION_LOST_SILENT), now_ns)
            drain(exchange, port)
        elif now_ns - watch.told_ns[session] >= interval_ns:
            watch.told_ns[session] = now_ns
            heartbeat(exchange.tables, exchange.outbox, session, REPORT_TTL)
            close_slots(exchange, np.int64(FREE))
            send(exchange, port, now_ns)
    watch.next_session[0] = session
    return 0


@far_kernel
def hear_gateway(exchange, port, now_ns):
    """Take the gateway's next entry, if there is one: a turn of its own. Returns 1, or 0 where there is none."""
    rings = exchange.rings
    index = next_entry(rings)
    if index == NOTHING:
        return 0
    entry = rings.inward_entries[index]
    kind = np.int64(entry["kind"])
    connection = np.int64(entry["connection"])
    receive_ns = np.int64(entry["receive_time_ns"])
    at = payload_at(index)
    size = rings.scalars[PAYLOAD_BYTES]
    begin_turn(exchange, now_ns)
    if kind == GATEWAY_IN_DATAGRAM and connection != 0:
        take_datagram(exchange, port, rings.inward, at, size, connection, np.int64(FREE), now_ns, receive_ns)
    elif kind == GATEWAY_IN_HANDSHAKE:
        _take_address(exchange, entry)
        session = np.int64(entry["session"])
        proof_at = index * GATEWAY_ENTRY_BYTES + _PROOF_AT
        take_handshake(exchange, port, rings.inward, at, size, session, connection, now_ns, rings.inward, proof_at)
    elif kind == GATEWAY_IN_LOST and connection != 0:
        _lose_connection(exchange, port, connection, now_ns)
    elif kind == GATEWAY_IN_ANSWER and connection == 0:
        answer(exchange.tables, exchange.outbox, entry, rings.inward, at, size, REPORT_TTL)
    elif kind == GATEWAY_IN_STARTED:
        _lose_connection(exchange, port, np.int64(0), now_ns)
    release_entry(rings)
    drain(exchange, port)
    return 1


@outer_kernel
def _take_address(exchange, entry):
    """Where the handshake of an entry came from and where to."""
    fields = exchange.udp_fields
    fields[udp4.SOURCE_MAC] = np.int64(entry["peer_mac"])
    fields[udp4.DESTINATION_MAC] = np.int64(entry["local_mac"])
    fields[udp4.SOURCE_IP] = np.int64(entry["peer_ip"])
    fields[udp4.DESTINATION_IP] = np.int64(entry["local_ip"])
    fields[udp4.SOURCE_PORT] = np.int64(entry["peer_udp_port"])
    fields[udp4.DESTINATION_PORT] = np.int64(entry["local_udp_port"])
    fields[udp4.VLAN_TCI] = np.int64(entry["vlan_tci"])
    return 0


@inner_kernel
def _lose_connection(exchange, port, connection, now_ns):
    """Lose the session over a TCP connection; over any of them: 0."""
    for session in range(exchange.tables.sessions.size):
        of_session = np.int64(exchange.tables.sessions[session]["connection"])
        if of_session != 0 and connection in (0, of_session):
            lose_session(exchange, port, np.int64(session), np.int64(SESSION_LOST_CONNECTION), now_ns)
    return 0
