"""A phylogeny as a bill of materials: CycloneDX 1.6."""

from __future__ import annotations

import json
import uuid
from typing import Any

import neural_phylogeny
from neural_phylogeny.records import Edge, ModelRecord, Phylogeny
from neural_phylogeny.reports.exports.hashes import hashes_of
from neural_phylogeny.reports.graph import node_names
from neural_phylogeny.reports.names import safe

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/schema/bom-1.6")

Properties = list[dict[str, str]]


def to_cyclonedx(phylogeny: Phylogeny) -> str:
    """The models as components of type ``machine-learning-model``, with their parents as ``pedigree.ancestors``.

    The hash of a file is the one of the result, else that of the file as it is on disk now; a model that is not there
    has none. Kind, probabilities and
    p-value of each edge are properties of the ancestor, undetermined pairs and copies properties of the component.
    Missing ancestors have the property ``nphylo:missing``. The serial number is that of the content: equal results give
    equal files. One read of every file.

    References
    ----------
    OWASP, *CycloneDX v1.6 JSON Reference*, ECMA-424, 2024.
    """
    names = node_names(phylogeny)
    refs = {model.name: f"model-{k}" for k, model in enumerate(phylogeny.models)}
    parents: dict[str, list[Edge]] = {}
    for edge in phylogeny.edges:
        parents.setdefault(edge.child, []).append(edge)
    links = _links(phylogeny, refs)
    components = []
    for model in phylogeny.models:
        component = _component(model, names, refs[model.name], links.get(model.name, []))
        if model.name in parents:
            component["pedigree"] = {"ancestors": [_ancestor(edge, names, refs) for edge in parents[model.name]]}
        components.append(component)
    tool = {"type": "application", "name": "neural-phylogeny", "version": neural_phylogeny.__version__}
    bom = {"metadata": {"tools": {"components": [tool]}}, "components": components}
    serial = uuid.uuid5(_NAMESPACE, json.dumps(bom, sort_keys=True))
    header = {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{serial}", "version": 1}
    return json.dumps({**header, **bom}, indent=2, allow_nan=False)


def _component(model: ModelRecord, names: dict[str, str], ref: str, links: Properties) -> dict[str, Any]:
    about = {
        "format": safe(model.format),
        "parameters": model.parameters,
        "family": model.family,
        "path": safe(model.path),
        "remark": safe(model.remark),
    }
    found: dict[str, Any] = {"type": "machine-learning-model", "bom-ref": ref, "name": names[model.name]}
    hashes = hashes_of(model)
    if "" in hashes:
        found |= {"hashes": [_hash(hashes[""])]}
    elif hashes:
        found |= {
            "components": [
                {"type": "file", "name": safe(file), "hashes": [_hash(digest)]} for file, digest in hashes.items()
            ]
        }
    return {**found, "properties": [*_properties(about), *links]}


def _ancestor(edge: Edge, names: dict[str, str], refs: dict[str, str]) -> dict[str, Any]:
    """One parent of a model: its name, and all that is known of the edge."""
    known = {"relation": edge.kind, "ref": refs.get(edge.parent)} | {
        number: getattr(edge, number) for number in ("confidence", "p_parent", "p_direction", "p_value", "similarity")
    }
    known |= {"below even odds": True} if edge.is_weak else {}
    known |= {"missing": True} if edge.parent not in refs else {}
    return {"type": "machine-learning-model", "name": names[edge.parent], "properties": _properties(known)}


def _links(phylogeny: Phylogeny, refs: dict[str, str]) -> dict[str, Properties]:
    """By model, what joins it to others without a direction, as properties that name their references."""
    found: dict[str, Properties] = {}

    def add(name: str, key: str, other: str) -> None:
        found.setdefault(name, []).extend(_properties({key: refs.get(other, other)}))

    for pair in phylogeny.undirected:
        add(pair.a, "related", pair.b)
        add(pair.b, "related", pair.a)
    for group in phylogeny.copies:
        for name in group[1:]:
            add(name, "copy of", group[0])
    for undecided in phylogeny.undecided:
        for name in undecided.models:
            for other in undecided.models:
                if other != name:
                    add(name, undecided.reason, other)
    for part in phylogeny.components:
        add(part.a, "shares a component with", part.b)
        add(part.b, "shares a component with", part.a)
    return found


def _properties(about: dict[str, Any]) -> Properties:
    return [
        {"name": f"nphylo:{key}", "value": json.dumps(value) if not isinstance(value, str) else value}
        for key, value in about.items()
        if value is not None and value != ""
    ]


def _hash(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}
