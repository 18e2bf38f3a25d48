// One patient's check-ins as the rules read them.
import { countedAnswers, type Counted } from './answers.ts';
import type { Answer, Bundle, CheckIn, Situation } from './bundle.ts';
import { dayNumber, microseconds } from './calendar.ts';

/** The answer of one day; days count from 1970-01-01. */
export interface Entry {
  day: number;
  value: Exclude<Answer, null>;
}

/** One check-in: its day, the answers that count, and the note. */
export interface Told {
  day: number;
  answers: Counted;
  note: string | null;
}

type Rank = readonly [number, number, string];

/** Return the episode's check-ins up to the judged day, the oldest first, none corrected. */
export function recordOf(bundle: Bundle, checkIns: CheckIn[], situation: Situation): Told[] {
  const judged = dayNumber(situation.local_date);
  const episode = situation.episode_id.toLowerCase();
  const own = checkIns.filter((each) => (each.episode_id ?? episode).toLowerCase() === episode);
  return standing(own)
    .map((each) => ({ each, day: dayNumber(each.date) }))
    .filter(({ day }) => day <= judged)
    .map(({ each, day }) => ({
      day,
      answers: countedAnswers(bundle.items, each.answers),
      note: each.note ?? null,
    }));
}

/**
 * Return the check-ins that nobody has corrected, the oldest first.
 *
 * A correction is newer than what it corrects, so that two cannot cancel each other.
 */
function standing(checkIns: CheckIn[]): CheckIn[] {
  const ranks = new Map(checkIns.map((each) => [each.id.toLowerCase(), rankOf(each)]));
  const corrected = new Set<string>();
  for (const each of checkIns) {
    const wrong = each.supersedes?.toLowerCase();
    const rank = wrong === undefined ? undefined : ranks.get(wrong);
    if (rank !== undefined && compared(rank, rankOf(each)) < 0) corrected.add(wrong!);
  }
  return checkIns
    .filter((each) => !corrected.has(each.id.toLowerCase()))
    .sort((one, other) => compared(rankOf(one), rankOf(other)));
}

/**
 * Return by what a check-in is newer: the phone's clock, or the service's if that was wrong.
 *
 * One that is unsent will be received after all others.
 */
function rankOf(checkIn: CheckIn): Rank {
  const recorded = microseconds(checkIn.recorded_at);
  const sent = checkIn.received_at ?? null;
  const received = sent === null ? Infinity : microseconds(sent);
  const isSuspect = (checkIn.issues ?? []).some((issue) => issue.code === 'clock_suspect');
  return [isSuspect ? received : recorded, received, checkIn.id.toLowerCase()];
}

function compared(one: Rank, other: Rank): number {
  for (const place of [0, 1, 2] as const) {
    if (one[place] < other[place]) return -1;
    if (one[place] > other[place]) return 1;
  }
  return 0;
}

/**
 * Return the entries of an item by day; of several items the highest of each day.
 *
 * A day's entry is its newest answer; a later check-in that leaves the item open takes
 * nothing back. Without an entry on the judged day there is no course.
 */
export function seriesOf(told: Told[], items: string[], judged: number): Entry[] {
  const days = new Map<number, Map<string, Exclude<Answer, null>>>();
  for (const { day, answers } of told) {
    for (const item of items) {
      const value = answers.get(item);
      if (value === undefined) continue;
      if (!days.has(day)) days.set(day, new Map());
      days.get(day)!.set(item, value);
    }
  }
  const entries = [...days]
    .map(([day, newest]) => ({ day, value: highest([...newest.values()]) }))
    .sort((one, other) => one.day - other.day);
  return entries.at(-1)?.day === judged ? entries : [];
}

function highest(values: Exclude<Answer, null>[]): Exclude<Answer, null> {
  return values.reduce((most, value) => (value > most ? value : most));
}
