"""The prices that are listed are of explanations that explain something."""

import numpy as np

from neural_phylogeny.relations.explanations.step import Step
from neural_phylogeny.relations.explanations.whole import explained


def test_what_explains_nothing_has_no_price(rng):
    parent = rng.normal(size=(32, 64)).astype(np.float32).astype(np.float64)
    step = 0.05 * rng.normal(size=(32, 4)) @ rng.normal(size=(4, 64))
    same = explained([Step("w", parent, parent, parent.shape)])
    assert [price.kind for price in same.prices] == ["copy"]
    lora = explained([Step("w", parent, (parent + step).astype(np.float32).astype(np.float64), parent.shape)])
    assert [price.kind for price in lora.prices] == ["adapter", "finetune"]
    assert lora.prices[0].bits < lora.prices[1].bits < lora.alone
