// What a patient's check-ins mean on a day, by the rules of a bundle.
import {
  FORMAT, type Bundle, type CheckIn, type Condition, type Fact, type Finding, type Item,
  type Level, type Rule, type Situation, type When,
} from './bundle.ts';
import { dayNumber } from './calendar.ts';
import {
  comparisonOf, compares, dayAfter, isOfOneCheckIn, itemsOf, ofTheCourse, ofTheService, recoveryDay,
} from './conditions.ts';
import { crisisWordsIn } from './crisis_words.ts';
import { recordOf, seriesOf, type Told } from './record.ts';

/** A bundle put to one patient's record on the judged day. */
interface Asked {
  bundle: Bundle;
  items: Map<string, Item>;
  situation: Situation;
  told: Told[];
  judged: number;
  day: number | null;
}

/**
 * Return what the check-ins mean on the judged day, the strictest first, then in the rules' order.
 *
 * An empty list says nothing about how safe it is: show `bundle.offline` in any case.
 */
export function evaluate(bundle: Bundle, checkIns: CheckIn[], situation: Situation): Finding[] {
  if (bundle.format !== FORMAT) throw new RangeError(`unknown format ${bundle.format}`);
  const judged = dayNumber(situation.local_date);
  const asked: Asked = {
    bundle,
    items: new Map(bundle.items.map((item) => [item.code, item])),
    situation,
    told: recordOf(bundle, checkIns, situation),
    judged,
    day: recoveryDay(judged, situation.surgery_date),
  };
  return bundle.rules
    .map((rule) => findingOf(rule, asked))
    .filter((finding) => finding !== null)
    .sort((one, other) => strictness(bundle, one) - strictness(bundle, other));
}

function strictness(bundle: Bundle, { tier }: { tier: Level['tier'] }): number {
  return bundle.tiers.indexOf(tier);
}

function findingOf(rule: Rule, asked: Asked): Finding | null {
  if (!windowHolds(rule, asked.day)) return null;
  const met = [rule, ...rule.escalations]
    .map((level: Level) => ({ level, facts: factsOf(level.when, rule, asked) }))
    .filter(({ facts }) => facts.length > 0);
  if (met.length === 0) return null;
  const strictest = met.reduce((least, each) =>
    strictness(asked.bundle, each.level) < strictness(asked.bundle, least.level) ? each : least,
  );
  const facts = eachOnce(met.flatMap((each) => each.facts));
  return {
    rule: rule.id,
    version: rule.version,
    tier: strictest.level.tier,
    day_assumed: asked.day === null && needsTheDay(rule, facts),
    title: rule.title,
    text: strictest.level.text,
    facts,
  };
}

/** Say whether the rule's days hold the recovery day; an unknown day is held, to miss nothing. */
function windowHolds({ from_day, to_day }: Rule, day: number | null): boolean {
  if (day === null) return true;
  return (from_day === null || day >= from_day) && (to_day === null || day <= to_day);
}

function needsTheDay(rule: Rule, facts: Fact[]): boolean {
  const isOpen = rule.from_day === null && rule.to_day === null;
  return !isOpen || facts.some(({ comparison }) => 'day_after' in comparison);
}

/** Return the facts of all ways that are met; none if none is. */
function factsOf({ any_of }: When, rule: Rule, asked: Asked): Fact[] {
  return eachOnce(any_of.flatMap(({ all_of }) => factsOfAll(all_of, rule, asked)));
}

/** Return the facts of all conditions, or none unless all of them are met. */
function factsOfAll(conditions: Condition[], rule: Rule, asked: Asked): Fact[] {
  const questions = new Map<string, Condition[]>();
  const parts: Fact[][] = [];
  for (const one of conditions) {
    if (isOfOneCheckIn(one)) {
      const question = one.note === undefined ? questionOf(asked, one.item!) : '';
      questions.set(question, [...(questions.get(question) ?? []), one]);
    } else {
      parts.push(factsOfSeveral(one, rule, asked));
    }
  }
  for (const together of questions.values()) parts.push(ofOneCheckIn(together, asked));
  return parts.every((part) => part.length > 0) ? parts.flat() : [];
}

/** Return the item that a follow-up goes back to, or the item itself. */
function questionOf(asked: Asked, code: string): string {
  const parent = asked.items.get(code)?.show_if?.item;
  return parent === undefined ? code : questionOf(asked, parent);
}

/** Return the facts of a condition that more than one check-in decides. */
function factsOfSeveral(condition: Condition, rule: Rule, asked: Asked): Fact[] {
  const { situation, bundle, told, judged, day } = asked;
  if (condition.fact !== undefined) return ofTheService(condition, situation);
  if (condition.day_after !== undefined) {
    return dayAfter(condition.day_after, bundle.procedure, day, situation.local_date);
  }
  const series = seriesOf(told, itemsOf(condition), judged);
  return ofTheCourse(condition, series, (on) => gapOf(rule, recoveryDay(on, situation.surgery_date)));
}

/**
 * Return the most days between the entry of a recovery day and the one before it.
 *
 * On an unknown day it is the widest, to miss nothing.
 */
function gapOf({ max_gap_days }: Rule, day: number | null): number {
  if (day === null) return Math.max(0, ...max_gap_days.map(({ days }) => days));
  const begun = max_gap_days.filter(({ from_day }) => from_day <= day);
  return (begun.at(-1) ?? max_gap_days[0])?.days ?? 0;
}

/** Return the facts of each check-in of the judged day that meets all conditions. */
function ofOneCheckIn(conditions: Condition[], asked: Asked): Fact[] {
  return asked.told
    .filter(({ day }) => day === asked.judged)
    .flatMap((told) => {
      const parts = conditions.map((one) => factsIn(told, one, asked));
      return parts.every((part) => part.length > 0) ? parts.flat() : [];
    });
}

/** Return the facts of one condition in one check-in. */
function factsIn(told: Told, condition: Condition, { bundle, situation }: Asked): Fact[] {
  const { local_date } = situation;
  if (condition.note !== undefined) {
    const comparison = { note: condition.note };
    return crisisWordsIn(bundle.crisis_words, told.note).map((value) => (
      { item: 'note', value, local_date, comparison }
    ));
  }
  const item = condition.item!;
  const value = told.answers.get(item);
  if (value === undefined || !compares(condition, value)) return [];
  return [{ item, value, local_date, comparison: comparisonOf(condition) }];
}

function eachOnce(facts: Fact[]): Fact[] {
  const found = new Map(
    facts.map((fact) => [
      JSON.stringify([fact.item, fact.value, fact.local_date, fact.comparison]), fact,
    ]),
  );
  return [...found.values()];
}
