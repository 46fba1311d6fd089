"""Explanations for people: names from strange files are data."""

from neural_phylogeny.reconstruction.explain import explain
from neural_phylogeny.reports.json import explanation_to_json
from neural_phylogeny.reports.reasons import render_explanation
from neural_phylogeny.reports.text import plain


def test_control_characters_in_names_are_escaped(everything):
    for model in everything.models:
        explanation = explain(everything, model.name)
        text = plain(render_explanation(explanation))
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert explanation_to_json(explanation).isascii()
