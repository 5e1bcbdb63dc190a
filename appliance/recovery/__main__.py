"""`python -m appliance.recovery`: the TCP retransmit server."""

from __future__ import annotations

import json
import logging
import sys

import click

from appliance.recovery.process import RecoveryError, run
from appliance.recovery.server import ServerLimits


@click.command(
    epilog="Example: python -m appliance.recovery --store /dev/shm/pitwire-pitwire --ip 127.0.0.1 --port 26402"
)
@click.option("--store", required=True, metavar="DIR|FILE", help="Feed store of the instance, or its folder.")
@click.option("--ip", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=26402, show_default=True, help="TCP port; 0: any.")
@click.option("--messages-a-request-max", type=click.IntRange(1, 65_536), default=65_536, show_default=True)
@click.option("--connections-max", type=click.IntRange(1, 10_000), default=64, show_default=True)
@click.option("--idle-seconds", type=click.FloatRange(min=0.05), default=60.0, show_default=True)
@click.option("--stall-seconds", type=click.FloatRange(min=0.05), default=5.0, show_default=True)
@click.option("--wait-seconds", type=click.FloatRange(min=0), default=5.0, show_default=True, help="For the store.")
@click.option("--parent-pid", type=int, default=None, help="End when this process, the parent, does.")
def main(
    store: str,
    ip: str,
    port: int,
    messages_a_request_max: int,
    connections_max: int,
    idle_seconds: float,
    stall_seconds: float,
    wait_seconds: float,
    parent_pid: int | None,
) -> None:
    """Give published market data again, by sequence number, over TCP.

    Prints one JSON line with its address once it listens, and one with its counters when it ends (SIGTERM, SIGINT).
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s recovery %(message)s")
    limits = ServerLimits(
        messages_a_request_max=messages_a_request_max,
        connections_max=connections_max,
        idle_seconds_max=idle_seconds,
        stall_seconds_max=stall_seconds,
    )
    try:
        counters = run(
            store,
            ip,
            port,
            limits=limits,
            parent_pid=parent_pid,
            wait_seconds=wait_seconds,
            ready=lambda ip, port: print(json.dumps({"listening": {"ip": ip, "port": port}}), flush=True),
        )
    except RecoveryError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    print(json.dumps({"counters": counters}), flush=True)


if __name__ == "__main__":
    main()
