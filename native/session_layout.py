"""Records of the order-entry sessions (docs/SESSIONS.md): their state, and what changes it in the journal.

The journal's records have their header and `flags` at the same places as SEQUENCED (native/layout.py).
"""

from __future__ import annotations

from native.layout import record

SESSION = record(
    [
        # what every message looks at: the first cache line
        ("uuid_low", "i8"),  # octets 0..7 of the UUID, read little-endian; both 0: no session was negotiated yet
        ("uuid_high", "i8"),  # octets 8..15
        ("expected_seq", "i8"),  # next number of the client's flow
        ("next_out_seq", "i8"),  # next number of the server's flow
        ("cl_ord_id", "u8"),  # watermark: the highest ClOrdID of the day
        ("generation", "u4"),  # how often the row got another UUID
        ("firm", "u4"),  # index; NO_INDEX: none
        ("connection", "u8"),  # of TCP; 0: UDP
        ("account", "u4"),
        ("state", "u1"),  # SESSION_*
        ("traits", "u1"),  # SESSION_TRAIT_*
        ("kill", "u1"),  # KILL_*: by the kill switch, until reset
        ("client_finished", "u1"),  # the client's flow is at its end
        # the second
        ("peer_mac", "i8"),  # BOUND when bound_at_sequence is not 0
        ("local_mac", "i8"),
        ("bound_at_sequence", "i8"),
        # as in a frame, whose words are compared with these
        ("local_ip", "u4"),
        ("peer_ip", "u4"),
        ("vlan_tci", "u4"),
        ("local_udp_port", "u2"),
        ("peer_udp_port", "u2"),
        ("keepalive_ms", "u4"),  # longest silence of either side; 0: nobody is watched
        ("cancel_window_ms", "u4"),  # how long its orders stay once it is gone
        ("cancel_due_ns", "i8"),  # when its orders are cancelled because it is gone; NEVER_NS: not
        ("handshake_ns", "u8"),  # Timestamp of the newest handshake that was accepted
        # the third
        ("retransmit_ns", "u8"),  # Timestamp of the newest RetransmitRequest
        ("retransmit_turn", "i8"),  # the turn in which that came
        ("cancel_reason", "u2"),  # codes.RESTATEMENT_* with which they go
        ("cancel_type", "u1"),  # CANCEL_*
        ("handshake_kind", "u1"),  # KIND_NEGOTIATE or KIND_ESTABLISH, of the newest one
        ("was_established", "u1"),
        ("server_finished", "u1"),  # the server's flow is at its end
        ("reserved_end", "u1", 42),
    ],
    size=192,
)
"""A row of [[sessions]], and the FIXP session that it has now."""

SESSION_FREE = 0
"""No session, or one that ended for good: only a new one can be negotiated."""
SESSION_NEGOTIATED = 1
"""It is known, and bound to no transport."""
SESSION_ESTABLISHED = 2

SESSION_TRAIT_KEYED = 1
"""It comes by Negotiate; without it it is provisioned: established from the start."""
SESSION_TRAIT_INCREASING = 2
"""ClOrdIDs rise over the day: what does not is ignored."""

CANCEL_ON_NOTHING = 0
CANCEL_ON_LOSS = 1
CANCEL_ON_TERMINATE = 2
CANCEL_ON_LOSS_OR_TERMINATE = 3
CANCEL_SPARES_GTC = 4
"""A bit beside those: orders that outlive the day (GTC, GTD) stay."""
CANCEL_TYPE_MAX = 7

SESSION_NAME = record(
    [
        ("uuid_low", "i8"),
        ("uuid_high", "i8"),
        ("session", "u4"),  # the row
        ("generation", "u4"),  # of the row when it got this UUID: another one now means that this one is dead
    ],
    size=24,
)
"""A UUID that a row has, or had."""

_HANDSHAKE = [
    ("crc32c", "u4"),
    ("length", "u2"),
    ("kind", "u2"),
    ("sequence", "u8"),
    ("time_ns", "u8"),
    ("uuid_low", "i8"),
    ("uuid_high", "i8"),
    ("timestamp_ns", "u8"),  # Timestamp of the message
    ("connection", "u8"),  # of TCP; 0: UDP, from the address below
    ("peer_mac", "u8"),
    ("local_mac", "u8"),
    ("peer_ip", "u4"),
    ("local_ip", "u4"),
    ("vlan_tci", "u4"),
    ("peer_udp_port", "u2"),
    ("local_udp_port", "u2"),
    ("session", "u4"),  # the row whose key it was made with
]

NEGOTIATE = record(
    [
        *_HANDSHAKE,
        ("client_flow", "u1"),  # FIXP FlowType
        ("reserved", "u1"),
        ("proof", "u1", 32),  # the HMAC of the answer, should it be accepted
        ("flags", "u2"),  # COMMAND_FIRST_OF_BURST
    ],
    size=128,
)
"""A KIND_NEGOTIATE record: a Negotiate whose credentials are good."""

ESTABLISH = record(
    [
        *_HANDSHAKE,
        ("keepalive_ms", "u4"),
        ("next_seq", "u8"),  # NextSeqNo, where has_next_seq
        ("cancel_window_ms", "u4"),
        ("cancel_type", "u1"),  # CANCEL_*
        ("has_next_seq", "u1"),
        ("reserved", "u1", 16),
        ("flags", "u2"),
    ],
    size=128,
)
"""A KIND_ESTABLISH record: an Establish whose credentials are good."""

SESSION_INPUT = record(
    [
        ("crc32c", "u4"),
        ("length", "u2"),
        ("kind", "u2"),
        ("sequence", "u8"),
        ("time_ns", "u8"),
        ("receive_time_ns", "u8"),
        ("timestamp_ns", "u8"),  # RetransmitRequest: its Timestamp
        ("number", "u8"),  # RetransmitRequest: FromSeqNo; FinishedSending: LastSeqNo, or its null
        ("count", "u8"),  # RetransmitRequest: Count
        ("session", "u4"),
        ("generation", "u4"),  # of the row; another one now: it is too late
        ("code", "u4"),  # Terminate: its code; lost: SESSION_LOST_*; finished: FINISHED_*
        ("reserved", "u1", 58),
        ("flags", "u2"),
    ],
    size=128,
)
"""Any other record about one session: KIND_TERMINATE, _SESSION_LOST, _RETRANSMIT_REQUEST, _FINISHED."""

SESSION_LOST_SILENT = 1
"""Nothing was heard for three keepalive intervals."""
SESSION_LOST_CONNECTION = 2
"""Its TCP connection ended."""
FINISHED_SENDING = 0
FINISHED_RECEIVING = 1
FINISHED_SERVER = 2
"""The venue ends its own flow."""

REPORT_HEADER = record(
    [
        ("magic", "u8"),
        ("format_version", "u4"),
        ("entry_header_bytes", "u4"),
        ("capacity_bytes", "u8"),
        ("committed_bytes", "u8"),  # stored with release after the entries are whole
        ("reserved", "u1", 4064),
    ],
    size=4096,
)
REPORT_MAGIC = int.from_bytes(b"PITWREPT", "little")
REPORT_FORMAT_VERSION = 1

REPORT_ENTRY = record(
    [
        ("sequence", "u8"),  # of the newest record that the report may tell of
        ("number", "u8"),  # in the session's flow
        ("firm_number", "u8"),  # in the firm's drop copy; 0: it is not in there
        ("previous", "i8"),  # place of the session's entry before this one, or -1
        ("jump", "i8"),  # of an entry of the index: place of an earlier one of it, or -1
        ("index_before", "i8"),  # of an entry of the index: place of the one before it, or -1
        ("session", "u4"),  # the row
        ("generation", "u4"),  # of the row
        ("firm", "u4"),
        ("message_bytes", "u4"),  # the message follows, SBE header first, padded to 64 bytes
    ],
    size=64,
)
"""One message in the report log. Places are counted in 64 bytes from the end of the header: one entry is one place
long, and its message as many as it needs."""
REPORT_INDEX_STRIDE = 64
"""Every so many numbers an entry is a place of its session's index: number % REPORT_INDEX_STRIDE == 1."""
