"""Names made harmless."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.reports.names import safe


@given(st.text())
def test_nothing_but_printable_letters_is_left(text):
    assert safe(text).isprintable()
    assert not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in safe(text))


@given(st.text())
def test_what_is_printable_stays(text):
    if text.isprintable():
        assert safe(text) == text


def test_undecodable_file_names():
    assert safe("a\udc80b") == r"a\udc80b"
