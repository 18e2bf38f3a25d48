// The conditions, one function each. All return the facts that met them; none means not met.
import type { Condition, Fact, Situation } from './bundle.ts';
import { dateOf, dayNumber } from './calendar.ts';
import type { Entry } from './record.ts';

/** How many days may lie between the entry of a day and the one before it. */
export type Gap = (day: number) => number;

const WORDS = ['is', 'one_of', 'at_least', 'at_most', 'below'] as const;
const DAYS_A_WEEK = 7;

export function isOfOneCheckIn(condition: Condition): boolean {
  return condition.note !== undefined || (condition.item !== undefined && !isOfTheCourse(condition));
}

export function isOfTheCourse({ rise_at_least, times, consecutive }: Condition): boolean {
  return rise_at_least !== undefined || times !== undefined || consecutive !== undefined;
}

/** Return the items of a condition on the course. */
export function itemsOf(condition: Condition): string[] {
  return condition.highest_of ?? [condition.item!];
}

/** Say whether an answer meets a condition's comparison. */
export function compares(condition: Condition, answer: unknown): boolean {
  if (condition.is !== undefined) return answer === condition.is;
  if (condition.one_of !== undefined) return condition.one_of.some((one) => one === answer);
  if (typeof answer !== 'number') return false;
  if (condition.at_least !== undefined) return answer >= condition.at_least;
  if (condition.at_most !== undefined) return answer <= condition.at_most;
  return condition.below !== undefined && answer < condition.below;
}

/** Return the comparison of a condition as a fact tells it: `{at_least: 38}`. */
export function comparisonOf(condition: Condition): Record<string, unknown> {
  const word = WORDS.find((each) => condition[each] !== undefined)!;
  return { [word]: condition[word] };
}

/** Something that no answer tells compares so. */
export function ofTheService(condition: Condition, { facts, local_date }: Situation): Fact[] {
  const name = condition.fact!;
  const known = facts !== undefined && Object.hasOwn(facts, name) ? facts[name]! : null;
  if (!compares(condition, known)) return [];
  return [{ item: name, value: known, local_date, comparison: comparisonOf(condition) }];
}

/** The recovery day is past the procedure's limit; an unknown one is. */
export function dayAfter(
  limits: Record<string, number>, procedure: string, day: number | null, local_date: string,
): Fact[] {
  const limit = Object.hasOwn(limits, procedure) ? limits[procedure] : undefined;
  if (limit === undefined || (day !== null && day <= limit)) return [];
  return [{ item: 'days_since_surgery', value: day, local_date, comparison: { day_after: limit } }];
}

/** A condition on the course of entries; `series` has one entry a day, the last of the judged. */
export function ofTheCourse(condition: Condition, series: Entry[], gap: Gap): Fact[] {
  if (condition.rise_at_least !== undefined) return rise(condition, series, gap);
  if (condition.best_week_at_most !== undefined) return returned(condition, series, gap);
  if (condition.times !== undefined) return repeated(condition, series);
  return consecutive(condition, series, gap);
}

/** The last so many entries all compare so. */
function consecutive(condition: Condition, series: Entry[], gap: Gap): Fact[] {
  const run = runOf(series, condition.consecutive!, gap);
  if (!run.every(({ value }) => compares(condition, value))) return [];
  return run.map((entry) => factOf(condition, entry, comparisonOf(condition)));
}

/** The last entries each lie so much above the median of those before them. */
function rise(condition: Condition, series: Entry[], gap: Gap): Fact[] {
  const run = runOf(series, condition.consecutive!, gap);
  const found: Fact[] = [];
  for (let place = series.length - run.length; place < series.length; place += 1) {
    const entry = series[place]!;
    const before = series.slice(Math.max(place - condition.last!, 0), place);
    const near = before.filter(({ day }) => day >= entry.day - condition.within_days!);
    if (near.length !== condition.last) return [];
    const middle = median(near);
    if ((entry.value as number) - middle < condition.rise_at_least!) return [];
    const comparison = { rise_at_least: condition.rise_at_least, median: middle };
    found.push(factOf(condition, entry, comparison));
  }
  return found;
}

/** At least so many of the last entries, or of as many as there are, compare so. */
function repeated(condition: Condition, series: Entry[]): Fact[] {
  const hits = series.slice(-condition.of_last!).filter(({ value }) => compares(condition, value));
  if (hits.length < condition.times!) return [];
  return hits.map((entry) => factOf(condition, entry, comparisonOf(condition)));
}

/** The last entries compare so, after a week that had been good. */
function returned(condition: Condition, series: Entry[], gap: Gap): Fact[] {
  const run = runOf(series, condition.consecutive!, gap);
  const weeks = weeksOf(series.slice(0, series.length - run.length), condition.week_entries!);
  const best = Math.min(...weeks);
  if (weeks.length === 0 || best > condition.best_week_at_most!) return [];
  if (!run.every(({ value }) => compares(condition, value))) return [];
  const comparison = {
    ...comparisonOf(condition),
    best_week_at_most: condition.best_week_at_most,
    best_week: best,
  };
  return run.map((entry) => factOf(condition, entry, comparison));
}

/** Return the median of each seven days that begin with an entry and hold enough of them. */
function weeksOf(before: Entry[], entries: number): number[] {
  return before
    .map((first, place) =>
      before.slice(place).filter(({ day }) => day < first.day + DAYS_A_WEEK),
    )
    .filter((week) => week.length >= entries)
    .map(median);
}

/** Return the middle value; of an even number of them, the mean of the two in the middle. */
function median(entries: Entry[]): number {
  const values = entries.map(({ value }) => value as number).sort((one, other) => one - other);
  const middle = values.length >> 1;
  if (values.length % 2 === 1) return values[middle]!;
  return (values[middle - 1]! + values[middle]!) / 2;
}

/** Return the last so many entries, or none if one is too far from the one before it. */
function runOf(series: Entry[], entries: number, gap: Gap): Entry[] {
  const run = series.slice(-entries);
  if (run.length < entries) return [];
  const isWhole = run.every(
    ({ day }, place) => place === 0 || day - run[place - 1]!.day <= gap(day),
  );
  return isWhole ? run : [];
}

function factOf(condition: Condition, entry: Entry, comparison: Fact['comparison']): Fact {
  const items = itemsOf(condition);
  const item = items.length === 1 ? items[0]! : `highest of ${items.join(', ')}`;
  return { item, value: entry.value, local_date: dateOf(entry.day), comparison };
}

/** Return the day since surgery of a day; null while nobody knows it. */
export function recoveryDay(day: number, surgery_date: string | null): number | null {
  return surgery_date === null ? null : day - dayNumber(surgery_date);
}
