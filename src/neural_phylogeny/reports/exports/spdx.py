"""A phylogeny as SPDX 3 relationships."""

from __future__ import annotations

import json
import os
import time
import uuid
from typing import Any

import neural_phylogeny
from neural_phylogeny.records import Edge, ModelRecord, Phylogeny
from neural_phylogeny.reports.exports.drawn import edge_label
from neural_phylogeny.reports.exports.hashes import hashes_of
from neural_phylogeny.reports.graph import node_names
from neural_phylogeny.reports.json import to_json
from neural_phylogeny.reports.names import safe

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
CREATION = "_:creation"

Element = dict[str, Any]


def to_spdx(phylogeny: Phylogeny) -> str:
    """The models as packages, joined by ``descendantOf`` from child to parent, as SPDX 3.0.1 in JSON-LD.

    Profiles core and software: the AI profile asks for facts that weights do not hold. Edges below even odds,
    undetermined pairs and copies are left out, since a relationship would claim what was not found; missing ancestors
    are packages without a hash. A model of one file has its SHA-256. The time of creation is now, or that of
    ``SOURCE_DATE_EPOCH``. One read of every file.

    References
    ----------
    The Linux Foundation, *SPDX Specification 3.0.1*, 2024.
    """
    base = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, to_json(phylogeny))}"
    names = node_names(phylogeny)
    ids = {name: f"{base}#model-{k}" for k, name in enumerate(names)}
    models = {model.name: model for model in phylogeny.models}
    packages = [_package(ids[name], shown, models.get(name)) for name, shown in names.items()]
    claims = [edge for edge in phylogeny.edges if not edge.is_weak]
    relations = [_relationship(f"{base}#edge-{k}", edge, ids) for k, edge in enumerate(claims)]
    agent = _element("SoftwareAgent", f"{base}#nphylo", name=f"neural-phylogeny {neural_phylogeny.__version__}")
    elements = [agent, *packages, *relations]
    document = _element(
        "SpdxDocument",
        f"{base}#document",
        name="Descent of models, reconstructed from their weights",
        profileConformance=["core", "software"],
        rootElement=[package["spdxId"] for package in packages],
        element=[element["spdxId"] for element in elements],
    )
    created = {
        "type": "CreationInfo",
        "@id": CREATION,
        "specVersion": "3.0.1",
        "created": _now(),
        "createdBy": [agent["spdxId"]],
    }
    return json.dumps({"@context": CONTEXT, "@graph": [created, document, *elements]}, indent=2, allow_nan=False)


def _package(spdx_id: str, name: str, model: ModelRecord | None) -> Element:
    if model is None:
        return _element("software_Package", spdx_id, name=name, comment="missing ancestor: it is not at hand")
    known: Element = {"name": name, "software_primaryPurpose": "model"}
    if model.path:
        known["comment"] = f"path: {safe(model.path)}"
    if digest := hashes_of(model).get(""):
        known["verifiedUsing"] = [{"type": "Hash", "algorithm": "sha256", "hashValue": digest}]
    return _element("software_Package", spdx_id, **known)


def _relationship(spdx_id: str, edge: Edge, ids: dict[str, str]) -> Element:
    numbers = {name: getattr(edge, name) for name in ("p_parent", "p_direction", "p_value", "similarity")}
    known = ", ".join(f"{name}={value:.6g}" for name, value in numbers.items() if value is not None)
    return _element(
        "Relationship",
        spdx_id,
        relationshipType="descendantOf",
        completeness="noAssertion",
        to=[ids[edge.parent]],
        description=f"{edge_label(edge)}{f' ({known})' if known else ''}",
        **{"from": ids[edge.child]},
    )


def _element(kind: str, spdx_id: str, **fields: Any) -> Element:
    return {"type": kind, "spdxId": spdx_id, "creationInfo": CREATION, **fields}


def _now() -> str:
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(fixed) if fixed.isdigit() else None))
