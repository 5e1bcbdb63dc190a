"""What the distributor tells of itself: one row is one int64 in shared memory, written by it, read by anyone.

The file lies beside the core's counters and survives a distributor that is killed: so does how far it had sent.
"""

from __future__ import annotations

from native.counters import Counter

DISTRIBUTOR_COUNTERS: tuple[Counter, ...] = ()


def _counter(name: str, sentence: str) -> int:
    global DISTRIBUTOR_COUNTERS
    DISTRIBUTOR_COUNTERS = (*DISTRIBUTOR_COUNTERS, Counter(name, sentence))
    return len(DISTRIBUTOR_COUNTERS) - 1


STARTS = _counter("starts", "Times that a distributor was started in this run of the appliance.")
TURNS = _counter("turns", "Turns of its loop, all starts together.")
L3_PACKETS = _counter("l3_packets", "L3 packets followed since its last start, which begins with the store's first.")
L3_MESSAGES = _counter("l3_messages", "L3 messages in them.")
L3_BEHIND_BYTES = _counter("l3_behind_bytes", "Bytes of the L3 store that it has not followed yet.")
L2_MESSAGES = _counter("l2_messages", "Messages of the L2 channel.")
L1_MESSAGES = _counter("l1_messages", "Messages of the L1 channel.")
TIER_MESSAGES = _counter("tier_messages", "Messages of all depth tiers since its last start.")
FRAMES_OUT = _counter("frames_out", "Frames given to its ports: lines, subscribers, heartbeats, snapshots.")
BYTES_OUT = _counter("bytes_out", "Bytes of those frames.")
TX_RETRIES = _counter("tx_retries", "Times a port could not take every frame at once; what it left was sent later.")
HEARTBEATS_OUT = _counter("heartbeats_out", "Heartbeats, each with its Topic, of all its channels.")
HEARTBEATS_SKIPPED = _counter("heartbeats_skipped", "Heartbeats left out because a port was full.")
SNAPSHOT_PACKETS = _counter("snapshot_packets", "Packets of the snapshot loop.")
SNAPSHOT_CYCLES = _counter("snapshot_cycles", "Times that the snapshot loop had every instrument.")
SNAPSHOT_CYCLE_US_MAX = _counter("snapshot_cycle_us_max", "Longest of them, in us.")
STORE_WAITS = _counter("store_waits", "Times it waited because shared memory had no room for a derived store.")

IS_BEGUN = 62
"""Slot of a flag: the places below are right, and sending goes on from there."""
QUIET_BYTES = 63
"""Slot of the bytes of the L3 store that an earlier appliance has published: what comes of them is not sent again."""
FIRST_SENT = 64
"""From here on: how far each channel was sent (bytes of its store, number after them), by place of the channel."""
SENT_CHANNELS_MAX = 16
SLOTS = FIRST_SENT + 2 * SENT_CHANNELS_MAX

LEVEL_NAMES = frozenset({"l3_behind_bytes", "snapshot_cycle_us_max"})
"""Counters that are no running totals."""

assert len(DISTRIBUTOR_COUNTERS) <= IS_BEGUN


def sent_slot(place: int) -> int:
    """Where the bytes sent of a channel's store stand; the number of the message after them stands behind it."""
    return FIRST_SENT + 2 * place
