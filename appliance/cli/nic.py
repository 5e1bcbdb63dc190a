"""`pitwire nic`: prepare the host, and take it back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from appliance.cli.doctor import load_inventory
from appliance.cli.settings import config_option
from appliance.config import Config
from nic.doctor import EXIT_BAD, EXIT_WARNINGS
from nic.tune.apply import LiveHost, Outcome, StateError, apply, undo
from nic.tune.plan import Change, PlanError, make_plan, render, value_text

STATE_FOLDER = "/var/lib/pitwire-host"


@click.group("nic")
def command() -> None:
    """Prepare this host for a venue: interrupts, queues, rings, coalescing, offloads, receive rules, governor, huge
    pages, drivers for DPDK. What to do stands under [host] in the configuration; `plan` changes nothing.
    """


def _state_path(config: Config, state: str | None) -> Path:
    return Path(state) if state else Path(STATE_FOLDER) / f"nic-{config.name}.json"


state_option = click.option(
    "--state",
    type=click.Path(dir_okay=False),
    help=f"Where what was found is kept; without it {STATE_FOLDER}/nic-NAME.json.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@contextmanager
def _live() -> Iterator[LiveHost]:
    from nic.host.ethtool import Drivers
    from nic.host.files import Files

    with Drivers() as drivers:
        yield LiveHost(Files(), drivers)


def _facts(change: Change) -> dict[str, object]:
    return {"setting": change.key, "found": change.found, "wanted": change.wanted, "why": change.why}


@command.command("plan")
@config_option
@click.option(
    "--inventory", type=click.Path(dir_okay=False), help="Plan for a host recorded by `pitwire doctor --json`."
)
@json_option
def plan_command(config: Config, inventory: str | None, as_json: bool) -> None:
    """Print what `apply` would change, as a diff with reasons. Nothing is changed.

    Exit status: 0, also where there is something to change.

    \b
    Examples:
      pitwire nic plan --config venue.toml
      pitwire nic plan --config venue.toml --inventory host.json
    """
    try:
        plan = make_plan(load_inventory(inventory), config)
    except PlanError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        changes = [_facts(change) for change in plan.changes]
        click.echo(json.dumps({"changes": changes, "notes": plan.notes}, indent=1))
    else:
        click.echo(render(plan) or "Nothing to change.")


@command.command("apply")
@config_option
@state_option
@json_option
def apply_command(config: Config, state: str | None, as_json: bool) -> None:
    """Do it. What was found is saved first; a setting that is refused is named, and the rest goes on.

    Changing channels or rings takes the link down for a moment: do it before the market opens, and not on the
    interface that you are logged in through. Exit status: 0 all is as planned, 4 something was refused.

    \b
    Example:
      sudo pitwire nic apply --config venue.toml
    """
    try:
        with _live() as host:
            outcomes = apply(host, config, _state_path(config, state))
    except (PlanError, StateError) as error:
        raise click.ClickException(str(error)) from None
    _report(outcomes, as_json, "Nothing to change.", EXIT_WARNINGS)


@command.command("verify")
@config_option
@json_option
def verify_command(config: Config, as_json: bool) -> None:
    """Say what differs from what the configuration wants. Exit status: 0 nothing, 3 something.

    \b
    Example:
      pitwire nic verify --config venue.toml
    """
    try:
        with _live() as host:
            plan = make_plan(host.read(), config)
    except PlanError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        differences = [_facts(change) for change in plan.changes]
        click.echo(json.dumps({"differences": differences, "notes": plan.notes}, indent=1))
    elif plan.changes:
        click.echo(render(plan))
    else:
        click.echo("\n".join(["The host is as planned.", *(f"! {note}" for note in plan.notes)]))
    if plan.changes:
        raise click.exceptions.Exit(EXIT_BAD)


@command.command("undo")
@config_option
@state_option
@json_option
def undo_command(config: Config, state: str | None, as_json: bool) -> None:
    """Put back every value as it was before the first `apply`. Exit status: 0 all is as it was, 3 something is not.

    \b
    Example:
      sudo pitwire nic undo --config venue.toml
    """
    try:
        with _live() as host:
            outcomes = undo(host, _state_path(config, state))
    except StateError as error:
        raise click.ClickException(str(error)) from None
    _report(outcomes, as_json, "Everything is as it was found already.", EXIT_BAD)


def _report(outcomes: list[Outcome], as_json: bool, nothing: str, status: int) -> None:
    refused = [outcome for outcome in outcomes if outcome.refused]
    if as_json:
        done = [_facts(outcome.change) for outcome in outcomes if not outcome.refused]
        left = [_facts(outcome.change) | {"refused": outcome.refused} for outcome in refused]
        click.echo(json.dumps({"done": done, "refused": left}, indent=1))
    else:
        for outcome in outcomes:
            change = outcome.change
            if outcome.refused:
                wanted = value_text(change, change.wanted)
                click.echo(f"refused  {change.key} = {wanted}: {outcome.refused}")
            else:
                found, wanted = value_text(change, change.found), value_text(change, change.wanted)
                click.echo(f"done     {change.key}: {found} -> {wanted}")
        click.echo(f"{len(outcomes) - len(refused)} changed, {len(refused)} refused." if outcomes else nothing)
    if refused:
        raise click.exceptions.Exit(status)
