"""A venue in mode `disk` whose disk lets it down, for real: no room on a small file system, a log that vanishes, a
folder that cannot be written. One sentence, a counter, a safe wait or a safe stop; never a false acknowledgement."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.config import Config
from appliance.exchange import SharedFolder
from appliance.observe import Observer
from appliance.replay import replay_journal
from native.jit import INTERPRETED
from native.log_layout import JOURNAL_WRITER_RUNS, JOURNAL_WRITER_WAITS
from tests.sim.test_kill_drill import HEADER_BYTES, Client, number_of, venue_config
from wire.capture import open_capture
from wire.net.frames import parse_udp_frame

pytestmark = pytest.mark.skipif(INTERPRETED, reason="a start takes minutes in interpreted kernels")

UDP_PORT = 26960
WAIT_SECONDS = 60
NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")


def can_mount() -> bool:
    """Whether a small file system can be had in a namespace of its own."""
    words = [*NAMESPACE, "mount", "-t", "tmpfs", "-o", "size=1m", "none", "/mnt"]
    return bool(shutil.which("unshare")) and subprocess.run(words, capture_output=True, check=False).returncode == 0


FAILING_SYNC = """
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>
int fdatasync(int file) {
    static int calls;
    if (++calls > 60) { errno = EIO; return -1; }
    return (int)syscall(SYS_fdatasync, file);
}
"""


class Running:
    """`pitwire run`, and a client of it."""

    def __init__(
        self, config: Config, folder: Path, before: str = "", environment: dict[str, str] | None = None
    ) -> None:
        self.config = config
        path = folder / "venue.json"
        path.write_text(config.to_json())
        words = [sys.executable, "-m", "appliance.cli", "run", "--config", str(path), "--json"]
        if before:
            words = [
                "unshare",
                "--user",
                "--map-root-user",
                "--mount",
                "sh",
                "-c",
                f'{before} && exec "$@"',
                "sh",
                *words,
            ]
        self.process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.client = Client(1, config.order_entry.udp_port, random.Random(1))

    def await_ready(self) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()
        self.observer = Observer(self.config.name)

    def send_until(self, done: Callable[[], bool]) -> None:
        """Orders without pause; what comes back is kept."""
        until = time.monotonic() + WAIT_SECONDS
        while not done():
            assert time.monotonic() < until
            self.client.send_new()
            time.sleep(0.0004)
            self.client.read()

    def read_until(self, done: Callable[[], bool]) -> None:
        """Send nothing and read."""
        until = time.monotonic() + WAIT_SECONDS
        while not done():
            assert time.monotonic() < until
            time.sleep(0.01)
            self.client.read()

    def log(self) -> dict[str, int]:
        return self.observer.snapshot().log

    def end(self, number: int | None = signal.SIGTERM) -> tuple[int, str]:
        """Exit status, and what it said on standard error."""
        if number is not None:
            self.process.send_signal(number)
        _, said = self.process.communicate(timeout=WAIT_SECONDS)
        return self.process.returncode, said

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.client.socket.close()
        shutil.rmtree(SharedFolder(self.config.name).path, ignore_errors=True)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    runs: list[Running] = []

    def start(config: Config, before: str = "", environment: dict[str, str] | None = None) -> Running:
        runs.append(Running(config, tmp_path, before, environment))
        return runs[-1]

    yield start
    for run in runs:
        run.close()


def all_that_was_said_is_in(log: Path, venue: Running, tmp_path: Path) -> None:
    """Every answer that the client has is what the log on disk leads to, byte for byte."""
    out = tmp_path / "said.pcap"
    replay_journal(log, venue.config, out=out)
    payloads = [bytes(parse_udp_frame(packet.data).payload) for packet in open_capture(out)]
    client = venue.client
    told = {number_of(one): one for one in payloads if one[HEADER_BYTES : HEADER_BYTES + 16] == client.uuid}
    assert len(client.answers) > 10
    for number, payload in client.answers.items():
        assert told.get(number) == payload, f"message {number}"


@pytest.mark.skipif(not can_mount(), reason="no file system can be mounted in a namespace of our own here")
def test_a_full_disk_is_waited_for_and_then_it_goes_on(tmp_path: Path, started: Callable[..., Running]) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    config = venue_config("disk", UDP_PORT, disk / "log")
    mount = f"mount -t tmpfs -o size=9m none {disk} && head -c 4000000 /dev/zero > {disk}/ballast"
    venue = started(config, mount)
    venue.await_ready()
    venue.send_until(lambda: venue.log()["writer_state"] == JOURNAL_WRITER_WAITS)
    time.sleep(0.3)
    venue.client.read()
    full = venue.log()
    assert full["no_room"] == 1
    said, durable = len(venue.client.answers), full["durable_records"]
    for _ in range(20):  # taken as long as there is room for the answers, and not answered
        venue.client.send_new()
        time.sleep(0.01)
        venue.client.read()
    assert (len(venue.client.answers), venue.log()["durable_records"]) == (said, durable)
    assert venue.log()["committed_records"] > durable
    inside = Path(f"/proc/{venue.process.pid}/root{disk}")
    (inside / "ballast").unlink()
    venue.read_until(lambda: len(venue.client.answers) > said)
    venue.read_until(lambda: venue.log()["waiting_records"] == 0)
    venue.client.read()
    assert venue.log()["writer_state"] == JOURNAL_WRITER_RUNS
    shutil.copytree(inside / "log", tmp_path / "copy")
    code, told = venue.end()
    assert code == 0, told
    assert told.count("there is no room for the next segment") >= 1 and "nothing is acknowledged until then" in told
    all_that_was_said_is_in(tmp_path / "copy", venue, tmp_path)


@pytest.mark.long
def test_a_log_that_vanishes_is_a_safe_stop(tmp_path: Path, started: Callable[..., Running]) -> None:
    config = venue_config("disk", UDP_PORT + 2, tmp_path / "log")
    venue = started(config)
    venue.await_ready()
    venue.send_until(lambda: len(venue.client.answers) > 20)
    (tmp_path / "log").rename(tmp_path / "elsewhere")
    venue.send_until(lambda: venue.process.poll() is not None)
    venue.client.read()
    code, told = venue.end(None)
    assert code == 1
    assert "has been removed or replaced while it was written; nothing after record" in told
    assert "Error: The disk writer ended" in told and told.count("\n") == 2, told
    all_that_was_said_is_in(tmp_path / "elsewhere", venue, tmp_path)


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler `cc`")
def test_a_sync_that_fails_is_a_safe_stop_and_the_next_start_carries_on(
    tmp_path: Path, started: Callable[..., Running]
) -> None:
    (tmp_path / "shim.c").write_text(FAILING_SYNC)
    shim = tmp_path / "shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(shim), str(tmp_path / "shim.c")], check=True)
    config = venue_config("disk", UDP_PORT + 6, tmp_path / "log")
    venue = started(config, environment={"LD_PRELOAD": str(shim)})
    venue.await_ready()
    venue.send_until(lambda: venue.process.poll() is not None)
    venue.client.read()
    code, told = venue.end(None)
    assert code == 1
    assert "cannot be written: Input/output error; nothing after record" in told
    assert "Error: The disk writer ended" in told and told.count("\n") == 2, told
    all_that_was_said_is_in(tmp_path / "log", venue, tmp_path)
    answers = len(venue.client.answers)
    again = started(config)
    again.client.socket.close()
    again.client = venue.client
    again.await_ready()
    again.client.send_again()
    again.send_until(lambda: len(again.client.answers) > answers + 10)
    assert again.end()[0] == 0
    all_that_was_said_is_in(tmp_path / "log", again, tmp_path)


def test_a_folder_that_cannot_be_written_is_a_refusal(tmp_path: Path, started: Callable[..., Running]) -> None:
    (tmp_path / "log").write_text("a file in the place of the folder")
    venue = started(venue_config("disk", UDP_PORT + 4, tmp_path / "log"))
    code, told = venue.end(None)
    assert code == 1
    assert f"Error: {tmp_path / 'log'}: the log cannot be written there: File exists." in told
    assert not SharedFolder(venue.config.name).path.exists()
