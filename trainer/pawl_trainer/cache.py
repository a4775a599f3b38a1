"""The memory of the process between jobs: loaded artifacts by identity, the least recently used leave first.

It is a cache and only that: a job gives the same bytes with it and without it. What is in it is never changed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


class Cache:
    """Holds values up to a number of bytes; what is larger than all of it is not kept."""

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self._entries: OrderedDict[tuple[str, str], tuple[object, int]] = OrderedDict()
        self._bytes = 0

    def get(self, kind: type[Value], identity: str, load: Callable[[], tuple[Value, int]]) -> Value:
        """The value of this kind and identity; `load` makes it and says its bytes when it is not there."""
        key = (kind.__name__, identity)
        found = self._entries.get(key)
        if found is not None and isinstance(found[0], kind):
            self._entries.move_to_end(key)
            return found[0]
        value, size = load()
        if size <= self.capacity_bytes:
            self._entries[key] = (value, size)
            self._bytes += size
            while self._bytes > self.capacity_bytes:
                _, (_, freed) = self._entries.popitem(last=False)
                self._bytes -= freed
        return value

    def __len__(self) -> int:
        return len(self._entries)
