"""The colours of drawings and pages, light and dark; every text on its ground has a contrast of at least 4.5 to 1."""

from __future__ import annotations

from collections.abc import Mapping

from neural_phylogeny.records import KINDS

HUES = {
    "light": tuple("#2456c9 #0b7a6f #b4460b #7434c9 #b3175b #4a6d0c #0369a1 #8f5a06 #b42318 #475467".split()),
    "dark": tuple("#7fa7ff #45cdbd #ff9f68 #b99bff #ff86b6 #a9cf4f #5cc4f5 #e5b445 #ff8f83 #a9b4c4".split()),
}
"""Of families, in turn, and of kinds."""

SURFACES: Mapping[str, Mapping[str, str]] = {
    "light": {
        "page": "#f4f5f8",
        "card": "#ffffff",
        "panel": "#fafbfd",
        "line": "#dde1e9",
        "ink": "#161b26",
        "dim": "#596275",
        "none": "#626b7d",
        "accent": "#2456c9",
        "good": "#0b7a55",
        "fair": "#8f5a06",
        "poor": "#b42318",
    },
    "dark": {
        "page": "#0e1219",
        "card": "#171c26",
        "panel": "#131822",
        "line": "#2a3240",
        "ink": "#e9edf5",
        "dim": "#9da8ba",
        "none": "#a3adbd",
        "accent": "#8db2ff",
        "good": "#4fd39b",
        "fair": "#e5b445",
        "poor": "#ff8f83",
    },
}
"""Grounds and inks by what they are for; ``none`` is the colour of what has no family or kind."""

KIND_HUES = {"finetune": 0, "unknown": 9, "related": 9} | {
    kind: 1 + k % 8 for k, kind in enumerate(kind for kind in KINDS if kind not in ("finetune", "unknown"))
}
"""Which of the hues a kind has."""


def variables(theme: str) -> str:
    """Declarations of all colours of a theme as CSS variables."""
    named = {**SURFACES[theme], **{f"c{k}": hue for k, hue in enumerate(HUES[theme])}}
    return ";".join(f"--{name}:{colour}" for name, colour in named.items())


def literal(style: str, theme: str) -> str:
    """A style with its variables replaced by the colours of a theme, for readers of SVG that know no variables."""
    named = {**SURFACES[theme], **{f"c{k}": hue for k, hue in enumerate(HUES[theme])}}
    for name, colour in named.items():
        style = style.replace(f"var(--{name})", colour)
    return style
