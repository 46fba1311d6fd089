"""How every two models of a collection correspond: by layouts, and by values where layouts leave a choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from neural_phylogeny.tensors.correspondence import BY_NAME, BY_ROLE, Correspondence
from neural_phylogeny.tensors.drafts import Draft, draft
from neural_phylogeny.tensors.layouts import Layout, kinds_of
from neural_phylogeny.tensors.samples import Sampler
from neural_phylogeny.tensors.settling import settled

Samples = Sequence[Sampler]
"""Of each model a sampler of its values."""

Matched = dict[tuple[int, int], Correspondence]
"""How two kinds of models correspond, by the places of the kinds."""


def correspond(first: Layout, second: Layout, samples: tuple[Sampler, Sampler] | None = None) -> Correspondence:
    """The tensors of two models that correspond: by name, by role, by shape and order, and by values where given.

    The answer depends on the two alone, and not on which is first. Reads nothing where names agree.
    """
    if _comes_first(second, first):
        turned = None if samples is None else samples[::-1]
        return correspond(second, first, turned).flipped
    one, other = _facing(first, second)
    return _answered(draft(one, other), one, other, samples)


def matched_kinds(layouts: Sequence[Layout], samples: Samples | None) -> tuple[list[list[int]], Matched]:
    """Models whose tensors correspond to all others in the same way, and how every two such kinds correspond.

    Kinds are models of one layout; those of which values decide are parted where they decide differently.
    """
    kinds = kinds_of(layouts)
    drafts = {
        (a, b): _drafted(layouts[kinds[a][0]], layouts[kinds[b][0]]) for a, b in combinations(range(len(kinds)), 2)
    }
    answers: dict[tuple[int, int], Correspondence] = {}
    if samples is not None:
        for (a, b), (found, is_turned) in drafts.items():
            if found is not None and found.is_open:
                for i in kinds[a]:
                    for j in kinds[b]:
                        answers[i, j] = _settled(found, is_turned, (i, j), layouts, samples)
        kinds_in = {model: kind for kind, members in enumerate(kinds) for model in members}
        kinds = _parted(kinds, answers)
    else:
        kinds_in = {model: kind for kind, members in enumerate(kinds) for model in members}
    matched: Matched = {}
    for a, b in combinations(range(len(kinds)), 2):
        i, j = kinds[a][0], kinds[b][0]
        old = kinds_in[i], kinds_in[j]
        if old[0] == old[1]:
            matched[a, b] = Correspondence(None, layouts[i].parameters)
        elif (i, j) in answers or (j, i) in answers:
            matched[a, b] = answers[i, j] if (i, j) in answers else answers[j, i].flipped
        else:
            found, is_turned = drafts[min(old), max(old)]
            pair = (layouts[i], layouts[j]) if old[0] < old[1] else (layouts[j], layouts[i])
            one, other = _facing(*(pair[::-1] if is_turned else pair))
            answer = _answered(found, one, other, None)
            matched[a, b] = answer.flipped if is_turned != (old[0] > old[1]) else answer
    return kinds, matched


def _drafted(first: Layout, second: Layout) -> tuple[Draft | None, bool]:
    """The draft of two layouts, and whether it is seen from the second."""
    is_turned = _comes_first(second, first)
    return draft(*_facing(*((second, first) if is_turned else (first, second)))), is_turned


def _facing(first: Layout, second: Layout) -> tuple[Layout, Layout]:
    """Two layouts as they are compared: a mixture with the means of its experts, where the other has no experts."""
    return first.facing(second), second.facing(first)


def _answered(
    found: Draft | None, first: Layout, second: Layout, samples: tuple[Sampler, Sampler] | None
) -> Correspondence:
    if found is None:
        answer = Correspondence(None, sum(first.tensors[k].size for k, _ in first.named_shapes & second.named_shapes))
    elif samples is None or not found.is_open:
        answer = Correspondence(found.likely, found.found)
    else:
        answer = settled(found, first, second, samples)
    return _in_own_names(answer, first, second)


def _in_own_names(answer: Correspondence, first: Layout, second: Layout) -> Correspondence:
    """What two layouts found facing each other, by what either calls its tensors itself."""
    if not first.own_names and not second.own_names:
        return answer
    matches = []
    for match in answer.pairs(first, second):
        key, other = first.own_names.get(match.key, match.key), second.own_names.get(match.other, match.other)
        by = BY_ROLE if match.by == BY_NAME and key != other else match.by
        matches.append(replace(match, key=key, other=other, by=by))
    return replace(answer, matches=tuple(matches))


def _settled(
    found: Draft, is_turned: bool, pair: tuple[int, int], layouts: Sequence[Layout], samples: Samples
) -> Correspondence:
    """What the values of two models decide, remembered by their samplers."""
    i, j = pair[::-1] if is_turned else pair
    known = samples[i].settled
    if samples[j] not in known:
        pair_of_layouts = _facing(layouts[i], layouts[j])
        answer = settled(found.of(*pair_of_layouts), *pair_of_layouts, (samples[i], samples[j]))
        known[samples[j]] = _in_own_names(answer, *pair_of_layouts)
    found_before: Correspondence = known[samples[j]]
    return found_before.flipped if is_turned else found_before


def _parted(kinds: list[list[int]], answers: dict[tuple[int, int], Correspondence]) -> list[list[int]]:
    """Kinds parted where values decide differently for their members, in order of their first."""
    if not answers:
        return kinds
    about: dict[int, list[tuple[int, object]]] = {}
    for (i, j), answer in answers.items():
        about.setdefault(i, []).append((j, answer))
        about.setdefault(j, []).append((i, answer))
    found: dict[tuple[int, object], list[int]] = {}
    numbers: dict[object, int] = {}
    for kind, members in enumerate(kinds):
        for model in members:
            relations = tuple(
                (other, numbers.setdefault(answer, len(numbers))) for other, answer in about.get(model, ())
            )
            found.setdefault((kind, tuple(sorted(relations))), []).append(model)
    return sorted(found.values(), key=lambda members: members[0])


def _comes_first(layout: Layout, other: Layout) -> bool:
    """Whether a layout is the one that the other is read as: units first, then what does not depend on their order."""
    return _rank(layout) < _rank(other)


def _rank(layout: Layout) -> tuple[bool, int, str]:
    return layout.units_last, len(layout.tensors), layout.digest
