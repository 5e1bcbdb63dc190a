"""`python -m appliance.distributor`: the distributor, as the appliance starts it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from appliance.distributor.process import DistributorError, ready_line, run


@click.command(epilog="Example: python -m appliance.distributor --folder /dev/shm/pitwire-pitwire")
@click.option(
    "--folder",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Shared memory of a running appliance.",
)
@click.option("--parent-pid", type=int, default=None, help="End when this process, the parent, does.")
def main(folder: Path, parent_pid: int | None) -> None:
    """Make line B, L2, L1, depth tiers and snapshots of an appliance's L3 feed, and send them.

    Prints one JSON line once it begins. One at a time for each appliance; `pitwire run` starts it.
    """
    try:
        run(folder, parent_pid, lambda process: print(ready_line(process), flush=True))
    except DistributorError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
