"""What multimodal models are made of: a language model, a tower that sees, both trained on, and little of their own."""

import pytest

from neural_phylogeny import reconstruct
from neural_phylogeny.reports.json import from_json, to_json

TEXT = {f"layers.{k}.{name}.weight": (48, 48) for k in range(4) for name in ("up", "down")}
SIGHT = {"patch.weight": (32, 27), **{f"blocks.{k}.mlp.weight": (32, 32) for k in range(3)}}
SOUND = {"mel.weight": (28, 40), **{f"conv.{k}.weight": (28, 28) for k in range(3)}}


def inside(prefix, model):
    return {f"{prefix}.{name}": w for name, w in model.items()}


def edges(answer):
    return {(e.parent, e.child) for e in answer.edges} | {frozenset((p.a, p.b)) for p in answer.undirected}


@pytest.fixture
def models(trained):
    """Two families of strangers, and two models that were made of a member of each."""
    text, sight = trained(shapes=TEXT), trained(shapes=SIGHT)
    chat = trained(text)
    both = inside("language_model", trained(chat)) | inside("vision_tower", trained(sight, 0.05))
    both |= trained(shapes={"projector.weight": (48, 32)})
    return {
        "text": text,
        "chat": chat,
        "code": trained(text),
        "sight": sight,
        "sight-tuned": trained(sight),
        "both": both,
        "both-tuned": trained(both, 0.05),
    }


def test_it_descends_from_what_gave_most_of_it(models):
    answer = reconstruct(models)
    family = {model.name: model.family for model in answer.models}
    assert len({family[name] for name in ("text", "chat", "code", "both", "both-tuned")}) == 1
    assert family["sight"] == family["sight-tuned"] != family["text"]
    told = {frozenset(edge) for edge in edges(answer)}
    assert {frozenset(pair) for pair in (("chat", "both"), ("both", "both-tuned"), ("sight", "sight-tuned"))} <= told
    assert not any({"sight", "sight-tuned"} & pair and {"text", "chat", "both"} & pair for pair in told)


def test_what_gave_the_rest_is_a_component_of_it(models):
    answer = reconstruct(models)
    (part,) = answer.components
    assert (part.a, part.b, part.component_in_b) == ("sight", "both", "vision_tower")
    assert part.changed
    assert part.contained
    assert part.p_value is None
    assert 0.0 < part.share_of_b < 0.25 < part.share_of_a
    assert from_json(to_json(answer)) == answer
    assert "sight  is contained in both as vision_tower" in answer.to_text()
    assert any("trained on since" in sentence for sentence in answer.explain("sight").warnings)


def test_of_three_towers_the_largest_is_the_parent(trained):
    text, sight, sound = (trained(shapes=shapes) for shapes in (TEXT, SIGHT, SOUND))
    every = inside("language_model", trained(text)) | inside("vision", trained(sight)) | inside("audio", trained(sound))
    answer = reconstruct({"text": text, "sight": sight, "sound": sound, "every": every})
    assert {frozenset(edge) for edge in edges(answer)} == {frozenset(("text", "every"))}
    assert {(part.a, part.b) for part in answer.components} == {("sight", "every"), ("sound", "every")}


def test_without_the_larger_part_it_is_descent(trained):
    """An encoder below a new decoder: nothing else gave it more."""
    encoder = trained(shapes=SIGHT)
    whole = inside("encoder", trained(encoder)) | trained(shapes=TEXT)
    answer = reconstruct({"encoder": encoder, "whole": whole, "whole-tuned": trained(whole, 0.05)})
    assert any("encoder" in edge for edge in edges(answer))
    assert not answer.components


def test_a_relative_that_has_the_part_too_changes_nothing(trained):
    """Half of it is the base twice: encoder and decoder were begun with two tunes of one model."""
    base = trained(shapes=TEXT)
    tuned = trained(base)
    whole = inside("encoder", trained(base, 0.05)) | inside("decoder", trained(tuned, 0.05))
    answer = reconstruct({"base": base, "tuned": tuned, "whole": whole})
    assert any("whole" in edge for edge in edges(answer))
    assert not answer.components


def test_a_model_that_shares_next_to_nothing_is_judged_apart(trained):
    """Inflated to another number of dimensions, it keeps two small matrices of its base, and so of all its children."""
    small = {f"skip.{k}.weight": (16, 16) for k in range(2)}
    base = trained(shapes=TEXT | small)
    children = {f"child {k}": trained(base, 0.1) for k in range(4)}
    grandchild = trained(children["child 0"], 0.05)
    other = {f"layers.{k}.{name}.weight": (48, 3, 48) for k in range(4) for name in ("up", "down")}
    apart = trained(shapes=other) | trained({name: base[name] for name in small}, 0.02)
    among = {"base": base, **children, "grandchild": grandchild}
    alone, answer = reconstruct(among), reconstruct(among | {"apart": apart})
    assert {edge for edge in edges(answer) if "apart" not in edge} == edges(alone)
    (link,) = [p for p in answer.undirected if "apart" in (p.a, p.b)]
    assert (link.coverage or 1.0) < 0.05
    assert {model.name: model.p_root or 0.0 for model in answer.models}["apart"] <= 0.5
