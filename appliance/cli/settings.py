"""The configuration of a command: --config, or the demonstration venue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from appliance.config import Config, ConfigError, load


def _load(_context: click.Context, _parameter: click.Parameter, path: str | None) -> Config:
    try:
        return load(path)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None


def config_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--config FILE`; the command gets the checked `config`."""
    return click.option(
        "--config",
        "config",
        type=click.Path(dir_okay=False),
        callback=_load,
        help="Configuration (TOML). Without it: the demonstration venue of 64 instruments and 16 sessions.",
    )(function)
