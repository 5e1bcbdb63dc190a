"""The channels that a recovery server gives again: a table of feed stores by the SessionId of their Topics.

The L3 store is there from the start. Others may come and go with the process that publishes them: every file of the
instance's folder whose name begins with that of the L3 store is looked at once a second.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from appliance.recovery.store import FEED_FILE_NAME, FeedStore, StoreError

log = logging.getLogger("pitwire.recovery")
CHANNELS_MAX: Final = 64


class Channels:
    """The stores that are open now. `main` is that of the L3 channel."""

    def __init__(self, main: FeedStore, folder: Path | None = None) -> None:
        """`folder`: where other channels' stores may appear; None: the L3 channel is the only one."""
        self.main = main
        self._folder = folder
        self._stores: dict[Path, FeedStore] = {main.path: main}
        self._said: set[str] = set()

    def __iter__(self) -> Iterator[FeedStore]:
        return iter(list(self._stores.values()))

    def by_session(self, session_id: bytes) -> FeedStore | None:
        """The channel whose Topic has this SessionId."""
        return next((store for store in self._stores.values() if store.topic_session_id == session_id), None)

    def by_id(self, channel_id: int) -> FeedStore | None:
        """The channel with this number."""
        return next((store for store in self._stores.values() if store.channel_id == channel_id), None)

    def look(self) -> bool:
        """Open what has appeared, and what was replaced by a publisher that was started anew; say each fault once.
        Returns whether anything changed."""
        paths = {self.main.path}
        if self._folder is not None:
            paths |= {path for path in self._folder.glob(f"{FEED_FILE_NAME}*") if path.is_file()}
        changed = False
        for path in sorted(paths):
            known = self._stores.get(path)
            if known is not None and not known.is_replaced():
                continue
            if known is None and len(self._stores) >= CHANNELS_MAX:
                self._say(f"{path}: more than {CHANNELS_MAX} channels are not served.")
                continue
            try:
                store = FeedStore(path, poll=False)
            except StoreError as error:
                self._say(str(error))
                continue
            self._stores[path] = store
            if known is self.main:
                self.main = store
            log.info("serving channel %d, epoch %d, from %s", store.channel_id, store.epoch, path)
            changed = True
        return changed

    def _say(self, sentence: str) -> None:
        if sentence not in self._said and len(self._said) < 1000:
            self._said.add(sentence)
            log.warning("%s", sentence)
