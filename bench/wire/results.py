"""What was measured, as plain values: rows, the appliance beside its floor, knees, stamps; and the table for people."""

from __future__ import annotations

import subprocess
from pathlib import Path
from statistics import median
from typing import Any

from appliance import histogram
from appliance.histogram import Histogram
from bench.host import host, report
from bench.wire import generator
from bench.wire.contenders import APPLIANCE, ECHO, ROOT, Contender
from bench.wire.link import HISTOGRAMS
from bench.wire.measure import KNEE_RULE, Outcome, Row, breaks_knee

PERCENTILES_PPM = {
    "p50": 500_000,
    "p90": 900_000,
    "p99": 990_000,
    "p99.9": 999_000,
    "p99.99": 999_900,
}
FLOOR_TOLERANCE_NS = 1_500
"""What the appliance may add to a raw echo over the same port, at p50."""


def facts(values: Histogram) -> dict[str, int]:
    """count, min, percentiles, max and mean of a histogram, ns."""
    found = histogram.percentiles_ns(values, tuple(PERCENTILES_PPM.values()))
    return {
        "count": histogram.count(values),
        "min": histogram.min_ns(values),
        **dict(zip(PERCENTILES_PPM, found, strict=True)),
        "max": histogram.max_ns(values),
        "mean": histogram.mean_ns(values),
    }


def stamps(row: Row) -> str:
    """Whose clock timed the answers of this row."""
    kinds = {
        generator.STAMPED_MONOTONIC: "XDP metadata, CLOCK_MONOTONIC"
        if row.contender.client_port == "xdp"
        else "the port's receive stamps, CLOCK_MONOTONIC",
        generator.STAMPED_REALTIME: "the kernel's receive stamps, CLOCK_REALTIME"
        if row.contender.client_port in ("udp", "packet")
        else "the device's receive stamps, CLOCK_REALTIME",
        generator.STAMPED_BY_CLOCK: "the generator's clock as it reads them",
    }
    found = {words: row.total(index) for index, words in kinds.items() if row.total(index)}
    if len(found) < 2:
        return "".join(found)
    total = sum(found.values())
    return "; ".join(f"{words} ({count / total:.1%})" for words, count in found.items())


def row_facts(row: Row) -> dict[str, Any]:
    """One row as plain values."""
    return {
        "contender": row.contender.name,
        "title": row.contender.title,
        "server_port": row.contender.port,
        "client_port": row.contender.client_port,
        "rate": row.rate,
        "answered_a_second": round(row.answered_a_second),
        "seconds": round(sum(one.seconds for one in row.slices), 3),
        "sent": row.total(generator.SENT),
        "answered": row.total(generator.ANSWERED),
        "lost": row.lost,
        "not_sent": row.total(generator.NOT_SENT),
        "rejects": row.total(generator.REJECTS),
        "fills": row.total(generator.FILLS),
        "feed_expected": row.total(generator.FEED_EXPECTED),
        "feed_seen": row.total(generator.FEED_SEEN),
        "requests_a_burst": round(row.total(generator.SENT) / max(row.total(generator.BURSTS), 1), 2),
        "stamps": stamps(row),
        **{f"{name}_ns": facts(row.histogram(name)) for name in HISTOGRAMS},
        "response_p50_ns_by_round": [one.p50_ns("response") for one in row.slices],
    }


def differences(outcome: Outcome) -> list[dict[str, Any]]:
    """Each appliance beside the echo over its port, beside the plain UDP echo and, in a comparison, beside its rival,
    at every rate that both have.

    A difference of medians is the median over the rounds: the two slices of a round were measured one after the other.
    """
    rivals = outcome.plan.contenders[:2] if outcome.plan.compare else []
    found = []
    for row in outcome.rows:
        if row.contender.what != APPLIANCE:
            continue
        for other in outcome.rows:
            is_echo = other.contender.what == ECHO
            same_port = is_echo and other.contender.port == row.contender.port
            plain = is_echo and other.contender.port == "socket"
            rival = not is_echo and [row.contender, other.contender] == rivals
            if other.rate == row.rate and (same_port or plain or rival):
                found.append(_difference(row, other, tolerated=same_port))
    return found


def _difference(row: Row, other: Row, *, tolerated: bool) -> dict[str, Any]:
    rounds = min(len(row.slices), len(other.slices))
    added = {
        name: median(row.slices[i].p50_ns(name) - other.slices[i].p50_ns(name) for i in range(rounds))
        for name in ("response", "read")
    }
    ours, theirs = facts(row.histogram("read")), facts(other.histogram("read"))
    return {
        "appliance": row.contender.name,
        "beside": other.contender.name,
        "rate": row.rate,
        "p50_added_ns": round(added["response"]),
        "p50_added_as_read_ns": round(added["read"]),
        "within_tolerance": added["response"] <= FLOOR_TOLERANCE_NS if tolerated else None,
        "beats_at_p50": ours["p50"] < theirs["p50"],
        "beats_at_p99": ours["p99"] < theirs["p99"],
    }


def knees(outcome: Outcome) -> list[dict[str, Any]]:
    """The knee of each contender, by KNEE_RULE; empty without a sweep."""
    if not outcome.plan.sweep:
        return []
    found = []
    for contender in outcome.plan.contenders:
        rows = sorted((row for row in outcome.rows if row.contender == contender), key=lambda row: row.rate)
        good = 0
        reason, limit = "the sweep ended before it", ""
        for row in rows:
            broken = breaks_knee(row, rows[0])
            if broken:
                reason, limit = f"at {row.rate:,}/s: {broken}", _limited_by(row)
                break
            good = row.rate
        found.append({"contender": contender.name, "knee": good, "beyond": reason, "limited_by": limit})
    return found


def _limited_by(row: Row) -> str:
    """Who was late beyond the knee: the generator where most of the response time passed before it sent."""
    lateness = histogram.percentile_ns(row.histogram("lateness"), 500_000)
    return "generator" if lateness * 2 > row.p50_ns else "server"


def faults(outcome: Outcome) -> list[str]:
    """What must not happen at a stated rate, a sentence each. In a sweep losses are what is looked for."""
    found = []
    for row in outcome.rows:
        if row.total(generator.REJECTS):
            found.append(f"{row.contender.title} at {row.rate:,}/s: {row.total(generator.REJECTS)} rejects.")
        if row.lost and not outcome.plan.sweep:
            found.append(f"{row.contender.title} at {row.rate:,}/s: {row.lost} lost.")
    for name, counted in outcome.counted.items():
        if counted.get("counters", {}).get("tx_dropped") and not outcome.plan.sweep:
            found.append(f"{name}: the server gave up {counted['counters']['tx_dropped']} frames.")
        dropped = {key: value for key, value in counted.get("dropped", {}).items() if value}
        if dropped and not outcome.plan.sweep:
            found.append(f"{name}: the server dropped {dropped}.")
    return found


def environment(outcome: Outcome) -> dict[str, Any]:
    """The machine, beyond `bench.host`: what a figure of latency depends on."""
    plan = outcome.plan
    return host() | {
        "clock_source": _read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "isolated_cpus": _read("/sys/devices/system/cpu/isolated") or "none",
        "governor": _read(f"/sys/devices/system/cpu/cpu{plan.cpus.server}/cpufreq/scaling_governor") or "not offered",
        "server_cpu": plan.cpus.server,
        "generator_cpu": plan.cpus.generator,
        "scheduling": "SCHED_FIFO" if plan.realtime else "SCHED_OTHER",
        "boot_line": _read("/proc/cmdline"),
    }


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def to_json(outcome: Outcome) -> dict[str, Any]:
    """The whole result, in the shape of every benchmark (`bench.host.report`), with what only this one has."""
    rows = [row_facts(row) for row in outcome.rows]
    first = next((row for row in rows if row["contender"] == outcome.plan.contenders[0].name), None)
    wrong = faults(outcome)
    whole = report(
        f"{first['title']}, p50 response at {first['rate']:,}/s" if first else "nothing measured",
        first["response_ns"]["p50"] if first else 0,
        "ns",
        rows,
        equal=not wrong,
    )
    whole["host"] = environment(outcome)
    return whole | {
        "faults": wrong,
        "differences": differences(outcome),
        "knees": knees(outcome),
        "knee_rule": KNEE_RULE,
        "hiccups_ns": {str(cpu): facts(found) for cpu, found in outcome.hiccups.items()},
        "ports": {
            name: {"server": server, "client": client, "way": outcome.scenes[name]}
            for name, (server, client) in outcome.descriptions.items()
        },
        "servers": outcome.counted,
        "sessions": outcome.plan.sessions,
        "instruments": outcome.plan.instruments,
        "rounds": outcome.plan.rounds,
        "checkouts": {c.name: commit_of(c) for c in outcome.plan.contenders if c.checkout != ROOT},
    }


def commit_of(contender: Contender) -> str:
    """The commit of another checkout."""
    done = subprocess.run(
        ["git", "-C", str(contender.checkout), "describe", "--always", "--dirty=+changes"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def table(whole: dict[str, Any]) -> str:
    """The rows as text: response times, and beneath what they mean."""
    lines = [
        f"{'':34} {'rate/s':>9} {'min':>7} {'p50':>7} {'p90':>7} {'p99':>8} {'p99.9':>9} {'max':>9}"
        f" {'as read':>8} {'feed p50':>9} {'lost':>5}"
    ]
    for row in whole["results"]:
        times = row["response_ns"]
        cells = " ".join(
            f"{times[name] / 1000:{width}.1f}"
            for name, width in (("min", 7), ("p50", 7), ("p90", 7), ("p99", 8), ("p99.9", 9), ("max", 9))
        )
        feed = f"{row['feed_response_ns']['p50'] / 1000:9.1f}" if row["feed_response_ns"]["count"] else " " * 9
        lines.append(
            f"{row['title']:34} {row['rate']:>9,} {cells} {row['read_ns']['p50'] / 1000:8.1f} {feed} {row['lost']:>5}"
        )
    lines.append(
        "us from when an order was due to its report; `as read`: p50 when the program had it; feed: to the market data"
    )
    for row in whole["differences"]:
        lines.append(_difference_line(row))
    for knee in whole["knees"]:
        limit = f", limited by the {knee['limited_by']}" if knee["limited_by"] else ""
        lines.append(f"{knee['contender']}: knee {knee['knee']:,}/s ({knee['beyond']}{limit})")
    if whole["knees"]:
        lines.append(whole["knee_rule"])
    for cpu, found in whole["hiccups_ns"].items():
        lines.append(
            f"hiccups of CPU {cpu}: p50 {found['p50'] / 1000:.1f} p99 {found['p99'] / 1000:.1f} "
            f"p99.9 {found['p99.9'] / 1000:.1f} max {found['max'] / 1000:.1f} us"
        )
    lines += [f"FAULT: {sentence}" for sentence in whole["faults"]]
    return "\n".join(lines)


def _difference_line(row: dict[str, Any]) -> str:
    line = (
        f"{row['appliance']} beside {row['beside']} at {row['rate']:,}/s: p50 {row['p50_added_ns'] / 1000:+.2f} us, "
        f"as read {row['p50_added_as_read_ns'] / 1000:+.2f} us"
    )
    if row["within_tolerance"] is not None:
        word = "within" if row["within_tolerance"] else "above"
        return f"{line} ({word} the {FLOOR_TOLERANCE_NS / 1000:g} us that it may add)"
    wins = [name for name in ("p50", "p99") if row[f"beats_at_{name}"]]
    return f"{line} (as read, beats it at {' and '.join(wins) or 'neither p50 nor p99'})"
