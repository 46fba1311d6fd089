"""What there is to say of models that correspond to others by something else than equal names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from neural_phylogeny.tensors.correspondence import BY_ORDER, Correspondence, summary
from neural_phylogeny.tensors.layouts import Layout


def notes(
    layouts: Sequence[Layout],
    kinds: Sequence[Sequence[int]],
    matched: Mapping[tuple[int, int], Correspondence],
    names: Sequence[str],
) -> Iterator[str]:
    """One sentence for each model that nobody matches by name, on the layout that matches it best otherwise."""
    best: dict[int, tuple[int, int, int]] = {}
    answers: dict[tuple[int, int], Correspondence] = {}
    by_name = {kind for pair, found in matched.items() if found.is_by_name and found.found for kind in pair}
    for (a, b), found in matched.items():
        if not found.is_by_name:
            rarer, other = sorted((a, b), key=lambda kind: (len(kinds[kind]), -kind))
            if rarer in by_name and other not in by_name:
                rarer, other = other, rarer
            answers[rarer, other] = found
            best[rarer] = max(best.get(rarer, (0, 0, 0)), (found.found, len(found.matches or ()), -other))
    for kind, (_, _, other) in sorted(best.items()):
        matches = answers[kind, -other].matches or ()
        pairs = [(match.by, match.layout) for match in matches]
        how = "by shape and order" if set(pairs) == {(BY_ORDER, "")} else f"({summary(pairs)})"
        n_matched = min(len({match.key for match in matches}), len({match.other for match in matches}))
        for model in kinds[kind]:
            yield (
                f"{names[model]}: names differ from those of {names[kinds[-other][0]]}, {n_matched} of "
                f"{len(layouts[model].tensors)} tensors matched {how}"
            )
