"""The numbers of docs/RISK.md, written down once more: nothing is taken from native/."""

from __future__ import annotations

PENDING, ACTIVE, SUSPENDED, CLOSED = 0, 1, 2, 3
STATUS_CODES = {PENDING: 9020, SUSPENDED: 9021, CLOSED: 9022}
SESSION_KILLED = 9040
NOT_ENTITLED, RESTRICTED, ACCOUNT_KILLED, FIRM_KILLED, COLLAR = 9023, 9024, 9025, 9026, 9027
ORDER_LOTS, ORDER_VALUE, TRADED_LOTS, NET_POSITION, GROSS_POSITION = 9028, 9029, 9030, 9031, 9032
OPEN_ORDERS, OPEN_POSITIONS, DAILY_LOSS, ORDER_RATE, DUPLICATES = 9033, 9034, 9035, 9036, 9037
NO_CASH, NO_UNITS = 9038, 9039

KILL_BUT_REDUCING, KILL_ALL = 1, 2
KILLED = 106

SET_LIMIT, SET_STATUS, ENTITLE, RESTRICT, KILL, RESET, DEPOSIT, WITHDRAW, SETTLE = 1, 2, 3, 4, 5, 6, 7, 8, 9
LIMITS = {
    1: "order_lots", 2: "order_value", 3: "traded_lots", 4: "net_lots", 5: "collar_ticks", 6: "gross_position",
    7: "open_orders", 8: "open_positions", 9: "daily_loss", 10: "order_rate", 11: "duplicates",
}  # fmt: skip
LEVELS = {
    "order_lots": "iahf", "order_value": "iahf", "traded_lots": "ih", "net_lots": "ih", "collar_ticks": "i",
    "gross_position": "af", "open_orders": "af", "open_positions": "a", "daily_loss": "af", "order_rate": "a",
    "duplicates": "a",
}  # fmt: skip
"""Instrument, account, holding (account in an instrument), firm."""
U32_MAX = 2**32 - 1
LARGEST = {
    "order_lots": 2**31 - 1, "order_value": 2**50 - 1, "traded_lots": 2**50, "net_lots": 2**40,
    "collar_ticks": 2**63 - 1, "gross_position": 2**50, "open_orders": U32_MAX, "open_positions": U32_MAX,
    "daily_loss": 2**62 - 1, "order_rate": 1024, "duplicates": U32_MAX,
}  # fmt: skip
FIRM_GROSS_MAX = 2**62
FUNDS_MAX, RESULT_MAX = 2**62 - 1, 2**62 - 1
DAY_NS = 86_400 * 10**9

NO_ACTION, NO_ACCOUNTS, NO_ACCOUNT, NO_FIRM, NO_INSTRUMENT, NO_ASSET = -301, -302, -303, -304, -305, -306
WRONG_SCOPE, OUT_OF_RANGE, NO_FUNDS, NOT_AVAILABLE, NOT_EMPTY = -307, -308, -309, -310, -311
SUPPLY_FULL, WRONG_STATUS, NO_SESSION = -312, -313, -314
