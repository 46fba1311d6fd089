"""The facade: models in, phylogeny out. It composes the rooms and computes nothing itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from neural_phylogeny.errors import NothingToCompareError
from neural_phylogeny.files.cores import using
from neural_phylogeny.reconstruction.collect import Collection, gather
from neural_phylogeny.reconstruction.compare import comparison
from neural_phylogeny.reconstruction.difference import difference
from neural_phylogeny.reconstruction.joined import answered
from neural_phylogeny.reconstruction.options import Reading, checked_alpha, checked_count, with_prior_of
from neural_phylogeny.records import Changes, Comparison, Phylogeny
from neural_phylogeny.sources import ModelLike, Models
from neural_phylogeny.statistics.one_pass import Progress
from neural_phylogeny.trees.functions import FamilyMethod, find_method
from neural_phylogeny.trees.methods import METHODS, Method, MethodName
from neural_phylogeny.trees.prior import DEFAULT as PRIOR
from neural_phylogeny.trees.prior import PriorName

__all__ = ["METHODS", "Method", "MethodName", "compare", "diff", "reconstruct"]


def reconstruct(
    models: Models,
    *,
    method: MethodName | Method | FamilyMethod = "auto",
    prior: PriorName | None = None,
    alpha: float = 1e-3,
    threads: int | None = None,
    memory: int = 1 << 30,
    seed: int = 0,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    component: str | None = None,
    stats: str | os.PathLike[str] | None = None,
    save_stats: str | os.PathLike[str] | None = None,
    support: int = 0,
    sample: float | None = None,
    hashes: bool = False,
    seeds: int = 0,
    progress: Progress | None = None,
) -> Phylogeny:
    """Reconstruct which models were fine-tuned from which, from their weights alone.

    Parameters
    ----------
    models : path, sequence of paths, or mapping
        Files, folders, globs, manifests; or a mapping from the name of each model to its tensors by name (NumPy arrays
        or torch tensors), its torch module, or its path.
    method : str, Method or function
        A name in ``METHODS``, see ``nphylo methods``; a row of that table with other options, as
        ``dataclasses.replace`` makes it; or a function that takes a ``Family`` of n models and returns the parent of
        each, ``(n,)`` with -1 for a root, or a ``Forest``. A parent vector has no probabilities.
    prior : {"likely", "unknown", "unlikely"}, optional
        Whether the parents of the models are among them, as far as is known: the odds of "no parent here" are a third,
        once or three times those of complete families. By default that of the method, "unknown" unless it was changed.
        ``auto`` and ``detector`` use it.
    alpha : float
        Family-wise false-positive rate: the probability that at least one unrelated pair is reported as related.
    threads : int, optional
        Cores to use; all by default. Results do not depend on it, to the last bit. On Linux families of 64 models and
        more, all together, are placed in as many forked processes, which share what was measured.
    memory : int
        Bytes for what grows with the models: half bounds the statistics of all pairs (the smallest tensors are left out
        where they would take more, and a note says so), the rest the block buffers (fewer workers are used). One worker
        and one tensor always remain. It does not bound the process: the relations and the detector take about the
        square of the models of one family in addition, 104 MiB for 40 models of 60 matrices, whatever their size.
    seed : int
        Of all random draws.
    include, exclude : sequence of str
        Shell patterns on the names or paths of models; on the names of models in memory.
    component : str, optional
        Which state dict to take from files that hold several; models in memory have none to choose.
    stats, save_stats : path, optional
        Cached statistics to reuse, if they hold all of the models as they are now and the same sample was read; where
        to write those of this pass.
    support : int
        Bootstrap over weight matrices: the number of resamples (try 20); each costs as much as the analysis after the
        pass. ``Edge.support`` is the share of them that recover the edge, ``ModelRecord.rootstrap`` that of a root.
        As many matrices by themselves give ``Edge.concordance``.
    sample : float, optional
        Share of the weights to read, in (0, 1]. By default all of models up to 16,777,216 values and about this many
        of larger ones. Small tensors are read whole whatever the share. ``provenance`` records what was read.
    hashes : bool
        Compute the SHA-256 of every file, for ``ModelRecord.sha256``: one further read of all bytes.
    seeds : int
        Look for the draw of the initialisation in every family, under all seeds below this beside the usual ones, in
        the streams of all generators; 0.1 s for each seed. By default under the usual seeds, where a parent is not
        sure.
    progress : callable, optional
        Called with (values read, values in all).

    Returns
    -------
    Phylogeny
        Always, with empty lists where nothing is found; what could not be read is in ``skipped``, with the reason.

    Raises
    ------
    NotFoundError
        When a path leads to nothing. A file that is there and cannot be read raises nothing: it is in ``skipped``.
    UnsupportedFormatError
        When a model in memory is not a mapping of names to arrays of numbers.
    UnknownChoiceError
        When there is no such method or prior.
    MissingExtraError
        When the method needs a library that is not installed.
    SavedFileError
        When ``stats`` is not a file of statistics.
    InvalidOptionError
        When an option is outside its range, or ``component`` is given for models in memory.

    Notes
    -----
    One read of every compared value; time is linear in the bytes until the ``n_models`` products a value dominate.
    Breaks where unrelated models share an initialisation seed (they may be reported as related), and where a child was
    disguised in more ways than units in another order, multiplied, or turned (it is reported as unrelated).

    References
    ----------
    R. Yu and X. Wang, *Neural Phylogeny: Fine-Tuning Relationship Detection among Neural Networks*, ICLR 2025.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> parent = {"w": rng.uniform(-1, 1, (64, 64))}
    >>> child = {"w": parent["w"] + rng.normal(0, 0.5, (64, 64))}
    >>> stranger = {"w": rng.uniform(-1, 1, (64, 64))}
    >>> models = {"a": child, "b": parent, "c": stranger}
    >>> answer = reconstruct(models)
    >>> [(edge.parent, edge.child) for edge in answer.edges]
    [('b', 'a')]

    A function as the method: the model of smallest norm is the parent of all others of its family.

    >>> def smallest_is_parent(family):
    ...     norms = np.diag(family.gram)
    ...     return np.where(np.arange(len(family)) == norms.argmin(), -1, norms.argmin())
    >>> [(edge.parent, edge.child) for edge in reconstruct(models, method=smallest_is_parent).edges]
    [('b', 'a')]
    """
    chosen = find_method(method)
    chosen = chosen if prior is None else with_prior_of(chosen, prior)
    alpha = checked_alpha(alpha)
    support = checked_count("support", support, 0)
    reading = Reading(
        threads,
        memory,
        seed,
        include,
        exclude,
        component,
        stats,
        save_stats,
        progress,
        sample,
        alpha,
        bool(hashes),
        seeds,
    )
    with using(reading.cores):
        return answered(gather(models, reading, by_component=True), chosen, alpha, reading.seed, draws=support)


def compare(
    a: Models | ModelLike,
    b: ModelLike | None = None,
    *,
    prior: PriorName = PRIOR,
    alpha: float = 1e-3,
    threads: int | None = None,
    memory: int = 1 << 30,
    seed: int = 0,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    component: str | None = None,
    sample: float | None = None,
    seeds: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Compare two models: whether they are related, which is the parent and why, tensor by tensor.

    The verdict is the one that ``reconstruct`` gives for a collection of these two.

    Parameters
    ----------
    a, b : path, mapping or torch module
        Two models: each a path, a state dict (tensors by name) or a torch module; models in memory are called ``a`` and
        ``b``. Without ``b``, ``a`` is what ``reconstruct`` takes and holds two models: a folder, two paths, or a
        mapping from two names.
    alpha : float
        False-positive rate of the relatedness test for this one pair.
    prior, threads, memory, seed, include, exclude, component, sample, seeds, progress
        As in ``reconstruct``.

    Raises
    ------
    NotFoundError
        When a path leads to nothing.
    NothingToCompareError
        When there are not exactly two readable models; the message names them, and why others could not be read.
    UnsupportedFormatError
        When a model in memory is not a mapping of names to arrays of numbers.
    UnknownChoiceError
        When there is no such prior.
    InvalidOptionError
        When an option is outside its range.

    Notes
    -----
    One read of both models, or of a sample of large ones. Two models alone cannot show a missing common parent: their
    siblings look like parent and child. ``reconstruct`` with more models of the family is the stronger test.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> ours = {"w": rng.uniform(-1, 1, (64, 64))}
    >>> theirs = {"w": ours["w"] + rng.normal(0, 0.5, (64, 64))}
    >>> found = compare(ours, theirs)
    >>> found.verdict, found.coverage
    ('parent', 1.0)
    >>> compare({"theirs": theirs, "ours": ours}).verdict
    'child'
    """
    alpha = checked_alpha(alpha)
    reading = Reading(
        *(threads, memory, seed, include, exclude),
        component=component,
        sample=sample,
        alpha=alpha,
        progress=progress,
        seeds=seeds,
    )
    with using(reading.cores):
        collection = gather(_pair(a, b), reading, by_component=True)
        if len(collection.refs) != 2:
            raise NothingToCompareError(_not_two(collection, a, b))
        return comparison(collection, with_prior_of(METHODS["auto"], prior), alpha, reading.seed)


def diff(
    a: Models | ModelLike,
    b: ModelLike | None = None,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    component: str | None = None,
    progress: Progress | None = None,
) -> Changes:
    """What changed from one model to the other, tensor by tensor. As ``nphylo diff``.

    Parameters
    ----------
    a, b : path, mapping or torch module
        Two models, as in ``compare``.
    include, exclude, component, progress
        As in ``reconstruct``.

    Raises
    ------
    NotFoundError
        When a path leads to nothing.
    NothingToCompareError
        When there are not exactly two readable models, or they have no tensor in common.
    UnsupportedFormatError
        When a model in memory is not a mapping of names to arrays of numbers.

    Notes
    -----
    One read of every value of both. It says nothing of descent: unrelated models change too. Permuted units count as
    changes.

    Examples
    --------
    >>> from neural_phylogeny import demo, diff
    >>> found = diff(demo.folder() / "godwit.safetensors", demo.folder() / "heron.safetensors")
    >>> found.a, found.b, len(found.tensors), round(found.equal, 2)
    ('godwit.safetensors', 'heron.safetensors', 6, 0.8)
    """
    reading = Reading(include=include, exclude=exclude, component=component, progress=progress)
    return difference(_pair(a, b), reading)


def _pair(a: Any, b: ModelLike | None) -> Models:
    """Two models as a collection: those in files under their own names, those in memory as ``a`` and ``b``."""
    if b is None:
        models: Models = a
        return models
    if isinstance(a, str | os.PathLike) and isinstance(b, str | os.PathLike):
        return [a, b]
    named: dict[str, ModelLike] = {}
    for model, name, other in ((a, "a", "b"), (b, "b", "a")):
        own = os.path.basename(os.path.normpath(os.fsdecode(model))) if isinstance(model, str | os.PathLike) else name
        named[name if own == other else own] = model
    return named


def _not_two(collection: Collection, a: object, b: object) -> str:
    """Why there is no pair to compare."""
    names = ", ".join(ref.name for ref in collection.refs)
    n = len(collection.refs)
    found = f"{'one' if n == 1 else n or 'no'} readable model{'' if n == 1 else 's'} instead of two"
    if names:
        found += f": {names}"
    reasons = [f"{skipped.path}: {skipped.reason}" for skipped in collection.skipped]
    if n == 1 and b is not None and not reasons:
        reasons.append("the same file was given twice")
    return "; ".join([found, *reasons])
