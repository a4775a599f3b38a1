"""The cache keeps what was used last, up to its bytes."""

from __future__ import annotations

from collections.abc import Callable

from pawl_trainer.cache import Cache


def maker(value: str, made: list[str], size: int = 4) -> Callable[[], tuple[str, int]]:
    def make() -> tuple[str, int]:
        made.append(value)
        return value, size

    return make


def test_the_least_recently_used_leaves_first() -> None:
    cache, made = Cache(8), list[str]()
    for name in ("a", "b", "a", "c", "a", "b"):
        assert cache.get(str, name, maker(name, made)) == name
    assert made == ["a", "b", "c", "b"]
    assert len(cache) == 2


def test_what_is_larger_than_the_cache_is_not_kept() -> None:
    cache, made = Cache(8), list[str]()
    cache.get(str, "a", maker("a", made))
    cache.get(str, "large", maker("large", made, size=9))
    cache.get(str, "a", maker("a", made))
    assert made == ["a", "large"]
