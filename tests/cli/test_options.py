"""Sizes and proportions."""

import click
import pytest

from neural_phylogeny.cli.options import Proportion, Size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("4096", 4096),
        ("512M", 512 * 1024**2),
        ("1GiB", 1024**3),
        ("1.5 GiB", 3 * 512 * 1024**2),
        ("2GB", 2 * 1000**3),
        ("8k", 8192),
        ("1t", 1024**4),
        ("100b", 100),
        (77, 77),
    ],
)
def test_sizes(text, size):
    assert Size().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "G", "-1", "1e9", "1PB", "0M", "1 2", "9" * 40, "0.0001"])
def test_what_is_no_size(text):
    with pytest.raises(click.BadParameter, match=r"is not a size; write a number of bytes, 512M, 1GiB or 1\.5GB"):
        Size().convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("1%", 0.01),
        ("0.5 %", 0.005),
        ("0.01", 0.01),
        (".3", 0.3),
        ("1", 1.0),
        ("all", 1.0),
        ("100%", 1.0),
        ("auto", None),
    ],
)
def test_proportions(text, share):
    assert Proportion().convert(text, None, None) == share


@pytest.mark.parametrize("text", ["", "0", "0%", "2", "101%", "-1%", "1e-3", "nan", "most"])
def test_what_is_not_a_proportion(text):
    with pytest.raises(click.BadParameter, match=r"is not a proportion of the weights; write 1%, 0\.01, all or auto"):
        Proportion().convert(text, None, None)
