"""`pitwire client drop-copy`: the executions of a firm, as they happen and from any number of the day on."""

from __future__ import annotations

import time
from pathlib import Path

import click

from appliance.cli.client_desk import key_of
from appliance.cli.client_text import report_json, report_line
from appliance.cli.settings import config_option
from appliance.client.blocking import BlockingClient, LogOnError
from appliance.client.drop_copy import DropCopyClient
from appliance.client.ledger import Report
from appliance.client.terms import NOTICE_GAP, NOTICE_RECOVERED, TERMINATE_FINISHED, Happened, Phase, Terms
from appliance.config import Config
from wire.framing.sofh import FrameError

POLL_SECONDS = 0.2


@click.command("drop-copy")
@config_option
@click.option("--host", metavar="IP", help="Address of the gateway. [default: the configuration's]")
@click.option("--port", type=click.IntRange(1, 65535), help="Its port for drop copies.")
@click.option(
    "--key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="A key of [[drop_copies]] is in this file.",
)
@click.option("--key-id", help="Which key of the file. [default: its first]")
@click.option(
    "--from", "first_number", type=click.IntRange(min=1), default=1, show_default=True, help="Begin with this number."
)
@click.option("--new-only", is_flag=True, help="Begin with what happens from now on.")
@click.option("--idle", type=click.FloatRange(min=0.1), metavar="SECONDS", help="End when nothing came for so long.")
@click.option("--timeout", type=click.FloatRange(min=0.01), default=5.0, show_default=True, help="Seconds to log on.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an execution.")
def drop_copy(
    config: Config,
    host: str | None,
    port: int | None,
    key_file: Path,
    key_id: str | None,
    first_number: int,
    new_only: bool,
    idle: float | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Print every execution of a firm: those of today, then each as it happens, until the day is over.

    The number before each is its number in the firm's flow, the same for every subscriber: with --from a later run goes
    on behind it. Exit status 1: the connection ended otherwise.

    \b
    Examples:
      pitwire client drop-copy --key-file house.key
      pitwire client drop-copy --key-file house.key --from 1501 --json
      pitwire client drop-copy --key-file house.key --idle 2        # what there is so far
    """
    where = (host or config.gateway.ip, port or config.gateway.drop_copy_port)
    found_id, secret = key_of(key_file, key_id)
    client = DropCopyClient(Terms(key_id=found_id, secret=secret), None if new_only else first_number)
    try:
        with BlockingClient(client, [where], timeout) as desk:
            for report in desk.log_on(timeout):
                _print(report, as_json)
            is_over = _follow(desk, idle, as_json)
    except (LogOnError, FrameError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"No drop copies at TCP {where[0]}:{where[1]}: {error.strerror or error}.") from None
    except KeyboardInterrupt:
        is_over = True
    if not is_over:
        raise click.exceptions.Exit(1)


def _follow(desk: BlockingClient, idle_seconds: float | None, as_json: bool) -> bool:
    """Print until the session ends, or nothing came for so long. False: it should not have ended."""
    heard = time.monotonic()
    while desk.client.phase is Phase.ESTABLISHED:
        happened = desk.poll(POLL_SECONDS)
        is_day_over = _show(happened, as_json)
        if is_day_over:
            return True
        if any(isinstance(one, Report) for one in happened):
            heard = time.monotonic()
        if idle_seconds is not None and time.monotonic() - heard >= idle_seconds and not desk.client.flow.missing:
            desk.log_out()
            return True
    return False


def _show(happened: Happened, as_json: bool) -> bool:
    """Executions to standard output, what became of the session to standard error. True: the day is over."""
    is_day_over = False
    for one in happened:
        if isinstance(one, Report):
            _print(one, as_json)
        elif one.kind not in (NOTICE_GAP, NOTICE_RECOVERED):
            is_day_over |= one.code == TERMINATE_FINISHED
            click.echo(f"{one.kind}: {one.text}", err=True)
    return is_day_over


def _print(report: Report, as_json: bool) -> None:
    account = getattr(report.values, "Account", None)
    click.echo(report_json(report) if as_json else f"{report.sequence:>9} account {account}  {report_line(report)}")
