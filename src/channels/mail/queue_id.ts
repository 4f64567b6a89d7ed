/**
 * The name under which a relay keeps what it took.
 *
 * @module
 */

/** How the usual relays say it: Postfix, Sendmail, Exim, Gmail, Exchange and SES. */
const SPELLINGS = [
  /\bqueued as ([\w.+-]+)/i,
  /\bid=([\w.+-]+)/i,
  /\b([\w.+-]+) message accepted for delivery/i,
  /\bOk ([\w-]{16,})\s*$/i,
  /\bOK\s+\d+ ([\w.-]+) - gsmtp/i,
  /\[InternalId=(\d+)/i,
];

/** Reads it from the reply to the final dot; `undefined` where nobody names one. */
export function queueIdOf(reply: string): string | undefined {
  for (const spelling of SPELLINGS) {
    const id = spelling.exec(reply)?.[1];
    if (id !== undefined) return id;
  }
}
