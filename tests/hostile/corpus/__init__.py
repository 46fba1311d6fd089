"""Hostile inputs by kind: what a stranger could put beside two sound models."""

from tests.hostile.corpus import deceit, kinds, memory, readers, small, time, words
from tests.hostile.corpus.base import CASES, sound_models

__all__ = ["CASES", "deceit", "kinds", "memory", "readers", "small", "sound_models", "time", "words"]
