"""Which witnesses of direction are right, and how often: on training families, on the suites, on public checkpoints.

    nphylo lab detector families --out waves/ --waves 30
    python benchmarks/witnesses.py [waves/] [--out docs/tables/witnesses.md]

Every witness that the tool tells, and those that were tried and dropped, on all true edges: the share on which it
speaks, the share of those that it points the right way, and the same weighted by how strongly it points. Witnesses were
chosen by the waves (numbers from 5000 on are larger networks), not by the suites or by public checkpoints. Two minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.matrix_features import NORMAL
from neural_phylogeny.detector.measurements import MODELS, Measurements
from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.bench.suites import find_suite, cached_collections
from neural_phylogeny.lab.training.examples import kin, measured_families
from neural_phylogeny.records import TensorInfo
from neural_phylogeny.relations.direction import RELIABILITY, WITNESSES, growing, log_odds
from neural_phylogeny.relations.exact import DIRECTED, ORDERED, exact_marks
from neural_phylogeny.relations.matrix_scores import UNIFORM, largest_score, quantile_distance, uniform_score
from neural_phylogeny.relations.retained import lasting
from neural_phylogeny.relations.shared import shared_values
from neural_phylogeny.relations.tables import Leads, Table, leads, matrices_only, votes_of
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.statistics.sketch import QUANTILES
from neural_phylogeny.tensors.alignment import AlignedTensor, Alignment
from neural_phylogeny.tensors.roles import Role

DATA = Path(__file__).parent / "data"
SUITES = ("paper", "mixed", "generations", "wild")
LARGER = 5000
"""Waves of this number and above hold larger networks."""

TRUNCATED = np.array([0.0680, 0.2051, 0.3452, 0.4908, 0.7266, 0.9989, 1.3461, 1.6737, 2.1010])
"""Quantiles of magnitudes over their root mean square when weights are normal, cut off at two deviations."""

PROBED, SAMPLED = 1024.0, 8192.0
FRESH, TRAINED = 0.02, 0.04
"""Distances to a uniform distribution up to which a head looks fresh and from which on it looks trained."""

ALL = "all together"
Said = tuple[str, dict[str, float]]
"""The group of a true edge, and what each witness says of it: positive where it points the right way."""


def statistics_of(measured: Measurements) -> Statistics:
    """The measurements of a training family as the statistics of a pass, as far as witnesses look."""
    tensors, arrays, n = [], [], len(measured)
    for t, size in enumerate(measured.sizes.astype(int).tolist()):
        has = np.flatnonzero(np.isfinite(np.diag(measured.pairs["product"][t])))
        if len(has) < 2:
            continue
        at, ones, seen = np.ix_(has, has), np.ones(len(has)), min(float(size), SAMPLED)
        found = {f"cross.{name}": seen * table[t][at] for name, table in measured.pairs.items()}
        found |= {"cross.count": seen * ones, "gram": size * measured.pairs["product"][t][at]}
        found |= {f"moments.{name}": measured.models[name][t, has] for name in MODELS}
        found |= {"moments.count": ones, "moments.probed": min(seen, PROBED) * ones}
        found["moments.distinct"] = found["moments.distinct"] * min(seen, PROBED)
        outline = measured.sketches[t, has]
        found |= {"sketch.rows": outline[:, 0], "sketch.columns": outline[:, 1]}
        found |= {"sketch.spectrum": outline[:, 2:5], "sketch.quantiles": outline[:, 5:]}
        units = next(k for k in range(2, size + 1) if size % k == 0)
        source = TensorInfo(str(t), (units, size // units), "float32")
        members = tuple(has.tolist())
        tensors.append(AlignedTensor(source.name, Role.KERNEL, (0, 0), source.shape, 0, members, (source,) * len(has)))
        arrays.append(found)
    sizes = np.full(n, measured.sizes.sum(), dtype=np.int64)
    pairwise = frozenset({"gram", *(f"cross.{name}" for name in measured.pairs)})
    return Statistics(Alignment(tuple(tensors), sizes, sizes, ()), tuple(arrays), pairwise)


def families_of(path: Path) -> Iterator[tuple[str, Statistics, list[tuple[int, int]]]]:
    """Of each group of a wave its regime, its statistics and its true edges."""
    for family in measured_families(path):
        for known in kin(family):
            edges = [(int(parent), child) for child, parent in enumerate(known.parents) if parent >= 0]
            if edges:
                yield str(known.about["regime"]), statistics_of(known.measured), edges


def kept_families(kept: CachedCollection) -> Iterator[tuple[str, Statistics, list[tuple[int, int]]]]:
    """The same of a kept collection."""
    for group in kept.collection.groups:
        at = {kept.collection.refs[model].name: row for row, model in enumerate(group.members)}
        edges = [(e.parent, e.child) for e in kept.truth.edges if e.documented and {e.parent, e.child} <= at.keys()]
        if edges:
            yield kept.cell, group.statistics, [(at[parent], at[child]) for parent, child in edges]


def _outlines(statistics: Statistics) -> NDArray[np.float64]:
    return statistics.per_model("sketch.quantiles")


def nearest_score(statistics: Statistics) -> Table:
    """Distance to the nearest family of initialisations."""
    found = [quantile_distance(_outlines(statistics), family) for family in (UNIFORM, NORMAL, TRUNCATED)]
    return matrices_only(statistics, np.min(found, axis=0))


def distance_to(family: NDArray[np.float64]) -> Callable[[Statistics], Table]:
    """Distance to one family."""
    return lambda statistics: matrices_only(statistics, quantile_distance(_outlines(statistics), family))


def beyond_root(statistics: Statistics) -> Table:
    """Share beyond the bound that a uniform distribution of the same mean square has."""
    ends = np.concatenate([_outlines(statistics), largest_score(statistics)[..., None]], axis=-1)
    shares = np.array([*QUANTILES, 1.0])
    found = [[1.0 - np.interp(np.sqrt(3.0), row, shares) for row in rows] for rows in ends]
    return matrices_only(statistics, np.where(np.isfinite(ends).all(axis=-1), found, np.nan))


def spectrum_number(k: int, sign: float) -> Callable[[Statistics], Table]:
    """One of the numbers of ``sketch.spectrum``."""
    return lambda statistics: matrices_only(statistics, sign * statistics.per_model("sketch.spectrum")[..., k])


def third_leads(statistics: Statistics) -> Leads:
    """Third moments of pairs of standardised weights, as for a linear effect with light tails."""
    n = statistics.alignment.n_models
    found = np.full((len(statistics.arrays), n, n), np.nan)
    for t, (tensor, arrays) in enumerate(statistics):
        if tensor.is_matrix and "cross.third" in arrays:
            with np.errstate(all="ignore"):
                length = np.sqrt(np.diag(arrays["cross.product"]))
                third = arrays["cross.third"] / (length[:, None] ** 3 * length[None, :])
            found[t][np.ix_(tensor.members, tensor.members)] = third.T - third
    return found


def fresh_leads(statistics: Statistics, clear: bool) -> Leads:
    """In matrices that one of two models was given anew: who looks more like an initialisation would be the child."""
    scores = uniform_score(statistics)
    found = -leads(scores)
    if clear:
        sure = (scores[:, None, :] < FRESH) & (scores[:, :, None] > TRAINED)
        found = np.where(sure | sure.transpose(0, 2, 1), found, np.nan)
    return np.where(lasting(statistics), np.nan, found)


DROPPED: dict[str, Callable[[Statistics], Leads]] = {
    "nearest of uniform, normal, truncated normal": growing(nearest_score),
    "normal-distance": growing(distance_to(NORMAL)),
    "truncated-normal-distance": growing(distance_to(TRUNCATED)),
    "outside sqrt(3) root mean squares": growing(beyond_root),
    "largest over median singular value": growing(spectrum_number(1, 1.0)),
    "inverse stable rank": growing(spectrum_number(0, -1.0)),
    "third moments of pairs": third_leads,
}
FRESH_HEADS: dict[str, Callable[[Statistics], Leads]] = {
    "fresh head": lambda statistics: fresh_leads(statistics, clear=False),
    f"fresh head, below {FRESH} against {TRAINED}": lambda statistics: fresh_leads(statistics, clear=True),
}
"""What was tried beside, each as votes of the matrices."""


def said_of(statistics: Statistics, edges: list[tuple[int, int]]) -> list[dict[str, float]]:
    """What every witness says of every edge."""
    together, tables = log_odds(statistics)
    lasts = lasting(statistics)
    tables[ALL] = together / np.log(RELIABILITY / (1.0 - RELIABILITY)) / len({one.theme for one in WITNESSES})
    tables |= {name: votes_of(np.where(lasts, one(statistics), np.nan)) for name, one in DROPPED.items()}
    tables |= {name: votes_of(one(statistics)) for name, one in FRESH_HEADS.items()}
    for name, odds in exact_marks(statistics).items():
        if name in DIRECTED or name in ORDERED:
            tables[name] = (odds - odds.T) / (2.0 if name in DIRECTED else 1.0)
    return [{name: float(table[edge]) for name, table in tables.items()} for edge in edges]


@dataclass(frozen=True)
class Told:
    """What the witnesses say of all edges of one set."""

    title: str
    said: list[Said]

    @classmethod
    def of(cls, title: str, families: Iterator[tuple[str, Statistics, list[tuple[int, int]]]]) -> Told:
        """Ask all families."""
        with np.errstate(all="ignore"):
            found = [(cell, said) for cell, statistics, edges in families for said in said_of(statistics, edges)]
        return cls(title, found)

    def figures(self, name: str) -> str:
        """Share of edges on which a witness speaks; of those, share right, and the same weighted by strength."""
        values = np.array([said.get(name, 0.0) for _, said in self.said])
        spoken = values[values != 0]
        if not len(spoken):
            return "–"
        weighted = np.abs(spoken[spoken > 0]).sum() / np.abs(spoken).sum()
        return f"{len(spoken) / len(values):.2f}: {(spoken > 0).mean():.3f}, {weighted:.3f}"

    def mean_over_groups(self, name: str) -> str:
        """Mean over groups of the share of edges pointed right, silence counting a half."""
        groups: dict[str, list[float]] = {}
        for cell, said in self.said:
            groups.setdefault(cell, []).append((1.0 + np.sign(said.get(name, 0.0))) / 2.0)
        return f"{np.mean([np.mean(values) for values in groups.values()]):.3f}"


def shared_in(paths: list[Path]) -> str:
    """How many pairs share values that a third model has not, and how many of them are of one tree."""
    related, after = [], []
    for path in paths:
        for family in measured_families(path):
            statistics = statistics_of(family.measured)
            lines = [lineage(family.parents, k) for k in range(len(family.parents))]
            for i, j in combinations(range(len(lines)), 2):
                if shared_values(statistics, i, j, [k for k in range(len(lines)) if k not in (i, j)]):
                    related.append(family.trees[i] == family.trees[j])
                root = lines[i][-1]
                if root == lines[j][-1] and root not in (i, j) and shared_values(statistics, i, j, [root]):
                    after.append(len(set(lines[i]) & set(lines[j])) > 1)
    return (
        f"Shared values, in {len(paths)} waves with strangers in their groups: {len(related)} pairs share some "
        f"that a third model has not, {sum(related)} of them are of one tree. {len(after)} pairs share some that "
        f"their root has not, {sum(after)} of them have a common ancestor after it, or one is that of the other."
    )


def lineage(parents: NDArray[np.int64], model: int) -> list[int]:
    """A model and all its ancestors, the root last."""
    found = [model]
    while parents[found[-1]] >= 0:
        found.append(int(parents[found[-1]]))
    return found


def tables(sets: list[Told]) -> Iterator[str]:
    """The lines of the Markdown file."""
    yield "### Witnesses of direction"
    yield ""
    yield (
        "`python benchmarks/witnesses.py waves/`, two minutes. A cell: the share of true edges on which the witness "
        "speaks, the share of those that it points the right way, and the same weighted by strength; 0.5 is chance. "
        "The last column is the mean over public groups, silence counting a half. Witnesses were chosen by the two "
        "columns of waves. Matrices that one of the two was given anew have no vote."
    )
    names = [*(witness.name for witness in WITNESSES), ALL]
    dropped = [*DROPPED, *FRESH_HEADS]
    for title, rows in (("told", names), ("dropped", dropped), ("exact", [*DIRECTED, *ORDERED])):
        yield ""
        header = [title, *(f"{one.title} ({len(one.said)} edges)" for one in sets), "wild, mean over groups"]
        yield "| " + " | ".join(header) + " |"
        yield "|" + " --- |" * len(header)
        for name in rows:
            cells = [name, *(one.figures(name) for one in sets), sets[-1].mean_over_groups(name)]
            yield "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("waves", type=Path, nargs="?")
    parser.add_argument("--out", type=Path, help="where the tables go, beside the screen")
    arguments = parser.parse_args()
    paths = sorted(arguments.waves.glob("wave-*.npz")) if arguments.waves else []
    sets = []
    for title, larger in (("waves", False), ("waves, larger networks", True)):
        chosen = [path for path in paths if (int(path.stem[-6:]) >= LARGER) == larger]
        if chosen:
            sets.append(Told.of(title, (family for path in chosen for family in families_of(path))))
    for name in SUITES:
        kept = cached_collections(find_suite(name), DATA, 8)
        sets.append(Told.of(name, (family for one in kept for family in kept_families(one))))
    text = "\n".join(tables(sets)) + "\n"
    text += f"\n{shared_in(paths)}\n" if paths else ""
    print(text, end="")
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
