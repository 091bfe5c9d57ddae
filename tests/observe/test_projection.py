"""The map: principal components of directions, held still, never rescaled; its trustworthiness; the UMAP worker."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness as sklearn_trustworthiness

from vergence import errors
from vergence.observe.projection import eased, laid_on, moved, projection, trustworthiness, unit_rows


def rows(n: int = 80, dim: int = 12, seed: int = 0, decay: float = 0.7) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, dim, generator=generator) * decay ** torch.arange(dim)


def turned(degrees: float, mirrored: bool = False) -> np.ndarray:
    angle = np.deg2rad(degrees)
    turn = np.asarray([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return turn @ np.diag([1, -1 if mirrored else 1])


# -- one map -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "dim"), [(80, 12), (40, 100), (60, 400), (400, 200), (30, 2)])
def test_it_is_the_principal_component_map_of_the_directions(n, dim):
    items = 5 * rows(n, dim, decay=0.9) + 0.3
    found = projection(items)
    unit = torch.nn.functional.normalize(items.double(), dim=1).numpy()
    wanted = PCA(2, svd_solver="full").fit(unit)
    assert np.allclose(np.abs(found.positions), np.abs(wanted.transform(unit)), atol=2e-3)
    assert found.explained == pytest.approx(tuple(wanted.explained_variance_ratio_), rel=1e-3)
    assert found.shift is None
    assert found.radius == pytest.approx(np.sqrt((wanted.transform(unit) ** 2).sum(1).mean()), rel=1e-3)


def test_the_length_of_a_row_does_not_matter():
    items = rows()
    longer = items * torch.linspace(0.01, 1e20, len(items))[:, None]
    assert np.allclose(projection(items).positions, projection(longer).positions, atol=1e-5)


def test_rows_without_a_direction_are_left_out_and_counted():
    items = rows()
    whole = projection(items[3:])
    items[0], items[1, 2], items[2, 0] = 0.0, float("nan"), float("inf")
    found = projection(items)
    assert found.left_out == 3
    assert np.isnan(found.positions[:3]).all()
    assert np.allclose(found.positions[3:], whole.positions, atol=1e-6)


@pytest.mark.parametrize("usable", [0, 1, 2])
def test_fewer_than_three_rows_are_no_map(usable):
    items = torch.zeros(10, 4)
    items[:usable] = rows(usable, 4) if usable else 0.0
    with pytest.raises(errors.TooFewRows, match=f"{usable} of 10 rows have a direction"):
        projection(items)


def test_another_number_of_items_is_refused():
    with pytest.raises(errors.ShapeError, match="80 rows but the map before has 79"):
        projection(rows(), projection(rows(79)).positions)


@pytest.mark.parametrize("inertia", [-0.1, 1.0, float("nan")])
def test_an_impossible_inertia_is_refused(inertia):
    with pytest.raises(errors.ArgumentError, match="inertia"):
        projection(rows(), inertia=inertia)


def test_one_dimension_is_a_line():
    found = projection(torch.randn(20, 1))
    assert (np.abs(found.positions[:, 1]) < 1e-9).all()


def test_the_same_rows_give_the_same_map():
    items = rows(400, 300)
    assert np.array_equal(projection(items).positions, projection(items).positions)


# -- held still --------------------------------------------------------------------------------------------


@given(st.floats(0, 360), st.booleans(), st.integers(0, 10_000))
def test_a_map_that_was_turned_or_mirrored_is_turned_back(degrees, mirrored, seed):
    points = np.random.default_rng(seed).normal(size=(30, 2))
    assert np.allclose(laid_on(points @ turned(degrees, mirrored), points), points, atol=1e-9)


@given(st.floats(0.01, 100))
def test_it_is_never_rescaled_or_moved(scale):
    points = np.random.default_rng(0).normal(size=(30, 2)) - 0.3
    found = laid_on(scale * points @ turned(40), points)
    assert np.allclose(found, scale * points, atol=1e-9 * scale)


def test_items_that_only_one_map_has_do_not_count():
    points = np.random.default_rng(0).normal(size=(30, 2))
    before = points.copy()
    before[:10] = np.nan
    away = points @ turned(70)
    away[20:22] = np.nan
    found = laid_on(away, before)
    assert np.allclose(found[:20], points[:20])
    assert np.isnan(found[20:22]).all()
    assert moved(found, before) == pytest.approx(0, abs=1e-12)
    assert moved(found, np.full_like(found, np.nan)) is None


def test_an_item_is_held_back_by_a_quarter_of_its_way():
    before, now = np.random.default_rng(0).normal(size=(2, 30, 2))
    before[3] = np.nan
    found = eased(now, before)
    assert np.allclose(found[4:], 0.25 * before[4:] + 0.75 * now[4:])
    assert np.array_equal(found[3], now[3])
    assert np.isnan(eased(np.where(before > 9, now, np.nan), before)).all()


@pytest.mark.parametrize("scale", [1e-6, 0.3, 3.0])
def test_a_map_that_collapses_or_bursts_is_drawn_at_once(scale):
    before = np.random.default_rng(0).normal(size=(30, 2))
    assert np.array_equal(eased(scale * before, before), scale * before)
    assert not np.array_equal(eased(0.9 * before, before), 0.9 * before)


def test_what_stays_arrives():
    before, there = np.random.default_rng(0).normal(size=(2, 30, 2))
    for _ in range(12):
        before = eased(there, before)
    assert np.allclose(before, there, atol=1e-6)


@pytest.mark.parametrize("inertia", [0.0, 0.5])
def test_a_turn_of_the_whole_space_does_not_move_the_map(inertia):
    items = rows()
    first = projection(items)
    turn = torch.linalg.qr(torch.randn(12, 12, generator=torch.Generator().manual_seed(1)))[0]
    second = projection(items @ turn, first.positions, inertia=inertia)
    assert second.shift < 1e-5
    assert np.allclose(first.positions, second.positions, atol=1e-5)


def two_planes(third: float) -> torch.Tensor:
    """Three directions on the sphere whose second and third explain about as much: 1 and `third`."""
    generator = torch.Generator().manual_seed(3)
    points = torch.randn(300, 3, generator=generator)
    even = torch.linalg.qr(points - points.mean(0))[0] * 300**0.5
    return torch.cat([0.1 * even * torch.tensor([1.5, 1.0, third]), torch.ones(300, 1)], 1)


def test_where_two_directions_explain_as_much_the_plane_before_is_kept():
    first = projection(two_planes(0.99))
    assert projection(two_planes(1.01), first.positions, inertia=0.0).shift > 0.05
    assert projection(two_planes(1.01), first.positions).shift < 0.01


def test_a_plane_that_explains_much_less_is_left():
    found = projection(two_planes(0.9))
    plain = projection(two_planes(3.0))
    for _ in range(10):
        found = projection(two_planes(3.0), found.positions)
    assert sum(found.explained) == pytest.approx(sum(plain.explained), rel=0.02)


# -- collapse is seen --------------------------------------------------------------------------------------


def test_a_complete_collapse_shrinks_to_a_point():
    items = rows()
    direction = torch.ones(12)
    found = None
    radii = []
    for share in np.linspace(0, 1, 12):
        part = torch.nn.functional.normalize(items, dim=1) * (1 - share) + direction * share
        found = projection(part, None if found is None else found.positions)
        radii.append(found.radius)
    assert radii[0] > 0.5
    assert radii[-1] < 1e-6
    assert all(later < earlier for earlier, later in itertools.pairwise(radii[3:]))


def test_a_dimensional_collapse_becomes_a_line():
    items = rows(200, 12, decay=1.0)
    before = projection(items)
    flat = items.clone()
    flat[:, 2:] = 0
    flat[:, 1] = 1  # rows on a half circle, seen from its middle nearly a line
    flat[:, 0] *= 0.1
    found = projection(flat, before.positions)
    spread = np.linalg.svd(found.positions, compute_uv=False)
    assert spread[1] / spread[0] < 0.15
    assert found.explained[0] + found.explained[1] > 0.99


# -- trustworthiness ---------------------------------------------------------------------------------------


@given(st.integers(3, 60), st.integers(0, 10_000))
def test_trustworthiness_is_that_of_scikit_learn(n, seed):
    rng = np.random.default_rng(seed)
    high, low = rng.normal(size=(n, 5)), rng.normal(size=(n, 2))
    found, k = trustworthiness(high, low)
    assert k == min(15, (n - 1) // 2)
    assert found == pytest.approx(sklearn_trustworthiness(high, low, n_neighbors=k), abs=1e-12)


def test_it_is_1_for_the_plane_itself_and_about_half_for_noise():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(300, 2))
    assert trustworthiness(points, points) == (1.0, 15)
    assert trustworthiness(points, rng.normal(size=(300, 2)))[0] == pytest.approx(0.5, abs=0.05)


def test_a_part_of_the_items_tells_nearly_as_much():
    unit, _ = unit_rows(rows(512, 64, decay=0.95))
    positions = projection(rows(512, 64, decay=0.95)).positions
    asked = trustworthiness(unit, positions, anchors=256)[0]
    assert asked == pytest.approx(trustworthiness(unit, positions)[0], abs=0.02)


@pytest.mark.parametrize("neighbours", [0, 5])
def test_neighbours_that_are_not_there_are_refused(neighbours):
    with pytest.raises(errors.ArgumentError, match="between 1 and 4"):
        trustworthiness(np.zeros((10, 3)), np.zeros((10, 2)), neighbours)
    with pytest.raises(errors.TooFewRows, match="2 items"):
        trustworthiness(np.zeros((2, 3)), np.zeros((2, 2)))


@pytest.mark.slow
def test_on_a_recorded_run_the_map_is_at_least_four_times_calmer_at_the_same_trust():
    pytest.importorskip("umap")
    from bench import projections

    torch.set_num_threads(1)
    recorded = projections.recorded(600, 20)
    table = projections.rows_of(recorded)
    print("\n" + projections.text(table, projections.cost(recorded)))
    found = {(row["method"], row["how"]): row for row in table}
    for row in (found["PCA", "ours"], found["UMAP", "ours"]):
        assert row["trust_lost"] <= projections.SAME_TRUST
    assert found["UMAP", "ours"]["calmer"] >= projections.TARGET
    # Items move in earnest while a net learns, so a map that is linear has less to win.
    assert found["PCA", "ours"]["calmer"] >= projections.TARGET
    assert found["PCA", "ours"]["calmer"] > found["PCA", "turned only"]["calmer"]
