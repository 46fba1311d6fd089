"""Cards: read with care, and two fields changed and nothing else."""

import pytest

from neural_phylogeny.claims.cards import parse_card, read_card, with_fields
from neural_phylogeny.errors import DamagedFileError, UnreadableFileError

pytest.importorskip("yaml", reason="PyYAML is not installed: cards are not read")

FIELDS = {"base_model": ["base_model: a/b"], "base_model_relation": ["base_model_relation: finetune"]}

CARD = """---
license: apache-2.0   # keep this
base_model:
- old/one
-   old/two
tags: [x,   "y"]
multi: |
  base_model: not this one

---
# Title
base_model: nor this
"""


def test_only_the_fields_change():
    after = with_fields(parse_card(CARD), FIELDS)
    assert after == CARD.replace("base_model:\n- old/one\n-   old/two\n", "base_model: a/b\n", 1).replace(
        "one\n\n---", "one\n\nbase_model_relation: finetune\n---"
    )
    assert with_fields(parse_card(after), FIELDS) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "---\nbase_model: a/b\nbase_model_relation: finetune\n---\n"),
        ("# T\r\n", "---\r\nbase_model: a/b\r\nbase_model_relation: finetune\r\n---\r\n# T\r\n"),
        ("---\n---\nx", "---\nbase_model: a/b\nbase_model_relation: finetune\n---\nx"),
        (
            "\ufeff---\nbase_model: 'a'\nz: 1\n---",
            "\ufeff---\nbase_model: a/b\nz: 1\nbase_model_relation: finetune\n---",
        ),
        (
            '---\n"base_model" : x\n---\n',
            "---\nbase_model: a/b\nbase_model_relation: finetune\n---\n",
        ),
    ],
)
def test_cards_of_all_shapes(before, after):
    assert with_fields(parse_card(before), FIELDS) == after


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("---\nbase_model: [a\n---\n", "not YAML"),
        ("---\nbase_model: a\n", "has no end"),
        ("---\n- a\n---\n", "not a mapping"),
        ("---\nbase_model: a\nbase_model: b\n---\n", "base_model twice"),
        ("---\na: !!python/object/apply:os.system [ls]\n---\n", "not YAML"),
        ("---\na: " + "[" * 3000 + "\n---\n", "nested too deep"),
        ("---\na:\n  " + "- " * 3000 + "\n---\n", "nested too deep"),
        ("---\na: " + "x" * 300_000 + "\n---\n", "longer than"),
        ("---\na: \x00\n---\n", "not YAML"),
    ],
)
def test_a_broken_card_is_named(text, reason):
    with pytest.raises(DamagedFileError, match=reason) as caught:
        parse_card(text, "x/README.md")
    assert str(caught.value).startswith("x/README.md: ")
    assert str(caught.value).endswith("It is left as it is.")


def test_fields_that_are_not_lines_of_their_own_are_left():
    with pytest.raises(DamagedFileError, match="not written line by line"):
        with_fields(parse_card("---\n{base_model: a, license: mit}\n---\n"), FIELDS)


def test_what_a_card_declares():
    assert parse_card("---\nbase_model: [a, ' b ', 3]\nbase_model_relation: merge\n---\n").bases() == ("a", "b")
    card = parse_card("---\nbase_model: 3\nbase_model_relation: [x]\n---\n")
    assert (card.bases(), card.relation()) == ((), "")
    assert parse_card("no fields\n---\n").bases() == ()


def test_files_that_are_no_card(tmp_path):
    (tmp_path / "README.md").write_bytes(b"---\n\xff\n---\n")
    with pytest.raises(DamagedFileError, match="not text in UTF-8"):
        read_card(str(tmp_path / "README.md"))
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        read_card(str(tmp_path / "none.md"))
