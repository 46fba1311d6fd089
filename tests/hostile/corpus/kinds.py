"""Models made against what follows the pass: disguises, growth, values that are no numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.hostile.corpus.base import case, safetensors

Model = dict[str, np.ndarray]


def _written(folder: Path, **models: Model) -> list[str]:
    return [str(safetensors(folder / f"{name}.safetensors", model)) for name, model in models.items()]


def _matrices(seed: int, count: int, shape: tuple[int, ...], prefix: str = "l") -> Model:
    values = np.random.default_rng(seed).standard_normal((count, *shape), dtype=np.float32)
    return {f"{prefix}.{k}.weight": one for k, one in enumerate(values)}


@case
def kinds_of_square_matrices_that_are_each_other_in_disguise(folder: Path) -> list[str]:
    rng, models = np.random.default_rng(0), []
    base = rng.standard_normal((16, 16), dtype=np.float32)
    for _ in range(3):
        orders = [(rng.permutation(16), rng.permutation(16), np.float32(rng.choice([-1, 1]))) for _ in range(1500)]
        models.append({f"l.{k}.weight": s * base[i][:, j] for k, (i, j, s) in enumerate(orders)})
    return _written(folder, a=models[0], b=models[1], c=models[2])


@case
def kinds_of_layers_in_another_order(folder: Path) -> list[str]:
    one = _matrices(0, 2000, (16, 16))
    order = np.random.default_rng(1).permutation(2000).tolist()
    turned = {f"l.{k}.weight": one[f"l.{other}.weight"].T for k, other in enumerate(order)}
    return _written(folder, a=one, b=turned)


@case
def kinds_of_constants_and_what_is_no_number(folder: Path) -> list[str]:
    models = {}
    for name, values in {
        "nan": (np.nan,),
        "inf": (np.inf, -np.inf),
        "zero": (0.0, -0.0),
        "one": (1.0,),
        "tiny": (1e-45, -1e-45, 0.0),
        "huge": (3e38, -3e38),
        "mixed": (np.nan, np.inf, 1e-45, 3e38, 0.0, 1.0),
    }.items():
        drawn = np.random.default_rng(0).choice(np.array(values, np.float32), (500, 16, 16))
        models[name] = {f"l.{k}.weight": one for k, one in enumerate(drawn)}
    return _written(folder, **models)


@case
def kinds_of_vocabularies_that_grew(folder: Path) -> list[str]:
    rng = np.random.default_rng(0)
    words = rng.standard_normal((60_000, 64), dtype=np.float32)
    rest = _matrices(1, 4, (64, 64))
    sizes = {"a": 20_000, "b": 60_000}
    return _written(
        folder, **{name: {"embed.weight": words[:n], "head.weight": words[-n:], **rest} for name, n in sizes.items()}
    )


@case
def kinds_of_one_matrix_that_grew(folder: Path) -> list[str]:
    rng = np.random.default_rng(0)
    return _written(
        folder,
        a={"l.weight": rng.standard_normal((3000, 3000), dtype=np.float32)},
        b={"l.weight": rng.standard_normal((4000, 4000), dtype=np.float32)},
    )
