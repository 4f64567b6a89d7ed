/**
 * Which hosts are this machine.
 *
 * @module
 */

/**
 * Whether a host, a name or an address without brackets, can only be reached
 * from this machine.
 */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
