"""The loop: receive, turn, transmit, measure, and at most two control commands a turn. One thread, one core.

`run` is compiled, holds no lock and never returns to Python until it is told to stop or the input ends. It reads the
clock, which nothing behind the sequencer does. Python speaks to it through a ring of commands and reads its counters.
"""

from __future__ import annotations

import numpy as np

from appliance.latency import record
from appliance.pipeline import begin_turn, drain, set_trading_status, turn
from appliance.publisher.multicast import heartbeat
from appliance.publisher.packet import NEXT_NUMBER
from appliance.transmit import send_all
from native import counters
from native.arrays import Arrays
from native.codes import ERROR_END_OF_INPUT
from native.jit import kernel
from native.layout import (
    CONTROL_COMMAND,
    CONTROL_STOP,
    CONTROL_TRADING_STATUS,
    PKT_CLOCK_FILE,
    PKT_CLOCK_MASK,
    TRADING_STATUS_CLOSED,
    TRADING_STATUS_OPEN,
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
"""Below 0: the port failed with that code."""

IDLE_SPIN = 0
IDLE_YIELD = 1
IDLE_SLEEP = 2
IDLE_SLEEP_NS = 50_000

TAIL_HEARTBEAT_NS = 500_000
"""After a burst of market data the next number is told within 1 ms, so that a lost last packet is noticed at once."""
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
COMMANDS_TAKEN = 7
SCALARS_COUNT = 8


class LoopState(Arrays):
    """What the loop itself remembers, and the ring through which it is spoken to."""

    scalars: np.ndarray
    """int64[SCALARS_COUNT]"""
    opening_status: np.ndarray
    """int64[instruments]: the trading status of each when the day opens"""
    commands: np.ndarray
    """CONTROL_COMMAND[CONTROL_SLOTS_MAX]"""
    commands_written: np.ndarray
    """int64[1]: commands ever written"""


def allocate_loop(
    opening_status: np.ndarray, *, idle: int = IDLE_SPIN, heartbeat_ms: int = 0, file_clock: bool = False
) -> LoopState:
    """The state of a loop that has not run yet."""
    scalars = np.zeros(SCALARS_COUNT, np.int64)
    scalars[IDLE] = idle
    scalars[HEARTBEAT_INTERVAL_NS] = heartbeat_ms * 1_000_000
    scalars[FILE_CLOCK] = int(file_clock)
    scalars[FEED_NUMBER_SEEN] = 1
    return LoopState(scalars, opening_status, np.zeros(CONTROL_SLOTS_MAX, CONTROL_COMMAND), np.zeros(1, np.int64))


@kernel
def run(exchange, loop, port, turns_max):
    """Turn until told to stop, until the input ends, or `turns_max` times (below 0: without end). Returns RUN_* or a
    port's error code."""
    scalars = loop.scalars
    count_in = exchange.tables.counters
    file_clock = scalars[FILE_CLOCK] != 0
    burst_max = 1 if file_clock else RX_BURST_MAX
    rx_address = exchange.rx.ctypes.data
    scalars[RECEIVE_OFFSET_NS] = clock_realtime_ns() - clock_monotonic_ns()
    if not file_clock:
        _open_day(exchange, loop, port, clock_realtime_ns())
    turns = np.int64(0)
    while turns_max < 0 or turns < turns_max:
        turns += 1
        count_in[counters.TURNS] += 1
        got = np.int64(port_rx_burst(port, rx_address, burst_max))
        now_ns = clock_realtime_ns()
        if got > 0:
            start_ns = now_ns
            if file_clock and np.int64(exchange.rx[0]["flags"]) & PKT_CLOCK_MASK == PKT_CLOCK_FILE:
                now_ns = np.int64(exchange.rx[0]["ts_ns"])
                _open_day(exchange, loop, port, now_ns)
            turn(exchange, port, got, now_ns, scalars[RECEIVE_OFFSET_NS])
            port_rx_release(port, rx_address, got)
            _measure(exchange, clock_realtime_ns() - start_ns)
        elif got < 0:
            return np.int64(RUN_END_OF_INPUT) if got == ERROR_END_OF_INPUT else got
        if scalars[HEARTBEAT_INTERVAL_NS] > 0:
            _keep_alive(exchange, loop, port, now_ns)
        if turns % SERVICE_INTERVAL_TURNS == 0:
            port_service(port, SERVICE_BUDGET)
            if turns % CLOCK_OFFSET_INTERVAL_TURNS == 0:
                scalars[RECEIVE_OFFSET_NS] = clock_realtime_ns() - clock_monotonic_ns()
        if _take_commands(exchange, loop, port, now_ns):
            return np.int64(RUN_STOPPED)
        if got == 0:
            _idle(scalars[IDLE])
    return np.int64(RUN_TURNS_DONE)


@kernel
def _open_day(exchange, loop, port, now_ns):
    """The day's first inputs: every instrument that the configuration opens. Once."""
    if loop.scalars[DAY_IS_OPEN] != 0:
        return 0
    loop.scalars[DAY_IS_OPEN] = 1
    begin_turn(exchange, now_ns)
    for instrument in range(loop.opening_status.size):
        set_trading_status(exchange, port, instrument, loop.opening_status[instrument], now_ns)
    return drain(exchange, port)


@kernel
def _measure(exchange, turn_ns):
    record(exchange.turn_latency, turn_ns)
    exchange.tables.counters[counters.BUSY_TURNS] += 1
    if turn_ns > exchange.tables.counters[counters.CYCLE_NS_MAX]:
        exchange.tables.counters[counters.CYCLE_NS_MAX] = turn_ns
    return 0


@kernel
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
    scalars[HEARTBEAT_DUE_NS] = now_ns + scalars[HEARTBEAT_INTERVAL_NS]
    heartbeat(exchange.tables, exchange.outbox, exchange.feed, exchange.route, exchange.topic_id, now_ns)
    return send_all(exchange.tables, exchange.outbox, exchange.tx, port, now_ns)


@kernel
def _take_commands(exchange, loop, port, now_ns):
    """Carry out at most CONTROL_COMMANDS_A_TURN_MAX commands. True when one of them was to stop."""
    scalars = loop.scalars
    written = load_acquire64(loop.commands_written.ctypes.data)
    for _ in range(CONTROL_COMMANDS_A_TURN_MAX):
        if scalars[COMMANDS_TAKEN] >= written:
            return False
        command = loop.commands[scalars[COMMANDS_TAKEN] & (CONTROL_SLOTS_MAX - 1)]
        kind = np.int64(command["kind"])
        argument = np.int64(command["argument"])
        value = command["value"]
        scalars[COMMANDS_TAKEN] += 1
        if kind == CONTROL_STOP:
            return True
        known = value in (TRADING_STATUS_OPEN, TRADING_STATUS_CLOSED)
        if kind == CONTROL_TRADING_STATUS and known and argument < loop.opening_status.size:
            begin_turn(exchange, now_ns)
            set_trading_status(exchange, port, argument, value, now_ns)
            drain(exchange, port)
    return False


@kernel
def _idle(strategy):
    if strategy == IDLE_SPIN:
        pause()
    elif strategy == IDLE_YIELD:
        clock_idle(0)
    else:
        clock_idle(IDLE_SLEEP_NS)
    return 0


def write_command(loop: LoopState, kind: int, argument: int = 0, value: int = 0) -> bool:
    """Put a command into the ring (one Python thread only). False when the ring is full: try again later."""
    written = int(loop.commands_written[0])
    if written - int(loop.scalars[COMMANDS_TAKEN]) >= CONTROL_SLOTS_MAX:
        return False
    slot = loop.commands[written % CONTROL_SLOTS_MAX]
    slot["kind"] = kind
    slot["argument"] = argument
    slot["value"] = value
    store_command_count(loop.commands_written, written + 1)
    return True


@kernel
def store_command_count(commands_written, count):
    """Publish the commands that are written: the loop sees them whole."""
    store_release64(commands_written.ctypes.data, count)
    return 0
