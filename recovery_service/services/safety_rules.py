"""The rule bundle of a patient's procedure, signed so that a phone can keep and trust it."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Self
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.content import Content
from recovery_service.domain.keys import Keys
from recovery_service.domain.safety_bundle import SafetyBundle, bundles_of, canonical, issue
from recovery_service.errors import NoSuchObject
from recovery_service.models import Episode, Site

# What the signature is about, so that one over something else is never taken for it.
TYPE = "safety-rules"


@dataclass(frozen=True)
class BundleSigner:
    """Signs with Ed25519 as RFC 8037 says; `jwk` is the public key (RFC 7517)."""

    jwk: Mapping[str, str]
    _key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def of(cls, keys: Keys) -> Self:
        """Derive the key from the installation's secret; another secret gives another `kid`."""
        key = Ed25519PrivateKey.from_private_bytes(keys.keyed_hash("safety_rules.signing_key"))
        public = {"crv": "Ed25519", "kty": "OKP", "x": _text(key.public_key().public_bytes_raw())}
        thumbprint = _text(hashlib.sha256(canonical(public)).digest())  # RFC 7638
        return cls({**public, "kid": thumbprint, "alg": "EdDSA", "use": "sig"}, key)

    def sign(self, document: Mapping[str, Any]) -> dict[str, str]:
        """Return the document as a JWS in the flattened JSON form (RFC 7515, 7.2.2)."""
        header = {"alg": "EdDSA", "kid": self.jwk["kid"], "typ": TYPE}
        protected, payload = _text(canonical(header)), _text(canonical(document))
        signature = self._key.sign(f"{protected}.{payload}".encode())
        return {"payload": payload, "protected": protected, "signature": _text(signature)}


@dataclass(frozen=True)
class SafetyRules:
    """The bundles of all procedures, made once, and who signs them."""

    content: Content = field(repr=False)
    bundles: Mapping[str, SafetyBundle] = field(repr=False)
    signer: BundleSigner

    @classmethod
    def of(cls, content: Content, keys: Keys) -> Self:
        """Make the bundles from checked content."""
        return cls(content, bundles_of(content), BundleSigner.of(keys))

    def signed(
        self, procedure: str, site: "SiteNumbers", *, time_zone: str, now: datetime
    ) -> dict[str, str]:
        """Return a procedure's bundle with the phones to call from a zone, signed."""
        directory = self.content.emergency_numbers.directory(
            site.phones, country=site.country, time_zone=time_zone, is_open=False
        )
        document = issue(
            self.bundles[procedure],
            self.content,
            directory=directory,
            time_zone=time_zone,
            now=now,
        )
        return self.signer.sign(document)


class SiteNumbers(NamedTuple):
    """The phones of a site, and the country in which they answer."""

    phones: Mapping[str, str]
    country: str


def safety_rules_of(
    session: Session,
    rules: SafetyRules,
    clinic_id: UUID,
    patient_id: UUID,
    *,
    time_zone: str,
    now: datetime,
) -> dict[str, str]:
    """Return the signed bundle for the episode that has not ended, else the latest.

    `time_zone` is the patient's. Raises NoSuchObject where there is no episode.
    """
    found = session.execute(
        select(Episode.procedure, Site.phones, Site.country)
        .join(Site, (Site.clinic_id == Episode.clinic_id) & (Site.id == Episode.site_id))
        .where(Episode.clinic_id == clinic_id, Episode.patient_id == patient_id)
        .order_by(Episode.state == "ended", Episode.discharge_date.desc(), Episode.id.desc())
        .limit(1)
    ).one_or_none()
    if found is None:
        raise NoSuchObject("episode")
    procedure, phones, country = found
    return rules.signed(procedure, SiteNumbers(phones, country), time_zone=time_zone, now=now)


def etag_of(signed: Mapping[str, str]) -> str:
    """Return the entity tag of a signed bundle: another signature is another bundle."""
    return hashlib.sha256(signed["signature"].encode()).hexdigest()[:32]


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
