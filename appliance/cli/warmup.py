"""`pitwire warmup`: compile every kernel now, so that nothing compiles later."""

from __future__ import annotations

import json
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import click


@click.command("warmup")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Compile the kernels into the cache, or find that they are there; remove the caches of older sources.

    Kernels are compiled for this CPU, once for each state of the sources, by two processes; it takes one to three
    minutes and is done by `make`. Without it the first start does the same.

    \b
    Example:
      pitwire warmup
    """
    start = time.perf_counter()
    from native.kernel_cache import cache_folder, remove_unused

    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        for part in [processes.submit(_venue), processes.submit(_readers)]:
            part.result()
    folder = cache_folder()
    remove_unused(folder)
    seconds = time.perf_counter() - start
    if as_json:
        click.echo(json.dumps({"seconds": round(seconds, 3), "cache": str(folder)}))
    else:
        click.echo(f"kernels ready in {seconds:.1f} s (cache: {folder})")


def _venue() -> None:
    """The loop with all that it does, and what plays its records again."""
    from appliance.control import warm_up
    from appliance.history import player

    warm_up()
    player.warm_up()


def _readers() -> None:
    """What reads the feed, or stands beside the venue: they share next to nothing with it."""
    import appliance.distributor.warmup as distributor
    import appliance.recovery.warm_up as recovery
    from appliance.client import replayer

    recovery.warm_up()
    replayer.warm_up()
    distributor.warm_up()
