"""Models with many children are put beside the cores that lack them."""

import numpy as np

from neural_phylogeny.statistics.hubs import FIRST, NEAREST, OTHERS, SIZE, Judged, with_hubs
from neural_phylogeny.statistics.neighbourhoods import Neighbourhood, neighbourhoods


def star(n, rng):
    """The hub, 0, is farther from each child than all other children are."""
    points = 3.0 + 0.2 * rng.normal(size=(n, 50))
    points[0] = 0.0
    return lambda rows: np.square(points[list(rows)][:, None] - points[None]).sum(axis=2)


def judged(near, n, hub=0):
    """As if the core of the hub knew its children and all others had none beside them."""
    (home,) = [one for one in near if hub in one.core]
    children, alone = np.zeros(n), np.ones(n)
    children[hub] = len(home.core) - 1
    alone[list(home.core)] = 0.0
    return Judged(children, alone)


def test_a_hub_that_is_far_from_its_children_is_put_beside_them(rng):
    distances, contents = star(120, rng), list(range(120))
    near = neighbourhoods(range(120), distances, contents)
    assert sum(0 in one.members for one in near) < len(near) / 2
    known = judged(near, 120, hub=0)
    known.children[0] = 16.0
    found = with_hubs(near, known, distances, contents)
    assert all(0 in one.members for one in found)
    for before, after in zip(near, found, strict=True):
        assert after.core == before.core
        assert set(after.core) <= set(after.members)
        assert len(after.members) <= max(SIZE, len(after.core) + NEAREST + FIRST + OTHERS)
        assert after.members == tuple(sorted(after.members))


def test_nothing_is_done_where_no_model_has_children(rng):
    distances, contents = star(90, rng), list(range(90))
    near = neighbourhoods(range(90), distances, contents)
    found = with_hubs(near, Judged(np.ones(90), np.ones(90)), distances, contents)
    assert all(one is before for one, before in zip(found, near, strict=True))


def test_a_hub_of_few_is_put_beside_cores_that_lack_a_parent_alone(rng):
    distances, contents = star(60, rng), list(range(60))
    near = [
        Neighbourhood(tuple(range(20)), tuple(range(20))),
        Neighbourhood(tuple(range(20, 60)), tuple(range(20, 60))),
    ]
    children, alone = np.zeros(60), np.zeros(60)
    children[0] = 3.0
    same, _ = with_hubs(near, Judged(children, alone), distances, contents), alone.__setitem__(30, 0.9)
    assert [one is before for one, before in zip(same, near, strict=True)] == [True, True]
    found = with_hubs(near, Judged(children, alone), distances, contents)
    assert found[0] is near[0]
    assert 0 in found[1].members


def test_copies_do_not_lie_beside_a_core_and_the_order_of_models_does_not_matter(rng):
    n = 90
    distances, contents = star(n, rng), [f"content {k}" for k in range(n)]
    contents[70] = contents[5]
    near = [
        Neighbourhood(tuple(range(0, 30)), tuple(range(0, 30))),
        Neighbourhood(tuple(range(30, n)), tuple(range(30, 60))),
    ]
    near.append(Neighbourhood(tuple(range(60, n)), tuple(range(60, n))))
    known = Judged(np.where(np.arange(n) == 0, 20.0, 0.0), np.ones(n))
    beside = [set(one.members) - set(one.core) for one in with_hubs(near, known, distances, contents)]
    assert all(70 not in one for one in beside[:1])
    turned = [n - 1 - k for k in range(n)]
    mirrored = with_hubs(
        [
            Neighbourhood(tuple(sorted(n - 1 - k for k in one.members)), tuple(sorted(n - 1 - k for k in one.core)))
            for one in near
        ],
        Judged(known.children[turned], known.alone[turned]),
        lambda rows: distances([n - 1 - k for k in rows])[:, turned],
        [contents[k] for k in turned],
    )
    for one, other in zip(beside, mirrored, strict=True):
        names = {contents[n - 1 - k] for k in set(other.members) - set(other.core)}
        assert {contents[k] for k in one} == names
