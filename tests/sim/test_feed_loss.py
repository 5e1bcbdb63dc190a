"""Loss drills: whatever the lines do, a subscriber's books are the venue's whenever it says that they are."""

from __future__ import annotations

import dataclasses

import pytest

from appliance.client.feed_words import FeedState, SubscriberPolicy
from appliance.client.kernel_book import KernelBook
from appliance.client.relay import LinePolicy
from tests.naive.feed_drill import Drill, Plan

GOOD = LinePolicy()
RANDOM = LinePolicy(loss_percent=30, jitter_ns=600_000, reorder_percent=5, duplicate_percent=5)
BURSTS = LinePolicy(burst_percent=30, burst_length=12, delay_ns=100_000, jitter_ns=100_000)
OLD = LinePolicy(loss_percent=30, delay_ns=20_000_000, jitter_ns=2_000_000, duplicate_percent=5)
"""Snapshots that are older than holes when they come."""
LINES = {
    "random loss on A": (RANDOM, GOOD),
    "random loss on B": (GOOD, RANDOM),
    "random loss on both": (RANDOM, RANDOM),
    "bursts on A": (BURSTS, GOOD),
    "bursts on both": (BURSTS, BURSTS),
    "one line": (RANDOM,),
    "three lines": (RANDOM, BURSTS, RANDOM),
}
RANGES = SubscriberPolicy(from_first=True, retry_ns=2_000_000)
SNAPSHOTS = SubscriberPolicy(retry_ns=2_000_000, has_ranges=False, has_snapshots=True)
LOOP = SubscriberPolicy(retry_ns=2_000_000, has_ranges=False, has_snapshot_loop=True)
EVERYTHING = SubscriberPolicy(
    retry_ns=2_000_000, has_snapshots=True, has_snapshot_loop=True, hole_messages_max=20, range_failures_max=1
)
POLICIES = {"ranges": RANGES, "snapshots": SNAPSHOTS, "loop": LOOP, "everything": EVERYTHING}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("lines", LINES)
def test_books_are_right_or_recovering(lines: str, policy: str) -> None:
    drill = Drill(len(lines) + len(policy), Plan(LINES[lines], OLD, POLICIES[policy], steps=160))
    drill.run()
    if drill.plan.lines[0] is not GOOD and drill.plan.lines[-1] is not GOOD:
        counters = [follower.subscriber.handler.counters for follower in drill.followers]
        assert all(counted.gaps for counted in counters)
    if policy in ("ranges", "everything"):  # by snapshots alone, every transaction may find another hole
        assert all(follower.told_sound for follower in drill.followers)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_publisher_that_starts_anew_is_no_gap(policy: str) -> None:
    plan = Plan(LINES["random loss on both"], RANDOM, POLICIES[policy], steps=240, restart_at=120)
    drill = Drill(77, plan)
    drill.run()
    assert all(follower.subscriber.handler.epoch == 2 for follower in drill.followers)


@pytest.mark.parametrize("policy", ["ranges", "snapshots", "everything"])
def test_a_recovery_server_that_is_gone_for_a_while(policy: str) -> None:
    plan = Plan(LINES["bursts on both"], BURSTS, POLICIES[policy], steps=300, server_down=(40, 200))
    drill = Drill(5, plan)
    drill.run()
    assert any(follower.subscriber.counters.failures for follower in drill.followers)


@pytest.mark.parametrize("policy", ["snapshots", "loop", "everything"])
@pytest.mark.parametrize("before", [1, 150])
def test_a_late_joiner_becomes_right(policy: str, before: int) -> None:
    plan = Plan(LINES["random loss on both"], RANDOM, POLICIES[policy], steps=200, transactions_before=before)
    drill = Drill(9 + before, plan)
    drill.run()
    if before > 1:
        for follower in drill.followers:
            assert FeedState.JOINING in follower.states
            assert follower.subscriber.counters.snapshots_loaded


def test_kernels_come_through_the_same_drill() -> None:
    plan = Plan(
        LINES["random loss on both"], RANDOM, EVERYTHING, steps=160, restart_at=100,
        books=lambda level: KernelBook(level, 16, 1024, 256),
    )  # fmt: skip
    drills = [Drill(3, plan), Drill(3, dataclasses.replace(plan, books=Plan.books))]
    for drill in drills:
        drill.run()
    told = [[(one.told_sound, one.told_recovering, one.states) for one in drill.followers] for drill in drills]
    assert told[0] == told[1]


@pytest.mark.parametrize("policy", POLICIES)
def test_whole_packets_come_through_too(policy: str) -> None:
    plan = Plan(
        (RANDOM, BURSTS), OLD, POLICIES[policy], steps=250, restart_at=150, by_packets=True,
        books=lambda level: KernelBook(level, 16, 1024, 256),
    )  # fmt: skip
    drill = Drill(21, plan)
    drill.run()
    assert all(follower.told_sound for follower in drill.followers)
    assert any(follower.subscriber._by_packets for follower in drill.followers)


@pytest.mark.parametrize("policy", ["snapshots", "loop", "everything"])
@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 60))])
def test_damage_is_come_over(policy: str, seed: int) -> None:
    """Numbers, epochs and instruments from nowhere: whatever they did, in the end everybody is complete again."""
    damage = LinePolicy(loss_percent=5, corrupt_percent=4)
    short = dataclasses.replace(POLICIES[policy], silence_ns=20_000_000)
    drill = Drill(seed, Plan((damage, damage), damage, short, steps=200, compares=False))
    drill.run()
    for follower in drill.followers:
        counted = follower.subscriber.handler.counters
        assert all(line.counts.corrupted for line in follower.lines)
        assert counted.packets_bad + counted.packets_of_others + counted.packets_of_old_epochs + counted.packets_behind


@pytest.mark.long
@pytest.mark.parametrize("seed", range(40))
def test_many_drills(seed: int) -> None:
    names, policies = list(LINES), list(POLICIES)
    plan = Plan(
        LINES[names[seed % len(names)]],
        BURSTS if seed % 2 else RANDOM,
        POLICIES[policies[seed % len(policies)]],
        steps=1500,
        transactions_before=seed % 3 * 40,
        restart_at=700 if seed % 5 == 0 else -1,
        server_down=(200, 500) if seed % 4 == 1 else (0, 0),
    )
    Drill(seed, plan).run()
