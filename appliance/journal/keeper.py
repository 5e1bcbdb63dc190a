"""The thread beside the writer that keeps segments mapped ahead of it and takes old ones away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from appliance.journal.event_store import EventStore
from appliance.journal.records import JournalError, NoRoom

INTERVAL_SECONDS: Final = 0.002
_NO_ROOM_INTERVAL_SECONDS: Final = 0.1


class Keeper:
    """Looks after one store until it is stopped. `problem` is a sentence while something is wrong, else empty."""

    def __init__(self, store: EventStore, removable: Callable[[], int]) -> None:
        """`removable()`: records up to this one are needed here no more (0: all are)."""
        self._store = store
        self._removable = removable
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-keeper", daemon=True)
        self.problem = ""
        self.is_lost = False
        """The problem will not go away by itself."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; again is harmless."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        interval = INTERVAL_SECONDS
        while not self._stopped.wait(interval):
            interval = INTERVAL_SECONDS
            try:
                self._store.release(self._removable())
                self._store.keep_ahead()
                self.problem = ""
            except NoRoom as error:
                self.problem = str(error)
                interval = _NO_ROOM_INTERVAL_SECONDS
            except (JournalError, OSError) as error:
                self.problem = str(error)
                self.is_lost = True
                return
