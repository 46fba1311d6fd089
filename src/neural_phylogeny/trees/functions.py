"""A function of a family as a method, and what its answer must be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.trees.checks import parent_vector
from neural_phylogeny.trees.driver import in_each_family
from neural_phylogeny.trees.family import Family
from neural_phylogeny.trees.forest import Forest
from neural_phylogeny.trees.methods import METHODS, Method

FamilyMethod = Callable[[Family], "ArrayLike | Forest"]
"""From a family of n models to a parent vector ``(n,)``, -1 for a root, or to a ``Forest``."""

PER_MODEL = ("p_direction", "p_parent", "missing")
"""Fields of a forest that hold a probability for each model."""


def find_method(method: str | Method | FamilyMethod) -> Method:
    """A method from its name in ``METHODS``, from itself, or from a function of a family.

    A function is called for each family of at least two models. What it returns is checked; a parent vector alone has
    no probabilities, so that those of its edges are NaN.

    Raises
    ------
    UnknownChoiceError
        When there is no method of this name.
    TypeError
        When it is something else.

    Examples
    --------
    >>> import numpy as np
    >>> from neural_phylogeny.trees.array_data import family_of
    >>> from neural_phylogeny.trees.family import Families
    >>> def first_is_parent(family):
    ...     return [-1] + [0] * (len(family) - 1)
    >>> families = Families(np.array([0, 1, 0]), family_of(gram=np.eye(3)))
    >>> find_method(first_is_parent).solve(families).parents.tolist()
    [-1, -1, 0]
    """
    if isinstance(method, Method):
        return method
    if isinstance(method, str):
        if method not in METHODS:
            raise UnknownChoiceError("method", method, METHODS)
        return METHODS[method]
    if not callable(method):
        raise TypeError(f"method must be a name, a Method or a function of a Family, not {type(method).__name__}")
    function, name = method, _name(method)
    summary = (getattr(function, "__doc__", None) or "a function of a family").strip().splitlines()[0]

    def solve(family: Family, options: object) -> Forest:
        return checked_forest(function(family), len(family), name)

    return Method(name, summary, "given by the caller", "unknown", in_each_family(solve))


def checked_forest(answer: ArrayLike | Forest, n: int, name: str) -> Forest:
    """What a function has answered for a family of n models, as a forest.

    Raises
    ------
    ValueError
        When it is not a forest over n models; the message names the method and says what it must be.
    """
    where = f"method {name!r}, for a family of {n} models"
    try:
        if not isinstance(answer, Forest):
            parents = parent_vector(answer, n)
            return Forest(parents=parents, p_direction=np.where(parents < 0, 1.0, np.nan))
        parent_vector(answer.parents, n)
        for field in PER_MODEL:
            _check_probabilities(field, getattr(answer, field), (n,))
        if answer.rivals is not None:
            _check_probabilities("rivals.probability", answer.rivals.probability, (n,))
            _check_shape("rivals.parents", answer.rivals.parents, (n,))
        for field, shape in (("families", (n,)), ("merged", (n, n))):
            _check_shape(field, getattr(answer, field), shape)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from error
    return answer


def _check_shape(field: str, values: ArrayLike | None, shape: tuple[int, ...]) -> None:
    found = shape if values is None else np.asarray(values).shape
    if found != shape:
        raise ValueError(f"`{field}` must have the shape {shape}, not {found}")


def _check_probabilities(field: str, values: ArrayLike | None, shape: tuple[int, ...]) -> None:
    _check_shape(field, values, shape)
    known = np.zeros(0) if values is None else np.asarray(values, dtype=np.float64)
    if ((known < 0.0) | (known > 1.0)).any():
        raise ValueError(f"`{field}` must hold probabilities, from 0 to 1, or NaN where they are unknown")


def _name(function: object) -> str:
    """Module and name, so that no function is taken for a row of the table."""
    own = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{getattr(function, '__module__', None) or '__main__'}.{own}"
