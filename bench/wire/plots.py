"""The two pictures: latency by percentile beside the host's own hiccups, and latency by rate."""

from __future__ import annotations

import math
from typing import Any

from appliance import histogram
from appliance.histogram import Histogram
from bench.wire.drawing import Drawing, Point
from bench.wire.measure import Outcome

WIDTH, HEIGHT = 960, 520
LEFT, RIGHT, TOP, BOTTOM = 70, 45, 40, 40
LEGEND_LINE = 18
COLOURS = ("#0b6bcb", "#d1495b", "#2e933c", "#8e5bb5", "#e08e00", "#00848c", "#7a5230", "#c2378c", "#5f6f00", "#444444")
GRID = "#dddddd"
AXIS = "#666666"
HICCUP_COLOUR = "#999999"
PERCENTILES = (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)
_PPM_STEPS = 400


def by_percentile(outcome: Outcome, rate: int) -> Drawing:
    """Response time of every contender at `rate` by percentile, and how late the bare clock loop was, dashed."""
    curves: list[tuple[str, Histogram, str, bool]] = []
    rows = [row for row in outcome.rows if row.rate == rate]
    for number, row in enumerate(rows):
        colour = COLOURS[number % len(COLOURS)]
        curves.append((row.contender.title, row.histogram("response"), colour, False))
    for cpu, found in outcome.hiccups.items():
        curves.append((f"the host alone, CPU {cpu}", found, HICCUP_COLOUR, True))
    drawing = Drawing(WIDTH, HEIGHT)
    drawing.text((LEFT, 16), f"Order to report at {rate:,} orders a second: response time by percentile")
    curves = [curve for curve in curves if histogram.count(curve[1])]
    if not curves:
        return drawing
    low = min((row.p50_ns for row in rows), default=1_000)
    high = max(histogram.max_ns(values) for _, values, _, _ in curves)
    scale = _log_scale(drawing, low, high)
    nines = math.log10(1 / (1 - PERCENTILES[-1]))

    def across(part: float) -> float:
        depth = nines if part >= 1 else min(math.log10(1 / (1 - part)), nines)
        return LEFT + depth / nines * (WIDTH - LEFT - RIGHT)

    for part in PERCENTILES:
        drawing.line([(across(part), TOP), (across(part), HEIGHT - BOTTOM)], GRID)
        drawing.text((across(part), HEIGHT - BOTTOM + 16), f"{part * 100:g}%", AXIS, "middle")
    for number, (title, values, colour, dashed) in enumerate(curves):
        parts = [1 - 10 ** (-nines * step / _PPM_STEPS) for step in range(_PPM_STEPS + 1)]
        times = histogram.percentiles_ns(values, [round(part * 1_000_000) for part in parts])
        points = [(across(part), scale(time_ns)) for part, time_ns in zip(parts, times, strict=True)]
        drawing.line(points, colour, 2.0, dashed=dashed)
        _legend(drawing, (LEFT + 560, HEIGHT - BOTTOM - 12 - number * LEGEND_LINE), title, colour, dashed)
    return drawing


def by_rate(outcome: Outcome, knees: list[dict[str, Any]]) -> Drawing:
    """p50 (whole line) and p99 (dashed) of every contender by rate; the knee is marked."""
    drawing = Drawing(WIDTH, HEIGHT)
    drawing.text((LEFT, 16), "Order to report by rate: p50, and p99 dashed; the bar marks the knee")
    rates = sorted({row.rate for row in outcome.rows})
    facts = {
        (row.contender.name, row.rate): histogram.percentiles_ns(row.histogram("response"), (500_000, 990_000))
        for row in outcome.rows
    }
    values = [max(value, 10) for pair in facts.values() for value in pair]
    if not values:
        return drawing
    scale = _log_scale(drawing, min(values), max(values))
    first, last = math.log(rates[0]), math.log(max(rates[-1], rates[0] + 1))

    def across(rate: int) -> float:
        return LEFT + (math.log(rate) - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    marked = -1e9
    for rate in rates:
        drawing.line([(across(rate), TOP), (across(rate), HEIGHT - BOTTOM)], GRID)
        if across(rate) - marked > 70:
            marked = across(rate)
            drawing.text((marked, HEIGHT - BOTTOM + 16), f"{rate:,}/s", AXIS, "middle")
    for number, contender in enumerate(outcome.plan.contenders):
        colour = COLOURS[number % len(COLOURS)]
        own = [rate for rate in rates if (contender.name, rate) in facts]
        for place, dashed in ((0, False), (1, True)):
            points: list[Point] = [(across(rate), scale(facts[contender.name, rate][place])) for rate in own]
            drawing.line(points, colour, 2.0, dashed=dashed)
        knee = next((row["knee"] for row in knees if row["contender"] == contender.name), 0)
        if knee:
            height = scale(facts[contender.name, knee][0])
            drawing.line([(across(knee), height - 12), (across(knee), height + 12)], colour, 4.0)
        _legend(drawing, (LEFT + 10, TOP + 12 + number * LEGEND_LINE), contender.title, colour, False)
    return drawing


def _log_scale(drawing: Drawing, low_ns: int, high_ns: int) -> Any:
    """Draw the axis of time, whole powers of ten; returns the function from ns to height."""
    low, high = math.floor(math.log10(low_ns)), math.ceil(math.log10(max(high_ns, low_ns + 1)))

    def height(value_ns: float) -> float:
        part = (math.log10(max(value_ns, 10**low)) - low) / (high - low)
        return TOP + (1 - min(part, 1.0)) * (HEIGHT - TOP - BOTTOM)

    for power in range(low, high + 1):
        y = height(10**power)
        drawing.line([(LEFT, y), (WIDTH - RIGHT, y)], GRID)
        drawing.text((LEFT - 6, y), _time_text(10**power), AXIS, "end")
    return height


def _time_text(value_ns: int) -> str:
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)):
        if value_ns >= size:
            return f"{value_ns // size} {unit}"
    return f"{value_ns} ns"


def _legend(drawing: Drawing, at: Point, title: str, colour: str, dashed: bool) -> None:
    x, y = at
    drawing.line([(x, y), (x + 30, y)], colour, 2.0, dashed=dashed)
    drawing.text((x + 38, y), title)
