"""The times of a frame: when it counts as come, and when it was received."""

from __future__ import annotations

from appliance import stages
from appliance.stage_clock import count_span
from appliance.state import NOW_NS
from native.jit import inner_kernel
from native.layout import PKT_CLOCK_FILE, PKT_CLOCK_MASK, PKT_CLOCK_MONOTONIC, PKT_CLOCK_REALTIME


@inner_kernel
def times_of(exchange, flags, stamp_ns, now_ns, receive_offset_ns):
    """The time by which a frame with these flags (PKT_CLOCK_*) and this stamp is judged, and when it was received, UTC.
    A frame from a capture brings its own time, which is that of the turn from then on."""
    clock = flags & PKT_CLOCK_MASK
    if clock == PKT_CLOCK_FILE:
        exchange.tables.clock[NOW_NS] = max(exchange.tables.clock[NOW_NS], stamp_ns)
        return stamp_ns, stamp_ns
    receive_ns = now_ns
    if clock == PKT_CLOCK_REALTIME:
        receive_ns = stamp_ns
    elif clock == PKT_CLOCK_MONOTONIC:
        receive_ns = stamp_ns + receive_offset_ns
    if clock in (PKT_CLOCK_REALTIME, PKT_CLOCK_MONOTONIC):
        count_span(exchange.stages, stages.RECEIVE, now_ns - receive_ns)
    return now_ns, receive_ns
