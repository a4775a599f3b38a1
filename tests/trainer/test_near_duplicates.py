"""Near-duplicates are found, and what is not near is left apart."""

from __future__ import annotations

import random

from pawl_trainer.near_duplicates import Clusters, near_pairs


def test_a_text_with_one_word_changed_is_near_and_another_is_not() -> None:
    chance = random.Random(1)
    vocabulary = [f"w{number}" for number in range(200)]
    texts = [[chance.choice(vocabulary) for _ in range(40)] for _ in range(100)]
    near = [*texts[3]]
    near[-1] = "other"
    assert list(near_pairs([*texts, near], 0.7)) == [(3, 100)]


def test_the_threshold_is_kept() -> None:
    one = [f"w{number}" for number in range(20)]
    other = [*one[:10], *(f"v{number}" for number in range(10))]
    assert list(near_pairs([one, other], 0.7)) == []
    assert list(near_pairs([one, list(one)], 1.0)) == [(0, 1)]


def test_a_cluster_is_named_by_its_smallest_member() -> None:
    clusters = Clusters(6)
    for one, other in ((4, 5), (5, 1), (3, 2)):
        clusters.join(one, other)
    assert [clusters.find(number) for number in range(6)] == [0, 1, 2, 2, 1, 1]
