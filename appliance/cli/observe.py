"""`pitwire observe`: the counters of a running appliance, from outside."""

from __future__ import annotations

import json
import sys
import time

import click

from appliance.observe import ObserveError, Observer, rates
from native.counters import COUNTERS

_SENTENCES = {counter.name: counter.sentence for counter in COUNTERS}


@click.command("observe")
@click.option(
    "--name", default="pitwire", show_default=True, help="Name of the instance (`name` in its configuration)."
)
@click.option("--all", "show_all", is_flag=True, help="Counters that are 0 as well.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--watch", "watch_seconds", type=click.FloatRange(min=0.05), help="Again every so many seconds, with rates."
)
@click.option("--count", type=click.IntRange(min=1), help="With --watch: end after so many times.")
def command(name: str, show_all: bool, as_json: bool, watch_seconds: float | None, count: int | None) -> None:
    """Print the counters of a running appliance. It does not notice: they are read from its shared memory.

    \b
    Examples:
      pitwire observe
      pitwire observe --watch 1
      pitwire observe --json | jq .counters.fills
    """
    try:
        observer = Observer(name)
    except ObserveError as error:
        raise click.ClickException(str(error)) from None
    before: dict[str, int] | None = None
    shown = 0
    then = time.monotonic()
    try:
        while True:
            now, counters = time.monotonic(), observer.counters()
            growth = rates(before, counters, now - then) if before is not None else {}
            turns = observer.turn_latency_ns()
            if as_json:
                facts = {"name": name, "counters": counters, "turn_latency_ns": turns}
                click.echo(json.dumps(facts | ({"rates": growth} if growth else {})))
            else:
                _print_table(counters, growth, turns, show_all)
            shown += 1
            if watch_seconds is None or (count is not None and shown >= count):
                return
            before, then = counters, now
            time.sleep(watch_seconds)
    except KeyboardInterrupt:
        return


def _print_table(counters: dict[str, int], growth: dict[str, float], turns: dict[str, int], show_all: bool) -> None:
    rows = [
        (name, f"{value:,}", f"{growth[name]:,.0f}/s" if growth.get(name) else "", _SENTENCES[name])
        for name, value in counters.items()
        if value or show_all
    ]
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table("counter", box=None)
        table.add_column("value", justify="right")
        if growth:
            table.add_column("rate", justify="right")
        table.add_column("what it counts", style="dim")
        for name, value, rate, sentence in rows:
            table.add_row(name, value, *([rate] if growth else []), sentence)
        console = Console()
        if growth:
            console.clear()
        console.print(table)
    else:
        for name, value, rate, _ in rows:
            click.echo(f"{name:<24} {value:>20} {rate}".rstrip())
    if turns.get("count"):
        click.echo("turn, ns: " + " ".join(f"{name} {value:,}" for name, value in turns.items()))
