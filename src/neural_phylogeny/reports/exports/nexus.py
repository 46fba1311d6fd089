"""A phylogeny as a NEXUS file."""

from __future__ import annotations

from neural_phylogeny.records import Phylogeny
from neural_phylogeny.reports.newick import label, to_newick


def to_nexus(phylogeny: Phylogeny) -> str:
    """The trees of ``to_newick`` in a NEXUS file, with a block that lists all labels. Linear in the size of the result.

    Second parents and confidences have no place; missing ancestors are inner nodes.

    References
    ----------
    D. Maddison, D. Swofford, W. Maddison, *NEXUS: an extensible file format for systematic information*,
    Systematic Biology 46, 1997.

    Examples
    --------
    >>> from neural_phylogeny.records import Edge, ModelRecord
    >>> models = tuple(ModelRecord(name=n, path=n, format="npz", parameters=10, family=0) for n in ("a", "b"))
    >>> edges = (Edge(parent="a", child="b", kind="finetune", similarity=0.75),)
    >>> print(to_nexus(Phylogeny(models=models, edges=edges)))
    #NEXUS
    BEGIN TAXA;
      DIMENSIONS NTAX=2;
      TAXLABELS a b;
    END;
    BEGIN TREES;
      TREE family_1 = [&R] (b:0.25)a;
    END;
    """
    names = [model.name for model in phylogeny.models] + [ancestor.name for ancestor in phylogeny.missing]
    trees = [line for line in to_newick(phylogeny).splitlines() if line]
    return "\n".join(
        [
            "#NEXUS",
            "BEGIN TAXA;",
            f"  DIMENSIONS NTAX={len(names)};",
            f"  TAXLABELS {' '.join(label(name) for name in names)};",
            "END;",
            "BEGIN TREES;",
            *(f"  TREE family_{number} = [&R] {tree}" for number, tree in enumerate(trees, 1)),
            "END;",
        ]
    )
