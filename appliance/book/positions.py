"""Positions: what an account has bought less what it has sold, per instrument; a table with open addressing.

An entry is made by the first trade of an account in an instrument and stays. `appliance/book/rules.py` takes a new
order only while more entries are free than orders are open, so a trade always finds one.
"""

from __future__ import annotations

import numpy as np

from appliance.book.state import Book
from native.jit import inner_kernel, kernel
from native.layout import NO_INDEX

ACCOUNT_FACTOR = 0x9E3779B1
INSTRUMENT_FACTOR = 0x85EBCA6B


@inner_kernel
def position_place(book: Book, account: int, instrument: int) -> int:
    """Place of the entry in `book.positions`, or of the free one where it would be made."""
    mask = np.int64(book.positions.size) - 1
    hashed = (account & 0x7FFFFFFF) * ACCOUNT_FACTOR + (account >> 31) + instrument * INSTRUMENT_FACTOR
    place = (hashed ^ (hashed >> 29)) & mask
    for _ in range(book.positions.size):
        other = np.int64(book.positions[place]["instrument"])
        if other == NO_INDEX or (other == instrument and np.int64(book.positions[place]["account"]) == account):
            break
        place = (place + 1) & mask
    return place


@inner_kernel
def add_to_position(book: Book, account: int, instrument: int, lots: int) -> None:
    """An account has bought `lots` (sold: below 0)."""
    place = position_place(book, account, instrument)
    if np.int64(book.positions[place]["instrument"]) == NO_INDEX:
        book.positions[place]["instrument"] = instrument
        book.positions[place]["account"] = account
        book.state[0]["positions_used"] += 1
    book.positions[place]["net_lots"] += lots


@kernel
def reducible_lots(book: Book, account: int, instrument: int, is_sell: int) -> int:
    """By how much an order of this side could bring the account's position nearer to 0."""
    net_lots = np.int64(book.positions[position_place(book, account, instrument)]["net_lots"])
    return max(np.int64(0), net_lots if is_sell else -net_lots)
