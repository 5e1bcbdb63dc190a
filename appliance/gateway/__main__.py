"""`python -m appliance.gateway`: log-ons are verified, and order entry over TCP, for one instance."""

from __future__ import annotations

import json
import logging
import sys

import click

from appliance.gateway.process import GatewayError, run


@click.command(epilog="Example: python -m appliance.gateway --shared /dev/shm/pitwire-pitwire")
@click.option("--shared", required=True, metavar="DIR", help="Folder of the instance in shared memory.")
@click.option("--parent-pid", type=int, default=None, help="End when this process, the parent, does.")
def main(shared: str, parent_pid: int | None) -> None:
    """Verify log-ons and serve order entry over TCP. `pitwire run` starts it where [gateway] is enabled.

    Prints one JSON line with its address once it listens, and one with its counters when it ends (SIGTERM, SIGINT).
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s gateway %(message)s")
    try:
        counters = run(
            shared,
            parent_pid=parent_pid,
            ready=lambda ip, port: print(json.dumps({"listening": {"ip": ip, "port": port}}), flush=True),
        )
    except GatewayError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    print(json.dumps({"counters": counters}), flush=True)


if __name__ == "__main__":
    main()
