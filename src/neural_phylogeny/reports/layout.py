"""Where everything of a forest is drawn: generations from left to right, a panel for each family.

A tidy tree for each family (Reingold and Tilford 1981): subtrees are moved together until they would touch, parents
stand in the middle of their children. A model stands one layer after the last of its parents, a run of single children
(the checkpoints of one training) straight below one another. All lengths are CSS pixels; y grows downward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from neural_phylogeny.records import Edge, ModelRecord, Phylogeny, RelatedPair
from neural_phylogeny.reports.branches import hang_pairs, run_from, subtree_sizes
from neural_phylogeny.reports.families import Family, count, families, is_related, not_compared
from neural_phylogeny.reports.labels import undirected_kind
from neural_phylogeny.reports.panels import Joined, joined_families
from neural_phylogeny.reports.places import NODE, PAD, TITLE, Layout, Link, Node, Panel, pack
from neural_phylogeny.reports.short_names import short_names
from neural_phylogeny.reports.text_width import text_width
from neural_phylogeny.wording import percent

GAP, APART, RUN_GAP = 8.0, 16.0, 10.0
"""Between siblings; between subtrees; between the models of a run."""

LABEL = 30
"""Characters of a model's name in the drawing."""

GUTTER = 74.0
"""Between two layers."""

LANE = 10.0
"""Height that an edge takes in a layer that it passes."""


def lay_out(phylogeny: Phylogeny, folded: Sequence[str] = ()) -> Layout:
    """The places of all models and lines. Near-linear in the size of the result.

    Parameters
    ----------
    folded : sequence of str
        Models of which nothing is drawn that hangs below them.

    Examples
    --------
    >>> drawing = lay_out(answer)
    >>> [panel.title for panel in drawing.panels]
    ['Family 1 · 8 models', 'Family 2 · 6 models']
    >>> drawing.nodes["dunlin.safetensors"].layer, drawing.nodes["heron.safetensors"].layer
    (0, 2)
    """
    every = families(phylogeny)
    related = [family for family in every if is_related(family)]
    missing = {ancestor.name for ancestor in phylogeny.missing}
    names = [model.name for model in phylogeny.models]
    folder, labels = short_names(names, LABEL)
    models = {model.name: model for model in phylogeny.models}
    made = Layout({}, [], 0.0, 0.0, folder)
    for joined in joined_families(related, phylogeny.undecided):
        _panel(made, joined, labels, missing, frozenset(folded), len(made.panels))
    alone = [family.names[0] for family in every if not is_related(family)]
    unknown = [model.name for model in not_compared(phylogeny)]
    for title, some in (("Related to no other model here", alone), ("Not compared", unknown)):
        left = [name for name in some if name not in made.nodes]
        if left:
            _grid(made, f"{title} · {len(left):,}", left, labels, models)
    made.width, made.height = pack(made.panels)
    return made


def _grid(
    made: Layout, title: str, names: Sequence[str], labels: Mapping[str, str], models: Mapping[str, ModelRecord]
) -> None:
    """Models that are joined to nothing, in columns."""
    columns = max(1, min(6, round((len(names) / 2.5) ** 0.5)))
    rows = -(-len(names) // columns)
    x = PAD
    panel = Panel(title, list(names), [])
    for first in range(0, len(names), rows):
        column = names[first : first + rows]
        for k, name in enumerate(column):
            node = Node(name, labels[name], panel=len(made.panels), colour=-1, words=name)
            node.x, node.y = x, PAD + TITLE + NODE / 2 + k * (NODE + GAP)
            node.width = _width(node)
            made.nodes[name] = node
        x = max(made.nodes[name].right for name in column) + 2 * GAP
    panel.width = max(x - 2 * GAP + PAD, text_width(title, 13) + 2 * PAD)
    panel.height = TITLE + 2 * PAD + rows * (NODE + GAP) - GAP
    made.panels.append(panel)


def _panel(
    made: Layout, joined: Joined, labels: Mapping[str, str], missing: set[str], folded: frozenset[str], number: int
) -> None:
    """Lay out one panel: its families below one another, then models that only share their initialisation."""
    links: list[Link] = []
    names: list[str] = []
    bottom = 0.0
    for family in joined.families:
        tree = _Tree(family, labels, missing, folded)
        bottom = tree.place(bottom) + APART
        made.nodes |= tree.nodes
        names += list(tree.nodes)
        links += tree.links
    for name in joined.loose:
        made.nodes[name] = Node(name, labels[name], y=bottom + NODE / 2, words=f"{name}, same initialisation as others")
        bottom += NODE + GAP
        names.append(name)
    for group in joined.groups:
        seen = [name for name in group if name in made.nodes]
        links += [Link(a, b, None) for a, b in pairwise(seen)]
    nodes = [made.nodes[name] for name in names]
    for node in nodes:
        node.panel, node.colour, node.width = number, number, _width(node)
    _columns(nodes, has_arcs=bool(joined.groups))
    top = min(node.y for node in nodes) - NODE / 2
    for node in nodes:
        node.y += PAD + TITLE - top
    title = _title(joined, missing, number)
    panel = Panel(title, names, links)
    panel.width = max(max(node.right for node in nodes) + PAD + 10, text_width(title, 13) + 2 * PAD)
    panel.height = max(node.y for node in nodes) + NODE / 2 + PAD
    made.panels.append(panel)


def _title(joined: Joined, missing: set[str], number: int) -> str:
    n = sum(family.size - sum(name in missing for name in family.names) for family in joined.families)
    n += len(joined.loose)
    if not joined.families:
        return f"Same initialisation · {count(n, 'model')}"
    if len(joined.families) > 1 or joined.loose:
        return f"Families with a common initialisation · {count(n, 'model')}"
    return f"Family {number + 1} · {count(n, 'model')}"


def _width(node: Node) -> float:
    """Of the box: the label, what stands at its end, the mark at its start."""
    note = text_width(node.note, 11) + 8 if node.note else 0.0
    copies = text_width(f"×{len(node.copies) + 1}", 11) + 10 if node.copies else 0.0
    return 23 + node.label_width + note + copies + (18 if node.n_below else 10)


def _columns(nodes: Sequence[Node], has_arcs: bool) -> None:
    """X of each layer: after the widest box of the layer before."""
    widest: dict[int, float] = {}
    for node in nodes:
        widest[node.layer] = max(widest.get(node.layer, 0.0), node.width)
    x, at = PAD + (28 if has_arcs else 0), {}
    for layer in range(max(widest) + 1):
        at[layer] = x
        x += widest.get(layer, 0.0) + GUTTER
    for node in nodes:
        node.x, node.ahead = at[node.layer], at.get(node.layer + 1, x)


class _Tree:
    """One family: its nodes with layers and heights, its lines."""

    def __init__(self, family: Family, labels: Mapping[str, str], missing: set[str], folded: frozenset[str]) -> None:
        self.below, self.tops, loose = hang_pairs(family)
        self.nodes: dict[str, Node] = {}
        self.links: list[Link] = []
        self.sizes = subtree_sizes(self.below, self.tops)
        order = self._visible(folded)
        for name, claim in order:
            node = Node(name, name if name in missing else labels.get(name, name), is_missing=name in missing)
            node.copies = family.copies.get(name, ())
            node.n_below, node.is_folded = self.sizes[name] - 1, name in folded
            if claim is not None:
                _describe(node, claim)
            node.words = _words(node, claim)
            self.nodes[name] = node
        shown = self.nodes
        self.links += [
            Link(edge.parent, name, edge)
            for name in shown
            for edge in family.further.get(name, ())
            if edge.parent in shown
        ]
        self.links += [Link(pair.a, pair.b, pair) for _, pair in loose if pair.a in shown and pair.b in shown]
        self.runs = self._runs(folded)
        self._layers(order)

    def _visible(self, folded: frozenset[str]) -> list[tuple[str, Edge | RelatedPair | None]]:
        """All models that are drawn, parents first, each with the claim that it hangs by."""
        found: list[tuple[str, Edge | RelatedPair | None]] = []
        sizes = self.sizes
        stack: list[tuple[str, Edge | RelatedPair | None]] = [(name, None) for name in reversed(self.tops)]
        while stack:
            name, claim = stack.pop()
            found.append((name, claim))
            below = self.below.get(name, [])
            below.sort(key=lambda branch: -sizes[branch[1]])
            if name in folded:
                continue
            for other_claim, other in reversed(below):
                stack.append((other, other_claim))
            self.links += [Link(name, other, other_claim, is_main=True) for other_claim, other in below]
        return found

    def _runs(self, folded: frozenset[str]) -> dict[str, str]:
        """By model of a run of single children, the one that it stands below."""
        above: dict[str, str] = {}
        seen: set[str] = set()
        for name in self.nodes:
            if name in seen or name in folded:
                continue
            run = [other for other in run_from(name, self.below) if other in self.nodes]
            seen.update(run)
            above |= dict(zip(run, [name, *run], strict=False))
        return above

    def _layers(self, order: Sequence[tuple[str, Edge | RelatedPair | None]]) -> None:
        """One layer after the last parent; in a run the layer of the model above. Circles are left as they are."""
        incoming: dict[str, list[str]] = {name: [] for name in self.nodes}
        outgoing: dict[str, list[str]] = {name: [] for name in self.nodes}
        for link in self.links:
            if link.is_main or isinstance(link.claim, Edge):
                incoming[link.end].append(link.start)
                outgoing[link.start].append(link.end)
        left = {name: len(set(parents)) for name, parents in incoming.items()}
        ready = [name for name, _ in order if not left[name]]
        for name in ready:
            node = self.nodes[name]
            if name in self.runs:
                node.layer = self.nodes[self.runs[name]].layer
            elif incoming[name]:
                node.layer = 1 + max(self.nodes[parent].layer for parent in incoming[name])
            for child in dict.fromkeys(outgoing[name]):
                left[child] -= 1
                if not left[child]:
                    ready.append(child)
        if len(ready) < len(self.nodes):
            for name, claim in order:
                parent = next((link.start for link in self.links if link.end == name and link.is_main), None)
                if claim is not None and parent is not None and name not in self.runs:
                    self.nodes[name].layer = self.nodes[parent].layer + 1

    def place(self, top: float) -> float:
        """Give every model its height; the first is not above ``top``. Returns the bottom."""
        offset: dict[str, float] = {}
        children: dict[str, list[str]] = {name: [] for name in self.nodes}
        for link in self.links:
            if link.is_main:
                children[link.start].append(link.end)
        shapes: dict[str, dict[int, list[float]]] = {}
        for name in reversed(list(self.nodes)):
            shapes[name] = self._join(name, children[name], shapes, offset)
        whole = top
        for root in self.tops:
            shape = shapes[root]
            self.nodes[root].y = whole - min(low for low, _ in shape.values()) + (APART if whole > top else 0.0)
            whole = self.nodes[root].y + max(high for _, high in shape.values())
        for name, node in self.nodes.items():
            for child in children[name]:
                self.nodes[child].y = node.y + offset[child]
        return whole

    def _join(
        self,
        name: str,
        children: Sequence[str],
        shapes: dict[str, dict[int, list[float]]],
        offset: dict[str, float],
    ) -> dict[int, list[float]]:
        """The outline of a subtree, by layer its upper and lower end, relative to its root."""
        layer = self.nodes[name].layer
        own = [-NODE / 2, NODE / 2]
        if len(children) == 1 and children[0] in self.runs:
            child = children[0]
            offset[child] = NODE + RUN_GAP
            shape = {at: [low + offset[child], high + offset[child]] for at, (low, high) in shapes.pop(child).items()}
            shape[layer] = [min(own[0], shape[layer][0]), max(own[1], shape[layer][1])]
            return shape
        found: dict[int, list[float]] = {}
        last, was_leaf = 0.0, True
        for k, child in enumerate(children):
            shape = shapes.pop(child)
            for passed in range(layer + 1, self.nodes[child].layer):
                shape.setdefault(passed, [-LANE / 2, LANE / 2])
            is_leaf = len(shape) == 1
            gap = GAP if is_leaf and was_leaf else APART
            y = max((found[at][1] - low + gap for at, (low, _) in shape.items() if at in found), default=0.0)
            offset[child] = last = max(y, last + NODE + gap) if k else 0.0
            was_leaf = is_leaf
            for at, (low, high) in shape.items():
                ends = found.setdefault(at, [low + last, high + last])
                ends[0], ends[1] = min(ends[0], low + last), max(ends[1], high + last)
        middle = last / 2
        for child in children:
            offset[child] -= middle
        shape = {at: [low - middle, high - middle] for at, (low, high) in found.items()}
        shape[layer] = own
        return shape


def _describe(node: Node, claim: Edge | RelatedPair) -> None:
    """What stands in the box of a model about the claim by which it hangs."""
    if isinstance(claim, RelatedPair):
        node.kind = undirected_kind(claim)
        return
    node.kind, node.is_weak = claim.kind, claim.is_weak
    node.note = "" if claim.confidence is None else percent(claim.confidence) + (" ?" if claim.is_weak else "")


def _words(node: Node, claim: Edge | RelatedPair | None) -> str:
    words = [f"{node.name} (not in the collection)" if node.is_missing else node.name]
    if isinstance(claim, RelatedPair):
        other = claim.b if claim.a == node.name else claim.a
        words.append(f"related to {other}, direction undetermined")
    elif claim is not None:
        words.append(f"{claim.kind} of {claim.parent}")
        words += [percent(claim.confidence)] if claim.confidence is not None else []
    if node.copies:
        words.append(f"same weights as {', '.join(node.copies)}")
    return ", ".join(words)
