"""Results of any size that look like real ones, for drawings and speed: nothing is read."""

import hashlib
import random

from neural_phylogeny.records import (
    Edge,
    Evidence,
    LayerChange,
    MissingAncestor,
    ModelRecord,
    Phylogeny,
    RelatedPair,
    SimilarityTable,
    UndecidedGroup,
)

KINDS = ("finetune", "finetune", "finetune", "finetune", "quantized", "pruned", "cast")
BASES = ("falcon", "heron", "merlin", "osprey", "plover", "siskin", "wren", "linnet", "curlew", "avocet")
TASKS = ("chat", "code", "legal", "summaries", "de", "vision", "math", "reward", "safety", "long-context")

STATEMENTS = (
    ("unit-matching", "related", "the hidden units of the two models match one to one (cosine 0.93, p < 1e-12)"),
    ("detector", "parent", "the parent with this probability, against every other model here or none"),
    ("kurtosis", "parent", "has lighter tails in 82 % of the matrices"),
    ("spectrum", "no parent", "has less even singular values in 61 % of the matrices"),
    ("unit-norms", "neither", "the matrices are evenly divided"),
)


def synthetic(n_models: int, n_families: int, seed: int = 0, n_layers: int = 12) -> Phylogeny:
    """Families of random trees with copies, pairs, merges, runs, missing ancestors, groups and strangers."""
    rng = random.Random(seed)
    strangers = n_models // 25
    sizes = [1.0 / (k + 1) ** 0.6 for k in range(n_families)]
    total = n_models - strangers - n_families
    models: list[ModelRecord] = []
    parts: list[Phylogeny] = []
    for k in range(n_families):
        n = max(2, round(1 + total * sizes[k] / sum(sizes)))
        part = _family(rng, k, min(n, n_models - strangers - len(models)), n_layers)
        models += part.models
        parts.append(part)
    for k in range(n_models - len(models)):
        name = f"uploads/stranger-{k:03d}.safetensors"
        models.append(_model(name, n_families + k))
    edges = tuple(edge for part in parts for edge in part.edges)
    pairs = tuple(pair for part in parts for pair in part.undirected)
    groups: tuple[UndecidedGroup, ...] = ()
    if strangers > 4:
        few = [model.name for model in models[-4:]]
        groups = (UndecidedGroup(models=tuple(few), reason="common initialisation"),)
        models[-4:] = [_model(name, None, "same random initialisation, trained independently") for name in few]
    return Phylogeny(
        models=tuple(models),
        edges=edges,
        undirected=pairs,
        missing=tuple(lost for part in parts for lost in part.missing),
        undecided=groups,
        copies=tuple(group for part in parts for group in part.copies),
        similarities=tuple(table for part in parts for table in part.similarities),
        provenance={
            "software": {"name": "neural-phylogeny", "version": "0.1.0"},
            "parameters": {"method": "auto", "alpha": 0.001, "seed": 0},
            "notes": [],
        },
    )


def _model(name: str, family: int | None, remark: str = "") -> ModelRecord:
    digest = hashlib.sha256(name.encode()).hexdigest()
    about = {"path": f"/data/{name}", "format": "safetensors", "parameters": 124_000_000}
    return ModelRecord(name=name, family=family, remark=remark, sha256=digest, **about)  # type: ignore[arg-type]


def _family(rng: random.Random, number: int, n: int, n_layers: int) -> Phylogeny:
    base = f"{BASES[number % len(BASES)]}{number // len(BASES) or ''}"
    names = [f"uploads/{base}-base.safetensors"]
    edges: list[Edge] = []
    pairs: list[RelatedPair] = []
    missing: list[MissingAncestor] = []
    copies: list[tuple[str, ...]] = []
    run = 0
    while len(names) < n:
        originals = [name for name in names if not name.endswith("-copy.safetensors")]
        parent = originals[-1] if run else rng.choice(originals[: max(1, int(len(originals) * rng.random()) + 1)])
        run = run - 1 if run else (5 if rng.random() < 0.02 and n - len(names) > 6 else 0)
        task = rng.choice(TASKS)
        name = f"uploads/{base}-{task}-{len(names):03d}.safetensors"
        if run:
            name = f"uploads/{base}-run-checkpoint-{len(names) * 100:06d}.safetensors"
        names.append(name)
        chance = rng.random()
        if chance < 0.04 and not run:
            pairs.append(RelatedPair(a=parent, b=name, p_value=1e-30, similarity=0.93, coverage=1.0, evidence=()))
            continue
        edges.append(_edge(rng, parent, name, n_layers))
        if 0.04 < chance < 0.07 and len(names) > 4 and not run:
            other = rng.choice([one for one in originals if one != parent])
            edges[-1] = _edge(rng, parent, name, n_layers, "merge")
            edges.append(_edge(rng, other, name, n_layers, "merge"))
        elif chance > 0.96 and len(names) < n:
            names.append(name.replace(".safetensors", "-copy.safetensors"))
            copies.append((name, names[-1]))
    if number % 7 == 3 and n > 4:
        lost = MissingAncestor(name=f"missing ancestor {number}", family=number)
        missing.append(lost)
        edges.append(
            Edge(parent=lost.name, child=names[0], kind="finetune", p_parent=0.8, similarity=0.9, coverage=1.0)
        )
    drawn = [name for name in names if all(name not in group[1:] for group in copies)]
    models = tuple(_model(name, number) for name in names)
    tables: tuple[SimilarityTable, ...] = ()
    if 2 < len(drawn) <= 200:
        cosines = tuple(round(0.6 + 0.39 * rng.random(), 3) for _ in range(len(drawn) * (len(drawn) - 1) // 2))
        tables = (SimilarityTable(models=tuple(drawn), cosines=cosines),)
    return Phylogeny(
        models=models,
        edges=tuple(edges),
        undirected=tuple(pairs),
        missing=tuple(missing),
        copies=tuple(copies),
        similarities=tables,
    )


def _edge(rng: random.Random, parent: str, child: str, n_layers: int, kind: str = "") -> Edge:
    sure = 1.0 - 0.6 * rng.random() ** 3
    evidence = tuple(
        Evidence(
            feature=feature,
            value=0.8,
            favours=favours,  # type: ignore[arg-type]
            model=parent if favours == "parent" else None,
            strength=0.0 if favours == "neither" else round(rng.random(), 2),
            statement=statement,
        )
        for feature, favours, statement in STATEMENTS
    )
    layers = tuple(
        LayerChange(layer=f"model.layers.{k}", change=round(0.001 + 0.05 * rng.random() * (k + 1) / n_layers, 5))
        for k in range(n_layers)
    )
    return Edge(
        parent=parent,
        child=child,
        kind=kind or rng.choice(KINDS),  # type: ignore[arg-type]
        p_parent=sure,
        p_direction=min(1.0, sure + 0.1),
        p_value=1e-40,
        similarity=round(0.7 + 0.29 * rng.random(), 4),
        coverage=1.0,
        evidence=evidence,
        layers=layers,
    )
