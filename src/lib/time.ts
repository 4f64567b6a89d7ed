/**
 * Times and time zones as people write them.
 *
 * @module
 */

const TIME =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;

/** Reads an RFC 3339 time into milliseconds since the epoch; `undefined` when it is not one. */
export function parseTime(text: string): number | undefined {
  const [, year, month, day] = TIME.exec(text) ?? [];
  if (year === undefined) return undefined;
  const at = Date.parse(text.toUpperCase());
  // `Date.parse` reads the 30th of February as the 2nd of March.
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  return Number.isNaN(at) || Number(day) > days ? undefined : at;
}

/** Temporal also takes a whole timestamp for its zone. */
const ZONE = /^(?:[A-Za-z][\w+/-]{0,63}|[+-]\d\d:\d\d)$/;
const EPOCH = Temporal.Instant.fromEpochMilliseconds(0);

/** Whether a text is a time zone: an IANA name, or an offset such as `+01:00`. */
export function isTimeZone(name: string): boolean {
  if (!ZONE.test(name)) return false;
  try {
    return EPOCH.toZonedDateTimeISO(name) !== undefined;
  } catch {
    return false;
  }
}
