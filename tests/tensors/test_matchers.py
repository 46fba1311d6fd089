"""Names are matched in a time that grows with their length: checked against the patterns they stand for, and timed."""

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.formats.moments import is_moment
from neural_phylogeny.formats.pytorch import packed, state_dicts
from neural_phylogeny.inputs import TensorInfo, keras_output_axis
from neural_phylogeny.sources import contents, shards
from neural_phylogeny.statistics import counters
from neural_phylogeny.tensors.names import canonical_names
from neural_phylogeny.tensors.neutral import neutral_names
from neural_phylogeny.tensors.roles import _is_boundary, _is_table, role_of

TABLE = re.compile(
    r"(^|_)(pe|pos_?(enc|emb)\w*|\w*position(al)?_?(enc\w*|emb\w*|table)?|freqs?(_cis)?|rope\w*|rotary\w*"
    r"|(cos|sin)_cached|mel_\w*|fbank|filter_?bank\w*|stft\w*|dct\w*|window|anchors?|anchor_grid)\Z"
)
BOUNDARY = re.compile(
    r"(^|_)(embed\w*|\w*embeddings?|wte|wpe|lm_head|classifier|head|logits|score|predictions|out(put)?)\b"
)

PIECES = st.sampled_from(
    "_ - : x 7 pe pos enc emb position al table freqs freq _cis rope rotary cos_cached mel_ fbank filter bank stft dct "
    "window anchor anchors grid embed embedding embeddings wte lm_head classifier head logits score out put".split()
)
WORDS = st.lists(PIECES, max_size=8).map("".join)


@given(WORDS)
def test_the_matchers_are_the_patterns(word):
    assert _is_table(word) == bool(TABLE.search(word))
    assert _is_boundary(word) == bool(BOUNDARY.search(word))


def _info(name: str) -> TensorInfo:
    return TensorInfo(name=name, shape=(4, 4), dtype="float32")


MATCHERS: dict[str, Callable[[str], object]] = {
    "role": lambda name: role_of(_info(name)),
    "table": _is_table,
    "boundary": _is_boundary,
    "canonical": lambda name: canonical_names([name, "w"]),
    "neutral": lambda name: neutral_names([name, "w"]),
    "keras": lambda name: keras_output_axis(name, (3, 3, 4, 4)),
    "moment": is_moment,
    "observer": lambda name: counters._OBSERVER.search(name),
    "running": lambda name: counters._RUNNING.search(name),
    "averaged": lambda name: state_dicts.AVERAGED.search(name),
    "ignored": lambda name: state_dicts.IGNORED.search(name),
    "layer": lambda name: packed._LAYER.search(name),
    "any packed": lambda name: packed._ANY.search(name),
    "recurrent": lambda name: packed._RECURRENT.search(name),
    "data": lambda name: contents._means_data(name),
    "shard": lambda name: shards.unnumbered(name),
}
ATTACKS = (
    *("_", "a", "1", ".", "/", "_1", "a_", "embed", "_embed", "position", "_position", "positional_", "9-of-9"),
    *("_packed_params", "._packed_params", "fake_quant", "min_val", "ema", "Aa", "separable_conv2d_1", "lstm_1/"),
)


@pytest.mark.parametrize("matcher", MATCHERS.values(), ids=MATCHERS)
def test_a_matcher_is_linear(matcher):
    """Ten times the length takes at most 30 times as long; what takes a millisecond in all is not measured."""
    for attack in ATTACKS:
        for end in ("", "!", ".weight"):
            seconds = [_seconds(matcher, attack * (length // len(attack)) + end) for length in (2_000, 20_000)]
            assert seconds[1] < max(30 * seconds[0], 0.02), (attack, end, seconds)


def _seconds(matcher: Callable[[str], object], name: str) -> float:
    best = 9.0
    for _ in range(2):
        start = time.process_time()
        matcher(name)
        best = min(best, time.process_time() - start)
    return best
