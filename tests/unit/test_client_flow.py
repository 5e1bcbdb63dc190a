"""The server's flow as its receiver sees it: order, holes, bounds."""

from __future__ import annotations

from appliance.client.flow import ASK_MAX, HELD_MAX, ReportFlow


def test_near_holes_are_asked_for_together_and_requests_are_bounded():
    flow = ReportFlow()
    flow.take(2, ["b"])
    flow.take(5, ["e"] * 20)
    flow.take(30, ["x"])
    assert flow.wanted() == (1, 4) and (flow.missing, flow.held) == (8, 22)
    assert flow.take(1, ["a"]) == [(1, "a"), (2, "b")] and flow.wanted() == (3, 2)
    far = ReportFlow()
    far.announce(5000)
    assert far.wanted() == (1, ASK_MAX)


def test_what_is_held_is_bounded_and_asked_for_later():
    flow = ReportFlow()
    flow.take(HELD_MAX + 2, ["late"])
    assert flow.held == 0 and flow.missing == HELD_MAX + 2


def test_a_new_binding_corrects_what_damage_promised():
    flow = ReportFlow()
    flow.take(3, ["c"])
    flow.announce(1000)
    flow.take(900, ["wrong"])
    flow.restart(4)
    assert (flow.end_seq, flow.held, flow.wanted()) == (4, 1, (1, 2))
