"""The gateway as a process of its own: what it is given, signals, the parent's death, what it says at start and end."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from appliance.config import Config, ConfigError, load
from appliance.gateway.connection import TcpLimits
from appliance.gateway.drop_copy_server import DropCopy
from appliance.gateway.report_log import ReportLog, ReportLogError
from appliance.gateway.ring import Ring, RingError
from appliance.gateway.server import Gateway
from appliance.journal.control import open_control
from appliance.journal.process import die_with
from appliance.journal.records import JournalError
from appliance.keys import KeysError, KeysFile
from native.gateway_layout import GATEWAY_COUNTERS_NAME

CONFIG_NAME: Final = "config.json"
OUTWARD_NAME: Final = "gateway.out"
INWARD_NAME: Final = "gateway.in"
REPORTS_NAME: Final = "reports"

log = logging.getLogger("pitwire.gateway")


class GatewayError(Exception):
    """The gateway cannot start, or go on; the message is one sentence that says why."""


def make_gateway(folder: Path, config: Config) -> Gateway:
    """The gateway of the instance whose shared memory is in `folder`. Raises GatewayError."""
    table = config.gateway
    rows = {session.key_id: row for row, session in enumerate(config.sessions) if session.key_id}
    try:
        keys_file = KeysFile(table.keys_file)
        for key_id in (*rows, *(copy.key_id for copy in config.drop_copies)):
            if key_id not in keys_file.keys:
                log.warning("%s has no key %s: until it does, nobody can log on with it.", table.keys_file, key_id)
        reports = ReportLog(folder / REPORTS_NAME) if (folder / REPORTS_NAME).exists() else None
        durable = None
        if config.journal.mode == "disk":
            control = open_control(folder)

            def durable() -> int:
                return control.load("durable_records")

        return Gateway(
            Ring(folder / OUTWARD_NAME),
            Ring(folder / INWARD_NAME),
            keys_file,
            rows,
            TcpLimits(
                connections_max=table.connections_max,
                connections_a_source_max=table.connections_a_source_max,
                logon_seconds_max=table.logon_ms / 1000,
                stall_seconds_max=table.stall_ms / 1000,
                framing=table.framing,
            ),
            table.bad_logons_max,
            table.closed_seconds,
            reports,
            durable,
            counters_path=folder / GATEWAY_COUNTERS_NAME,
        )
    except (RingError, KeysError, ReportLogError, JournalError) as error:
        raise GatewayError(f"{error}") from None


def drop_copies_of(config: Config) -> list[DropCopy]:
    """What [[drop_copies]] says."""
    firms = {firm.id: at for at, firm in enumerate(config.firms)} if config.accounts else {0: 0}
    found = []
    for row in config.drop_copies:
        name = f"drop-copy-{row.firm}-{config.epoch}.{config.name}.pitwire.example"
        classification = f"drop copy of firm {row.firm}, epoch {config.epoch}"
        found.append(DropCopy(row.key_id, firms[row.firm], name, classification))
    return found


async def _serve(gateway: Gateway, config: Config, ready: Callable[[str, int], None]) -> None:
    table = config.gateway
    copies = drop_copies_of(config)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    loop.add_signal_handler(signal.SIGUSR1, lambda: log.info("counters %s", json.dumps(gateway.counters)))
    tcp_port = table.tcp_port
    try:
        address = await gateway.listen(table.ip, tcp_port)
        if copies:
            tcp_port = table.drop_copy_port
            await gateway.listen_for_drop_copies(copies, table.ip, tcp_port)
    except OSError as error:
        raise GatewayError(f"Cannot listen on TCP {table.ip}:{tcp_port}: {error.strerror}.") from None
    ready(*address)
    try:
        await gateway.serve(ended)
    except (RingError, ReportLogError) as error:
        raise GatewayError(f"{error}") from None
    finally:
        await gateway.stop()


def run(
    folder: str | Path,
    *,
    parent_pid: int | None = None,
    ready: Callable[[str, int], None] = lambda ip, tcp_port: None,
) -> dict[str, int]:
    """Serve the instance in `folder` until SIGTERM or SIGINT; returns the counters. Raises GatewayError.

    `ready(ip, port)` is called once the TCP port is open. With `parent_pid` it ends when that process does. SIGUSR1
    writes the counters to the log.
    """
    place = Path(folder)
    try:
        if parent_pid is not None:
            die_with(parent_pid)
        config = load(place / CONFIG_NAME)
    except (JournalError, ConfigError) as error:
        raise GatewayError(f"{error}") from None
    gateway = make_gateway(place, config)
    asyncio.run(_serve(gateway, config, ready))
    return dict(gateway.counters)


def command_line(folder: str | Path, *, parent_pid: int | None = None, python: str = sys.executable) -> list[str]:
    """The command that starts the gateway as a child process (`subprocess.Popen`)."""
    words = [python, "-m", "appliance.gateway", "--shared", str(folder)]
    return words if parent_pid is None else [*words, "--parent-pid", str(parent_pid)]
