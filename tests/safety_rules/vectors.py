"""The published files under `contract/safety_rules/`, made of the service's own engine."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recovery_service.domain.keys import Keys
from recovery_service.domain.red_flag_condition_fields import FACTS
from recovery_service.domain.safety_bundle import canonical
from recovery_service.services.safety_rules import BundleSigner
from tests.domain.red_flag_cases import PROCEDURES, course
from tests.domain.test_red_flags_vignettes import VIGNETTES
from tests.safety_rules.adversarial import adversarial
from tests.safety_rules.cases import Case, bundle_documents, findings_as_json, in_the_vectors

FOLDER = Path(__file__).parents[2] / "contract" / "safety_rules"
#: Whoever reads the vectors knows this secret: keys that are derived of it protect nothing.
SECRET = "the published secret of the vectors"
_NOW = "2026-03-04T12:00:00Z"


def files() -> dict[str, str]:
    """Return the text of every file, by its name below the folder."""
    documents = bundle_documents()
    bundles = {
        f"bundles/{name}.json": json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        for name, document in documents.items()
    }
    versions = {name: document["version"] for name, document in documents.items()}
    return {
        **bundles,
        "vectors.json": _in_lines({"format": 1, "bundles": versions}, "vectors", vectors()),
        "signatures.json": _in_lines(
            {"keys": [dict(_signer().jwk)]}, "vectors", signature_vectors()
        ),
    }


def cases() -> Iterator[Case]:
    """Yield the vignettes of the clinical sources, then what two evaluators would part over."""
    for name, who, text, _ in VIGNETTES:
        history = course(text)
        given = [(each, each.answers.keys() & FACTS.keys()) for each in history]
        facts = {fact: each.answers.pop(fact) for each, found in given for fact in sorted(found)}
        yield Case(
            name=name,
            bundle=PROCEDURES[who],
            check_ins=history,
            day=max(each.local_date for each in history),
            facts=facts,
        )
    yield from adversarial()


def vectors() -> Iterator[dict[str, Any]]:
    """Yield every case with what the service finds."""
    for number, case in enumerate(cases(), 1):
        yield {
            "number": number,
            "name": case.name,
            "bundle": case.bundle,
            "situation": case.situation_as_json(),
            "check_ins": case.check_ins_as_json(),
            "findings": [in_the_vectors(one) for one in findings_as_json(case.findings())],
        }


def signature_vectors() -> Iterator[dict[str, Any]]:
    """Yield documents that are signed, and that only look so."""
    document = {"format": 1, "version": "1-0123456789ab", "valid_until": "2026-04-06T00:00:00Z"}
    signer = _signer()
    good = signer.sign(document)
    other = BundleSigner.of(Keys("another secret, and as public")).sign(document)
    changed = signer.sign({**document, "version": "2-0123456789ab"})
    for name, signed, verdict in (
        ("signed", good, {"accepted": True, "is_old": False}),
        ("another payload", {**good, "payload": changed["payload"]}, "wrong_signature"),
        ("another signature", {**good, "signature": changed["signature"]}, "wrong_signature"),
        ("a key that nobody published", other, "unknown_key"),
        ("another key under a known name",
         {**other, "protected": good["protected"]}, "wrong_signature"),
        ("no algorithm", {**good, "protected": _part({"alg": "none", "typ": "safety-rules"})},
         "malformed"),
        ("a signature over something else",
         {**good, "protected": _part({"alg": "EdDSA", "kid": signer.jwk["kid"], "typ": "JWT"})},
         "malformed"),
        ("an extension that must be understood",
         {**good, "protected": _part({"alg": "EdDSA", "kid": signer.jwk["kid"],
                                      "typ": "safety-rules", "crit": ["b64"]})}, "malformed"),
        ("not base64url", {**good, "signature": good["signature"] + "=="}, "malformed"),
        ("a header that is no object", {**good, "protected": _part("EdDSA")}, "malformed"),
        ("a header that is null", {**good, "protected": _part(None)}, "malformed"),
        ("a later format", signer.sign({**document, "format": 2}), "unknown_format"),
    ):  # fmt: skip
        told = verdict if isinstance(verdict, dict) else {"refused": verdict}
        yield {"name": name, "now": _NOW, "signed": signed, **told}
    yield {
        "name": "past its time", "now": "2026-04-06T00:00:01Z", "signed": good,
        "accepted": True, "is_old": True,
    }  # fmt: skip


def _signer() -> BundleSigner:
    return BundleSigner.of(Keys(SECRET))


def _part(header: Any) -> str:
    """Return what a forger would write in place of a header."""
    return urlsafe_b64encode(canonical(header)).rstrip(b"=").decode()


def _in_lines(head: Mapping[str, Any], name: str, lines: Iterator[Mapping[str, Any]]) -> str:
    """Return a document whose list has one entry a line, so that changes can be read."""
    opened = json.dumps(head, ensure_ascii=False)[:-1]
    written = ",\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    return f'{opened}, "{name}": [\n{written}\n]}}\n'
