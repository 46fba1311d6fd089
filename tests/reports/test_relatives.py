import json

from neural_phylogeny.records import ModelRecord, Phylogeny, Relative, Relatives
from neural_phylogeny.reports.relatives import MOST, relatives_to_json, render_relatives
from neural_phylogeny.reports.text import plain


def found(count: int) -> Relatives:
    relatives = tuple(
        Relative(name=f"m\x1b{k}", relation="child", kind="finetune", similarity=0.9, p_parent=0.97, p_value=1e-30)
        for k in range(count)
    )
    model = ModelRecord(name="upload", path="", format="npz", parameters=9, family=0)
    return Relatives(model="upload", searched=1000, compared=32, relatives=relatives, tree=Phylogeny(models=(model,)))


def test_each_relative_is_a_line_and_many_are_counted() -> None:
    shown = plain(render_relatives(found(MOST + 5)))
    assert "upload: 55 relatives among 1,000 models" in shown
    assert shown.count("parent of") == MOST
    assert "and 5 more" in shown
    assert "p < 1e-12" in shown
    assert "\x1b" not in shown
    assert "upload: 0 relatives among 1,000 models" in plain(render_relatives(found(0)))


def test_json_has_all_but_the_tree() -> None:
    rows = json.loads(relatives_to_json(found(2)))
    assert rows["searched"] == 1000
    assert [row["relation"] for row in rows["relatives"]] == ["child", "child"]
    assert "tree" not in rows
