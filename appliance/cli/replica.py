"""`pitwire replica`: follow a running appliance and write snapshots of its state."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import click

from appliance.cli.settings import config_option
from appliance.config import Config

_NICENESS = 10


@click.command("replica")
@config_option
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), help="Where snapshots go; else journal.snapshots."
)
@click.option(
    "--snapshot-seconds", type=click.FloatRange(min=0), help="Time between two; else journal.snapshot_seconds, or 60."
)
@click.option("--keep", type=click.IntRange(min=1), help="Snapshots to keep; else journal.snapshots_kept.")
@click.option("--parent-pid", type=int, help="End when this process, the parent, does.")
@click.option("--json", "as_json", is_flag=True, help="JSON: when it follows, a snapshot each, at the end.")
def command(
    config: Config,
    folder: Path | None,
    snapshot_seconds: float | None,
    keep: int | None,
    parent_pid: int | None,
    as_json: bool,
) -> None:
    """Follow the log of a running appliance, decide every input again, and write snapshots of the state.

    It runs beside the appliance, needs the same configuration and about the same memory, and is never waited for. It
    ends when the appliance has stopped, or by SIGINT or SIGTERM. The newest snapshot and the log behind it are what a
    restart needs. At the end it prints its state hash, which must be the appliance's. `pitwire run` starts one by
    itself where journal.snapshot_seconds is above 0.

    \b
    Example:
      pitwire replica --config venue.toml --folder /var/lib/pitwire/snapshots
    """
    folder = folder or (Path(config.journal.snapshots) if config.journal.snapshots else None)
    if folder is None:
        raise click.UsageError("Give --folder, or name one in journal.snapshots.")
    from appliance.exchange import SharedFolder, with_epoch_of_log
    from appliance.history.replica import Replica, ReplicaError
    from appliance.journal.process import die_with
    from appliance.journal.records import JournalError

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    os.nice(_NICENESS)  # the loop comes first

    def told(snapshot: Path) -> None:
        click.echo(json.dumps({"snapshot": str(snapshot)}) if as_json else f"wrote {snapshot}")

    try:
        if parent_pid is not None:
            die_with(parent_pid)
        seconds = snapshot_seconds if snapshot_seconds is not None else config.journal.snapshot_seconds or 60.0
        memory = SharedFolder(config.name).path
        config = with_epoch_of_log(config, memory)
        with Replica(config, memory, folder, snapshot_seconds=seconds, kept=keep) as replica:
            if as_json:
                click.echo(json.dumps({"follows": replica.sequence}))
            replica.run(ended.is_set, told=told)
            facts = {"sequence": replica.sequence, "state_hash": replica.state_hash, "refused": replica.refused}
    except (ReplicaError, JournalError) as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps({"ended": facts}))
        return
    for sentence in replica.refused:
        click.echo(sentence, err=True)
    click.echo(f"{facts['sequence']} records, state hash {facts['state_hash']}")
