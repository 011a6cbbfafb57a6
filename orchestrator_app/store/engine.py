"""Oxigraph, closed and opened anew now and then, which empties its memory of files long gone.

It caches what it reads of its files, 160 MB, and keeps that of files which were merged into others
until there is no more room. Small writes that are asked about at once make such files all the
time. So a store of a few megabytes would hold all of that after an hour, on a small board too.

How much a flush leaves there depends on what is asked meanwhile, and grows with the dictionary of
all strings that there ever were, which Oxigraph keeps. So flushes are counted, and what the
process holds is looked at: by flushes alone it held 85 MB before the first renewals, 100 ten
minutes later.
"""

import contextlib
import gc
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyoxigraph as ox

from orchestrator_app.store.errors import StoreUnavailableError
from orchestrator_app.store.new_files import adopt
from wasmiot_td.heap import used_bytes

MOST_FLUSHES = 200
"""After so many the engine is opened anew: each leaves about 0.1 MB in memory."""

MOST_BYTES = 40 * 1024 * 1024
"""Or once the process's heaps have grown by so much since it was opened."""

FLUSHES_PER_LOOK = 20
"""That is looked at so often. What is read again and again may take as much by itself, if there
are many Things: an engine that is opened anew each moment would be slow, and as large."""

QUADS_PER_FLUSH = 500
"""So many quads that were moved into files count as another flush."""

LEAST_FREE_BYTES = 1024 * 1024
"""With less on the disk it is not opened anew, for which it writes."""

PATIENCE_SECONDS = 1.0
"""How long those who use the engine are waited for; else it is opened anew another time."""

_TRIES = 5  # whoever still holds the old one, as a stack that went wrong may, has gone soon
_PAUSE_SECONDS = 0.02

_log = logging.getLogger(__name__)


class Engine:
    """An Oxigraph store that several threads share; in memory without a directory.

    Attributes:
        directory: where its files are; None if it has none.
        n_renewals: how often it was opened anew.
    """

    def __init__(self, directory: Path | None) -> None:
        """Open it, or make it.

        Raises:
            StoreUnavailableError: another process holds the directory, or it cannot be read.
        """
        self.directory = directory
        self._store: ox.Store | None = _opened(directory)
        self._changed = threading.Condition()
        self._n_users = 0
        self._n_flushes, self._n_times = 0.0, 0
        self._bytes_at_first = used_bytes()
        self._is_awaited = self._is_closed = False
        self.n_renewals = 0

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the engine as it is; what `store` answers is read before the block ends.

        Raises:
            StoreUnavailableError: it is closed, or could not be opened anew.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._is_awaited)
            self._required()
            self._n_users += 1
        try:
            yield
        finally:
            with self._changed:
                self._n_users -= 1
                self._changed.notify_all()

    @property
    def store(self) -> ox.Store:
        """The engine itself, for who says so by `in_use`: no variable may hold it any longer."""
        return self._required()

    def flush(self) -> None:
        """Move what is in memory into files."""
        if self.directory is not None:
            with self.in_use():
                self.store.flush()

    def note_flush(self, n_quads: int = 0) -> None:
        """Count a flush of about so many quads, and open the engine anew if that is due."""
        with self._changed:
            self._n_times += 1
            self._n_flushes += 1 + n_quads / QUADS_PER_FLUSH
            may_be = self.directory is not None and not (self._is_closed or self._is_awaited)
            if may_be and (self._n_flushes >= MOST_FLUSHES or self._has_grown()):
                self._renew()

    def mend(self) -> None:
        """Open the engine anew after a write that failed, if there is room on the disk.

        Oxigraph takes no write any more after one that found the disk full, until then.
        """
        with self._changed:
            if self._has_room() and not (self._is_closed or self._is_awaited):
                self._renew()

    def exchange(self, prepare: Callable[[], None]) -> bool:
        """Open it anew with other files, if it is free for that soon; return whether it was.

        Args:
            prepare: has the other files ready to be adopted, while nobody has any open.
        """
        with self._changed:
            is_free = not (self._is_closed or self._is_awaited)
            return is_free and self._renew(prepare)

    def close(self) -> None:
        """Give up the directory; nothing is lent any more."""
        with self._changed:
            self._is_closed, self._store = True, None

    def _has_room(self) -> bool:
        """Whether it can be opened anew: one that cannot is of no use for reading either."""
        if self.directory is None:
            return False
        return shutil.disk_usage(self.directory).free >= LEAST_FREE_BYTES

    def _has_grown(self) -> bool:
        is_looked = self._n_times % FLUSHES_PER_LOOK == 0
        return is_looked and used_bytes() - self._bytes_at_first >= MOST_BYTES

    def _renew(self, prepare: Callable[[], None] | None = None) -> bool:
        """Open it anew as soon as nobody uses it, if that is soon; who comes meanwhile waits."""
        self._is_awaited = True
        try:
            is_free = self._changed.wait_for(lambda: not self._n_users, PATIENCE_SECONDS)
            self._n_flushes = 0.0 if is_free else MOST_FLUSHES / 2  # the next ones shall not wait
            self._n_times = 0
            if not is_free or self._is_closed:
                return False
            self._open_anew(prepare)
        except (StoreUnavailableError, OSError) as error:  # who asks next tries again
            _log.error("store_not_opened_anew error=%s", error)
            return False
        finally:
            self._is_awaited = False
            self._changed.notify_all()
        return True

    def _open_anew(self, prepare: Callable[[], None] | None) -> None:
        self._store = None
        self.n_renewals += 1
        if prepare is not None:
            self._required()  # whoever still held the old one has let go: it could be opened
            self._store = None
            prepare()
        self._required()
        self._bytes_at_first = used_bytes()
        self._drop_old_logs()

    def _drop_old_logs(self) -> None:
        """Remove what the engine has said of itself before: it would keep a thousand such files."""
        with contextlib.suppress(OSError):
            for path in self.directory.glob("LOG.old.*") if self.directory else ():
                path.unlink(missing_ok=True)

    def _required(self) -> ox.Store:
        if self._is_closed:
            raise StoreUnavailableError("the store is closed")
        if self._store is None:
            self._store = _reopened(self.directory)
        return self._store


def _reopened(directory: Path | None) -> ox.Store:
    for _ in range(_TRIES - 1):
        try:
            return _opened(directory)
        except StoreUnavailableError:
            gc.collect()
            time.sleep(_PAUSE_SECONDS)
    return _opened(directory)


def _opened(directory: Path | None) -> ox.Store:
    if directory is None:
        return ox.Store()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        adopt(directory)
        return ox.Store(str(directory))
    except OSError as error:
        raise StoreUnavailableError(
            f"the store in {directory} cannot be opened: {error}"
        ) from error
