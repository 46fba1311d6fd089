"""The seeds that people use, the most usual first."""

FIRST = (0, 42, 1, 1234, 123, 2, 3407, 1337, 2021, 2022, 2023, 2020, 2024, 2025, 3, 10, 100, 7)
"""Seeds that are tried first."""

OTHERS = (
    *(69, 77, 88, 99, 101, 111, 128, 200, 222, 256, 300, 314, 333, 500, 512, 555, 666, 777, 888, 999, 1000, 1001),
    *(1024, 1111, 2000, 2016, 2017, 2018, 2019, 2026, 2048, 4321, 4242, 5000, 7777, 8888, 9999, 10000, 12345),
    *(31337, 42424, 54321, 65535, 123456, 1234567),
)

USUAL = tuple(dict.fromkeys((*FIRST, *range(65), *OTHERS)))
"""0 to 64 and some sixty more, each once."""


def seeds(count: int = 0) -> tuple[int, ...]:
    """The usual seeds, then all below ``count``.

    Examples
    --------
    >>> len(seeds()), len(seeds(1000)), seeds()[:3]
    (121, 1034, (0, 42, 1))
    """
    return tuple(dict.fromkeys((*USUAL, *range(count))))
