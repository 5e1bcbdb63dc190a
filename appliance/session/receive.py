"""From a UDP payload to a session and a number: the FIXP Context that stands first in every datagram.

FIXP 1.1: on UDP the Context names the session and the number of the first message; the messages after it are numbered
from there. Nothing here changes state: that is left to `apply`, after the sequencer.
"""

from __future__ import annotations

from appliance.state import FREE, find_session
from native import counters
from native.jit import kernel
from native.limits import DATAGRAM_PAYLOAD_BYTES_MAX
from native.lowlevel import load_u64
from wire.gen import fixp

GAP_MAX = 1 << 31
"""A number further than this beyond the expected one is no gap but nonsense."""

CONTEXT_BYTES = fixp.messageHeader_SIZE + fixp.Context_BLOCK_LENGTH

# what `read_context` finds, as indexes of its int64 array
SESSION = 0
FIRST_NUMBER = 1
MESSAGES_AT = 2
CONTEXT_FIELDS_COUNT = 3


@kernel
def read_context(tables, frame, payload_at, payload_bytes, found):
    """Read the Context at `payload_at` of `frame` into `found` (int64[CONTEXT_FIELDS_COUNT]).

    Returns 0, or the index of the DROP counter. A Context of a newer schema version may have a longer block: the
    messages start behind it.
    """
    if payload_bytes > DATAGRAM_PAYLOAD_BYTES_MAX:
        return counters.DROP_DATAGRAM_SIZE
    if payload_bytes < CONTEXT_BYTES:
        return counters.DROP_CONTEXT_MISSING
    block_bytes = fixp.get_messageHeader_blockLength(frame, payload_at)
    if (
        fixp.get_messageHeader_templateId(frame, payload_at) != fixp.Context_TEMPLATE_ID
        or fixp.get_messageHeader_schemaId(frame, payload_at) != fixp.SCHEMA_ID
        or block_bytes < fixp.Context_BLOCK_LENGTH
        or fixp.messageHeader_SIZE + block_bytes > payload_bytes
    ):
        return counters.DROP_CONTEXT_MISSING
    block_at = payload_at + fixp.messageHeader_SIZE
    low = load_u64(frame, block_at + fixp.Context_SessionId_OFFSET)
    high = load_u64(frame, block_at + fixp.Context_SessionId_OFFSET + 8)
    session = find_session(tables, low, high)
    if session == FREE:
        return counters.DROP_SESSION_UNKNOWN
    number = fixp.get_Context_NextSeqNo(frame, block_at)
    # numbers from 2**63 are negative here
    if number < 1 or number - tables.sessions[session]["expected_seq"] > GAP_MAX:
        return counters.DROP_SESSION_SEQ
    found[SESSION] = session
    found[FIRST_NUMBER] = number
    found[MESSAGES_AT] = block_at + block_bytes
    return 0
