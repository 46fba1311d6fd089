from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.sources.names import model_names


@given(st.lists(st.sampled_from(["a", "a (2)", "a (3)", "a (2) (2)", "b"])))
def test_names_are_always_unique_and_the_first_keeps_its_own(wanted: list[str]) -> None:
    unique = model_names(wanted, [f"{number}.pt" for number in range(len(wanted))])
    assert len(set(unique)) == len(unique) == len(wanted)
    assert all(unique[wanted.index(name)] == name for name in wanted)


def test_a_repository_in_a_hubs_cache_is_called_as_on_the_hub() -> None:
    one, other = "0" * 40, "1" * 40
    paths = [f"/hub/models--org--net/snapshots/{one}", f"/hub/models--gpt2/snapshots/{one}/a.bin", "/hub/own/b.pt"]
    assert model_names([None] * 3, paths) == ["org/net", "gpt2/a.bin", "b.pt"]
    paths.append(f"/hub/models--org--net/snapshots/{other}")
    assert model_names([None] * 4, paths) == ["org/net@00000000", "gpt2/a.bin", "b.pt", "org/net@11111111"]
