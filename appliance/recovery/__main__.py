"""`python -m appliance.recovery`: the TCP retransmit server."""

from __future__ import annotations

import json
import logging
import sys

import click

from appliance.config import ConfigError, load
from appliance.recovery.limits import ServerLimits
from appliance.recovery.process import RecoveryError, run


@click.command(
    epilog="Example: python -m appliance.recovery --store /dev/shm/pitwire-pitwire --ip 127.0.0.1 --port 26402"
)
@click.option("--store", required=True, metavar="DIR|FILE", help="Feed store of the instance, or its folder.")
@click.option("--config", "config_path", metavar="FILE", help="Configuration of the instance; none: the default one.")
@click.option("--ip", help="Address to listen on; by default that of the configuration.")
@click.option("--port", type=click.IntRange(0, 65535), help="TCP port; 0: any; by default that of the configuration.")
@click.option("--idle-seconds", type=click.FloatRange(min=0.05), default=60.0, show_default=True)
@click.option("--stall-seconds", type=click.FloatRange(min=0.05), default=5.0, show_default=True)
@click.option("--wait-seconds", type=click.FloatRange(min=0), default=5.0, show_default=True, help="For the store.")
@click.option("--parent-pid", type=int, default=None, help="End when this process, the parent, does.")
def main(
    store: str,
    config_path: str | None,
    ip: str | None,
    port: int | None,
    idle_seconds: float,
    stall_seconds: float,
    wait_seconds: float,
    parent_pid: int | None,
) -> None:
    """Give published market data again, by sequence number or as a snapshot, over TCP.

    Prints one JSON line with its address once it listens, and one with its counters when it ends (SIGTERM, SIGINT).
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s recovery %(message)s")
    try:
        config = load(config_path)
        counters = run(
            store,
            config,
            limits=ServerLimits.of(config.recovery, idle_seconds_max=idle_seconds, stall_seconds_max=stall_seconds),
            ip=ip,
            tcp_port=port,
            parent_pid=parent_pid,
            wait_seconds=wait_seconds,
            ready=lambda ip, port: print(json.dumps({"listening": {"ip": ip, "port": port}}), flush=True),
        )
    except (RecoveryError, ConfigError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    print(json.dumps({"counters": counters}), flush=True)


if __name__ == "__main__":
    main()
