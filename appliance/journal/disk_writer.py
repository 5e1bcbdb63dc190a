"""Makes the log in shared memory durable, as a process of its own: follows it, writes in groups, says how far it is.

Whatever was committed while one group was written and synced is the next group. `durable_records` moves only when a
group's sync came back; when one fails the process ends, and what was acknowledged by then is all there will ever be.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from appliance.journal.control import Control, open_control
from appliance.journal.disk_log import GROUP_RECORDS_MAX, DurableLog
from appliance.journal.files import LocalFiles
from appliance.journal.follower import Follower
from appliance.journal.process import die_with
from appliance.journal.records import JournalDamaged, JournalError, NoRoom
from appliance.journal.recovery import open_log
from native.log_layout import (
    JOURNAL_WRITER_ENDED,
    JOURNAL_WRITER_FAILED,
    JOURNAL_WRITER_RUNS,
    JOURNAL_WRITER_WAITS,
)

Idle = Literal["spin", "yield", "sleep"]

_NO_ROOM_SECONDS: Final = 0.2
_SPIN_NS: Final = {"spin": 1_000_000, "yield": 0, "sleep": 20_000}
_SLEEP_SECONDS: Final = {"spin": 0.0, "yield": 0.0, "sleep": 50e-6}
_LOCK_SECONDS: Final = 0.005
LOCK_NAME: Final = "lock"


def write_groups(
    follower: Follower,
    log: DurableLog,
    control: Control,
    *,
    stopped: Callable[[], bool],
    idle: Idle = "sleep",
    group_records_max: int = GROUP_RECORDS_MAX,
    on_problem: Callable[[str], None] = lambda sentence: None,
) -> None:
    """Make every record that `follower` gives safe in `log` and publish how far that is, until `stopped()` and nothing
    is left. `on_problem` is told once when the disk has no room. Raises JournalError: the log is over."""
    row = control.row
    while True:
        was_stopped = stopped()  # before the look: what was committed by then is still written
        records = follower.poll(group_records_max)
        if not records.size:
            if was_stopped:
                return
            if control.wait("committed_records", follower.next_sequence - 1, _SPIN_NS[idle]) < follower.next_sequence:
                time.sleep(_SLEEP_SECONDS[idle])
            continue
        started_ns = time.monotonic_ns()
        while True:
            try:
                log.append(records)
                break
            except NoRoom as error:
                if int(row["writer_state"]) != JOURNAL_WRITER_WAITS:
                    row["writer_state"] = JOURNAL_WRITER_WAITS
                    row["no_room"] += 1
                    on_problem(str(error))
                if stopped():
                    raise
                time.sleep(_NO_ROOM_SECONDS)
        row["writer_state"] = JOURNAL_WRITER_RUNS
        row["groups_written"] += 1
        row["group_records_max"] = max(int(row["group_records_max"]), records.size)
        row["sync_ns_max"] = max(int(row["sync_ns_max"]), time.monotonic_ns() - started_ns)
        control.store("durable_records", follower.next_sequence - 1)


def lock_folder(folder: Path, wait_seconds: float = 0.0) -> int:
    """Have the folder of a log to ourselves until the descriptor that comes back is closed, here and in every process
    that got it from us. `wait_seconds`: for a writer whose venue was killed to bring the rest to disk.

    Raises JournalError: another process has it, or it cannot be used.
    """
    try:
        file = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise JournalError(
            f"{folder}: the log cannot be written there: {error.strerror}; name a folder that exists and is writable."
        ) from None
    until = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except OSError:
            if time.monotonic() >= until:
                os.close(file)
                raise JournalError(f"{folder}: another process writes its log there; name another folder.") from None
        time.sleep(_LOCK_SECONDS)


def run(
    memory: Path,
    folder: Path,
    *,
    archive_folder: Path | None = None,
    segment_bytes: int,
    group_records_max: int = GROUP_RECORDS_MAX,
    idle: Idle = "sleep",
    cpu: int = -1,
    parent_pid: int | None = None,
    lock_file: int | None = None,
    ready: Callable[[int], None] = lambda durable_records: None,
    on_problem: Callable[[str], None] = lambda sentence: None,
) -> None:
    """Write the log in shared memory at `memory` to `folder` until it is closed, SIGUSR1, or the parent's end.

    Whoever stops a venue often signals all its processes; this one must be the last. So with a `parent_pid` SIGTERM and
    SIGINT count only once the parent is gone (which is what sends SIGTERM then).

    The log on disk must end where the one in memory stands, so the venue loads it before it starts this process.
    `lock_file` is its `lock_folder`, where the caller has it. `ready(durable_records)` is called once the log is open.
    Raises JournalError.
    """
    ended: list[int] = []

    def end(number: int, _: object) -> None:
        if number == signal.SIGUSR1 or parent_pid is None or os.getppid() != parent_pid:
            ended.append(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, end)
    if parent_pid is not None:
        die_with(parent_pid)
    if cpu >= 0:
        os.sched_setaffinity(0, {cpu})
    control = open_control(memory, writable=True)
    row = control.row
    lock_file = lock_folder(folder) if lock_file is None else lock_file
    try:
        start = control.load("durable_records")
        log, disk = open_log(
            LocalFiles(),
            folder,
            control.identity,
            archive_folder=archive_folder,
            segment_bytes=segment_bytes,
            group_records_max=group_records_max,
            from_sequence=max(1, start),
        )
        if log.last_sequence != start:
            disk.abandon()
            raise JournalDamaged(
                f"{folder}: the log ends with record {log.last_sequence}, the venue was started with {start}."
            )
        row["writer_pid"] = os.getpid()
        row["writer_state"] = JOURNAL_WRITER_RUNS
        chain = log.last_crc32c if start else control.identity.epoch
        follower = Follower(memory, start + 1, verify_from_crc32c=chain)
        ready(start)
        write_groups(
            follower,
            disk,
            control,
            stopped=lambda: bool(ended) or bool(row["closed"]),
            idle=idle,
            group_records_max=group_records_max,
            on_problem=on_problem,
        )
        if row["closed"]:
            disk.close()
        else:
            disk.abandon()  # whoever was killed has not ended in good order
        row["writer_state"] = JOURNAL_WRITER_ENDED
    except BaseException:
        row["writer_state"] = JOURNAL_WRITER_FAILED
        raise
    finally:
        os.close(lock_file)
