"""The loop: receive, turn, transmit, measure, timers, and at most two control commands a turn. One thread, one core.

`run` is compiled, holds no lock and never returns to Python until it is told to stop or the input ends. It reads the
clock, which nothing behind the sequencer does. Python speaks to it through a ring of commands and reads its counters.
"""

from __future__ import annotations

import numpy as np

from appliance import stages
from appliance.hold import is_crowded, is_empty, is_lost, release
from appliance.latency import record
from appliance.pipeline import begin_turn, drain, send, turn
from appliance.publisher.multicast import heartbeat
from appliance.publisher.packet import NEXT_NUMBER
from appliance.sequencer.journal import COMMITTED
from appliance.session_watch import hear_gateway, watch_sessions
from appliance.stage_clock import calibrate, count_span, start
from appliance.state import LAST_SEQUENCED_NS
from appliance.venue_intake import begin_new_day, next_due_ns, set_phase, take_asked, tick
from native import counters
from native.arrays import Arrays
from native.codes import ERROR_END_OF_INPUT
from native.jit import far_kernel, inner_kernel, outer_kernel
from native.layout import (
    CONTROL_SEQUENCE,
    CONTROL_STOP,
    PKT_CLOCK_FILE,
    PKT_CLOCK_MASK,
    PKT_CLOCK_MONOTONIC,
    PKT_CLOCK_REALTIME,
    SEQUENCED,
)
from native.limits import CONTROL_COMMANDS_A_TURN_MAX, CONTROL_SLOTS_MAX, RX_BURST_MAX
from native.lowlevel import load_acquire64, pause, store_release64
from native.rim import (
    clock_idle,
    clock_monotonic_ns,
    clock_realtime_ns,
    port_rx_burst,
    port_rx_release,
    port_service,
)

# why `run` came back
RUN_TURNS_DONE = 0
RUN_STOPPED = 1
RUN_END_OF_INPUT = 2
RUN_LOG_LOST = 3
"""The disk writer ended, so nothing will become safe any more. Below 0: the port failed with that code."""

IDLE_SPIN = 0
IDLE_YIELD = 1
IDLE_SLEEP = 2
IDLE_SLEEP_NS = 50_000
FINISH_NS_MAX = 3_000_000_000

TAIL_HEARTBEAT_NS = 500_000
"""After a burst of market data the next number is told within 1 ms, so that a lost last packet is noticed at once."""
TIMER_INTERVAL_NS = 1_000_000
"""Timer inputs come at most so often: an auction tells its indicative price once a millisecond, not once an order."""
TIMERS_A_FRAME_MAX = 1024
"""Between two frames of a capture; the last of so many has the time of the second frame."""
NANOS_A_DAY = 86_400_000_000_000
PHASE_BY_SCHEDULE = -1
SERVICE_INTERVAL_TURNS = 64
SERVICE_BUDGET = 256
CLOCK_OFFSET_INTERVAL_TURNS = 1 << 14

# indexes of `LoopState.scalars`
IDLE = 0
HEARTBEAT_INTERVAL_NS = 1
"""0: no heartbeats (replays: they come from the clock, not from the input)."""
HEARTBEAT_DUE_NS = 2
FEED_NUMBER_SEEN = 3
RECEIVE_OFFSET_NS = 4
"""UTC minus the monotonic clock."""
DAY_IS_OPEN = 5
FILE_CLOCK = 6
"""1: time comes from the capture, and each frame is a turn of its own, as it was when it was recorded."""
TIMER_DUE_NS = 7
"""The next timer input comes no earlier."""
SCALARS_COUNT = 8


class LoopState(Arrays):
    """What the loop itself remembers, and the ring through which it is spoken to."""

    scalars: np.ndarray
    """int64[SCALARS_COUNT]"""
    opening_phases: np.ndarray
    """int64[instruments]: the PHASE_* of each when the day opens, or PHASE_BY_SCHEDULE"""
    commands: np.ndarray
    """int64[CONTROL_SLOTS_MAX]: CONTROL_*"""
    asked: np.ndarray
    """SEQUENCED[CONTROL_SLOTS_MAX]: beside each CONTROL_SEQUENCE the input, with its kind and its body"""
    commands_written: np.ndarray
    """int64[1]: commands ever written"""
    commands_done: np.ndarray
    """int64[1]: commands that were carried out, told after their answers"""
    answers: np.ndarray
    """int64[2 * CONTROL_SLOTS_MAX]: the number that the input got (0: none), and what was decided (below 0: ERROR_*)"""


def allocate_loop(
    opening_phases: np.ndarray, *, idle: int = IDLE_SPIN, heartbeat_ms: int = 0, file_clock: bool = False
) -> LoopState:
    """The state of a loop that has not run yet."""
    scalars = np.zeros(SCALARS_COUNT, np.int64)
    scalars[IDLE] = idle
    scalars[HEARTBEAT_INTERVAL_NS] = heartbeat_ms * 1_000_000
    scalars[FILE_CLOCK] = int(file_clock)
    scalars[FEED_NUMBER_SEEN] = 1
    return LoopState(
        scalars=scalars,
        opening_phases=opening_phases,
        commands=np.zeros(CONTROL_SLOTS_MAX, np.int64),
        asked=np.zeros(CONTROL_SLOTS_MAX, SEQUENCED),
        commands_written=np.zeros(1, np.int64),
        commands_done=np.zeros(1, np.int64),
        answers=np.zeros(2 * CONTROL_SLOTS_MAX, np.int64),
    )


@outer_kernel
def run(exchange, loop, port, turns_max):
    """Turn until told to stop, until the input ends, or `turns_max` times (below 0: without end). Returns RUN_* or a
    port's error code."""
    scalars = loop.scalars
    count_in = exchange.tables.counters
    file_clock = scalars[FILE_CLOCK] != 0
    burst_max = 1 if file_clock else RX_BURST_MAX
    rx_address = exchange.rx.ctypes.data
    scalars[RECEIVE_OFFSET_NS] = clock_realtime_ns() - clock_monotonic_ns()
    start(exchange.stages)
    if not file_clock:
        open_day(exchange, loop, port, clock_realtime_ns())
    turns = np.int64(0)
    while turns_max < 0 or turns < turns_max:
        turns += 1
        count_in[counters.TURNS] += 1
        got = np.int64(0)
        if is_crowded(exchange.hold):
            count_in[counters.HOLD_CROWDED] += 1
        else:
            got = np.int64(port_rx_burst(port, rx_address, burst_max))
        now_ns = clock_realtime_ns()
        if not file_clock and now_ns >= next_due_ns(exchange) and now_ns >= scalars[TIMER_DUE_NS]:
            scalars[TIMER_DUE_NS] = now_ns + TIMER_INTERVAL_NS
            tick(exchange, port, now_ns)
        if got > 0:
            start_ns = now_ns
            if file_clock and np.int64(exchange.rx[0]["flags"]) & PKT_CLOCK_MASK == PKT_CLOCK_FILE:
                now_ns = np.int64(exchange.rx[0]["ts_ns"])
                open_day(exchange, loop, port, now_ns)
                _tick_until(exchange, loop, port, now_ns)
            turn(exchange, port, got, now_ns, scalars[RECEIVE_OFFSET_NS])
            port_rx_release(port, rx_address, got)
            _measure(exchange, got, start_ns, clock_realtime_ns(), scalars[RECEIVE_OFFSET_NS])
        elif got < 0:
            return np.int64(RUN_END_OF_INPUT) if got == ERROR_END_OF_INPUT else got
        hear_gateway(exchange, port, now_ns)
        if scalars[HEARTBEAT_INTERVAL_NS] > 0:
            _keep_alive(exchange, loop, port, now_ns)
            watch_sessions(exchange, port, now_ns)
        release(exchange.tables, exchange.feed, exchange.hold, exchange.tx, port, now_ns)
        if turns % SERVICE_INTERVAL_TURNS == 0:
            port_service(port, SERVICE_BUDGET)
            if is_lost(exchange.hold):
                return np.int64(RUN_LOG_LOST)
            if turns % CLOCK_OFFSET_INTERVAL_TURNS == 0:
                scalars[RECEIVE_OFFSET_NS] = clock_realtime_ns() - clock_monotonic_ns()
                calibrate(exchange.stages)
        if _take_commands(exchange, loop, port, now_ns):
            return _finish(exchange, port)
        if got == 0:
            _idle(scalars[IDLE])
    return np.int64(RUN_TURNS_DONE)


@far_kernel
def open_day(exchange, loop, port, now_ns):
    """The day's first inputs: that it is a new one, where there was one before; a timer, with which schedules begin;
    the phase of every instrument. Once."""
    if loop.scalars[DAY_IS_OPEN] != 0:
        return 0
    loop.scalars[DAY_IS_OPEN] = 1
    if exchange.journal.scalars[COMMITTED] == 0 and exchange.tables.clock[LAST_SEQUENCED_NS] != 0:
        begin_new_day(exchange, port, now_ns)
    if next_due_ns(exchange) <= now_ns:
        tick(exchange, port, now_ns)
    begin_turn(exchange, now_ns)
    for instrument in range(loop.opening_phases.size):
        phase = loop.opening_phases[instrument]
        if phase == PHASE_BY_SCHEDULE:
            phase = scheduled_phase(exchange, instrument, now_ns)
        set_phase(exchange, port, instrument, phase, now_ns)
    return drain(exchange, port)


@outer_kernel
def scheduled_phase(exchange, instrument, now_ns):
    """The phase that the instrument's schedule has at `now_ns`: that of the last row whose time has come; before the
    first row of the day, that of the last row, of the day before."""
    market = exchange.book.instruments[instrument]
    first = np.int64(market["schedule_first"])
    count = np.int64(market["schedule_count"])
    assert count > 0
    phase = np.int64(exchange.book.schedule[first + count - 1]["phase"])
    for row in range(first, first + count):
        if np.int64(exchange.book.schedule[row]["time_of_day_ns"]) <= now_ns % NANOS_A_DAY:
            phase = np.int64(exchange.book.schedule[row]["phase"])
    return phase


@inner_kernel
def _tick_until(exchange, loop, port, frame_ns):
    """The timers of a capture's clock that are due by the time of its next frame, each at its own time. Returns how
    many."""
    scalars = loop.scalars
    for timers in range(TIMERS_A_FRAME_MAX):
        due_ns = max(next_due_ns(exchange), exchange.tables.clock[LAST_SEQUENCED_NS], scalars[TIMER_DUE_NS])
        if due_ns > frame_ns:
            return timers
        if timers == TIMERS_A_FRAME_MAX - 1:
            due_ns = frame_ns
        scalars[TIMER_DUE_NS] = due_ns + TIMER_INTERVAL_NS
        tick(exchange, port, due_ns)
    return TIMERS_A_FRAME_MAX


@outer_kernel
def _finish(exchange, port):
    """The end, in good order: what waits for the disk leaves, unless that takes too long. Returns RUN_*."""
    until_ns = clock_monotonic_ns() + FINISH_NS_MAX
    while not is_empty(exchange.hold):
        if is_lost(exchange.hold) or clock_monotonic_ns() > until_ns:
            return np.int64(RUN_LOG_LOST)
        release(exchange.tables, exchange.feed, exchange.hold, exchange.tx, port, clock_realtime_ns())
        clock_idle(IDLE_SLEEP_NS)
    return np.int64(RUN_STOPPED)


@outer_kernel
def _measure(exchange, frames, start_ns, sent_ns, receive_offset_ns):
    """Count the turn that took `exchange.rx[:frames]`, and for each of them the time until everything was sent."""
    for i in range(frames):
        clock = np.int64(exchange.rx[i]["flags"]) & PKT_CLOCK_MASK
        received_ns = start_ns
        if clock == PKT_CLOCK_REALTIME:
            received_ns = np.int64(exchange.rx[i]["ts_ns"])
        elif clock == PKT_CLOCK_MONOTONIC:
            received_ns = np.int64(exchange.rx[i]["ts_ns"]) + receive_offset_ns
        count_span(exchange.stages, stages.WHOLE, sent_ns - received_ns)
    turn_ns = sent_ns - start_ns
    record(exchange.turn_latency, turn_ns)
    exchange.tables.counters[counters.BUSY_TURNS] += 1
    if turn_ns > exchange.tables.counters[counters.CYCLE_NS_MAX]:
        exchange.tables.counters[counters.CYCLE_NS_MAX] = turn_ns
    return 0


@outer_kernel
def _keep_alive(exchange, loop, port, now_ns):
    """Heartbeats of the feed: soon after the last message of a burst, then once an interval."""
    scalars = loop.scalars
    number = exchange.feed.scalars[NEXT_NUMBER]
    if number != scalars[FEED_NUMBER_SEEN]:
        scalars[FEED_NUMBER_SEEN] = number
        scalars[HEARTBEAT_DUE_NS] = now_ns + TAIL_HEARTBEAT_NS
        return 0
    if now_ns < scalars[HEARTBEAT_DUE_NS]:
        return 0
    interval_ns = scalars[HEARTBEAT_INTERVAL_NS]
    scalars[HEARTBEAT_DUE_NS] = now_ns + interval_ns
    tables, outbox, feed = exchange.tables, exchange.outbox, exchange.feed
    heartbeat(tables, outbox, feed, exchange.route, exchange.topic_id, interval_ns // 1_000_000, now_ns)
    return send(exchange, port, now_ns)


@inner_kernel
def _take_commands(exchange, loop, port, now_ns):
    """Carry out at most CONTROL_COMMANDS_A_TURN_MAX commands. True when one of them was to stop."""
    written = load_acquire64(loop.commands_written.ctypes.data)
    for _ in range(CONTROL_COMMANDS_A_TURN_MAX):
        done = loop.commands_done[0]
        if done >= written:
            return False
        slot = done & (CONTROL_SLOTS_MAX - 1)
        kind = loop.commands[slot]
        if kind == CONTROL_SEQUENCE:
            before = exchange.journal.scalars[COMMITTED]
            outcome = take_asked(exchange, port, loop.asked, slot, now_ns)
            sequence = exchange.journal.scalars[COMMITTED]
            loop.answers[2 * slot] = sequence if sequence > before else 0
            loop.answers[2 * slot + 1] = outcome
        store_release64(loop.commands_done.ctypes.data, done + 1)
        if kind == CONTROL_STOP:
            return True
    return False


@outer_kernel
def _idle(strategy):
    if strategy == IDLE_SPIN:
        pause()
    elif strategy == IDLE_YIELD:
        clock_idle(0)
    else:
        clock_idle(IDLE_SLEEP_NS)
    return 0


def day_is_open(loop: LoopState) -> None:
    """The day's first inputs stand in the log already."""
    loop.scalars[DAY_IS_OPEN] = 1


def write_command(loop: LoopState, kind: int, record: np.void | None = None) -> bool:
    """Put a command into the ring (one Python thread at a time), for CONTROL_SEQUENCE with its SEQUENCED `record`.
    False when the ring is full: try again later."""
    written = int(loop.commands_written[0])
    if written - int(loop.commands_done[0]) >= CONTROL_SLOTS_MAX:
        return False
    slot = written % CONTROL_SLOTS_MAX
    loop.commands[slot] = kind
    if record is not None:
        loop.asked[slot] = record
    store_command_count(loop.commands_written, written + 1)
    return True


def answer_of(loop: LoopState, command: int) -> tuple[int, int] | None:
    """What came of command number `command` (0, 1, ...), one of the newest CONTROL_SLOTS_MAX: the number that its input
    got (0: none) and what was decided. None: the loop has not come to it."""
    if command >= int(loop.commands_done[0]):
        return None
    slot = command % CONTROL_SLOTS_MAX
    return int(loop.answers[2 * slot]), int(loop.answers[2 * slot + 1])


@outer_kernel
def store_command_count(commands_written, count):
    """Publish the commands that are written: the loop sees them whole."""
    store_release64(commands_written.ctypes.data, count)
    return 0
