"""Members of a family that share next to nothing with the others are not judged by what they share."""

from dataclasses import replace

import numpy as np

from neural_phylogeny.trees.array_data import family_of
from neural_phylogeny.trees.blocks import blocks_of, in_blocks, with_blocks_linked
from neural_phylogeny.trees.family import Family, Posterior
from neural_phylogeny.trees.forest import Forest
from neural_phylogeny.trees.likeliest import EVEN, forest_of

SHARE = np.ones((5, 5))
SHARE[:3, 3:] = SHARE[3:, :3] = 0.02
COSINE = np.full((5, 5), 0.8)
COSINE[2, 3] = COSINE[3, 2] = 0.95


def family(share: np.ndarray = SHARE) -> Family:
    return family_of(gram=np.eye(5) + 4.0, cosine=COSINE, share=share)


def judge(family: Family) -> Posterior:
    """The last model is the parent of all others."""
    n = len(family)
    parent = np.full((n, n), 0.01)
    parent[n - 1] = 1.0
    return Posterior(parent=parent / parent.sum(axis=0), missing=np.full(n, 0.01))


def forest(of: Family) -> Forest:
    found = forest_of(in_blocks(of, judge))
    return replace(found, p_root=np.diag(in_blocks(of, judge).parent))


def test_one_block_is_judged_as_before():
    of = family(np.ones((5, 5)))
    np.testing.assert_array_equal(in_blocks(of, judge).parent, judge(of).parent)
    as_before = forest(of)
    assert with_blocks_linked(as_before, of) is as_before


def test_no_parent_lies_in_another_block():
    found = in_blocks(family(), judge)
    np.testing.assert_allclose(found.parent.sum(axis=0), 1.0)
    assert [block.tolist() for block in blocks_of(family())] == [[0, 1, 2], [3, 4]]
    assert not found.parent[:3, 3:].any()
    assert not found.parent[3:, :3].any()
    assert found.parent[2, 0] > 0.9
    assert found.parent[4, 3] > 0.9


def test_a_model_by_itself_is_a_root():
    share = SHARE.copy()
    share[3, 4] = share[4, 3] = 0.02
    found = in_blocks(family(share), judge)
    assert found.parent[3, 3] == found.parent[4, 4] == 1.0


def test_models_that_share_little_with_anybody_are_judged_together():
    of = family(np.eye(5))
    np.testing.assert_array_equal(in_blocks(of, judge).parent, judge(of).parent)


def test_blocks_are_linked_without_a_direction_at_related_models():
    of = family()
    linked = with_blocks_linked(forest(of), of)
    assert linked.parents.tolist() == [2, 2, -1, 4, 0]  # the root of the smaller block, at its most similar model
    assert linked.p_direction[4] == EVEN
    assert linked.families is not None
    assert len(set(linked.families.tolist())) == 1
    assert linked.p_root is not None
    assert linked.p_root.max() <= 0.5


def test_a_root_whose_parent_is_missing_is_not_linked():
    of = family()
    missing = replace(forest(of), missing=np.array([0.0, 0.0, 0.0, 0.0, 0.9]))
    assert with_blocks_linked(missing, of).parents.tolist() == missing.parents.tolist()
