"""Groups of items that look alike: planted ones are found, and the numbers about them are right."""

from __future__ import annotations

import math

import pytest
import torch

from tests.reference import pair_makers as slow
from vergence import errors
from vergence.methods.pairs import clusters, mutual_information


def planted(spread=0.1):
    generator = torch.Generator().manual_seed(0)
    ids = torch.arange(6).repeat_interleave(20)
    centres = torch.linalg.qr(torch.randn(8, 8, generator=generator))[0][:6]
    return centres[ids] + spread * torch.randn(120, 8, generator=generator), ids


def test_planted_groups_are_found():
    z, ids = planted()
    found = clusters(z, 6)
    assert found.found == 6
    assert found.sizes.tolist() == [20] * 6
    assert mutual_information(found.ids, ids) == pytest.approx(1)
    assert found.purity(ids) == 1
    assert found.centres.shape == (6, 8)


def test_the_same_seed_gives_the_same_ids_and_touches_no_random_state():
    z, _ = planted(0.8)
    state = torch.get_rng_state()
    assert torch.equal(clusters(z, 9, seed=3).ids, clusters(z, 9, seed=3).ids)
    assert torch.equal(torch.get_rng_state(), state)


def test_lengths_count_only_where_asked():
    direction = torch.tensor([[1.0, 0.2]])
    z = torch.cat([direction.repeat(10, 1), 5 * direction.repeat(10, 1)]) + 0.001 * torch.arange(20)[:, None]
    lengths = torch.arange(2).repeat_interleave(10)
    assert mutual_information(clusters(z, 2, unit=False).ids, lengths) == pytest.approx(1)
    assert mutual_information(clusters(z, 2).ids, lengths) < 0.9


def test_a_collapsed_model_has_one_cluster():
    found = clusters(torch.ones(30, 4), 5)
    assert (found.found, found.sizes.tolist()) == (1, [30])


def test_purity_is_the_share_of_the_most_frequent_label():
    z, ids = planted()
    found = clusters(z, 3)
    expected = 0
    for cluster in range(3):
        inside = ids[found.ids == cluster].tolist()
        expected += max(inside.count(label) for label in set(inside))
    assert found.purity(ids) == pytest.approx(expected / 120)


@pytest.mark.parametrize("groups", [(2, 2), (3, 7), (12, 12), (1, 4)])
def test_mutual_information_is_what_the_formula_says(groups):
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.randint(n, (60,), generator=generator) for n in groups)
    assert mutual_information(a, b) == pytest.approx(slow.mutual_information(a.tolist(), b.tolist()), abs=1e-9)
    assert mutual_information(b, a) == pytest.approx(mutual_information(a, b))
    assert mutual_information(a, 100 - 3 * a) == pytest.approx(1)


def test_independent_halves_have_nothing_in_common():
    a, b = torch.arange(4).repeat_interleave(25), torch.arange(5).repeat(20)
    assert mutual_information(a, b) == pytest.approx(0, abs=1e-12)
    assert not math.isnan(mutual_information(torch.zeros(4, dtype=torch.long), torch.arange(4)))


def test_what_cannot_be_clustered_is_refused():
    z, ids = planted()
    with pytest.raises(errors.ArgumentError, match=r"n is 121 but there are 120 items\. Use n=120 or less"):
        clusters(z, 121)
    with pytest.raises(errors.ArgumentError, match=r"n is 0"):
        clusters(z, 0)
    z[3, 2] = torch.nan
    with pytest.raises(errors.NotFinite, match="1 of 120 rows"):
        clusters(z, 5)
    with pytest.raises(errors.ShapeError, match="One integer per row"):
        mutual_information(ids, ids[:5])
