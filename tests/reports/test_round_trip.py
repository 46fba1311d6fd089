"""A result that was saved and loaded answers every question as it did before."""

import pytest

from neural_phylogeny import demo, reconstruct
from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.records import Phylogeny
from neural_phylogeny.reports.formats import FORMATS

OF_A_MODEL = ("parent_of", "children_of", "ancestors_of", "family_of", "explain")
TEXTS = ("to_text", "to_json", "to_newick", "__str__", "__repr__")


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> tuple[Phylogeny, Phylogeny]:
    answer, path = reconstruct(demo.folder()), tmp_path_factory.mktemp("saved") / "result.json"
    answer.save(path)
    return answer, Phylogeny.load(path)


def test_it_is_the_same(pair):
    answer, again = pair
    assert again == answer
    assert (again.roots, again.share_read) == (answer.roots, answer.share_read)
    for name in TEXTS:
        assert getattr(again, name)() == getattr(answer, name)(), name
    assert again.to_text(evidence=True) == answer.to_text(evidence=True)
    assert dict(again.to_networkx(pairs=True).adj) == dict(answer.to_networkx(pairs=True).adj)
    for of in ("edges", "pairs", "models"):
        assert again.to_frame(of).equals(answer.to_frame(of))


@pytest.mark.parametrize("question", OF_A_MODEL)
def test_every_question_about_a_model_has_the_same_answer(pair, question):
    answer, again = pair
    for model in answer.models:
        assert getattr(again, question)(model.name) == getattr(answer, question)(model.name), model.name


def test_every_format_is_the_same(pair, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    answer, again = pair
    for form in FORMATS.values():
        assert form.write(again) == form.write(answer), form.name


def test_a_file_of_another_version_is_refused_with_a_sentence(tmp_path):
    (tmp_path / "r.json").write_text('{"format": "neural-phylogeny", "version": 3}')
    with pytest.raises(SavedFileError, match=r"a result file of version 3; this program reads versions 1 to 2\. Use"):
        Phylogeny.load(tmp_path / "r.json")
