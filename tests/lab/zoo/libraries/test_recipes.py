import pytest

from neural_phylogeny.errors import SavedFileError, UnknownChoiceError
from neural_phylogeny.lab.bench.suites import SUITES, cells_of
from neural_phylogeny.lab.zoo.libraries.plan import plan
from neural_phylogeny.lab.zoo.libraries.recipes import USES, known_library_recipes, read_library_recipe
from neural_phylogeny.lab.zoo.recipes import known_recipes

RECIPE = """
summary = "two"
suite = "decoder"
use = "report"
models = [
    {{ name = "base", how = "pretrain", task = "next-token:code", steps = [3, 4], checkpoints = [1, 2], ema = 0.9 }},
    {{ name = "child", how = "full", parents = ["{parent}"], task = "{task}" }},
]
[network]
library = "transformers"
kind = "LlamaForCausalLM"
config = {{ vocab_size = 300 }}
"""


def written(folder, parent="base", task="next-token:docs", **replaced):
    text = RECIPE.format(parent=parent, task=task)
    for old, new in replaced.items():
        text = text.replace(old, new)
    path = folder / "two.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", known_library_recipes())
def test_every_recipe_is_of_a_suite_and_has_strangers(name):
    recipe = read_library_recipe(name)
    models = [model for run in plan(recipe, 0) for model in run.models]
    roots = [model for model in models if not model.parents]
    assert name in SUITES[recipe.suite].recipes
    assert 8 <= len(models) <= 14
    assert len(roots) >= 2


def test_some_recipes_are_for_choosing_and_some_for_reporting_in_every_suite():
    recipes = [read_library_recipe(name) for name in known_library_recipes()]
    for suite in {recipe.suite for recipe in recipes}:
        assert {recipe.use for recipe in recipes if recipe.suite == suite} == set(USES)


def test_names_differ_from_those_of_the_other_recipes():
    assert not set(known_library_recipes()) & set(known_recipes())


def test_a_suite_takes_the_collections_of_its_recipes():
    assert cells_of(SUITES["vision"]) == {"vit-images", "convnext-images", "resnet-images"}


def test_checkpoints_are_a_chain_and_the_average_a_child(tmp_path):
    runs = plan(read_library_recipe(written(tmp_path, parent="base@2")), 0)
    edges = {model.key: model.parents for run in runs for model in run.models}
    assert edges == {
        "base@1": (),
        "base@2": ("base@1",),
        "base": ("base@2",),
        "base+ema": ("base",),
        "child": ("base@2",),
    }


def test_a_child_of_what_is_not_shown_is_a_root(tmp_path):
    runs = plan(read_library_recipe(written(tmp_path, **{"ema = 0.9": "shown = false"})), 0)
    assert [(model.key, model.parents) for run in runs for model in run.models] == [("child", ())]


def test_plans_depend_on_the_seed_alone(tmp_path):
    recipe = read_library_recipe(written(tmp_path))
    assert plan(recipe, 3) == plan(recipe, 3)
    assert {plan(recipe, seed)[0].member.steps for seed in range(12)} == {3, 4}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parent": "bse"}, "no model 'bse' before it"),
        ({"task": "guess:docs"}, "objective of 'guess:docs'"),
        ({'"full"': '"whole"'}, "how 'whole' is none of"),
        ({'"report"': '"look"'}, "use 'look' is none of"),
        ({"steps": "step"}, "unknown field 'step'"),
    ],
)
def test_what_cannot_be_made_is_refused_with_the_place(tmp_path, changes, message):
    with pytest.raises(SavedFileError, match=message):
        read_library_recipe(written(tmp_path, **changes))


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownChoiceError, match="bert-heads"):
        read_library_recipe("bort-heads")
