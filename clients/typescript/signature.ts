// Whether a bundle is the service's own: a JWS (RFC 7515) signed with Ed25519 (RFC 8037).
import { FORMAT, type Bundle } from './bundle.ts';

/** What `GET /me/safety-rules` answers. */
export interface SignedBundle {
  payload: string;
  protected: string;
  signature: string;
}

/** One of the keys of `GET /safety-rules/keys`. */
export interface PublicKey {
  kty: string;
  crv: string;
  x: string;
  kid: string;
}

/** `isOld`: past `valid_until`. Go on with it, say so, and fetch again when there is a network. */
export interface Verified {
  bundle: Bundle;
  isOld: boolean;
}

/** A bundle that must not be used; `reason` says why, `unknown_key` asks to fetch the keys. */
export class SignatureError extends Error {
  readonly reason: 'malformed' | 'unknown_key' | 'wrong_signature' | 'unknown_format';

  constructor(reason: SignatureError['reason']) {
    super(`the rule bundle is not to be used: ${reason}`);
    this.name = 'SignatureError';
    this.reason = reason;
  }
}

/** Return the bundle if one of the keys signed it; throws `SignatureError`. */
export async function verify(
  signed: SignedBundle, keys: PublicKey[], now: Date = new Date(),
): Promise<Verified> {
  const header = parsed(signed.protected) as Record<string, unknown>;
  // The algorithm is ours to choose: a header that names another, or none, is a forgery.
  if (header.alg !== 'EdDSA' || header.typ !== 'safety-rules' || 'crit' in header) {
    throw new SignatureError('malformed');
  }
  const key = keys.find(({ kid }) => kid === header.kid);
  if (key === undefined) throw new SignatureError('unknown_key');
  if (!(await isSignedBy(key, signed))) throw new SignatureError('wrong_signature');
  const bundle = parsed(signed.payload) as Bundle;
  if (bundle.format !== FORMAT) throw new SignatureError('unknown_format');
  return { bundle, isOld: now.getTime() > Date.parse(bundle.valid_until ?? '') };
}

async function isSignedBy({ kty, crv, x }: PublicKey, signed: SignedBundle): Promise<boolean> {
  const { subtle } = globalThis.crypto;
  const key = await subtle.importKey('jwk', { kty, crv, x }, { name: 'Ed25519' }, false, ['verify']);
  const message = new TextEncoder().encode(`${signed.protected}.${signed.payload}`);
  return subtle.verify({ name: 'Ed25519' }, key, bytesOf(signed.signature), message);
}

function parsed(part: string): unknown {
  try {
    const found: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytesOf(part)));
    if (typeof found === 'object' && found !== null) return found;
  } catch {
    // Said below: whatever is wrong with it, it is not to be used.
  }
  throw new SignatureError('malformed');
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  if (typeof text !== 'string' || !/^[\w-]+$/.test(text)) throw new SignatureError('malformed');
  try {
    const plain = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
    return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
  } catch {
    throw new SignatureError('malformed');
  }
}
