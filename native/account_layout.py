"""Records of accounts, risk and funds (docs/RISK.md), and of the operators' commands that change them."""

from __future__ import annotations

from native.layout import record

ADMIN = record(
    [
        ("crc32c", "u4"),
        ("length", "u2"),
        ("kind", "u2"),
        ("sequence", "u8"),
        ("time_ns", "u8"),
        ("receive_time_ns", "u8"),
        ("operator", "u1", 16),  # name of who made it, ASCII, filled up with zeros
        ("request", "u8"),  # the operator's own number of the command
        ("value", "i8"),
        ("value2", "i8"),
        ("action", "u4"),  # ADMIN_*
        ("limit", "u4"),  # LIMIT_*
        ("firm", "u4"),  # number in the configuration, or NO_INDEX: not named
        ("account", "u4"),  # number on the wire, or NO_INDEX
        ("instrument", "u4"),  # index, or NO_INDEX
        ("asset", "u4"),  # number in the configuration, or NO_INDEX
        ("session", "u4"),  # index, or NO_INDEX
        ("reserved", "u1", 26),
        ("flags", "u2"),  # COMMAND_FIRST_OF_BURST; at the same place as in SEQUENCED
    ],
    size=128,
)
"""A KIND_ADMIN record, read over the bytes of a SEQUENCED: what an operator wants, and who it is."""

ADMIN_SET_LIMIT = 1
ADMIN_SET_STATUS = 2
ADMIN_ENTITLE = 3
ADMIN_RESTRICT = 4
ADMIN_KILL = 5
ADMIN_RESET = 6
ADMIN_DEPOSIT = 7
ADMIN_WITHDRAW = 8
ADMIN_SETTLE = 9

LIMIT_ORDER_LOTS = 1
LIMIT_ORDER_VALUE = 2
LIMIT_TRADED_LOTS = 3
LIMIT_NET_LOTS = 4
LIMIT_COLLAR_TICKS = 5
LIMIT_GROSS_POSITION = 6
LIMIT_OPEN_ORDERS = 7
LIMIT_OPEN_POSITIONS = 8
LIMIT_DAILY_LOSS = 9
LIMIT_ORDER_RATE = 10
LIMIT_DUPLICATES = 11
LIMIT_NONE = -1
"""As the value of a limit: there is none."""

STATUS_PENDING_KYC = 0
STATUS_ACTIVE = 1
STATUS_SUSPENDED = 2
STATUS_CLOSED = 3

KILL_NONE = 0
KILL_BUT_REDUCING = 1
KILL_ALL = 2

ACCOUNT = record(
    [
        # what every order looks at: the first cache line
        ("account_id", "u4"),
        ("firm", "u4"),  # index
        ("status", "u1"),  # STATUS_*
        ("kill", "u1"),  # KILL_*
        ("reserved", "u2"),
        ("rate_max", "u4"),  # requests within rate_window_ns; 0: no limit
        ("order_lots_max", "i8"),
        ("order_value_max", "i8"),
        ("open_orders", "u4"),
        ("open_orders_max", "u4"),
        ("open_positions", "u4"),
        ("open_positions_max", "u4"),
        ("gross_position", "i8"),
        ("gross_position_max", "i8"),
        # the rest: the second
        ("day_result", "i8"),  # minor units; quote assets are not told apart
        ("daily_loss_max", "i8"),
        ("rate_window_ns", "i8"),
        ("rate_requests", "i8"),  # that were ever counted: the next one's place in the ring
        ("duplicate_window_ns", "i8"),
        ("duplicates_max", "u4"),  # 0: no limit
        ("reserved_end", "u1", 20),
    ],
    size=128,
)

FIRM = record(
    [
        ("firm_id", "u4"),
        ("kill", "u1"),
        ("reserved", "u1", 3),
        ("open_orders", "u4"),
        ("open_orders_max", "u4"),
        ("order_lots_max", "i8"),
        ("order_value_max", "i8"),
        ("day_result", "i8"),
        ("daily_loss_max", "i8"),
        ("gross_position", "i8"),
        ("gross_position_max", "i8"),
    ],
    size=64,
)

HOLDING = record(
    [
        ("net_lots", "i8"),
        ("open_buy_lots", "i8"),
        ("open_sell_lots", "i8"),
        ("traded_lots", "i8"),  # today
        ("traded_lots_max", "i8"),
        ("net_lots_max", "i8"),
        ("order_value_max", "i8"),
        ("order_lots_max", "u4"),
        ("flags", "u4"),  # HOLDING_*
    ],
    size=64,
)
"""One account in one instrument: a cache line."""
HOLDING_ENTITLED = 1
HOLDING_RESTRICTED = 2
"""The account must not trade the instrument."""
HOLDING_RESTRICTED_FIRM = 4
"""Its firm must not."""
HOLDING_ALL_FLAGS = HOLDING_ENTITLED | HOLDING_RESTRICTED | HOLDING_RESTRICTED_FIRM

CLEARING = record(
    [
        ("price_ticks_min", "i8"),
        ("price_ticks_max", "i8"),
        ("tick_value", "i8"),  # minor units of the quote asset, a tick and lot
        ("lot_units", "i8"),  # minor units of the base asset, a lot
        ("qty_lots_max", "u4"),
        ("order_lots_max", "u4"),
        ("order_value_max", "i8"),
        ("collar_ticks", "i8"),
        ("reference_ticks", "i8"),  # last trade price; before the first trade the static reference
        ("traded_lots_max", "i8"),  # of each account
        ("net_lots_max", "i8"),
        ("position_weight", "i8"),
        ("base", "u4"),  # index of the asset
        ("quote", "u4"),
        ("maker_millionths", "u4"),
        ("taker_millionths", "u4"),
        ("has_reference", "u1"),
        ("has_last", "u1"),  # the reference is a trade's price
        ("is_restricted", "u1"),
        ("reserved", "u1", 21),
    ],
    size=128,
)
"""What risk and funds need of an instrument."""

BALANCE = record(
    [
        ("available", "i8"),
        ("reserved", "i8"),
        ("pending_in", "i8"),
        ("pending_out", "i8"),
        ("settled", "i8"),
        ("fees_paid", "i8"),  # for people: since the venue's first day
        ("unused", "u1", 16),
    ],
    size=64,
)
"""Minor units of one asset of one account: docs/RISK.md section 3."""

OPEN_ORDER = record(
    [
        ("bound_ticks", "i8"),
        ("leaves_lots", "u4"),  # 0: the slot has no order
        ("reserved", "u4"),
    ],
    size=16,
)
"""What the order in a slot of the book reserves follows from these, and from what the book knows of it. Of an order
with a limit price the events tell them as well: this is written and seldom read, for it would have to come from
memory."""

SERIES = record(
    [
        ("price_ticks", "i8"),
        ("stop_price_ticks", "i8"),
        ("first_ns", "i8"),
        ("account", "u4"),  # index
        ("instrument", "u4"),
        ("qty_lots", "u4"),
        ("orders", "u4"),  # so many alike since first_ns; 0: the place is free
        ("terms", "u4"),  # side, OrdType << 8, TimeInForce << 16
        ("unused", "u1", 20),
    ],
    size=64,
)
"""Orders alike of one account: docs/RISK.md, check 16."""

ACCOUNTS_STATE = record(
    [
        ("is_enabled", "u4"),
        ("has_funds", "u4"),
        ("accounts", "u4"),
        ("instruments", "u4"),
        ("assets", "u4"),
        ("fee_account", "u4"),  # index
        ("limit_value", "i8"),  # the limit that the request in hand has hit
        ("bound_ticks", "i8"),  # of the order that the request in hand brings
        ("request_account", "u8"),  # index of its account
        ("old_bound_ticks", "i8"),  # of the order that the request in hand replaces, before it
        ("old_leaves_lots", "i8"),
        ("refusal", "i8"),  # codes.REFUSAL_* of the last operator's command; 0: done
        ("commands", "u8"),  # operators' commands so far
        ("refused", "u8"),
        ("request_more", "i8"),  # what the request in hand reserves more than the order that it replaces, if any
        ("request_leaves_lots", "i8"),  # with these leaves, and `bound_ticks`; -1: nothing was computed
        ("is_held", "u8"),  # the request in hand is a new order that is counted and reserved already
        ("unused", "u1", 16),
    ],
    size=128,
)

LOTS_MAX = 1 << 40
"""No net position is beyond it; where no limit is set, that is it."""
TRADED_LOTS_MAX = 1 << 50
GROSS_POSITION_MAX = 1 << 50
"""Of an account; where no limit is set, that is it."""
ACCOUNTS_MAX = 4096
FIRMS_MAX = 1024
ASSETS_MAX = 64
HOLDINGS_MAX = 1 << 21
"""Accounts times instruments."""
ORDER_VALUE_MAX = (1 << 50) - 1
"""No order is worth more (minor units): instruments whose largest order could be are no valid configuration."""
FUNDS_MAX = (1 << 62) - 1
"""Deposits of an asset, less withdrawals."""
RESULT_MAX = (1 << 62) - 1
POSITION_WEIGHT_MAX = 1024
ORDER_RATE_MAX = 1024
SERIES_PLACES = 4096
MILLION = 1_000_000

assert ORDER_RATE_MAX & (ORDER_RATE_MAX - 1) == 0, "a ring of the times of an account's last requests"
assert SERIES_PLACES & (SERIES_PLACES - 1) == 0
assert GROSS_POSITION_MAX * ACCOUNTS_MAX <= 1 << 62, "the gross position of a firm is an int64"
