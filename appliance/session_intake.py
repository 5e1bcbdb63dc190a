"""Inputs about sessions that no datagram of a session brings: handshakes whose credentials are good, sessions that are
lost, the end of the venue's own flow."""

from __future__ import annotations

import numpy as np

from appliance.pipeline import decide
from appliance.room import has_room
from appliance.sequencer import journal
from appliance.session import ending, handshake
from native import counters
from native.jit import inner_kernel
from native.layout import KIND_FINISHED, KIND_NEGOTIATE, KIND_SESSION_LOST
from native.session_layout import FINISHED_SERVER


@inner_kernel
def take_handshake(exchange, port, octets, at, size, session, connection, now_ns, proof, proof_at):
    """The Negotiate or Establish `octets[at:at + size]`, whose credentials are those of the key of `session`; from
    `exchange.udp_fields`, or over the TCP `connection`. `proof[proof_at:proof_at + 32]` is the HMAC of the answer to a
    Negotiate. Returns 0, or the DROP counter that it hit."""
    tables = exchange.tables
    if session < 0 or session >= tables.sessions.size:
        tables.counters[counters.DROP_HANDSHAKE] += 1
        return counters.DROP_HANDSHAKE
    if not has_room(exchange, 0):
        tables.counters[counters.DROP_JOURNAL_FULL] += 1
        return counters.DROP_JOURNAL_FULL
    index = journal.next_index(exchange.journal)
    kind = handshake.fill(exchange.journal, index, octets, at, size, session, connection, exchange.udp_fields)
    if kind < 0:
        tables.counters[-kind] += 1
        return -kind
    if kind == KIND_NEGOTIATE:
        handshake.put_proof(exchange.journal, index, proof, proof_at)
    exchange.watch.heard_ns[session] = now_ns
    decide(exchange, port, journal.commit(tables, exchange.journal, kind, now_ns))
    return 0


@inner_kernel
def lose_session(exchange, port, session, reason, now_ns):
    """Sequence that the session is lost (SESSION_LOST_*). Returns 0, or the DROP counter."""
    return _sequence_about(exchange, port, session, np.int64(KIND_SESSION_LOST), reason, now_ns)


@inner_kernel
def finish_session(exchange, port, session, now_ns):
    """Sequence that the venue ends its flow to the session. Returns 0, or the DROP counter."""
    return _sequence_about(exchange, port, session, np.int64(KIND_FINISHED), np.int64(FINISHED_SERVER), now_ns)


@inner_kernel
def _sequence_about(exchange, port, session, kind, code, now_ns):
    if not has_room(exchange, 0):
        exchange.tables.counters[counters.DROP_JOURNAL_FULL] += 1
        return counters.DROP_JOURNAL_FULL
    index = journal.next_index(exchange.journal)
    ending.begin_input(exchange.journal, index, exchange.tables, session)
    exchange.journal.session_inputs[index]["code"] = code
    decide(exchange, port, journal.commit(exchange.tables, exchange.journal, kind, now_ns))
    return 0
