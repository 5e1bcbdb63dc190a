"""A book inside another program: its functions by their addresses, for C and for whatever calls C.

Arrays pass as addresses. The book's is that of its block, `book_address(book)`: keep the Book alive in Python as long
as anybody uses it. Records are those of `native/gen/layout.h`. The functions take no lock and start no thread; one
book is for one thread at a time.
"""

from __future__ import annotations

from appliance.book.match import apply_batch, is_pending
from appliance.book.state import Book, allocate_book
from native.apart import Exported, arrays_at, records_at
from native.jit import INTERPRETED
from native.layout import COMMAND, EVENT

if INTERPRETED:
    raise ImportError("A book has functions with addresses only where its kernels are compiled.")

APPLY_BATCH_C = """
int64_t pitwire_book_apply_batch(int64_t book, int64_t commands, int64_t first, int64_t last, int64_t events,
                                 int64_t events_max, int64_t progress);
"""
"""Do commands[first:last] as far as there is room: `apply_batch` of appliance/book/match.py. `progress`: address of an
int64_t. Returns the number of events written from events[0] on, or a code below 0 (native/codes.py). Call again from
*progress until that is `last` and `pitwire_book_is_pending` says 0. `events_max` is STEP_EVENTS_MAX or more."""
IS_PENDING_C = """
int64_t pitwire_book_is_pending(int64_t book);
"""

_book_at = arrays_at(allocate_book(1, 1, 1))
_commands_at = records_at(COMMAND)
_events_at = records_at(EVENT)
_numbers_at = records_at("i8")


def _apply_batch(book: int, commands: int, first: int, last: int, events: int, events_max: int, progress: int) -> int:
    return apply_batch(
        _book_at(book), _commands_at(commands, last), first, last, _events_at(events, events_max),
        _numbers_at(progress, 1),
    )  # fmt: skip


def _is_pending(book: int) -> int:
    return 1 if is_pending(_book_at(book)) else 0


APPLY_BATCH = Exported("pitwire_book_apply_batch", 7, _apply_batch)
"""`APPLY_BATCH.address` for C, `APPLY_BATCH.call` for kernels that are not to be compiled with the whole book."""
IS_PENDING = Exported("pitwire_book_is_pending", 1, _is_pending)


def book_address(book: Book) -> int:
    """What a book is to the functions of this module."""
    return int(book._block_address)
