"""`pitwire warmup`: compile every kernel now, so that nothing compiles later."""

from __future__ import annotations

import json
import time

import click


@click.command("warmup")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Compile the kernels into the cache, or find that they are there.

    Kernels are compiled for this CPU, once for each state of the sources; it takes one to four minutes and is done by
    `make`. Without it the first start does the same.

    \b
    Example:
      pitwire warmup
    """
    start = time.perf_counter()
    import appliance.recovery.warm_up as recovery
    from appliance.client import replayer
    from appliance.control import warm_up
    from appliance.distributor.warmup import warm_up as warm_up_distributor
    from appliance.history import player
    from native.jit import cache_folder

    warm_up()
    player.warm_up()
    recovery.warm_up()
    replayer.warm_up()
    warm_up_distributor()
    seconds = time.perf_counter() - start
    if as_json:
        click.echo(json.dumps({"seconds": round(seconds, 3), "cache": str(cache_folder())}))
    else:
        click.echo(f"kernels ready in {seconds:.1f} s (cache: {cache_folder()})")
