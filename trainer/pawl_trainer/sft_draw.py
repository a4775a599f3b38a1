"""Which queries a step of stage 1 reads: a pure function of the queries, their sets and weights, the seed and the step.

Without weights every query comes up once an epoch. With weights a set has its share of each epoch; it goes through its own
queries in permutation after permutation, so that within a set none comes up more often than another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pawl_trainer import seeds


@dataclass(frozen=True)
class Draw:
    """
    `queries` in the order of their ids, `sets` by query ('' where there are none), `weights` of sets, relative to each other:
    none, or in proportion to their queries, is every query equally often. `homogeneous`: each batch is of one set.
    """

    queries: list[str]
    sets: Mapping[str, str]
    weights: Mapping[str, float]
    batch: int
    homogeneous: bool
    seed: int

    @property
    def pools(self) -> dict[str, list[str]]:
        """The queries by set."""
        pools: dict[str, list[str]] = {}
        for query in self.queries:
            pools.setdefault(self.sets[query], []).append(query)
        return pools

    @property
    def is_weighted(self) -> bool:
        """Whether some query is to come up more often than another."""
        rates = [self.weights.get(name, 0.0) / len(queries) for name, queries in self.pools.items()]
        return bool(self.weights) and max(rates) - min(rates) > 1e-9 * max(rates)

    @property
    def epoch_steps(self) -> int:
        """Steps in which every query comes up once, but for what does not fill a batch; as many with weights."""
        if not self.homogeneous:
            return len(self.queries) // self.batch
        return sum(len(queries) // self.batch for queries in self.pools.values())

    def at(self, step: int) -> list[str]:
        """The queries of a step."""
        epoch, place = divmod(step, self.epoch_steps)
        if self.homogeneous:
            return self._batch_of_a_set(epoch, place)
        if not self.is_weighted:
            order = seeds.order_of(self.queries, "sft", self.seed, epoch)
            return order[place * self.batch : (place + 1) * self.batch]
        shares = apportioned(len(self.queries), self._shares())
        slots = [(name, epoch * share + number) for name, share in sorted(shares.items()) for number in range(share)]
        seeds.chooser(self.seed, "slots", epoch).shuffle(slots)
        pools = self.pools
        return [self._nth(pools[name], name, number) for name, number in slots[place * self.batch : (place + 1) * self.batch]]

    def _batch_of_a_set(self, epoch: int, place: int) -> list[str]:
        pools = self.pools
        whole = {name: len(queries) // self.batch for name, queries in pools.items()}
        shares = apportioned(self.epoch_steps, self._shares()) if self.is_weighted else whole
        places = [(name, number) for name in sorted(shares) for number in range(shares[name])]
        seeds.chooser(self.seed, "sets", epoch).shuffle(places)
        name, number = places[place]
        permutation, part = divmod(epoch * shares[name] + number, whole[name])
        order = seeds.order_of(pools[name], "sft", self.seed, permutation, name)
        return order[part * self.batch : (part + 1) * self.batch]

    def _nth(self, queries: list[str], name: str, number: int) -> str:
        """The query that is `number` in the permutations of a set, one after the other."""
        permutation, part = divmod(number, len(queries))
        return seeds.order_of(queries, "sft", self.seed, permutation, name)[part]

    def _shares(self) -> dict[str, float]:
        weights = {name: self.weights.get(name, 0.0) for name in self.pools}
        return {name: weight / sum(weights.values()) for name, weight in weights.items()}


def apportioned(count: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Whole numbers that add up to `count`, each as near to its share as can be (largest remainders, then names). Pure."""
    exact = {name: share * count for name, share in shares.items()}
    found = {name: math.floor(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (found[name] - exact[name], name))
    for name in by_remainder[: count - sum(found.values())]:
        found[name] += 1
    return found
