"""A subscriber as a process of its own: joins the feed, loses some of it on purpose, completes it over TCP.

It ends at SIGTERM, once nothing is missing any more, and prints one JSON object: what it counted and the digest of its
book, to be held against the engine's.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time

import click

from appliance.client.drill import Dropper
from appliance.client.follower import FeedAddress, FeedFollower
from appliance.config import load

POLL_SECONDS = 0.02
QUIET_SECONDS = 1.5
"""After SIGTERM it stays until nothing new has come for longer than a heartbeat takes."""
STAY_SECONDS_MAX = 60.0


@click.command()
@click.option("--config", "config_path", required=True, help="The venue's configuration, as JSON.")
@click.option("--interface-ip", required=True, help="Address of our interface to the feed.")
@click.option("--drop-percent", type=click.FloatRange(0, 100), default=0.0, help="Datagrams to lose on purpose.")
@click.option("--seed", type=int, default=1, help="Which of them.")
@click.option("--cpu", type=int, default=-1, help="CPU to stay on.")
@click.option("--yielding", is_flag=True, help="Take only the CPU time that nobody else wants.")
def main(config_path: str, interface_ip: str, drop_percent: float, seed: int, cpu: int, yielding: bool) -> None:
    """Follow the feed of a venue until SIGTERM."""
    asked_to_end: list[float] = []
    signal.signal(signal.SIGTERM, lambda *_: asked_to_end.append(time.monotonic()))
    if cpu >= 0:
        os.sched_setaffinity(0, {cpu})
    if yielding:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    config = load(config_path)
    address = FeedAddress(
        group=config.feed.group,
        udp_port=config.feed.udp_port,
        interface_ip=interface_ip,
        recovery_ip=config.recovery.ip,
        recovery_port=config.recovery.tcp_port,
    )
    with FeedFollower(address, dropper=Dropper(drop_percent, seed)) as follower:
        print(json.dumps({"joined": config.feed.group}), flush=True)
        last_new = time.monotonic()
        while True:
            now = time.monotonic()
            if follower.poll(POLL_SECONDS):
                last_new = now
            if asked_to_end:
                if yielding:
                    yielding = False
                    with contextlib.suppress(PermissionError):  # the client is done: its CPU is free in any case
                        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
                quiet = now - max(last_new, asked_to_end[0]) > QUIET_SECONDS
                if (quiet and not follower.recovering) or now - asked_to_end[0] > STAY_SECONDS_MAX:
                    break
        counted = vars(follower.handler.counters)
        print(
            json.dumps(
                {
                    "counters": counted,
                    "dropped_on_purpose": follower.dropper.dropped,
                    "recoveries": follower.recoveries,
                    "recovering": follower.recovering,
                    "open_orders": follower.book.open_orders(),
                    "book_faults": follower.book.faults,
                    "book_digest": follower.book.digest(),
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
