/**
 * Which lanes lead to a host.
 *
 * @module
 */

/**
 * Whether a lane (`https://example.org:443`, `mail:smtp.example.org:587`,
 * `outbox`) is that of `host`: the whole lane, a host with a port, or a bare
 * host, whatever its scheme and port. The case of letters does not matter.
 */
export function laneIsOfHost(lane: string, host: string): boolean {
  const wanted = host.toLowerCase();
  const whole = lane.toLowerCase();
  if (whole === wanted) return true;
  const place = whole.replace(/^[a-z][a-z0-9+.-]*:(?:\/\/)?/, "");
  const bare = place.replace(/:\d+$/, "");
  return place === wanted || bare === wanted || bare === `[${wanted}]`;
}
