"""What `pitwire observe --watch` shows: two snapshots of a running instance as a page of text. Free of numba."""

from __future__ import annotations

from typing import Final

from appliance import stages
from appliance.observe import PORT_DROPS, PORT_GAUGES, Snapshot, latency_facts, rates
from native.counters import COUNTERS
from native.limits import RX_BURST_MAX
from native.log_layout import JOURNAL_WRITER_NONE, JOURNAL_WRITER_RUNS, JOURNAL_WRITER_WAITS

FLOW: Final = (
    ("packets in", "packets_in"),
    ("packets out", "packets_out"),
    ("inputs", "sequenced_inputs"),
    ("new orders", "new_orders"),
    ("cancels", "cancels"),
    ("replaces", "replaces"),
    ("fills", "fills"),
    ("reports", "reports_out"),
    ("feed messages", "feed_messages_out"),
)
_SENTENCES: Final = {counter.name: counter.sentence for counter in COUNTERS}
_LOSSES: Final = ("tx_dropped", "gaps", "feed_packets_unstored")
"""Counters that tell of a loss beside those that begin with drop_."""
_FRAMES_STEPS: Final = (1, 2, 4, 8, 16, RX_BURST_MAX)


def page(name: str, before: Snapshot, now: Snapshot) -> list[str]:
    """The lines of the page: rates and percentiles of the time between the two, beside those since the start."""
    seconds = max(now.time_ns - before.time_ns, 1) / 1e9
    growth = rates(before.counters, now.counters, seconds)
    busy = (now.busy_ns - before.busy_ns) / (seconds * 1e9)
    longest = now.counters["cycle_ns_max"]
    return [
        f"pitwire {name}   {growth['turns']:,.0f} turns/s   busy {busy:.1%}   longest turn {_us(longest)} us"
        f"   {now.counters['open_orders']:,} orders open",
        "",
        *_flow(growth, now),
        "",
        *_stages(before, now, seconds),
        "",
        *_ring(before, now),
        *_log(before, now, seconds),
        *_distributor(before, now, seconds),
        "",
        *_losses(before, now, growth, seconds),
    ]


def _log(before: Snapshot, now: Snapshot, seconds: float) -> list[str]:
    """How far the log is, and the disk writer behind the loop."""
    if not now.log:
        return []
    log = now.log
    line = f"log            {log['committed_records']:>16,} inputs"
    if log["writer_state"] != JOURNAL_WRITER_NONE:
        groups = (log["groups_written"] - before.log.get("groups_written", 0)) / seconds
        state = {JOURNAL_WRITER_RUNS: "", JOURNAL_WRITER_WAITS: "   NO ROOM ON THE DISK"}.get(
            log["writer_state"], "   THE DISK WRITER HAS ENDED"
        )
        line += (
            f"   {log['waiting_records']:,} not yet safe   {groups:,.0f} groups/s   longest sync"
            f" {_us(log['sync_ns_max'])} us{state}"
        )
    return [line]


def _us(value_ns: int) -> str:
    return f"{value_ns / 1000:,.2f}" if value_ns < 100_000 else f"{value_ns / 1000:,.0f}"


def _flow(growth: dict[str, float], now: Snapshot) -> list[str]:
    return [f"{title:14} {growth[name]:>12,.0f}/s {now.counters[name]:>16,}" for title, name in FLOW]


def _stages(before: Snapshot, now: Snapshot, seconds: float) -> list[str]:
    """Percentiles in us, of the interval and since the start."""
    names = ("p50", "p99", "p99.9", "max")
    head = " ".join(f"{name:>9}" for name in names)
    lines = [f"{'us':10} {'count/s':>12} {head}   {'since the start: ' + head.strip():>}"]
    rows = {"turn": (before.turns, now.turns)}
    rows |= {name: (before.stages.get(name), now.stages.get(name)) for name in stages.STAGES}
    for name, (first, last) in rows.items():
        if first is None or last is None:
            continue
        interval, whole = latency_facts(stages.since(first, last)), latency_facts(last)
        lines.append(
            f"{name:10} {interval['count'] / seconds:>12,.0f} "
            + " ".join(f"{_us(interval[part]) if interval['count'] else '-':>9}" for part in names)
            + " " * 20
            + " ".join(f"{_us(whole[part]) if whole['count'] else '-':>9}" for part in names)
        )
    return lines


def _ring(before: Snapshot, now: Snapshot) -> list[str]:
    """How full the receive ring was when the loop came to it, and the port's own gauges."""
    lines = []
    if now.turns_by_frames:
        grown = [last - first for first, last in zip(before.turns_by_frames, now.turns_by_frames, strict=True)]
        total = sum(grown)
        parts = []
        low = 1
        for high in _FRAMES_STEPS:
            count = sum(grown[low : high + 1])
            word = f"{low}" if low == high else f"{low}-{high}"
            parts.append(f"{word}: {count / total:.1%}" if total else f"{word}: -")
            low = high + 1
        lines.append("frames a turn  " + "   ".join(parts))
        if now.full_turns > before.full_turns:
            lines.append(f"               {now.full_turns - before.full_turns:,} turns took all that a turn may take")
    if now.port:
        gauges = "   ".join(f"{name} {now.port[name]:,}" for name in now.port if name in PORT_GAUGES)
        lines.append(f"port           {gauges}")
    return lines or ["the instance does not tell of its ring"]


def _distributor(before: Snapshot, now: Snapshot, seconds: float) -> list[str]:
    """How far it is, where there is one."""
    told = now.distributor
    if not told:
        return []
    rates_of = {name: (value - before.distributor.get(name, 0)) / seconds for name, value in told.items()}
    starts = f"   started {told['starts']:,} times" if told["starts"] != 1 else ""
    return [
        f"distributor    {told['l3_behind_bytes']:,} bytes behind   l2 {rates_of['l2_messages']:,.0f}/s"
        f"   l1 {rates_of['l1_messages']:,.0f}/s   frames {rates_of['frames_out']:,.0f}/s"
        f"   snapshot cycles {told['snapshot_cycles']:,}{starts}"
    ]


def _losses(before: Snapshot, now: Snapshot, growth: dict[str, float], seconds: float) -> list[str]:
    """Everything that was dropped, each with its reason; those that grow now first."""
    found = [
        (growth[name], value, name, _SENTENCES[name])
        for name, value in now.counters.items()
        if value and (name.startswith("drop_") or name in _LOSSES)
    ]
    found += [
        ((value - before.port.get(name, 0)) / seconds, value, f"port {name}", PORT_DROPS[name])
        for name, value in now.port.items()
        if value and name in PORT_DROPS
    ]
    found.sort(key=lambda row: (-row[0], row[2]))
    lines = [f"{name:26} {value:>14,} {rate:>10,.0f}/s  {sentence}" for rate, value, name, sentence in found]
    return lines or ["nothing was dropped"]
