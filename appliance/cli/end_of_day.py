"""`pitwire end-of-day`: from one day to the next."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from appliance.cli.settings import config_option
from appliance.config import Config

_STOP_SECONDS_MAX = 60.0
_LOOK_SECONDS = 0.02


@click.command("end-of-day")
@config_option
@click.option(
    "--next-config",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="File for the next day's configuration (.json): this one with the next epoch and folders of its own.",
)
@click.option("--date", "trading_session_date", type=click.IntRange(0, 65535), default=0, help="Its days since 1970.")
@click.option("--positions", type=click.Path(dir_okay=False, path_type=Path), help="CSV of all positions, to settle.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    config: Config, next_config: Path, trading_session_date: int, positions: Path | None, as_json: bool
) -> None:
    """End the day of a venue: close it, stop it, archive its log, and carry open orders, positions and prices over.

    The running appliance closes every instrument, which ends DAY orders, declares the day over (inputs like any other),
    and stops. Of one that has stopped already the instruments must be closed. The log goes to journal.archive, where
    the configuration names one; what the next day starts with goes to journal.snapshots. Sessions keep their numbers,
    the feed begins a new epoch. The next day is begun by `pitwire run` with the new configuration.

    \b
    Example:
      pitwire end-of-day --config monday.toml --next-config tuesday.json --positions positions.csv
    """
    if next_config.suffix != ".json":
        raise click.UsageError("--next-config must end with .json.")
    from appliance.exchange import SharedFolder, venue_identity, with_epoch_of_log
    from appliance.history.day_end import DayEndError, end_day, next_day
    from appliance.history.recover import RecoveryError
    from appliance.history.snapshot import SnapshotError
    from appliance.journal.archiver import archive_log
    from appliance.journal.files import LocalFiles
    from appliance.journal.found import FoundLog
    from appliance.journal.records import JournalError
    from appliance.operator.actions import OperatorError

    memory = SharedFolder(config.name).path
    folder = Path(config.journal.directory) if config.journal.mode == "disk" else memory
    archive = Path(config.journal.archive) if config.journal.archive else None
    try:
        was_running = _close_and_stop(memory)
        config = with_epoch_of_log(config, folder)
        following = next_day(config, trading_session_date)
        log = FoundLog(LocalFiles(), folder, archive, venue_identity(config))
        recovered, carried = end_day(config, following, log, positions)
        if archive is not None:
            archive.mkdir(parents=True, exist_ok=True)
            archive_log(LocalFiles(), folder, archive, last_too=True, remove=False)
        next_config.write_text(following.to_json() + "\n", encoding="utf-8")
    except (OperatorError, JournalError, RecoveryError, DayEndError, SnapshotError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}.") from None
    for sentence in recovered.refused:
        click.echo(sentence, err=True)
    facts: dict[str, Any] = {"was_running": was_running, "records": recovered.last_sequence} | carried.to_dict()
    facts |= {"next_config": str(next_config)}
    if as_json:
        click.echo(json.dumps(facts))
        return
    for name, value in facts.items():
        click.echo(f"{name:12} {value}")


def _close_and_stop(memory: Path) -> bool:
    """Have the venue at `memory` end its day and wait until it is gone. False: none runs there."""
    from appliance.operator.actions import OperatorError
    from appliance.operator.client import ask, is_served

    if not is_served(memory):
        return False
    ask(memory, "end-of-day", {})
    until = time.monotonic() + _STOP_SECONDS_MAX
    while is_served(memory) or _is_locked(memory):
        if time.monotonic() > until:
            raise OperatorError(f"The appliance at {memory} did not stop within {_STOP_SECONDS_MAX:g} s.")
        time.sleep(_LOOK_SECONDS)
    return True


def _is_locked(memory: Path) -> bool:
    import fcntl

    try:
        with (memory / "lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
