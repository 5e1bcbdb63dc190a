"""Every counter: one row is one int64 in shared memory, written by the loop, read by anyone (`pitwire observe`).

The order is the layout of the counters file; add at the end of a group. `DROP_*` rows are the reasons for which a
datagram or message goes no further: each has one sentence, and bad input always ends in exactly one of them:

    packets_in = drop_frame_truncated + ... + drop_session_seq + datagrams_in
    each message of such a datagram is sequenced, or drop_duplicate, drop_session_ended, drop_message_schema or
    drop_message_block;
    reading a datagram ends early by at most one drop_message_truncated or drop_journal_full
"""

from __future__ import annotations

from typing import NamedTuple


class Counter(NamedTuple):
    name: str
    sentence: str


COUNTERS: tuple[Counter, ...] = ()


def _counter(name: str, sentence: str) -> int:
    global COUNTERS
    COUNTERS = (*COUNTERS, Counter(name, sentence))
    return len(COUNTERS) - 1


# --- the loop ---------------------------------------------------------------------------------------------------
TURNS = _counter("turns", "Turns of the loop.")
BUSY_TURNS = _counter("busy_turns", "Turns that received at least one frame.")
CYCLE_NS_MAX = _counter("cycle_ns_max", "Longest turn, ns, by the loop's own clock.")
PACKETS_IN = _counter("packets_in", "Frames taken from the ports.")
BYTES_IN = _counter("bytes_in", "Bytes of those frames.")
PACKETS_OUT = _counter("packets_out", "Frames given to the ports.")
BYTES_OUT = _counter("bytes_out", "Bytes of those frames.")
TX_RETRIES = _counter("tx_retries", "Times the port could not take every frame at once.")
TX_DROPPED = _counter("tx_dropped", "Frames given up because the port stayed full.")

HOLD_CROWDED = _counter("hold_crowded", "Turns that took no input: too many frames wait for the disk.")
HOLD_WAITS = _counter("hold_waits", "Times the loop waited for the disk in the middle of one input's answers.")
HOLD_DISCARDED_BYTES = _counter("hold_discarded_bytes", "Bytes of frames never sent: their records cannot become safe.")

# --- dropped before the sequencer ---------------------------------------------------------------------------------
DROP_FRAME_TRUNCATED = _counter("drop_frame_truncated", "The frame ends before its Ethernet header does.")
DROP_NOT_IPV4 = _counter("drop_not_ipv4", "The EtherType is not IPv4 (one VLAN tag is looked through).")
DROP_IPV4_HEADER = _counter("drop_ipv4_header", "The IPv4 header is truncated, of another version or too short.")
DROP_IPV4_OPTIONS = _counter("drop_ipv4_options", "The IPv4 header has options.")
DROP_IPV4_LENGTH = _counter("drop_ipv4_length", "The IPv4 total length does not fit the header or the frame.")
DROP_IPV4_CHECKSUM = _counter("drop_ipv4_checksum", "The IPv4 header checksum is wrong.")
DROP_IPV4_FRAGMENT = _counter("drop_ipv4_fragment", "The IPv4 packet is a fragment.")
DROP_NOT_UDP = _counter("drop_not_udp", "The IPv4 protocol is not UDP.")
DROP_UDP_LENGTH = _counter("drop_udp_length", "The UDP header is truncated or its length does not fit the packet.")
DROP_UDP_CHECKSUM = _counter("drop_udp_checksum", "The UDP checksum is wrong.")
DROP_NOT_FOR_US = _counter("drop_not_for_us", "The UDP destination is not the order-entry port.")
DROP_DATAGRAM_SIZE = _counter("drop_datagram_size", "The datagram is larger than 1400 bytes.")
DROP_CONTEXT_MISSING = _counter("drop_context_missing", "The datagram does not start with a whole FIXP Context.")
DROP_SESSION_UNKNOWN = _counter("drop_session_unknown", "The datagram names a session that there is not.")
DROP_SESSION_UNBOUND = _counter(
    "drop_session_unbound", "The session is not established, or not over the transport that this came by."
)
DROP_SESSION_MESSAGE = _counter("drop_session_message", "A message of the FIXP session layer is cut short or late.")
DROP_HANDSHAKE = _counter(
    "drop_handshake", "A handshake that the gateway had no room for, or that came too soon after others."
)
DROP_SESSION_SEQ = _counter("drop_session_seq", "The Context's NextSeqNo is 0 or absurdly far ahead.")
DROP_MESSAGE_TRUNCATED = _counter("drop_message_truncated", "A message's header or block ends beyond the datagram.")
DROP_MESSAGE_SCHEMA = _counter("drop_message_schema", "A message is of another schema or an unknown template.")
DROP_MESSAGE_BLOCK = _counter("drop_message_block", "A message's block is shorter than the fields that it needs.")
DROP_DUPLICATE = _counter("drop_duplicate", "The message's number was seen before (idempotent flow: dropped).")
DROP_SESSION_ENDED = _counter("drop_session_ended", "A message before it in the datagram has ended the session.")
DROP_JOURNAL_FULL = _counter("drop_journal_full", "The journal or the feed store is full: input is refused.")

# --- sequenced ---------------------------------------------------------------------------------------------------
SEQUENCED_INPUTS = _counter("sequenced_inputs", "Inputs with a number in the journal.")
CLOCK_WENT_BACK = _counter("clock_went_back", "Inputs with the time of the one before: the clock had been set back.")
GAPS = _counter("gaps", "Gaps in a session's numbers, each answered by one NotApplied.")
NOT_APPLIED = _counter("not_applied", "Numbers reported as NotApplied.")
DATAGRAMS_IN = _counter("datagrams_in", "Datagrams of established sessions, and handshakes.")
HANDSHAKES_IN = _counter("handshakes_in", "Datagrams that went to the gateway to be verified.")
HEARTBEATS_IN = _counter("heartbeats_in", "Datagrams that hold a Context alone.")
SESSION_INPUTS = _counter("session_inputs", "Inputs of the FIXP session layer: handshakes, ends, retransmit requests.")
SESSIONS_NEGOTIATED = _counter("sessions_negotiated", "Negotiates accepted.")
SESSIONS_ESTABLISHED = _counter("sessions_established", "Establishes accepted.")
HANDSHAKES_REJECTED = _counter("handshakes_rejected", "Negotiates and Establishes with good credentials, rejected.")
SESSIONS_TERMINATED = _counter("sessions_terminated", "Sessions unbound from their transport, by either side.")
REQUESTS_THROTTLED = _counter("requests_throttled", "Requests rejected because too many came in a window.")
SESSIONS_THROTTLED_OUT = _counter("sessions_throttled_out", "Sessions terminated because far too many came.")
REQUESTS_KNOWN = _counter("requests_known", "Requests ignored: their ClOrdID is not above all before it.")
STATUS_QUERIES = _counter("status_queries", "Questions about orders and watermarks.")
NEW_ORDERS = _counter("new_orders", "New order messages sequenced.")
ORDERS_ACCEPTED = _counter("orders_accepted", "New orders accepted.")
ORDERS_REJECTED = _counter("orders_rejected", "New orders rejected.")
CANCELS = _counter("cancels", "Cancel requests that took an order off the book.")
CANCELS_REJECTED = _counter("cancels_rejected", "Cancel requests rejected.")
REPLACES = _counter("replaces", "Replace requests that took effect.")
REPLACES_TO_NOTHING = _counter("replaces_to_nothing", "Of those, how many left nothing open.")
REPLACES_REJECTED = _counter("replaces_rejected", "Replace requests rejected.")
FILLS = _counter("fills", "Fills; each gives two execution reports.")
SHARES_TRADED = _counter("shares_traded", "Lots traded.")
IOC_CANCELED = _counter("ioc_canceled", "Orders whose rest was cancelled by their TimeInForce.")
ORDERS_EXPIRED = _counter("orders_expired", "Orders that came to the end of their time.")
ORDERS_MASS_CANCELED = _counter("orders_mass_canceled", "Orders that mass cancels took off the book.")
VENUE_CANCELED = _counter(
    "venue_canceled", "Orders that the venue cancelled for another reason; their reports say which."
)
ORDERS_RESTATED = _counter(
    "orders_restated", "Changes of orders by the venue: refreshed, moved, cut down, turned into limit."
)
ORDERS_TRIGGERED = _counter("orders_triggered", "Stop and if-touched orders that were triggered.")
MASS_CANCELS = _counter("mass_cancels", "Mass cancels carried out.")
MASS_CANCELS_REJECTED = _counter("mass_cancels_rejected", "Mass actions rejected.")
PHASE_CHANGES = _counter("phase_changes", "Changes of phase of instruments.")
AUCTION_TRADES = _counter("auction_trades", "Fills in auctions; they are among `fills`.")
TIMERS = _counter("timers", "Timer inputs: what was due by the clock was carried out.")
ADMIN_COMMANDS = _counter("admin_commands", "Commands of operators: limits, status, kill, deposits and the like.")
ADMIN_REFUSED = _counter("admin_refused", "Of those, how many were refused.")
RISK_REJECTED = _counter("risk_rejected", "Requests that the checks of accounts, risk and funds refused.")
OPEN_ORDERS = _counter("open_orders", "Orders open now: resting, waiting for a trigger, parked for an auction.")

# --- out ---------------------------------------------------------------------------------------------------------
REPORTS_OUT = _counter("reports_out", "Application messages sent to sessions.")
REPORTS_UNSTORED = _counter(
    "reports_unstored", "Reports for which the report log had no room: they cannot be had again."
)
RETRANSMIT_REQUESTS = _counter("retransmit_requests", "RetransmitRequests answered with what was asked for.")
RETRANSMIT_REJECTS = _counter("retransmit_rejects", "RetransmitRequests rejected, or that were violations.")
REPORTS_AGAIN = _counter("reports_again", "Messages that were sent again.")
REPORT_PACKETS_OUT = _counter("report_packets_out", "Datagrams sent to sessions.")
GATEWAY_DROPPED = _counter("gateway_dropped", "Datagrams to sessions over TCP that the gateway had no room for.")
FEED_MESSAGES_OUT = _counter("feed_messages_out", "Market data messages published.")
FEED_PACKETS_OUT = _counter("feed_packets_out", "Market data packets published.")
FEED_PACKETS_UNSTORED = _counter(
    "feed_packets_unstored", "Published packets for which the feed store had no room: they cannot be had again."
)
FEED_HEARTBEATS_OUT = _counter("feed_heartbeats_out", "Market data heartbeats sent.")

COUNTERS_COUNT = len(COUNTERS)
