"""`pitwire replay`: the pipeline, fed from a file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from appliance.cli.progress import progress_line
from appliance.cli.settings import config_option
from appliance.config import Config


@click.command("replay")
@click.argument("input_path", metavar="IN", type=click.Path(path_type=Path))
@config_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Capture of every packet that it sends.")
@click.option("-x", "multiplier", type=click.FloatRange(min=0, min_open=True), help="Times the recorded pace.")
@click.option("-p", "packets_a_second", type=click.FloatRange(min=0, min_open=True), help="Packets a second.")
@click.option("-M", "megabits_a_second", type=click.FloatRange(min=0, min_open=True), help="Megabits a second.")
@click.option("-t", "top_speed", is_flag=True, help="As fast as it goes (the default).")
@click.option("-l", "loops", type=click.IntRange(min=1), default=1, show_default=True, help="Times, each from anew.")
@click.option("-L", "limit", type=click.IntRange(min=0), help="Packets (of a journal: records) to take at most.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    input_path: Path,
    config: Config,
    out: Path | None,
    multiplier: float | None,
    packets_a_second: float | None,
    megabits_a_second: float | None,
    top_speed: bool,
    loops: int,
    limit: int | None,
    as_json: bool,
) -> None:
    """Run the capture or journal IN through the whole pipeline and print what came of it.

    Time is the file's, so the same IN gives the same bytes in --out and the same state hash on any machine. With -l
    the replay is done again from the start, and must end in the same state each time. A journal (a folder with its
    segments, in shared memory or on disk, or one segment) is decided again, with the configuration that it was written
    under; pacing is for captures.

    \b
    Examples:
      pitwire replay pcap/captures/demo_calm.pcap
      pitwire replay day.pcap --out sent.pcap --json
      pitwire replay /dev/shm/pitwire-lab --config lab.toml
    """
    if sum(value is not None for value in (multiplier, packets_a_second, megabits_a_second)) + top_speed > 1:
        raise click.UsageError("Give one of -x, -p, -M and -t.")
    if out is not None and out.exists() and input_path.exists() and out.samefile(input_path):
        raise click.UsageError("--out is the input itself.")
    from appliance.journal.whole import is_log
    from appliance.replay import Pace, ReplayError, ReplayResult, replay_capture, replay_journal

    def replay_once() -> ReplayResult:
        with progress_line(f"replay {input_path.name}", hidden=as_json) as progress:
            if is_log(input_path):
                if multiplier or packets_a_second or megabits_a_second:
                    raise click.UsageError("A journal is replayed at full speed: -x, -p and -M are for captures.")
                return replay_journal(input_path, config, out=out, limit_records=limit, progress=progress)
            pace = Pace(multiplier, packets_a_second, megabits_a_second)
            return replay_capture(input_path, config, out=out, limit_packets=limit, pace=pace, progress=progress)

    try:
        result = replay_once()
        for again in range(2, loops + 1):
            other = replay_once()
            if other.state_hash != result.state_hash:
                raise click.ClickException(f"Replay {again} ended in another state: {other.state_hash}")
    except ReplayError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or input_path}: {error.strerror}.") from None
    if as_json:
        click.echo(json.dumps(result.to_dict()))
        return
    values = result.to_dict()
    dropped = values.pop("dropped")
    for name, value in values.items():
        click.echo(f"{name:20} {value}")
    assert isinstance(dropped, dict)
    for name, value in dropped.items():
        click.echo(f"{name:20} {value}")
    rate = result.packets_in / result.seconds if result.seconds > 0 else 0
    click.echo(f"Actual: {result.packets_in} packets in {result.seconds:.3f} seconds. Rated: {rate:.0f} pps")
