"""`python -m appliance.journal`: the processes behind a venue's log; one makes it durable, one archives it."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

import click

from appliance.journal.archiver import archive_log, follow_log
from appliance.journal.disk_log import GROUP_RECORDS_MAX
from appliance.journal.disk_writer import Idle, run
from appliance.journal.files import LocalFiles
from appliance.journal.process import die_with
from appliance.journal.records import JournalError

_NICENESS = 10


@click.group()
def main() -> None:
    """Make the log of a venue durable, or archive it."""


@main.command(
    epilog="Example: python -m appliance.journal write --memory /dev/shm/pitwire-lab --folder /var/lib/pitwire/lab"
)
@click.option("--memory", required=True, metavar="DIR", help="Shared memory of the venue.")
@click.option("--folder", required=True, metavar="DIR", help="Where the segments go.")
@click.option("--archive", default=None, metavar="DIR", help="Where archived segments lie.")
@click.option("--segment-mib", type=click.IntRange(2, 1 << 20), default=64, show_default=True)
@click.option("--group-records-max", type=click.IntRange(1, GROUP_RECORDS_MAX), default=GROUP_RECORDS_MAX)
@click.option("--idle", type=click.Choice(["spin", "yield", "sleep"]), default="sleep", show_default=True)
@click.option("--cpu", type=click.IntRange(-1, 1023), default=-1, show_default=True, help="CPU to pin to; -1: none.")
@click.option("--parent-pid", type=int, default=None, help="End when this process, the parent, does.")
@click.option("--lock-file", type=int, default=None, help="Descriptor that holds the folder's lock, from the parent.")
def write(
    memory: str,
    folder: str,
    archive: str | None,
    segment_mib: int,
    group_records_max: int,
    idle: Idle,
    cpu: int,
    parent_pid: int | None,
    lock_file: int | None,
) -> None:
    """Copy the log in shared memory to disk, in groups, and say in shared memory how far it is safe.

    Prints one JSON line with the last safe record once it is ready. Ends when the log is closed, by SIGUSR1, or
    when the parent does; without a parent also by SIGTERM.
    """
    try:
        run(
            Path(memory),
            Path(folder),
            archive_folder=Path(archive) if archive else None,
            segment_bytes=segment_mib << 20,
            group_records_max=group_records_max,
            idle=idle,
            cpu=cpu,
            parent_pid=parent_pid,
            lock_file=lock_file,
            ready=lambda durable: print(json.dumps({"durable_records": durable}), flush=True),
            on_problem=lambda sentence: print(f"warning: {sentence}", file=sys.stderr, flush=True),
        )
    except JournalError as error:
        _fail(error)


@main.command(epilog="Example: python -m appliance.journal archive --from /var/lib/pitwire/lab --to /archive --once")
@click.option("--from", "folder", required=True, metavar="DIR", help="Log on disk, or shared memory of the venue.")
@click.option("--to", "archive_folder", required=True, metavar="DIR", help="Where archived segments go.")
@click.option("--keep", type=click.IntRange(min=1), help="Newest archives that stay; without it all do.")
@click.option("--once", is_flag=True, help="Archive what is finished and end.")
@click.option("--seconds", type=click.FloatRange(min=0.05), default=1.0, show_default=True, help="Between two looks.")
@click.option("--parent-pid", type=int, default=None, help="End when this process, the parent, does.")
def archive(
    folder: str, archive_folder: str, keep: int | None, once: bool, seconds: float, parent_pid: int | None
) -> None:
    """Compress segments that nobody writes any more, then remove them from the disk (the venue itself removes those in
    its shared memory). Ends by SIGTERM."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        if parent_pid is not None:
            die_with(parent_pid)
        os.nice(_NICENESS)
        if once:
            done = archive_log(LocalFiles(), Path(folder), Path(archive_folder), keep_archives=keep)
            print(json.dumps({"segments": done.segments, "records": done.records, "bytes": done.bytes_after}))
        else:
            follow_log(Path(folder), Path(archive_folder), keep_archives=keep, wait=lambda: ended.wait(seconds))
    except JournalError as error:
        _fail(error)


def _fail(error: JournalError) -> None:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
