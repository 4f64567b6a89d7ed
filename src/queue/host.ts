/**
 * Matches lanes with hosts.
 *
 * @module
 */

/**
 * Whether a lane (`https://example.org:443`, `mail:smtp.example.org:587`,
 * `outbox`) belongs to `host`, which is a whole lane, a host with a port, or a
 * bare host for any scheme and port. Upper and lower case are the same.
 */
export function laneIsOfHost(lane: string, host: string): boolean {
  const wanted = host.toLowerCase();
  const whole = lane.toLowerCase();
  if (whole === wanted) return true;
  const place = whole.replace(/^[a-z][a-z0-9+.-]*:(?:\/\/)?/, "");
  const bare = place.replace(/:\d+$/, "");
  return place === wanted || bare === wanted || bare === `[${wanted}]`;
}
