"""`pitwire control`: ask a running appliance for something."""

from __future__ import annotations

import json

import click

from appliance.cli.settings import config_option
from appliance.config import Config


@click.command("control")
@config_option
@click.option("--name", help="Name of the instance; else the configuration's.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as one JSON object.")
@click.argument("action", required=False)
@click.argument("arguments", metavar="[NAME=VALUE]...", nargs=-1)
def command(config: Config, name: str | None, as_json: bool, action: str | None, arguments: tuple[str, ...]) -> None:
    """Have a running appliance carry out ACTION. Without one: list the actions.

    What changes the venue is sequenced and journaled like an order; the answer names its sequence, and comes when it is
    safe. Only the user that runs the appliance may ask.

    \b
    Examples:
      pitwire control
      pitwire control phase phase=halt security_id=7
      pitwire control status --name lab --json
    """
    from appliance.observe import SHARED_MEMORY_ROOT
    from appliance.operator.actions import ACTIONS, OperatorError
    from appliance.operator.client import ask

    if action is None:
        for row in ACTIONS.values():
            words = [f"{a.name}=..." if a.required else f"[{a.name}=...]" for a in row.arguments]
            click.echo(" ".join([row.name, *words]))
            click.echo(f"    {row.help}")
            for argument in row.arguments:
                click.echo(f"    {argument.name}: {argument.help}")
        return
    values = {}
    for word in arguments:
        key, equals, value = word.partition("=")
        if not equals or key in values:
            raise click.UsageError(f"{word!r} is not a NAME=VALUE, each name once.")
        values[key] = value
    try:
        answer = ask(SHARED_MEMORY_ROOT / f"pitwire-{name or config.name}", action, values)
    except OperatorError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(answer))
        return
    for key, found in answer.items():
        click.echo(f"{key:16} {found}")
    if not answer:
        click.echo("done")
