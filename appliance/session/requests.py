"""What a session's own rules say of a request before risk and book look at it: throttles, the watermark of ClOrdIDs,
the kill switch. docs/SESSIONS.md section 4 has the order.
"""

from __future__ import annotations

import numpy as np

from appliance.state import (
    THROTTLE_CANCELS,
    THROTTLE_CANCELS_LOGOUT,
    THROTTLE_CANCELS_REJECT,
    THROTTLE_MESSAGES,
    THROTTLE_MESSAGES_LOGOUT,
    THROTTLE_MESSAGES_REJECT,
    THROTTLE_NEWEST,
    THROTTLE_PART_NS,
    THROTTLE_PARTS,
    THROTTLE_WORDS,
    forget_dead_names,
)
from native import codes
from native.account_layout import KILL_ALL
from native.jit import inner_kernel, kernel
from native.layout import KIND_CANCEL, KIND_MASS_CANCEL, KIND_NEW_ORDER, KIND_REPLACE, KIND_STATUS_QUERY
from native.lowlevel import load_word, word_of
from native.session_layout import SESSION, SESSION_TRAIT_INCREASING

THROTTLED = 1
THROTTLED_OUT = 2
_SIGN = -(1 << 63)
_STATE = word_of(SESSION, "account", "state", "traits", "kill", "client_finished")
_RULES = (SESSION_TRAIT_INCREASING << 40 | 0xFF << 48 | 0xFF << 56) - (1 << 64)
"""The bits of that word with which a session has rules: increasing ClOrdIDs, any kill, its flow's end."""


@inner_kernel
def count_request(tables, session, kind, now_ns):
    """Count a request of the session. Returns 0, THROTTLED: it is one too many, or THROTTLED_OUT: the session has to
    go. Cancels are counted apart."""
    if tables.throttle_rules[THROTTLE_PART_NS] == 0:
        return np.int64(0)
    return np.int64(_count_in_window(tables, session, kind, now_ns))


@kernel
def _count_in_window(tables, session, kind, now_ns):
    part_ns = tables.throttle_rules[THROTTLE_PART_NS]
    is_cancel = kind in (KIND_CANCEL, KIND_MASS_CANCEL)
    counts = tables.throttles
    base = session * THROTTLE_WORDS
    part = now_ns // part_ns
    first_new = max(counts[base + THROTTLE_NEWEST] + 1, part - THROTTLE_PARTS + 1)
    for passed in range(first_new, part + 1):
        counts[base + THROTTLE_MESSAGES + passed % THROTTLE_PARTS] = 0
        counts[base + THROTTLE_CANCELS + passed % THROTTLE_PARTS] = 0
    counts[base + THROTTLE_NEWEST] = part
    group = THROTTLE_CANCELS if is_cancel else THROTTLE_MESSAGES
    counts[base + group + part % THROTTLE_PARTS] += 1
    total = np.int64(0)
    for i in range(THROTTLE_PARTS):
        total += counts[base + group + i]
    logout = tables.throttle_rules[THROTTLE_CANCELS_LOGOUT if is_cancel else THROTTLE_MESSAGES_LOGOUT]
    reject = tables.throttle_rules[THROTTLE_CANCELS_REJECT if is_cancel else THROTTLE_MESSAGES_REJECT]
    if logout > 0 and total > logout:
        return THROTTLED_OUT
    return THROTTLED if reject > 0 and total > reject else 0


@kernel
def retry_after_ns(tables, session, kind, now_ns):
    """How long the session has to be silent until a request of this kind would be taken again."""
    is_cancel = kind in (KIND_CANCEL, KIND_MASS_CANCEL)
    part_ns = tables.throttle_rules[THROTTLE_PART_NS]
    reject = tables.throttle_rules[THROTTLE_CANCELS_REJECT if is_cancel else THROTTLE_MESSAGES_REJECT]
    base = session * THROTTLE_WORDS + (THROTTLE_CANCELS if is_cancel else THROTTLE_MESSAGES)
    newest = now_ns // part_ns
    total = np.int64(0)
    for i in range(THROTTLE_PARTS):
        total += tables.throttles[base + i]
    for part in range(newest - THROTTLE_PARTS + 1, newest + 1):
        total -= tables.throttles[base + part % THROTTLE_PARTS]
        if total < reject:
            return (part + THROTTLE_PARTS) * part_ns - now_ns
    return THROTTLE_PARTS * part_ns


@inner_kernel
def is_known_id(tables, session, kind, cl_ord_id):
    """Whether the request's ClOrdID is not above all that were taken today, where they must rise: then it is ignored.
    Otherwise it is the highest from now on."""
    row = tables.sessions[session]
    if np.int64(row["traits"]) & SESSION_TRAIT_INCREASING == 0 or kind == KIND_STATUS_QUERY:
        return False
    # without a sign, by their bits
    if (np.int64(cl_ord_id) ^ _SIGN) <= (np.int64(row["cl_ord_id"]) ^ _SIGN):
        return True
    row["cl_ord_id"] = np.int64(cl_ord_id)
    return False


@inner_kernel
def why_not(tables, session, kind):
    """0, or the code with which the session's requests of this kind are refused: it is blocked. What a kill but for
    reducing orders refuses is known where positions are (appliance/risk/limits.py)."""
    if np.int64(tables.sessions[session]["kill"]) == KILL_ALL and kind in (KIND_NEW_ORDER, KIND_REPLACE):
        return codes.REJECT_SESSION_BLOCKED
    return 0


@kernel
def has_rules(tables, session):
    """Whether anything of this module can have a word about the session's requests, or they are at their end."""
    state = load_word(tables.sessions, session, _STATE)
    return (state & _RULES != 0) | (tables.throttle_rules[THROTTLE_PART_NS] != 0)


@kernel
def begin_day(tables):
    """A new day: ClOrdIDs begin again, and so do the numbers of turns and of the firms' drop copies; SessionIds that
    died are forgotten."""
    forget_dead_names(tables)
    for session in range(tables.sessions.size):
        tables.sessions[session]["cl_ord_id"] = 0
        tables.sessions[session]["retransmit_turn"] = 0
    tables.firm_numbers[:] = 1
    return 0


@kernel
def set_kill(tables, session, kill):
    """The kill switch of the session (KILL_*), or its reset (KILL_NONE)."""
    tables.sessions[session]["kill"] = kill
    return 0
