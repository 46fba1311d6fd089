"""Codes against the decoders of the gguf package, to the last bit."""

import numpy as np
import pytest

from neural_phylogeny.errors import MissingExtraError
from neural_phylogeny.formats.gguf import blocks
from neural_phylogeny.formats.gguf.blocks import DECODERS, decode
from neural_phylogeny.formats.gguf.types import KINDS

quants = pytest.importorskip("gguf.quants", reason="needs the gguf package, as the oracle")

CODED = [kind for kind in KINDS.values() if kind.dtype is None]
UNKNOWN = {"Q8_1", "Q8_K", "Q1_0"}
"""Types that the package has no decoder for."""


@pytest.mark.parametrize("kind", CODED, ids=lambda kind: kind.name)
def test_any_bytes_are_decoded_as_the_package_decodes_them(kind, rng):
    content = rng.integers(0, 256, (40, kind.nbytes), dtype=np.uint8)
    found = decode(kind.name, content)
    assert found.shape == (40, kind.values)
    assert found.dtype == np.float32
    if kind.name not in UNKNOWN:
        with np.errstate(all="ignore"):
            wanted = quants.dequantize(content, quants.GGMLQuantizationType[kind.name])
        np.testing.assert_array_equal(found, wanted)


def test_sizes_of_blocks_are_those_of_the_package():
    sizes = {kind.name: (kind.values, kind.nbytes) for kind in CODED if kind.name not in UNKNOWN}
    assert sizes == {name: quants.GGML_QUANT_SIZES[quants.GGMLQuantizationType[name]] for name in sizes}


def test_eight_bits_with_a_scale_in_single_precision():
    block = np.concatenate(
        [np.array([0.5], "<f4").view(np.uint8), np.arange(256, dtype=np.uint8), np.zeros(32, np.uint8)]
    )
    np.testing.assert_array_equal(
        decode("Q8_K", block[None]), 0.5 * np.arange(256, dtype=np.uint8).view(np.int8)[None].astype(np.float32)
    )


def test_types_of_large_tables_name_the_extra_where_the_package_is_missing(monkeypatch):
    def missing():
        raise MissingExtraError("GGUF files with codes of IQ1 to IQ3", "gguf")

    monkeypatch.setattr(blocks, "package", missing)
    with pytest.raises(MissingExtraError, match=r"\[gguf\]"):
        decode("IQ2_S", np.zeros((1, 82), np.uint8))
    assert "IQ4_XS" in DECODERS
