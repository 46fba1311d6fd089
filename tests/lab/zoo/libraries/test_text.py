import numpy as np
import pytest

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.lab.zoo.libraries.text import DOMAINS, SPECIAL, kinds_of, text_of, tokens_of


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_domain_has_text(domain):
    assert len(text_of(domain)) > 10_000


def test_tokens_are_below_the_vocabulary_and_grow_with_it():
    small, large = tokens_of("docs", 300), tokens_of("docs", 340)
    assert small.max() < 300
    assert large.max() < 340
    assert np.isin(small[:200], large).all()
    assert len(large) < len(small)


def test_kinds_of_tokens():
    tokens = SPECIAL + np.array([-1, ord(" "), ord("7"), ord("A"), ord("z"), ord("("), 256])
    assert kinds_of(tokens).tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_an_unknown_domain_is_refused():
    with pytest.raises(SavedFileError, match="no text 'novels'"):
        text_of("novels")
