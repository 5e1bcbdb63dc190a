"""Every code: a name, a number and one sentence for people. Kernels return the number; the sentence is made here.

Errors are negative (a kernel returns `>= 0` for a count, `< 0` for a code below). Rejects are what a client gets on
the wire: FIX numbers where FIX has one, from 9000 this venue's own. Drops have no number on the wire: they are
counters (see `native/counters.py`).
"""

from __future__ import annotations

ERROR_SENTENCES: dict[int, str] = {}
REJECT_SENTENCES: dict[int, str] = {}
RESTATEMENT_SENTENCES: dict[int, str] = {}


def _code(table: dict[int, str], value: int, sentence: str) -> int:
    assert value not in table, value
    table[value] = sentence
    return value


# --- errors of functions ----------------------------------------------------------------------------------------

ERROR_INVALID_ARGUMENT = _code(ERROR_SENTENCES, -1, "An argument is outside its range.")
ERROR_NOT_SUPPORTED = _code(ERROR_SENTENCES, -2, "This build or host does not support what was asked for.")
ERROR_PERMISSION = _code(ERROR_SENTENCES, -3, "The process lacks the privilege or capability for this.")
ERROR_NO_MEMORY = _code(ERROR_SENTENCES, -4, "Memory for the tables or buffers could not be had.")
ERROR_IO = _code(ERROR_SENTENCES, -5, "A file or socket operation failed.")
ERROR_FORMAT = _code(ERROR_SENTENCES, -6, "A file is not in the format it should have.")
ERROR_BUSY = _code(ERROR_SENTENCES, -7, "The device, address or queue is in use by another process.")
ERROR_NOT_FOUND = _code(ERROR_SENTENCES, -8, "A file, interface or address does not exist.")
ERROR_CLOSED = _code(ERROR_SENTENCES, -9, "The port is closed.")
ERROR_END_OF_INPUT = _code(ERROR_SENTENCES, -10, "The capture has been read to its end.")
ERROR_LOG_FULL = _code(ERROR_SENTENCES, -11, "The journal or the feed store is full: input is refused.")
ERROR_NOT_CLOSED = _code(ERROR_SENTENCES, -12, "Not every instrument is closed.")
ERROR_DAY_IS_OVER = _code(ERROR_SENTENCES, -13, "The day is over: nothing changes any more.")
ERROR_FEED_FRAME = _code(ERROR_SENTENCES, -40, "A market data packet is cut short, or a frame of it is.")
ERROR_FEED_GAP = _code(ERROR_SENTENCES, -41, "Messages before this market data packet are missing.")
ERROR_FEED_EPOCH = _code(ERROR_SENTENCES, -42, "A market data packet is of another channel, or of a later epoch.")
ERROR_FEED_SEQUENCE = _code(ERROR_SENTENCES, -43, "InstrSeqNum does not continue that of the instrument.")
ERROR_FEED_ORDER = _code(ERROR_SENTENCES, -44, "An order or level has no side, or a quantity that none can have.")
ERROR_FEED_UNKNOWN_ORDER = _code(ERROR_SENTENCES, -45, "An order is deleted that is not in the book.")
ERROR_FEED_ORDERS_FULL = _code(ERROR_SENTENCES, -46, "The feed's books have no room for another order.")
ERROR_FEED_LEVELS_FULL = _code(ERROR_SENTENCES, -47, "The feed's books have no room for another price level.")
ERROR_FEED_INSTRUMENTS_FULL = _code(ERROR_SENTENCES, -48, "The feed's books have no room for another instrument.")
ERROR_DISTRIBUTOR_DIFFERS = _code(
    ERROR_SENTENCES, -50, "What was published of a derived channel is not what the L3 feed gives now."
)

# --- rejects: OrdRejReason (FIX 103), CxlRejReason (FIX 102), MassActionRejectReason (FIX 1376) ------------------

REJECT_UNKNOWN_SYMBOL = _code(REJECT_SENTENCES, 1, "The SecurityID is not known here.")
REJECT_EXCHANGE_CLOSED = _code(REJECT_SENTENCES, 2, "The instrument is not open for trading.")
REJECT_EXCEEDS_LIMIT = _code(REJECT_SENTENCES, 3, "The order exceeds a limit.")
REJECT_TOO_LATE = _code(REJECT_SENTENCES, 4, "It is too late for an at-open order.")
REJECT_UNKNOWN_ORDER = _code(REJECT_SENTENCES, 5, "There is no such open order of this session.")
REJECT_DUPLICATE_ORDER = _code(REJECT_SENTENCES, 6, "An open order of this session already has this ClOrdID.")
REJECT_UNSUPPORTED_ORDER = _code(
    REJECT_SENTENCES, 11, "This OrdType, TimeInForce, ExecInst and quantities do not go together here."
)
REJECT_INCORRECT_QUANTITY = _code(REJECT_SENTENCES, 13, "A quantity is zero, too large, or no multiple of the lot.")
REJECT_UNKNOWN_ACCOUNT = _code(REJECT_SENTENCES, 15, "The account does not belong to this session.")
REJECT_PRICE_OUT_OF_BAND = _code(REJECT_SENTENCES, 16, "A price is outside the limits of the instrument.")
REJECT_INVALID_PRICE_INCREMENT = _code(REJECT_SENTENCES, 18, "A price is not a multiple of the tick.")
REJECT_INVALID_SIDE = _code(REJECT_SENTENCES, 9001, "Side is not one that this venue knows.")
REJECT_BOOK_FULL = _code(REJECT_SENTENCES, 9002, "The table of orders or price levels is full.")
REJECT_ORDER_MISMATCH = _code(
    REJECT_SENTENCES, 9003, "The request names another instrument, side or OrderID than its order has."
)
REJECT_HALTED = _code(REJECT_SENTENCES, 9004, "The instrument is halted: only cancels are taken.")
REJECT_NOT_IN_THIS_PHASE = _code(REJECT_SENTENCES, 9005, "An order of this kind is not taken before or in an auction.")
REJECT_FROZEN = _code(REJECT_SENTENCES, 9006, "The auction is frozen: nothing is taken until it is held.")
REJECT_WOULD_TRADE = _code(REJECT_SENTENCES, 9007, "A post-only order would trade at once.")
REJECT_PRICE_MISSING = _code(REJECT_SENTENCES, 9008, "The OrdType needs a Price.")
REJECT_STOP_PRICE_MISSING = _code(REJECT_SENTENCES, 9009, "The OrdType needs a StopPx.")
REJECT_REDUCE_ONLY = _code(REJECT_SENTENCES, 9010, "A reduce-only order is larger than the position it could reduce.")
REJECT_EXPIRE_TIME = _code(REJECT_SENTENCES, 9011, "ExpireTime is not in the future.")
REJECT_MASS_ACTION_UNSUPPORTED = _code(
    REJECT_SENTENCES,
    9012,
    "Of mass actions there is CancelOrders without Lockout, of scopes Instrument, All and Group, and AckStyle 0 to 2.",
)
REJECT_MASS_ACTION_INCOMPLETE = _code(
    REJECT_SENTENCES,
    9013,
    "Scope Instrument and a price band need a SecurityID, Scope Group a CancelGroupID.",
)

REJECT_ACCOUNT_PENDING = _code(REJECT_SENTENCES, 9020, "The account is not open yet: its owner is not identified.")
REJECT_ACCOUNT_SUSPENDED = _code(REJECT_SENTENCES, 9021, "The account is suspended.")
REJECT_ACCOUNT_CLOSED = _code(REJECT_SENTENCES, 9022, "The account is closed.")
REJECT_NOT_ENTITLED = _code(REJECT_SENTENCES, 9023, "The account is not entitled to the instrument.")
REJECT_RESTRICTED = _code(REJECT_SENTENCES, 9024, "The instrument is restricted.")
REJECT_ACCOUNT_KILLED = _code(REJECT_SENTENCES, 9025, "The account is locked out until it is reset.")
REJECT_FIRM_KILLED = _code(REJECT_SENTENCES, 9026, "The firm is locked out until it is reset.")
REJECT_PRICE_COLLAR = _code(REJECT_SENTENCES, 9027, "The price is beyond the collar around the last trade price.")
REJECT_ORDER_LOTS = _code(REJECT_SENTENCES, 9028, "OrderQty is above the limit of an order.")
REJECT_ORDER_VALUE = _code(REJECT_SENTENCES, 9029, "The value is above the limit of an order.")
REJECT_TRADED_LOTS = _code(REJECT_SENTENCES, 9030, "Traded and open quantity would exceed the day's limit.")
REJECT_NET_POSITION = _code(REJECT_SENTENCES, 9031, "The net position could exceed its limit.")
REJECT_GROSS_POSITION = _code(REJECT_SENTENCES, 9032, "The gross position could exceed its limit.")
REJECT_OPEN_ORDERS = _code(REJECT_SENTENCES, 9033, "So many orders are open as may be.")
REJECT_OPEN_POSITIONS = _code(REJECT_SENTENCES, 9034, "So many positions are open as may be.")
REJECT_DAILY_LOSS = _code(REJECT_SENTENCES, 9035, "The day's loss is beyond its limit: only reducing orders are taken.")
REJECT_ORDER_RATE = _code(REJECT_SENTENCES, 9036, "The account sends requests faster than it may.")
REJECT_DUPLICATE_IN_WINDOW = _code(REJECT_SENTENCES, 9037, "So many orders alike have come as may within the window.")
REJECT_INSUFFICIENT_FUNDS = _code(REJECT_SENTENCES, 9038, "The account has not so much cash available.")
REJECT_INSUFFICIENT_UNITS = _code(REJECT_SENTENCES, 9039, "The account has not so many units available.")
REJECT_SESSION_KILLED = _code(REJECT_SENTENCES, 9040, "The session may only reduce positions until it is reset.")

# --- why an operator's command is refused ------------------------------------------------------------------------

REFUSAL_UNKNOWN_ACTION = _code(ERROR_SENTENCES, -301, "There is no such action.")
REFUSAL_NO_ACCOUNTS = _code(ERROR_SENTENCES, -302, "The configuration has no [[accounts]].")
REFUSAL_UNKNOWN_ACCOUNT = _code(ERROR_SENTENCES, -303, "There is no such account.")
REFUSAL_UNKNOWN_FIRM = _code(ERROR_SENTENCES, -304, "There is no such firm.")
REFUSAL_UNKNOWN_INSTRUMENT = _code(ERROR_SENTENCES, -305, "There is no such instrument.")
REFUSAL_UNKNOWN_ASSET = _code(ERROR_SENTENCES, -306, "There is no such asset.")
REFUSAL_WRONG_SCOPE = _code(ERROR_SENTENCES, -307, "The action or limit does not go with what was named.")
REFUSAL_OUT_OF_RANGE = _code(ERROR_SENTENCES, -308, "The value is out of its range.")
REFUSAL_NO_FUNDS = _code(ERROR_SENTENCES, -309, "Funds are not enabled.")
REFUSAL_NOT_AVAILABLE = _code(ERROR_SENTENCES, -310, "The account has not so much available.")
REFUSAL_NOT_EMPTY = _code(ERROR_SENTENCES, -311, "The account has open orders, a position or a balance.")
REFUSAL_SUPPLY_FULL = _code(ERROR_SENTENCES, -312, "The deposits of the asset would be too large in sum.")
REFUSAL_STATUS = _code(ERROR_SENTENCES, -313, "The status of the account does not allow it.")
REFUSAL_UNKNOWN_SESSION = _code(ERROR_SENTENCES, -314, "There is no such session.")
REJECT_SESSION_BLOCKED = _code(
    REJECT_SENTENCES, 9050, "The session is blocked until it is reset: only cancels and queries are taken."
)

# --- why an order changed without its client asking: ExecRestatementReason (FIX tag 378) -------------------------

RESTATEMENT_NONE = _code(RESTATEMENT_SENTENCES, 0, "The client asked for it.")
RESTATEMENT_IOC_REMAINDER = _code(
    RESTATEMENT_SENTENCES, 9101, "What an immediate-or-cancel order could not fill is cancelled."
)
RESTATEMENT_FOK_KILLED = _code(
    RESTATEMENT_SENTENCES, 9102, "A fill-or-kill order that could not be filled whole is cancelled."
)
RESTATEMENT_REPLACED_TO_NOTHING = _code(RESTATEMENT_SENTENCES, 9103, "A replace left nothing open.")
RESTATEMENT_ICEBERG_REFRESH = _code(RESTATEMENT_SENTENCES, 9104, "The next part of an iceberg is displayed.")
RESTATEMENT_STP_DECREMENT = _code(
    RESTATEMENT_SENTENCES, 9105, "Self-trade prevention took the smaller of two quantities off both orders."
)
RESTATEMENT_SLIDE = _code(
    RESTATEMENT_SENTENCES, 9106, "A post-only order was moved to the next price that does not trade."
)
RESTATEMENT_REDUCE_ONLY = _code(RESTATEMENT_SENTENCES, 9107, "There is not so much left to reduce.")
RESTATEMENT_MARKET_REMAINDER = _code(
    RESTATEMENT_SENTENCES, 9108, "What a market order could not fill within its protection is cancelled."
)
RESTATEMENT_NO_LIQUIDITY = _code(RESTATEMENT_SENTENCES, 9109, "There was nothing on the other side.")
RESTATEMENT_MIN_QTY = _code(RESTATEMENT_SENTENCES, 9110, "MinQty could not be filled at once.")
RESTATEMENT_VOLATILITY = _code(RESTATEMENT_SENTENCES, 9111, "Trading was interrupted before the rest could be filled.")
RESTATEMENT_AUCTION_REMAINDER = _code(RESTATEMENT_SENTENCES, 9112, "The auction that the order was for is over.")
RESTATEMENT_MARKET_TO_LIMIT = _code(
    RESTATEMENT_SENTENCES, 9113, "What a market-to-limit order could not fill rests at the price of its fills."
)
RESTATEMENT_BOOK_FULL = _code(RESTATEMENT_SENTENCES, 9114, "The table of price levels had no room for the rest.")
RESTATEMENT_EXPIRED = _code(RESTATEMENT_SENTENCES, 9115, "The order has come to the end of its time.")
RESTATEMENT_TRIGGERED = _code(RESTATEMENT_SENTENCES, 9116, "The market touched the order's StopPx: it is active now.")
RESTATEMENT_JOINED_AUCTION = _code(
    RESTATEMENT_SENTENCES, 9117, "The auction that the order waited for has begun: it is in the book now."
)
RESTATEMENT_DISCONNECTED = _code(RESTATEMENT_SENTENCES, 100, "The order's session was lost.")
RESTATEMENT_TERMINATED = _code(RESTATEMENT_SENTENCES, 101, "The order's session was terminated.")
RESTATEMENT_KILLED = _code(RESTATEMENT_SENTENCES, 106, "A kill switch took the order off.")
RESTATEMENT_STP_RESTING = _code(RESTATEMENT_SENTENCES, 103, "Self-trade prevention cancelled the resting order.")
RESTATEMENT_STP_AGGRESSOR = _code(RESTATEMENT_SENTENCES, 107, "Self-trade prevention cancelled the incoming order.")
RESTATEMENT_MASS_ACTION = _code(RESTATEMENT_SENTENCES, 202, "A mass cancel took the order off.")


def sentence_of_error(value: int) -> str:
    """One sentence for an error code, or the number itself where it is not known."""
    return ERROR_SENTENCES.get(value, f"Unknown error code {value}.")
