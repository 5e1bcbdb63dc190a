"""The client library against the real core: a network that loses, doubles, delays and damages 10 % each, both ways."""

from __future__ import annotations

import json

import pytest

from tests.loss_drill import LossDrill
from tests.lossy_network import Damage

HOW = {
    "provisioned": ({"keyed": False}, 4_000),
    "with keys": ({"keyed": True}, 14_000),
    "with keys, new sessions": ({"keyed": True, "renews": True}, 2_000),
}
"""20,000 requests in all."""
FAULTS = ("lost", "doubled", "delayed", "damaged")


def drill(messages: int, seed: int, **how: bool) -> LossDrill:
    """Run and check one."""
    with LossDrill(messages, seed=seed, **how) as done:
        done.run()
        done.check()
        return done


@pytest.mark.parametrize("how", HOW)
def test_every_request_counts_once_and_every_ledger_is_exact(how):
    options, messages = HOW[how]
    done = drill(messages, seed=5, **options)
    counts = done.counts()
    assert all(0.07 < counts[fault] / counts["sent"] < 0.13 for fault in FAULTS)
    assert counts["not applied"] > messages / 20 and counts["retransmit requests"] > messages / 100
    if options["keyed"]:
        assert counts["log-ons"] > len(done.traders) and counts["log-outs"]
        assert counts["renewals"] or not options.get("renews")


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    ("how", "messages"), [("with keys", 1_000_000), ("provisioned", 1_000_000), ("with keys, new sessions", 100_000)]
)
def test_the_same_for_a_million_requests(how, messages):
    done = drill(messages, seed=1, **HOW[how][0])
    print(json.dumps(done.counts()))


def test_damage_that_no_checksum_shows_breaks_nothing_that_is_ours():
    """A device on the way that damages payloads and makes every checksum right again, both ways: requests may then be
    other requests, and reports other reports. UUID, numbers, lengths, types and ranges refuse most of it; what is left
    only TCP with its own protection, or a network that is trusted, keeps away. Even so the venue stays sound."""
    with LossDrill(2_000, seed=3, keyed=True, damage=Damage.DISHONEST) as done:
        try:
            done.trade()
        except AssertionError:
            assert max(int(row["cl_ord_id"]) for row in done.rig.exchange.tables.sessions[:3]) > 10**6
        done.check_once()
        assert sum(trader.session.counters.datagrams_bad for trader in done.traders)
