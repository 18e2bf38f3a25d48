// What a bundle, a check-in and a finding are made of.

/** The form of bundle that this evaluator knows. */
export const FORMAT = 1;

export type Answer = boolean | number | string | null;
/** A text in every language that is shipped: `{en: "…", tr: "…"}`. */
export type Texts = Record<string, string>;
export type Tier = 'emergency' | 'same_day' | 'next_business_day';

/** One condition in the words of the rules; which members it has says which kind it is. */
export interface Condition {
  item?: string;
  highest_of?: string[];
  note?: 'crisis_words';
  fact?: string;
  day_after?: Record<string, number>;
  is?: boolean | string;
  one_of?: (boolean | string)[];
  at_least?: number;
  at_most?: number;
  below?: number;
  consecutive?: number;
  rise_at_least?: number;
  last?: number;
  within_days?: number;
  times?: number;
  of_last?: number;
  best_week_at_most?: number;
  week_entries?: number;
}

/** Met when all conditions of one of the ways are. */
export interface When {
  any_of: { all_of: Condition[] }[];
}

export interface Level {
  tier: Tier;
  text: Texts;
  when: When;
}

export interface Rule extends Level {
  id: string;
  version: number;
  /** Days since surgery, both included; null is an open end. */
  from_day: number | null;
  to_day: number | null;
  /** How many days may lie between an entry and the one before it, by recovery day. */
  max_gap_days: { from_day: number; days: number }[];
  title: Texts;
  escalations: Level[];
}

export interface Item {
  code: string;
  type: 'boolean' | 'integer' | 'decimal' | 'code';
  min?: number;
  max?: number;
  decimals?: number;
  codes?: string[];
  show_if?: { item: string; in?: (boolean | string)[]; at_least?: number };
}

export interface Bundle {
  format: number;
  version: string;
  content_hash: string;
  procedure: string;
  tiers: Tier[];
  rules: Rule[];
  /** Rules that read what only the service knows: finding nothing there means nothing. */
  server_only: string[];
  items: Item[];
  crisis_words: { phrases: { phrase: string; words: string[] }[]; text: Texts };
  issued_at?: string;
  valid_until?: string;
  /** Where `phones` hold: elsewhere the emergency number may be another. */
  time_zone?: string;
  phones?: Record<string, string>;
  /** Which of `phones` to show, by tier and for words of `crisis`; the first one first. */
  calls?: Record<string, string[]>;
  offline?: Texts;
}

/** A check-in as `GET /me/check-ins` has it, or as the phone will send it. */
export interface CheckIn {
  id: string;
  /** Left out while it is unsent: it then belongs to the judged episode. */
  episode_id?: string | null;
  date: string;
  recorded_at: string;
  /** Left out while it is unsent. */
  received_at?: string | null;
  answers: Record<string, unknown>;
  note?: string | null;
  supersedes?: string | null;
  issues?: { code: string }[];
}

export interface Situation {
  episode_id: string;
  /** `YYYY-MM-DD`, or null while nobody knows it. */
  surgery_date: string | null;
  /** The judged day on the patient's calendar. */
  local_date: string;
  /** What no answer tells. A phone leaves it out: yesterday's figures are not today's. */
  facts?: Record<string, number | null>;
}

export interface Fact {
  item: string;
  value: Answer;
  local_date: string;
  comparison: Record<string, unknown>;
}

export interface Finding {
  rule: string;
  version: number;
  tier: Tier;
  /** The recovery day is not known and was taken as if the rule's days held. */
  day_assumed: boolean;
  title: Texts;
  text: Texts;
  facts: Fact[];
}
