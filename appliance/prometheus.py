"""What a running instance tells, as Prometheus text (exposition format 0.0.4). Free of numba.

Counters keep their names (`pitwire_fills_total`); those of drops are one metric with a label for the reason; latencies
are histograms in seconds, with the same bounds for every stage, so that instances can be added.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from appliance.distributor_counters import DISTRIBUTOR_COUNTERS, LEVEL_NAMES
from appliance.histogram import HEADER_SLOTS, SLOT_COUNT, SLOT_SUM_NS, Histogram, bucket_of
from appliance.observe import LEVELS, LOG_FIGURES, LOG_TOTALS, PORT_GAUGES, Snapshot
from native.counters import COUNTERS

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS_NS: Final = tuple((1 << power) - 1 for power in range(6, 31))
"""63 ns to 1.07 s, each twice the one before: bounds of buckets of ours, so that the counts are exact."""


def text(name: str, now: Snapshot) -> str:
    """All metrics of the instance `name`."""
    parts = (_counters, _port, _log, _distributor, _latencies)
    return "\n".join(line for part in parts for line in part(name, now)) + "\n"


def _label(text_: str) -> str:
    return text_.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _head(metric: str, kind: str, sentence: str) -> Iterator[str]:
    escaped = sentence.replace("\\", "\\\\").replace("\n", "\\n")
    yield f"# HELP {metric} {escaped}"
    yield f"# TYPE {metric} {kind}"


def _counters(name: str, now: Snapshot) -> Iterator[str]:
    instance = f'venue="{_label(name)}"'
    drops = [counter for counter in COUNTERS if counter.name.startswith("drop_")]
    for counter in COUNTERS:
        if counter in drops:
            continue
        value = now.counters[counter.name]
        if counter.name == "cycle_ns_max":
            metric, kind, shown = "pitwire_turn_seconds_max", "gauge", f"{value / 1e9:.9f}"
        elif counter.name in LEVELS:
            metric, kind, shown = f"pitwire_{counter.name}", "gauge", str(value)
        else:
            metric, kind, shown = f"pitwire_{counter.name}_total", "counter", str(value)
        yield from _head(metric, kind, counter.sentence)
        yield f"{metric}{{{instance}}} {shown}"
    yield from _head("pitwire_drops_total", "counter", "Datagrams and messages that went no further, by reason.")
    for counter in drops:
        reason = counter.name.removeprefix("drop_")
        yield f'pitwire_drops_total{{{instance},reason="{reason}"}} {now.counters[counter.name]}'


def _port(name: str, now: Snapshot) -> Iterator[str]:
    instance = f'venue="{_label(name)}"'
    for stat, value in now.port.items():
        gauge = stat in PORT_GAUGES
        metric = f"pitwire_port_{stat}" if gauge else f"pitwire_port_{stat}_total"
        yield from _head(metric, "gauge" if gauge else "counter", f"The port's {stat} (native/layout.py: PORT_STATS).")
        yield f"{metric}{{{instance}}} {value}"
    if now.gateway:
        yield from _head("pitwire_gateway_total", "counter", "What the gateway counts (docs/GATEWAY.md), by name.")
    for stat, value in sorted(now.gateway.items()):
        yield f'pitwire_gateway_total{{{instance},what="{_label(stat)}"}} {value}'
    if now.turns_by_frames:
        metric = "pitwire_full_turns_total"
        yield from _head(metric, "counter", "Turns that took as many frames as a turn may: more were waiting.")
        yield f"{metric}{{{instance}}} {now.full_turns}"


def _log(name: str, now: Snapshot) -> Iterator[str]:
    instance = f'venue="{_label(name)}"'
    for figure, value in now.log.items():
        if figure == "sync_ns_max":
            metric, kind, shown = "pitwire_log_sync_seconds_max", "gauge", f"{value / 1e9:.9f}"
        elif figure in LOG_TOTALS:
            metric, kind, shown = f"pitwire_log_{figure}_total", "counter", str(value)
        else:
            metric, kind, shown = f"pitwire_log_{figure}", "gauge", str(value)
        yield from _head(metric, kind, LOG_FIGURES[figure])
        yield f"{metric}{{{instance}}} {shown}"


def _distributor(name: str, now: Snapshot) -> Iterator[str]:
    instance = f'venue="{_label(name)}"'
    for counter in DISTRIBUTOR_COUNTERS:
        if counter.name in now.distributor:
            gauge = counter.name in LEVEL_NAMES
            metric = f"pitwire_distributor_{counter.name}{'' if gauge else '_total'}"
            yield from _head(metric, "gauge" if gauge else "counter", counter.sentence)
            yield f"{metric}{{{instance}}} {now.distributor[counter.name]}"


def _latencies(name: str, now: Snapshot) -> Iterator[str]:
    instance = f'venue="{_label(name)}"'
    if now.turns is not None:
        yield from _head("pitwire_turn_seconds", "histogram", "Busy turns of the loop.")
        yield from _histogram("pitwire_turn_seconds", instance, now.turns)
    if now.stages:
        yield from _head("pitwire_stage_seconds", "histogram", "Time in each stage of the loop (appliance/stages.py).")
    for stage, values in now.stages.items():
        yield from _histogram("pitwire_stage_seconds", f'{instance},stage="{stage}"', values)


def _histogram(metric: str, labels: str, values: Histogram) -> Iterator[str]:
    buckets = values[HEADER_SLOTS:]
    for bound in BOUNDS_NS:
        below = int(buckets[: bucket_of(bound) + 1].sum())
        yield f'{metric}_bucket{{{labels},le="{bound / 1e9:.9f}"}} {below}'
    yield f'{metric}_bucket{{{labels},le="+Inf"}} {int(values[SLOT_COUNT])}'
    yield f"{metric}_sum{{{labels}}} {int(values[SLOT_SUM_NS]) / 1e9:.9f}"
    yield f"{metric}_count{{{labels}}} {int(values[SLOT_COUNT])}"
