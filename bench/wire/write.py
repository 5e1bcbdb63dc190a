"""The files of a measurement: histograms, pictures, JSON, and one HTML page that needs nothing beside it."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

from appliance import histogram
from appliance.histogram_log import Interval, write_log
from bench.wire.link import HISTOGRAMS
from bench.wire.measure import Outcome, Row
from bench.wire.plots import by_percentile, by_rate
from bench.wire.results import table

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px }
th, td { text-align: right; padding: .2rem .6rem; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left }
svg { width: 100%; height: auto; border: 1px solid #ddd }
pre { white-space: pre-wrap; background: #f6f6f6; padding: .6rem }
.fault { color: #b00020 }
"""
_COLUMNS = ("min", "p50", "p90", "p99", "p99.9", "p99.99", "max")
_MEANING = {
    "response": "from when an order was due to its report",
    "service": "from when it left to its report",
    "read": "from when it was due to when the program had the report, by the generator's clock",
    "feed_response": "from when a resting order was due to its market data",
    "feed_service": "from when it left to its market data",
    "lateness": "from when it was due to when it left: the generator's own part",
}


def write_all(outcome: Outcome, whole: dict[str, Any], folder: Path) -> None:
    """Write everything into `folder`. Raises OSError."""
    histograms = folder / "histograms"
    histograms.mkdir(parents=True, exist_ok=True)
    for row in outcome.rows:
        for name in HISTOGRAMS:
            _write_histogram(row, name, histograms, whole)
    rate = outcome.plan.rates[0]
    latency = by_percentile(outcome, rate)
    (folder / "percentiles.png").write_bytes(latency.png())
    (folder / "percentiles.svg").write_text(latency.svg(), encoding="utf-8")
    pictures = [latency.svg()]
    if len(outcome.plan.rates) > 1:
        rates = by_rate(outcome, whole["knees"])
        (folder / "rates.png").write_bytes(rates.png())
        (folder / "rates.svg").write_text(rates.svg(), encoding="utf-8")
        pictures.append(rates.svg())
    (folder / "result.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    (folder / "result.txt").write_text(table(whole) + "\n", encoding="utf-8")
    (folder / "report.html").write_text(page(whole, pictures), encoding="utf-8")


def _write_histogram(row: Row, name: str, folder: Path, whole: dict[str, Any]) -> None:
    merged = row.histogram(name)
    if not histogram.count(merged):
        return
    stem = folder / f"{row.contender.name}-{row.rate}-{name}"
    with stem.with_suffix(".hgrm").open("w", encoding="utf-8") as out:
        histogram.write_hgrm(merged, out)
    comment = f"{row.contender.title} at {row.rate}/s, {_MEANING[name]}, ns\ncommit {whole['commit']}"
    intervals = [Interval(one.started_unix, one.seconds, one.histograms[name]) for one in row.slices]
    with stem.with_suffix(".hlog").open("w", encoding="utf-8") as out:
        write_log(intervals, out, comment)


def page(whole: dict[str, Any], pictures: list[str]) -> str:
    """One HTML page with everything in it: no scripts, no fonts, nothing to fetch."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><title>Pitwire, wire to wire</title>',
        f"<style>{STYLE}</style></head><body>",
        "<h1>Wire to wire</h1>",
        f"<p>{escape(str(whole['headline']['name']))}: <b>{whole['headline']['value'] / 1000:.1f} us</b>. "
        f"Commit {escape(whole['commit'] or 'unknown')}; <code>{escape(whole.get('command', ''))}</code></p>",
        *(f'<p class="fault">{escape(sentence)}</p>' for sentence in whole["faults"]),
        *pictures,
        "<p>The dashed grey curves are the host's own: how late a loop that does nothing but read the clock saw each "
        "microsecond, on the same CPUs, between the slices. No server can be better than they are.</p>",
        f"<pre>{escape(table(whole))}</pre>",
    ]
    for name, meaning in _MEANING.items():
        parts += ["<h2>" + escape(name.replace("_", " ")) + "</h2>", f"<p>{escape(meaning.capitalize())}, us.</p>"]
        parts.append(_table(whole["results"], name))
    parts += ["<h2>Stamps</h2>", "<table><tr><th>what</th><th>rate/s</th><th>answers timed by</th></tr>"]
    for row in whole["results"]:
        parts.append(_row(row["title"], f"{row['rate']:,}", row["stamps"]))
    parts += ["</table>", "<p>Orders are timed by the generator's clock just before they are given to its port.</p>"]
    parts += ["<h2>Ports</h2>", "<table><tr><th>what</th><th>server</th><th>generator</th><th>way</th></tr>"]
    parts += [_row(name, port["server"], port["client"], port["way"]) for name, port in whole["ports"].items()]
    parts += ["</table>", "<h2>Environment</h2>", "<table><tr><th></th><th></th></tr>"]
    parts += [_row(name, str(value)) for name, value in whole["host"].items()]
    parts += [_row(f"commit of {name}", commit) for name, commit in whole["checkouts"].items()]
    return "\n".join([*parts, "</table>", "</body></html>", ""])


def _table(rows: list[dict[str, Any]], name: str) -> str:
    out = [
        "<table><tr><th>what</th><th>rate/s</th>",
        *(f"<th>{column}</th>" for column in _COLUMNS),
        "<th>count</th></tr>",
    ]
    for row in rows:
        times = row[f"{name}_ns"]
        if times["count"]:
            cells = [f"{times[column] / 1000:,.1f}" for column in _COLUMNS]
            out.append(_row(row["title"], f"{row['rate']:,}", *cells, f"{times['count']:,}"))
    return "\n".join([*out, "</table>"])


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
