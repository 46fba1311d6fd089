"""Short names: never longer than the limit, never two the same, with the part in which they differ."""

from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.reports.short_names import common_prefix, short_names

LETTERS = st.text(alphabet="ab/.-1", min_size=1, max_size=60)


@given(st.lists(LETTERS, min_size=1, max_size=12, unique=True), st.integers(6, 30))
def test_short_and_distinct(names, width):
    _, found = short_names(names, width)
    assert set(found) == set(names)
    assert len(set(found.values())) == len(names)
    assert max(map(len, found.values())) <= width


def test_what_tells_names_apart_is_kept():
    names = [f"org/llama-3-8b-instruct-finetuned-on-everything-seed{k}-lr3e-5-final.safetensors" for k in (1, 2, 3)]
    folder, found = short_names(names, 26)
    assert folder == "org/llama-3-8b-instruct-finetuned-on-everything-"
    for k, name in enumerate(names, start=1):
        assert f"seed{k}" in found[name]


def test_a_common_folder_and_suffix_are_left_out_once():
    assert short_names(["m/a.pt", "m/b.pt"], 20) == ("m/", {"m/a.pt": "a", "m/b.pt": "b"})
    assert short_names(["m/a.pt", "b.npz"], 20) == ("", {"m/a.pt": "m/a.pt", "b.npz": "b.npz"})
    assert short_names(["m/a.pt", "m/b.pt"], 20, suffixes=False)[1] == {"m/a.pt": "a.pt", "m/b.pt": "b.pt"}


def test_common_prefix():
    assert (common_prefix(["abc", "abd"]), common_prefix(["a", "ab"]), common_prefix(["x"])) == ("ab", "a", "x")
