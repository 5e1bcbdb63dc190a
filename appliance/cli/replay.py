"""`pitwire replay`: the pipeline, fed from a file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli.progress import progress_line
from appliance.cli.settings import config_option
from appliance.config import Config

if TYPE_CHECKING:
    from appliance.replay import ReplayResult

NANOS_A_DAY = 86_400_000_000_000


@click.command("replay")
@click.argument("input_path", metavar="[IN]", type=click.Path(path_type=Path), required=False)
@config_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Capture of every packet that it sends.")
@click.option(
    "--channels",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Capture of the L2 and L1 packets that the distributor makes of it.",
)
@click.option("-x", "multiplier", type=click.FloatRange(min=0, min_open=True), help="Times the recorded pace.")
@click.option("-p", "packets_a_second", type=click.FloatRange(min=0, min_open=True), help="Packets a second.")
@click.option("-M", "megabits_a_second", type=click.FloatRange(min=0, min_open=True), help="Megabits a second.")
@click.option("-t", "top_speed", is_flag=True, help="As fast as it goes (the default).")
@click.option("-l", "loops", type=click.IntRange(min=1), default=1, show_default=True, help="Times, each from anew.")
@click.option("-L", "limit", type=click.IntRange(min=0), help="Packets (of a journal: records) to take at most.")
@click.option("--until-sequence", type=click.IntRange(min=0), help="Stop behind this record.")
@click.option("--until-time", metavar="TIME", help="Stop behind the last record of this time (UTC): see below.")
@click.option("--hash-every", type=click.IntRange(min=1), help="Print the state's hashes after so many records each.")
@click.option("--state-only", is_flag=True, help="Encode and send nothing: the same state, several times as fast.")
@click.option(
    "--compare",
    "compared",
    nargs=2,
    metavar="A B",
    type=click.Path(path_type=Path),
    help="Name the first difference of two journals, captures or lists of --hash-every --json. Exit status 1: unequal.",
)
@click.option(
    "--with",
    "orders_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="CSV of more orders: say what they would have changed (columns: docs/OPERATIONS.md).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object; with --hash-every one more a line.")
def command(
    input_path: Path | None,
    config: Config,
    out: Path | None,
    channels: Path | None,
    multiplier: float | None,
    packets_a_second: float | None,
    megabits_a_second: float | None,
    top_speed: bool,
    loops: int,
    limit: int | None,
    until_sequence: int | None,
    until_time: str | None,
    hash_every: int | None,
    state_only: bool,
    compared: tuple[Path, Path] | None,
    orders_path: Path | None,
    as_json: bool,
) -> None:
    """Run the capture or journal IN through the whole pipeline and print what came of it.

    Time is the file's, so the same IN gives the same bytes in --out and the same state hash on any machine. With -l
    the replay is done again from the start, and must end in the same state each time. A journal (a folder with its
    segments, in shared memory or on disk, or one segment) is decided again, with the configuration that it was written
    under; of the paces it has -x alone.

    With --state-only, --until-sequence, --until-time and --hash-every a capture is sequenced first and then decided
    record by record, so counts of packets in are left out. TIME is nanoseconds since 1970, 2026-11-21T09:30:00.5, or
    09:30:00.5 on the day of the first record.

    \b
    Examples:
      pitwire replay pcap/captures/demo_calm.pcap
      pitwire replay day.pcap --out sent.pcap --channels l2_l1.pcap --json
      pitwire replay /dev/shm/pitwire-lab --config lab.toml
      pitwire replay journal --until-time 09:30:00
      pitwire replay journal --hash-every 10000 --json > hashes
      pitwire replay --compare hashes journal
      pitwire replay journal --with orders.csv
    """
    if compared:
        _compare(compared[0], compared[1], config, hash_every, as_json)
        return
    if input_path is None:
        raise click.UsageError("Give a capture or a journal, or --compare A B.")
    if sum(value is not None for value in (multiplier, packets_a_second, megabits_a_second)) + top_speed > 1:
        raise click.UsageError("Give one of -x, -p, -M and -t.")
    if orders_path is not None:
        _what_if(input_path, orders_path, config, as_json)
        return
    if out is not None and out.exists() and input_path.exists() and out.samefile(input_path):
        raise click.UsageError("--out is the input itself.")
    if channels is not None and channels.exists() and input_path.exists() and channels.samefile(input_path):
        raise click.UsageError("--channels is the input itself.")
    from appliance.distributor.offline import OfflineError, write_channels
    from appliance.exchange import Exchange
    from appliance.history.beginning import begin_as_the_day_did
    from appliance.journal.whole import is_log
    from appliance.replay import Pace, ReplayError, replay_capture, replay_journal

    if out is not None and state_only:
        raise click.UsageError("Give --out or --state-only.")
    by_records = state_only or any(given is not None for given in (until_sequence, until_time, hash_every))
    if channels is not None and (by_records or multiplier):
        raise click.UsageError("--channels is for a whole replay at full speed.")

    kept: list[Exchange] = []

    def replay_once() -> ReplayResult:
        kept.clear()
        with progress_line(f"replay {input_path.name}", hidden=as_json or hash_every is not None) as progress:
            from_journal = is_log(input_path)
            if (packets_a_second or megabits_a_second) and (from_journal or by_records):
                raise click.UsageError("Records have no packets: -p and -M are for whole captures.")
            if by_records or (from_journal and multiplier):
                until = (until_sequence, until_time, limit)
                return _replay_records(
                    input_path, config, out, until, hash_every, multiplier, as_json, state_only, progress
                )
            if from_journal:
                return replay_journal(
                    input_path,
                    config,
                    out=out,
                    limit_records=limit,
                    progress=progress,
                    keep=kept,
                    begin=begin_as_the_day_did,
                )
            pace = Pace(multiplier, packets_a_second, megabits_a_second)
            return replay_capture(
                input_path, config, out=out, limit_packets=limit, pace=pace, progress=progress, keep=kept
            )

    try:
        result = replay_once()
        for again in range(2, loops + 1):
            other = replay_once()
            if other.state_hash != result.state_hash:
                raise click.ClickException(f"Replay {again} ended in another state: {other.state_hash}")
        if channels is not None:
            write_channels(kept[0], config, channels)
    except (ReplayError, OfflineError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or input_path}: {error.strerror}.") from None
    if as_json:
        click.echo(json.dumps(result.to_dict()))
        return
    _print_result(result)


def _replay_records(
    path: Path,
    config: Config,
    out: Path | None,
    bounds: tuple[int | None, str | None, int | None],
    hash_every: int | None,
    multiplier: float | None,
    as_json: bool,
    state_only: bool,
    progress: Callable[[int], None] | None,
) -> ReplayResult:
    """Record by record, up to the first of the bounds: sequence, time, number of records."""
    from appliance.history.timeline import Mark, Until, play_to, sequenced_records, sized_exchange
    from appliance.replay import result_of

    config, records = sequenced_records(path, config)
    sequence, until_time, limit = bounds
    time_ns = None
    if until_time is not None and records.size:
        time_ns = read_time(until_time, int(records[0]["time_ns"]))
    numbers = [number for number in (sequence, limit) if number is not None]
    records = records[: Until(min(numbers, default=None), time_ns).count(records)]

    def told(mark: Mark) -> None:
        click.echo(mark.to_line() if as_json else f"{mark.sequence:12} {mark.time_ns} {mark.state_hash}")

    exchange = sized_exchange(records, config)
    seconds = play_to(
        records,
        exchange,
        out=out,
        hash_every=hash_every,
        told=told,
        multiplier=multiplier,
        quiet=state_only,
        progress=progress,
    )
    return result_of(str(path), exchange, seconds)


def read_time(text: str, near_ns: int) -> int:
    """Nanoseconds since 1970 for a TIME of the command line; a time of the day is one of the day of `near_ns`."""
    if text.isdecimal():
        return min(int(text), (1 << 63) - 1)
    match = re.fullmatch(r"(?:(\d{4}-\d\d-\d\d)[T ])?(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z?", text)
    day_ns = near_ns // NANOS_A_DAY * NANOS_A_DAY
    try:
        if match is None:
            raise ValueError
        if match[1]:
            day_ns = (date.fromisoformat(match[1]) - date(1970, 1, 1)).days * NANOS_A_DAY
        clock = time.fromisoformat(match[2])
    except ValueError:
        raise click.UsageError(
            f"{text!r} is no time; give nanoseconds since 1970, 2026-11-21T09:30:00.5 or 09:30:00.5."
        ) from None
    seconds = (clock.hour * 60 + clock.minute) * 60 + clock.second
    return day_ns + seconds * 10**9 + int((match[3] or "").ljust(9, "0"))


def _compare(a: Path, b: Path, config: Config, hash_every: int | None, as_json: bool) -> None:
    from appliance.history.compare import compare
    from appliance.replay import ReplayError

    try:
        found = compare(a, b, config, hash_every=hash_every)
    except ReplayError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or a}: {error.strerror}.") from None
    click.echo(json.dumps(found.to_dict()) if as_json else found.sentence())
    if not found.equal:
        raise click.exceptions.Exit(1)


def _what_if(path: Path, orders_path: Path, config: Config, as_json: bool) -> None:
    from appliance.history.what_if import WhatIfError, what_if
    from appliance.replay import ReplayError

    try:
        found = what_if(path, orders_path, config)
    except (ReplayError, WhatIfError) as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"{found['orders_added']} orders added to {path}")
    for kind in ("venue", "instruments", "orders"):
        for name, row in found[kind].items():
            values = [" ".join(map(str, v.values() if isinstance(v, dict) else [v])) for v in row.values()]
            click.echo(f"{kind:12} {name:20} {values[0]} -> {values[1]}")
    click.echo("(instruments, orders as session/ClOrdID: fills, lots, average and last price in 1e-9)")


def _print_result(result: ReplayResult) -> None:
    values = result.to_dict()
    dropped = values.pop("dropped")
    for name, value in values.items():
        click.echo(f"{name:20} {value}")
    assert isinstance(dropped, dict)
    for name, value in dropped.items():
        click.echo(f"{name:20} {value}")
    rate = result.packets_in / result.seconds if result.seconds > 0 else 0
    click.echo(f"Actual: {result.packets_in} packets in {result.seconds:.3f} seconds. Rated: {rate:.0f} pps")
