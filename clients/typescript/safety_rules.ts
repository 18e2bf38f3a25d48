// Reference evaluator of the red-flag rules: see README.md and docs/safety_rules.md.
export { FORMAT } from './bundle.ts';
export type {
  Answer, Bundle, CheckIn, Condition, Fact, Finding, Rule, Situation, Texts, Tier,
} from './bundle.ts';
export { evaluate } from './evaluate.ts';
export { SignatureError, verify } from './signature.ts';
export type { PublicKey, SignedBundle, Verified } from './signature.ts';
