"""Verdicts for pipelines are what their readers take: validated against the schemas of SARIF 2.1.0 and of JUnit XML."""

import json
from pathlib import Path

import jsonschema
import pytest

from neural_phylogeny.records import CLAIM_VERDICTS, DERIVATION_VERDICTS, CheckedClaim, Declared, Derivation
from neural_phylogeny.reports import derivation, verification
from neural_phylogeny.reports.checks import Check, to_junit, to_sarif

DATA = Path(__file__).parent / "data"

HOSTILE = (
    "]]></system-out><failure/>",
    "\x1b[2J\x00\x0b\ufffe",
    "back\u202ewards\u200f",
    "\"quotes'\n\tlines\r",
    "\ud800 half a pair",
    "x" * 300,
    "",
)


def checks() -> list[Check]:
    """Every outcome, with names that mean something to XML, JSON, terminals and readers."""
    found = [
        Derivation(child=child, parent=parent, verdict=verdict, probability=0.5, p_value=1e-9, reasons=(child,))
        for child, parent in zip(HOSTILE, reversed(HOSTILE), strict=True)
        for verdict in DERIVATION_VERDICTS
    ]
    claims = [
        CheckedClaim(
            declared=Declared(model=name, parent=name, source=name), verdict=verdict, reason=name, path=f"m/{name}"
        )
        for name in HOSTILE
        for verdict in CLAIM_VERDICTS
    ]
    relative = derivation.derivation_checks(found, "models/ä b?.pt")
    return [
        *relative,
        *derivation.derivation_checks(found, "/models/ours.pt"),
        *verification.verification_checks(claims),
    ]


RULES = derivation.RULES | verification.RULES


@pytest.mark.parametrize("some", [checks(), []], ids=["all", "none"])
def test_sarif_fits_its_schema(some):
    schema = json.loads((DATA / "sarif-2.1.0-rtm.4.json").read_text(encoding="utf-8"))
    content = json.loads(to_sarif(some, RULES))
    validator = jsonschema.Draft4Validator(schema, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)
    assert [error.message for error in validator.iter_errors(content)] == []
    known = {rule["id"] for rule in content["runs"][0]["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in content["runs"][0]["results"]} <= known


def test_the_schema_of_sarif_finds_mistakes():
    schema = json.loads((DATA / "sarif-2.1.0-rtm.4.json").read_text(encoding="utf-8"))
    content = json.loads(to_sarif(checks(), RULES))
    content["runs"][0]["results"][0]["level"] = "bad"
    assert not jsonschema.Draft4Validator(schema).is_valid(content)


@pytest.mark.parametrize("some", [checks(), []], ids=["all", "none"])
def test_junit_fits_its_schema(some):
    xmlschema = pytest.importorskip("xmlschema", reason="xmlschema is not installed: JUnit XML is not validated")
    schema = xmlschema.XMLSchema(DATA / "junit-10.xsd")
    schema.validate(to_junit(some, "nphylo derived"))
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        schema.validate(to_junit(some, "nphylo").replace("<testsuite ", "<testsuite wrong='1' "))
