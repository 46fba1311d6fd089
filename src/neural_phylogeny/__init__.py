"""Which neural networks were fine-tuned from which: a directed forest from weights alone.

Importing this package opens no file and imports neither torch nor NumPy; the public names load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neural_phylogeny.errors import (
        CheckpointError,
        ClusterError,
        DamagedFileError,
        InvalidOptionError,
        LimitError,
        MissingExtraError,
        NeuralPhylogenyError,
        NoModelError,
        NotFoundError,
        NothingToCompareError,
        OutputError,
        SavedFileError,
        UnknownChoiceError,
        UnreadableFileError,
        UnsafeFileError,
        UnsupportedFormatError,
    )
    from neural_phylogeny.inputs import Skipped
    from neural_phylogeny.reconstruction.api import compare, diff, reconstruct
    from neural_phylogeny.reconstruction.audit import derived, verify
    from neural_phylogeny.reconstruction.fingerprints import fingerprint_model
    from neural_phylogeny.records import (
        Changes,
        CheckedClaim,
        Comparison,
        CredibleRoots,
        Declared,
        Derivation,
        Derivations,
        Edge,
        Evidence,
        ExplainedClaim,
        Explanation,
        LayerChange,
        MissingAncestor,
        ModelRecord,
        Phylogeny,
        Reasons,
        RelatedPair,
        SharedComponent,
        SimilarityTable,
        TensorChange,
        TensorComparison,
        UndecidedGroup,
        Verification,
    )
    from neural_phylogeny.trees.family import Family
    from neural_phylogeny.trees.forest import Forest
    from neural_phylogeny.trees.methods import METHODS, Method

__version__ = "0.1.0"

_HOMES = {
    "Changes": "records",
    "CheckedClaim": "records",
    "Declared": "records",
    "Derivation": "records",
    "Derivations": "records",
    "TensorChange": "records",
    "Verification": "records",
    "derived": "reconstruction.audit",
    "diff": "reconstruction.api",
    "fingerprint_model": "reconstruction.fingerprints",
    "verify": "reconstruction.audit",
    "METHODS": "trees.methods",
    "CheckpointError": "errors",
    "ClusterError": "errors",
    "Comparison": "records",
    "DamagedFileError": "errors",
    "Edge": "records",
    "Evidence": "records",
    "ExplainedClaim": "records",
    "Explanation": "records",
    "Family": "trees.family",
    "Forest": "trees.forest",
    "InvalidOptionError": "errors",
    "LayerChange": "records",
    "Method": "trees.methods",
    "MissingAncestor": "records",
    "MissingExtraError": "errors",
    "ModelRecord": "records",
    "NeuralPhylogenyError": "errors",
    "NoModelError": "errors",
    "NotFoundError": "errors",
    "NothingToCompareError": "errors",
    "Phylogeny": "records",
    "Reasons": "records",
    "RelatedPair": "records",
    "SavedFileError": "errors",
    "LimitError": "errors",
    "OutputError": "errors",
    "Skipped": "inputs",
    "TensorComparison": "records",
    "SharedComponent": "records",
    "SimilarityTable": "records",
    "CredibleRoots": "records",
    "UndecidedGroup": "records",
    "UnknownChoiceError": "errors",
    "UnreadableFileError": "errors",
    "UnsafeFileError": "errors",
    "UnsupportedFormatError": "errors",
    "compare": "reconstruction.api",
    "reconstruct": "reconstruction.api",
}

__all__ = [
    "METHODS",
    "Changes",
    "CheckedClaim",
    "CheckpointError",
    "ClusterError",
    "Comparison",
    "CredibleRoots",
    "DamagedFileError",
    "Declared",
    "Derivation",
    "Derivations",
    "Edge",
    "Evidence",
    "ExplainedClaim",
    "Explanation",
    "Family",
    "Forest",
    "InvalidOptionError",
    "LayerChange",
    "LimitError",
    "Method",
    "MissingAncestor",
    "MissingExtraError",
    "ModelRecord",
    "NeuralPhylogenyError",
    "NoModelError",
    "NotFoundError",
    "NothingToCompareError",
    "OutputError",
    "Phylogeny",
    "Reasons",
    "RelatedPair",
    "SavedFileError",
    "SharedComponent",
    "SimilarityTable",
    "Skipped",
    "TensorChange",
    "TensorComparison",
    "UndecidedGroup",
    "UnknownChoiceError",
    "UnreadableFileError",
    "UnsafeFileError",
    "UnsupportedFormatError",
    "Verification",
    "compare",
    "derived",
    "diff",
    "fingerprint_model",
    "reconstruct",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
