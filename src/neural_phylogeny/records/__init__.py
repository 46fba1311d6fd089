"""The frozen records that cross rooms: plain data, no behaviour beyond small derived values.

The methods of what is handed to a user, such as ``Phylogeny``, import what renders and explains them when they are
called: the one listed exception to the rule that rooms only know the rooms before them.
"""

from neural_phylogeny.records.claims import (
    FAVOURS,
    KINDS,
    UNDECIDED_REASONS,
    CredibleRoots,
    Edge,
    Evidence,
    Favours,
    Kind,
    LayerChange,
    Measured,
    MissingAncestor,
    ModelRecord,
    Reasons,
    RelatedPair,
    SharedComponent,
    SimilarityTable,
    UndecidedGroup,
    UndecidedReason,
)
from neural_phylogeny.records.comparison import Comparison, PricedExplanation, TensorComparison, Verdict
from neural_phylogeny.records.derivation import (
    CLAIM_VERDICTS,
    DERIVATION_VERDICTS,
    CheckedClaim,
    ClaimVerdict,
    Declared,
    Derivation,
    Derivations,
    DerivationVerdict,
    Verification,
)
from neural_phylogeny.records.difference import Changes, TensorChange
from neural_phylogeny.records.explanation import ExplainedClaim, Explanation, Relation
from neural_phylogeny.records.phylogeny import Phylogeny, Table
from neural_phylogeny.records.relatives import STANDINGS, Relative, Relatives, Standing

__all__ = [
    "CLAIM_VERDICTS",
    "DERIVATION_VERDICTS",
    "FAVOURS",
    "KINDS",
    "STANDINGS",
    "UNDECIDED_REASONS",
    "Changes",
    "CheckedClaim",
    "ClaimVerdict",
    "Comparison",
    "CredibleRoots",
    "Declared",
    "Derivation",
    "DerivationVerdict",
    "Derivations",
    "Edge",
    "Evidence",
    "ExplainedClaim",
    "Explanation",
    "Favours",
    "Kind",
    "LayerChange",
    "Measured",
    "MissingAncestor",
    "ModelRecord",
    "Phylogeny",
    "PricedExplanation",
    "Reasons",
    "RelatedPair",
    "Relation",
    "Relative",
    "Relatives",
    "SharedComponent",
    "SimilarityTable",
    "Standing",
    "Table",
    "TensorChange",
    "TensorComparison",
    "UndecidedGroup",
    "UndecidedReason",
    "Verdict",
    "Verification",
]
