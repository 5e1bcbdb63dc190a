"""`pitwire doctor`: judge the host, check by check, and measure what it steals."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click

from appliance.cli.settings import config_option
from appliance.config import Config
from nic.doctor import Row, examine, exit_status
from nic.doctor.finding import Subject
from nic.doctor.jitter import judge_jitter
from nic.host.inventory import Inventory
from nic.tune.plan import loop_cpus

_STYLES = {"ok": "green", "warn": "yellow", "bad": "red", "skip": "bright_black"}
_SECONDS_MAX = 3600.0
_PIPE_COLUMNS = 160


def _seconds(_context: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)?", text)
    seconds = float(match[1]) * {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}[match[2]] if match else 0.0
    if not 0 < seconds <= _SECONDS_MAX:
        raise click.BadParameter(f"{text!r} is not a time such as 500ms, 10s or 2m, of at most an hour.")
    return seconds


def load_inventory(path: str | None) -> Inventory:
    """The inventory in the file, or this host's."""
    if path is None:
        from nic.host.read import read_here

        return read_here()
    from pydantic import ValidationError

    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
        return Inventory.model_validate(values.get("inventory", values) if isinstance(values, dict) else values)
    except OSError as error:
        raise click.ClickException(f"{path}: cannot be read: {error.strerror}.") from None
    except (ValueError, ValidationError):
        raise click.ClickException(f"{path}: is not an inventory, as `pitwire doctor --json` prints it.") from None


def _subject(inventory: Inventory, config: Config, interfaces: tuple[str, ...], cpus: str | None, port: str) -> Subject:
    from nic.host.cpulist import parse_list

    named = interfaces or tuple(filter(None, [config.host.interface or config.port.interface]))
    hardware = tuple(nic.name for nic in inventory.interfaces if not nic.virtual)
    try:
        chosen = parse_list(cpus) if cpus is not None else loop_cpus(config)
    except ValueError:
        raise click.BadParameter(f"{cpus!r} is not a list of CPUs such as 2-3,8.", param_hint="--cpus") from None
    if absent := set(chosen) - set(inventory.online):
        raise click.BadParameter(f"CPU {min(absent)} is not online on this host.", param_hint="--cpus")
    return Subject(named or hardware, chosen, port, config.order_entry.udp_port, config.port.queue)


def _port(config: Config) -> str:
    """The configuration's kind of port; where it names no interface, the host is judged for xdp."""
    return config.port.kind if config.port.interface or config.host.dpdk_devices else "xdp"


def _jitter(subject: Subject, seconds: float) -> dict[str, Any]:
    import os

    from appliance.hiccup import measure_hiccups

    cpu = subject.loop_cpus[0] if subject.loop_cpus else max(os.sched_getaffinity(0))
    try:
        return measure_hiccups(cpu, seconds).summary()
    except (OSError, ValueError) as error:
        raise click.ClickException(f"The hiccup meter cannot run on CPU {cpu}: {error}") from None


def _table(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console.width = _PIPE_COLUMNS
    table = Table(box=None, pad_edge=False)
    for heading in ("", "check", "found", "why"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        finding = row.finding
        check = f"{row.interface} {row.check}".strip()
        style = _STYLES[finding.verdict]
        table.add_row(f"[{style}]{finding.verdict}[/]", check, finding.value, finding.why)
    console.print(table, markup=True)
    fixes = [row for row in rows if row.finding.fix]
    if fixes:
        click.echo("\nWhat mends it:")
    for row in fixes:
        click.echo(f"  {f'{row.interface} {row.check}'.strip()}: {row.finding.fix}")


def _print_jitter(facts: dict[str, Any]) -> None:
    delays = facts["delay_ns"]
    click.echo(f"\nHiccups on CPU {facts['cpu']} in {facts['elapsed_ns'] / 1e9:.1f} s, microseconds that an arrival at "
               "any moment would have waited:")  # fmt: skip
    click.echo("  " + "  ".join(f"{name} {value / 1000:.1f}" for name, value in delays.items()))
    known = "unknown" if facts["steal_ns"] < 0 else f"{facts['steal_ns'] / 1e6:.0f} ms"
    click.echo(
        f"  {facts['gaps']} gaps over 1 us took {facts['stolen_ns'] / 1e6:.1f} ms "
        f"({facts['stolen_ppm'] / 10_000:.3f} %); the hypervisor owns up to {known}"
    )


@click.command("doctor")
@config_option
@click.option("--interface", "interfaces", multiple=True, help="Interface to judge; without it the configuration's, "
              "or all that have hardware.")  # fmt: skip
@click.option("--cpus", help="CPUs that are the loop's, such as 2-3; without it the configuration's.")
@click.option("--port", type=click.Choice(["xdp", "dpdk", "packet", "udp"]), help="Judge for this kind of port.")
@click.option(
    "--jitter",
    "jitter_seconds",
    callback=_seconds,
    metavar="TIME",
    help="Also spin on the loop's CPU (or the last) for TIME, such as 10s: what does the host steal?",
)
@click.option("--inventory", type=click.Path(dir_okay=False), help="Judge a host that was recorded by --json.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with the inventory.")
def command(
    config: Config,
    interfaces: tuple[str, ...],
    cpus: str | None,
    port: str | None,
    jitter_seconds: float | None,
    inventory: str | None,
    as_json: bool,
) -> None:
    """Judge what makes or breaks latency on this host: ok, warn, bad, or skip where it cannot be seen.

    Nothing is changed. Exit status: 0 all is well, 3 something is bad, 4 warnings only.

    \b
    Examples:
      pitwire doctor
      pitwire doctor --config venue.toml --jitter 10s
      pitwire doctor --interface eth1 --cpus 3 --json > host.json
      pitwire doctor --inventory host.json
    """
    if inventory and jitter_seconds:
        raise click.UsageError("--jitter measures this host; it does not go with --inventory.")
    found = load_inventory(inventory)
    subject = _subject(found, config, interfaces, cpus, port or _port(config))
    rows = examine(found, subject)
    facts = _jitter(subject, jitter_seconds) if jitter_seconds else None
    if facts:
        rows.append(judge_jitter(facts))
    status = exit_status([row.finding.verdict for row in rows])
    if as_json:
        report = {
            "exit_status": status,
            "subject": subject._asdict(),
            "checks": [
                {"group": row.group, "check": row.check, "interface": row.interface, **row.finding._asdict()}
                for row in rows
            ],
            "jitter": facts,
            "inventory": found.model_dump(mode="json"),
        }
        click.echo(json.dumps(report, indent=1))
    else:
        _table(rows)
        if facts:
            _print_jitter(facts)
        counts = {name: sum(row.finding.verdict == name for row in rows) for name in _STYLES}
        click.echo("\n" + ", ".join(f"{count} {name}" for name, count in counts.items()))
    if status:
        raise click.exceptions.Exit(status)
