"""Judge what the hiccup meter measured (`appliance.hiccup`, whose summary comes in as plain numbers)."""

from __future__ import annotations

from typing import Any

from nic.doctor import Row
from nic.doctor.finding import Finding, bad, ok, warn

GAP_NS_OK = 20_000
GAP_NS_MAX = 1_000_000
STOLEN_PPM_OK = 100
STOLEN_PPM_MAX = 10_000


def judge_jitter(facts: dict[str, Any]) -> Row:
    """The finding of `Hiccups.summary()`."""
    return Row("jitter", "hiccups", "", _judge(facts))


def _judge(facts: dict[str, Any]) -> Finding:
    longest, stolen = facts["gap_ns_max"], facts["stolen_ppm"]
    value = f"max {longest / 1000:.0f} us, {stolen / 10_000:.3f} % stolen"
    if longest <= GAP_NS_OK and stolen <= STOLEN_PPM_OK:
        return ok(value, "The host leaves a busy loop alone.")
    sentence = f"A loop that only reads the clock was stopped {facts['gaps']} times, once for {longest / 1000:.0f} us."
    fix = "isolate the CPU and move interrupts away: see the checks above"
    if longest > GAP_NS_MAX or stolen > STOLEN_PPM_MAX:
        return bad(value, sentence, fix)
    return warn(value, sentence, fix)
