"""Rows of queries and keys: Hugging Face keeps the halves of a head apart, Meta and llama.cpp interleave them."""

from __future__ import annotations


def run(row: int, last: int, head: int) -> tuple[int, int, int]:
    """Where a row of a matrix lies that is stored interleaved, the distance to the next one, and for how many it holds.

    ``head`` rows belong to a head; with 0 the rows are stored as they are.

    Examples
    --------
    >>> run(0, 8, 8), run(5, 8, 8), run(3, 9, 0)
    ((0, 2, 4), (3, 2, 3), (3, 1, 6))
    """
    if not head:
        return row, 1, last - row
    number, within = divmod(row, head)
    half, place = divmod(within, head // 2)
    return number * head + 2 * place + half, 2, min(last - row, head // 2 - place)
