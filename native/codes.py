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

# --- rejects: OrdRejReason (FIX tag 103) and CxlRejReason (FIX tag 102) ------------------------------------------

REJECT_UNKNOWN_SYMBOL = _code(REJECT_SENTENCES, 1, "The SecurityID is not known here.")
REJECT_EXCHANGE_CLOSED = _code(REJECT_SENTENCES, 2, "The instrument is not open for trading.")
REJECT_EXCEEDS_LIMIT = _code(REJECT_SENTENCES, 3, "The order exceeds a limit.")
REJECT_UNKNOWN_ORDER = _code(REJECT_SENTENCES, 5, "There is no such open order of this session.")
REJECT_DUPLICATE_ORDER = _code(REJECT_SENTENCES, 6, "An open order of this session already has this ClOrdID.")
REJECT_UNSUPPORTED_ORDER = _code(REJECT_SENTENCES, 11, "The OrdType, TimeInForce or ExecInst is not supported.")
REJECT_INCORRECT_QUANTITY = _code(REJECT_SENTENCES, 13, "OrderQty is zero or above the limit.")
REJECT_UNKNOWN_ACCOUNT = _code(REJECT_SENTENCES, 15, "The account does not belong to this session.")
REJECT_PRICE_OUT_OF_BAND = _code(REJECT_SENTENCES, 16, "The price is outside the limits of the instrument.")
REJECT_INVALID_PRICE_INCREMENT = _code(REJECT_SENTENCES, 18, "The price is not a multiple of the tick.")
REJECT_INVALID_SIDE = _code(REJECT_SENTENCES, 9001, "Side is not one that this venue knows.")
REJECT_BOOK_FULL = _code(REJECT_SENTENCES, 9002, "The table of orders or price levels is full.")
REJECT_ORDER_MISMATCH = _code(
    REJECT_SENTENCES, 9003, "The request names another instrument, side or OrderID than its order has."
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


def sentence_of_error(value: int) -> str:
    """One sentence for an error code, or the number itself where it is not known."""
    return ERROR_SENTENCES.get(value, f"Unknown error code {value}.")
