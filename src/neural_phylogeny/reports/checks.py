"""Verdicts for pipelines: JUnit XML, which test runners show, and SARIF, which code scanners show."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

import neural_phylogeny
from neural_phylogeny.reports.names import safe

Outcome = Literal["passed", "failed", "open"]
"""``"open"`` is neither: the weights do not decide."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question with its outcome.

    Attributes
    ----------
    rule : str
        Which question it is, a stable identifier such as ``"derived"``.
    title : str
        The question in a few words.
    outcome : Outcome
        How it went.
    message : str
        The answer, a sentence.
    details : tuple of str
        Reasons, a sentence each.
    path : str
        The file or folder that it is about.
    """

    rule: str
    title: str
    outcome: Outcome
    message: str
    details: tuple[str, ...] = ()
    path: str = ""


def written(form: Literal["junit", "sarif"], checks: Sequence[Check], suite: str, rules: Mapping[str, str]) -> str:
    """The checks in one of the two formats; see ``to_junit`` and ``to_sarif``. Linear in their number."""
    return to_junit(checks, suite) if form == "junit" else to_sarif(checks, rules)


def to_junit(checks: Sequence[Check], suite: str) -> str:
    """The checks as JUnit XML: a failed check is a failure, an open one is skipped. Linear in their number.

    Examples
    --------
    >>> print(to_junit([Check(rule="derived", title="b from <a>", outcome="passed", message="yes")], "nphylo"))
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites>
      <testsuite name="nphylo" tests="1" failures="0" errors="0" skipped="0">
        <testcase classname="nphylo.derived" name="b from &lt;a&gt;">
          <system-out>yes</system-out>
        </testcase>
      </testsuite>
    </testsuites>
    """
    counts = {outcome: sum(check.outcome == outcome for check in checks) for outcome in ("failed", "open")}
    head = (
        f"  <testsuite name={_attribute(suite)} tests={_attribute(str(len(checks)))} "
        f'failures="{counts["failed"]}" errors="0" skipped="{counts["open"]}">'
    )
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", head]
    for check in checks:
        lines.append(f"    <testcase classname={_attribute(f'nphylo.{check.rule}')} name={_attribute(check.title)}>")
        element = {"failed": "failure", "open": "skipped"}.get(check.outcome)
        if element is not None:
            lines.append(f"      <{element} message={_attribute(check.message)}/>")
        output = "\n".join(safe(line) for line in (check.message, *check.details))
        lines += [f"      <system-out>{escape(output)}</system-out>", "    </testcase>"]
    return "\n".join([*lines, "  </testsuite>", "</testsuites>"])


def to_sarif(checks: Sequence[Check], rules: Mapping[str, str]) -> str:
    """The checks as SARIF 2.1.0; ``rules`` has a sentence for each rule. Linear in their number.

    A failed check is an error, an open one a warning of kind ``open``, a passed one of kind ``pass``.
    """
    driver = {
        "name": "neural-phylogeny",
        "version": neural_phylogeny.__version__,
        "rules": [{"id": rule, "shortDescription": {"text": text}} for rule, text in rules.items()],
    }
    run = {"tool": {"driver": driver}, "results": [_result(check) for check in checks]}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(check: Check) -> dict[str, Any]:
    kind, level = {"passed": ("pass", "none"), "failed": ("fail", "error"), "open": ("open", "none")}[check.outcome]
    text = " ".join(f"{safe(line).rstrip('.')}." for line in (check.message, *check.details))
    found: dict[str, Any] = {"ruleId": check.rule, "kind": kind, "level": level, "message": {"text": text}}
    if check.path:
        found["locations"] = [{"physicalLocation": {"artifactLocation": {"uri": _uri(check.path)}}}]
    return found


def _uri(path: str) -> str:
    """A relative path stays relative, so that a scanner finds it in the repository."""
    try:
        return Path(path).as_uri() if Path(path).is_absolute() else quote(path.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:  # half a pair of a character, which no path of a file has
        return quote(safe(path))


def _attribute(text: str) -> str:
    return quoteattr(safe(text))
