"""Operators' commands: docs/RISK.md, section 4. A command is a mapping with the names of ADMIN; None: not named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.naive.accounts import numbers as a
from tests.naive.accounts.state import Books

Command = Mapping[str, Any]


def carry_out(books: Books, command: Command) -> int:
    """0, or why it is refused."""
    if command.get("session") is not None:
        return why_not_session(books, command)
    if not books.accounts:
        return a.NO_ACCOUNTS
    action = ACTIONS.get(command["action"])
    if action is None:
        return a.NO_ACTION
    if command["account"] is not None and command["account"] not in books.accounts:
        return a.NO_ACCOUNT
    if command["firm"] is not None and command["firm"] not in books.firm_kill:
        return a.NO_FIRM
    if command["instrument"] is not None and command["instrument"] >= len(books.config.instruments):
        return a.NO_INSTRUMENT
    return action(books, command)


def why_not_session(books: Books, command: Command) -> int:
    """A kill or reset of a session is the business of sessions."""
    if command["session"] >= len(books.config.sessions):
        return a.NO_SESSION
    if named(command) or command["action"] not in (a.KILL, a.RESET):
        return a.WRONG_SCOPE
    if command["action"] == a.RESET:
        return 0
    if command["value"] not in (a.KILL_BUT_REDUCING, a.KILL_ALL) or command["value2"] not in (0, 1):
        return a.OUT_OF_RANGE
    return a.NO_ACCOUNTS if command["value"] == a.KILL_BUT_REDUCING and not books.accounts else 0


def named(command: Command) -> str:
    """Which of account, firm and instrument are named."""
    letters = {"account": "a", "firm": "f", "instrument": "i"}
    return "".join(letter for name, letter in letters.items() if command[name] is not None)


def set_limit(books: Books, command: Command) -> int:
    name, scope, value = a.LIMITS.get(command["limit"]), named(command), command["value"]
    if name is None or ("f" in scope and scope != "f"):
        return a.WRONG_SCOPE
    largest = a.FIRM_GROSS_MAX if scope == "f" and name == "gross_position" else a.LARGEST[name]
    if not -1 <= value <= largest:
        return a.OUT_OF_RANGE
    level = {"a": "a", "f": "f", "i": "i", "ai": "h"}.get(scope, "")
    if not level or level not in a.LEVELS[name]:
        return a.WRONG_SCOPE
    if name in ("order_rate", "duplicates"):
        if value == 0 or (value > 0 and not 1 <= command["value2"] <= a.DAY_NS):
            return a.OUT_OF_RANGE
        if value > 0:
            books.windows[command["account"], name] = command["value2"]
    number = command["account"] if "a" in scope else command["firm"] if scope == "f" else 0
    key = (level, number, command["instrument"] if "i" in scope else 0, name)
    books.limits.pop(key, None)
    if value >= 0:
        books.limits[key] = value
    return 0


def set_status(books: Books, command: Command) -> int:
    if named(command) != "a":
        return a.WRONG_SCOPE
    number, value = command["account"], command["value"]
    if value not in (a.PENDING, a.ACTIVE, a.SUSPENDED, a.CLOSED):
        return a.OUT_OF_RANGE
    if value == a.CLOSED and not may_close(books, number):
        return a.NOT_EMPTY
    books.accounts[number].status = value
    return 0


def may_close(books: Books, number: int) -> bool:
    if books.has_funds and number == books.config.funds.fee_account:
        return False
    amounts = [books.settled[number, one.code] + books.coming[number, one.code] for one in books.config.assets]
    return not books.orders_of(number) and not books.open_positions(number) and not any(amounts)


def entitle(books: Books, command: Command) -> int:
    if named(command) not in ("a", "ai"):
        return a.WRONG_SCOPE
    if command["value"] not in (0, 1):
        return a.OUT_OF_RANGE
    for place in range(len(books.config.instruments)):
        if command["instrument"] in (None, place):
            books.entitled[command["account"], place] = command["value"] == 1
    return 0


def restrict(books: Books, command: Command) -> int:
    who = {"i": ("all", 0), "ai": ("account", command["account"]), "fi": ("firm", command["firm"])}.get(named(command))
    if who is None:
        return a.WRONG_SCOPE
    if command["value"] not in (0, 1):
        return a.OUT_OF_RANGE
    key = (*who, command["instrument"])
    books.restricted.discard(key)
    if command["value"]:
        books.restricted.add(key)
    return 0


def kill(books: Books, command: Command) -> int:
    if named(command) not in ("a", "f"):
        return a.WRONG_SCOPE
    if command["value"] not in (1, 2) or command["value2"] not in (0, 1):
        return a.OUT_OF_RANGE
    return set_kill(books, command, command["value"])


def reset(books: Books, command: Command) -> int:
    return set_kill(books, command, 0) if named(command) in ("a", "f") else a.WRONG_SCOPE


def set_kill(books: Books, command: Command, mode: int) -> int:
    if command["account"] is not None:
        books.accounts[command["account"]].kill = mode
    else:
        books.firm_kill[command["firm"]] = mode
    return 0


def killed_accounts(books: Books, command: Command) -> list[int]:
    """Whose orders a kill that was carried out cancels, in their order."""
    if command["action"] != a.KILL or command["value2"] or command.get("session") is not None:
        return []
    everybody = books.accounts.values()
    return [one.number for one in everybody if command["account"] == one.number or command["firm"] == one.firm]


def with_asset(books: Books, command: Command) -> int | str:
    """The code of the asset, or why there is none."""
    if not books.has_funds:
        return a.NO_FUNDS
    if command["asset"] is None:
        return ""
    if not 1 <= command["asset"] <= len(books.config.assets):
        return a.NO_ASSET
    return books.config.assets[command["asset"] - 1].code


def move(books: Books, command: Command, asset: str, is_deposit: bool) -> int:
    number, value = command["account"], command["value"]
    status = books.accounts[number].status
    if status == a.CLOSED or (status == a.SUSPENDED and not is_deposit):
        return a.WRONG_STATUS
    if not 1 <= value <= a.FUNDS_MAX:
        return a.OUT_OF_RANGE
    if is_deposit and books.supply[asset] + value > a.FUNDS_MAX:
        return a.SUPPLY_FULL
    if not is_deposit and value > books.available(number, asset):
        return a.NOT_AVAILABLE
    books.settled[number, asset] += value if is_deposit else -value
    books.supply[asset] += value if is_deposit else -value
    return 0


def move_money(books: Books, command: Command) -> int:
    asset = with_asset(books, command)
    if isinstance(asset, int):
        return asset
    if named(command) != "a" or not asset:
        return a.WRONG_SCOPE
    return move(books, command, asset, command["action"] == a.DEPOSIT)


def settle(books: Books, command: Command) -> int:
    asset = with_asset(books, command)
    if isinstance(asset, int):
        return asset
    if named(command):
        return a.WRONG_SCOPE
    for number in books.accounts:
        for one in books.config.assets:
            if asset in ("", one.code):
                key = (number, one.code)
                books.settled[key] += books.coming.pop(key, 0) - books.going.pop(key, 0)
    return 0


ACTIONS: dict[int, Callable[[Books, Command], int]] = {
    a.SET_LIMIT: set_limit, a.SET_STATUS: set_status, a.ENTITLE: entitle, a.RESTRICT: restrict, a.KILL: kill,
    a.RESET: reset, a.DEPOSIT: move_money, a.WITHDRAW: move_money, a.SETTLE: settle,
}  # fmt: skip
