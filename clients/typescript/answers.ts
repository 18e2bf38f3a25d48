// Which answers of a check-in count: the form may have changed since it was answered.
import type { Answer, Item } from './bundle.ts';

/** The answers that count, by item. None of them is null. */
export type Counted = ReadonlyMap<string, Exclude<Answer, null>>;

/**
 * Return the answers that the bundle's items know and show.
 *
 * Left out are unknown items, answers that their item cannot have, and follow-ups whose
 * parent has no answer that shows them. A parent stands before its follow-ups.
 */
export function countedAnswers(items: Item[], answers: Record<string, unknown>): Counted {
  const counted = new Map<string, Exclude<Answer, null>>();
  for (const item of items) {
    if (!Object.hasOwn(answers, item.code) || !isShown(item, counted)) continue;
    const answer = read(item, answers[item.code]);
    if (answer !== null) counted.set(item.code, answer);
  }
  return counted;
}

function isShown(item: Item, counted: Counted): boolean {
  if (item.show_if === undefined) return true;
  const parent = counted.get(item.show_if.item);
  if (parent === undefined) return false;
  if (item.show_if.at_least !== undefined) {
    return typeof parent === 'number' && parent >= item.show_if.at_least;
  }
  return item.show_if.in!.some((answer) => answer === parent);
}

/** Return an answer as its item carries it, or null if it cannot have it. */
function read(item: Item, answer: unknown): Answer {
  switch (item.type) {
    case 'boolean':
      return typeof answer === 'boolean' ? answer : null;
    case 'code':
      return typeof answer === 'string' && item.codes!.includes(answer) ? answer : null;
    case 'integer':
      return isWithin(item, answer) && Number.isInteger(answer) ? answer + 0 : null;
    case 'decimal':
      return isWithin(item, answer) ? rounded(answer, item.decimals!) : null;
  }
}

function isWithin(item: Item, answer: unknown): answer is number {
  return typeof answer === 'number' && item.min! <= answer && answer <= item.max!;
}

/**
 * Return a number rounded to so many decimals, a half away from zero.
 *
 * By its shortest decimal digits, not its binary value: 37.95 is a half, and rounds to 38.
 */
export function rounded(value: number, decimals: number): number {
  const [mantissa, exponent = '0'] = String(Math.abs(value)).split('e');
  const [whole, fraction = ''] = mantissa!.split('.');
  const point = whole!.length + Number(exponent);
  const digits = (whole! + fraction).padStart(whole!.length + fraction.length - Math.min(point, 0), '0');
  const end = Math.max(point, 0) + decimals;
  const kept = BigInt(digits.padEnd(end + 1, '0').slice(0, end) || '0');
  const up = digits.charAt(end) >= '5' ? 1n : 0n;
  return Number(`${kept + up}e-${decimals}`) * (value < 0 ? -1 : 1);
}
