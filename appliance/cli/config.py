"""`pitwire config`: look at a configuration before it is run."""

from __future__ import annotations

import json

import click

from appliance.config import Config, ConfigError, load


@click.group("config")
def command() -> None:
    """Check a configuration, or print the default one or its JSON schema."""


@command.command("check")
@click.argument("path", type=click.Path(dir_okay=False))
def check(path: str) -> None:
    """Check the TOML file PATH and say every fault, a line each.

    \b
    Example:
      pitwire config check venue.toml
    """
    try:
        config = load(path)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    click.echo(
        f"{path}: {config.name}, port {config.port.kind}, {len(config.instruments)} instruments, "
        f"{len(config.sessions)} sessions"
    )


@command.command("show")
@click.argument("path", type=click.Path(dir_okay=False), required=False)
def show(path: str | None) -> None:
    """Print the configuration in PATH (without it: the demonstration venue) as JSON, defaults included.

    \b
    Example:
      pitwire config show venue.toml
    """
    try:
        click.echo(load(path).to_json())
    except ConfigError as error:
        raise click.ClickException(str(error)) from None


@command.command("schema")
def schema() -> None:
    """Print the JSON schema of a configuration, for editors.

    \b
    Example:
      pitwire config schema > pitwire.schema.json
    """
    click.echo(json.dumps(Config.model_json_schema(), indent=1))
