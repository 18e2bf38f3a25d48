// Calendar days and instants as whole numbers, which compare and subtract exactly.

const DAY = 86_400_000;
const INSTANT =
  /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:(Z)|([+-])(\d{2}):(\d{2}))$/i;

/** Return the days from 1970-01-01 to a date `YYYY-MM-DD`. */
export function dayNumber(date: string): number {
  const [year, month, day] = date.split('-').map(Number);
  const found = Date.UTC(year!, month! - 1, day!) / DAY;
  if (!Number.isInteger(found)) throw new RangeError(`not a date: ${date}`);
  return found;
}

/** Return the date `YYYY-MM-DD` that lies so many days after 1970-01-01. */
export function dateOf(day: number): string {
  return new Date(day * DAY).toISOString().slice(0, 10);
}

/**
 * Return an instant of RFC 3339 in microseconds since 1970.
 *
 * `Date` would drop what is below a millisecond, and with it which check-in is newer.
 */
export function microseconds(instant: string): number {
  const parts = INSTANT.exec(instant);
  if (parts === null) throw new RangeError(`not an instant: ${instant}`);
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number);
  const fraction = Number((parts[7] ?? '').slice(0, 6).padEnd(6, '0'));
  const offset = parts[8] ? 0 : (parts[9] === '-' ? -1 : 1) * (+parts[10]! * 60 + +parts[11]!);
  const local = Date.UTC(year!, month! - 1, day!, hour!, minute!, second!);
  return (local - offset * 60_000) * 1000 + fraction;
}
