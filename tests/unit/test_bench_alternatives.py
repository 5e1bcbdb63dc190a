"""The designs that bench/alternatives times: every one gives the recorded answers, and the record is a book's."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.book.match import apply
from appliance.book.state import allocate_book
from bench.alternatives.__main__ import designs, wrong_answers
from bench.alternatives.record import LEVEL_DROP, NAME_FIND, NAME_TAKE, QUEUE_LEAVE, Operations, record
from bench.flows import SCENARIOS, FriendlyScenario, Scenario, make_flow
from native.layout import EVENT

ORDERS_MAX = 4096
LEVELS_MAX = 2048
MESSAGES = 4000
SMALL = {
    "one instrument": SCENARIOS["swing_40"]._replace(resting=700, depth_ticks=300),
    "many instruments": SCENARIOS["routine_100"]._replace(resting=1500, instruments=20),
    "friendly": SCENARIOS["friendly_1"]._replace(resting=900),
}


@pytest.mark.parametrize("scenario", SMALL.values(), ids=SMALL)
def test_all_designs_give_the_recorded_answers(scenario: Scenario | FriendlyScenario) -> None:
    commands, before = make_flow(scenario, MESSAGES, 5)
    told, recorder = record(commands, before, scenario.instruments, ORDERS_MAX, LEVELS_MAX)
    assert {NAME_FIND, NAME_TAKE} <= set(told["index"].rows[:, 0].tolist())
    assert LEVEL_DROP in told["levels"].rows[:, 0] and QUEUE_LEAVE in told["queues"].rows[:, 0]
    for structure in told:
        assert told[structure].answers.size - told[structure].first > MESSAGES // 20
    for design in designs(scenario.instruments, recorder.levels_a_side_max, ORDERS_MAX, LEVELS_MAX):
        assert wrong_answers(design, told[design.structure]) == 0, design.name


def test_a_wrong_answer_is_seen() -> None:
    scenario = SMALL["friendly"]
    commands, before = make_flow(scenario, MESSAGES, 6)
    told, recorder = record(commands, before, scenario.instruments, ORDERS_MAX, LEVELS_MAX)
    for design in designs(scenario.instruments, recorder.levels_a_side_max, ORDERS_MAX, LEVELS_MAX):
        rows, answers, first = told[design.structure]
        changed = answers.copy()
        changed[-1] += 1
        assert wrong_answers(design, Operations(rows, changed, first)) == 1, design.name


@pytest.mark.parametrize("scenario", SMALL.values(), ids=SMALL)
def test_the_recorded_market_ends_as_the_book_does(scenario: Scenario | FriendlyScenario) -> None:
    commands, before = make_flow(scenario, MESSAGES, 7)
    _, recorder = record(commands, before, scenario.instruments, ORDERS_MAX, LEVELS_MAX)
    book = allocate_book(scenario.instruments, ORDERS_MAX, LEVELS_MAX)
    events = np.zeros(1024, dtype=EVENT)
    for at in range(commands.size):
        assert apply(book, commands, at, events, 0) >= 0
    rests = book.orders[book.orders["leaves_lots"] > 0]
    in_book = {
        (int(one["session"]), int(one["cl_ord_id"])): (int(one["price_ticks"]), int(one["leaves_lots"]))
        for one in rests
    }
    recorded = {
        name: (order.key if order.side & 1 else ~order.key, order.leaves_lots) for name, order in recorder.names.items()
    }
    assert in_book == recorded
    assert int(book.state[0]["open_levels"]) == sum(len(keys) for keys in recorder.keys)
