/**
 * Which addresses are public. Only those may be called unless an operator allows more.
 *
 * The ranges are listed here instead of trusting a library's "unicast", because a
 * missing range would open the operator's network.
 *
 * @module
 */

import ipaddr from "ipaddr.js";

/** An address or a range, as `ipaddr.js` reads it. */
type Range = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** IANA's special-purpose registry, multicast and class E, and Azure's 168.63.129.16. */
const SPECIAL_V4: readonly Range[] = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
  "168.63.129.16/32",
].map((text) => ipaddr.parseCIDR(text));

/** Global unicast; everything else (mapped, NAT64, local, multicast) is not public. */
const PUBLIC_V6 = ipaddr.parseCIDR("2000::/3");
/** Special ranges within it: protocol assignments such as Teredo, documentation, 6to4, documentation. */
const SPECIAL_V6: readonly Range[] = [
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20",
].map((text) => ipaddr.parseCIDR(text));

/** Whether `text` is an IP address written out, without brackets. */
export function isAddress(text: string): boolean {
  // The library detects a name by throwing, which takes 8 µs.
  return /^[\d.]+$/.test(text)
    ? ipaddr.IPv4.isValidFourPartDecimal(text)
    : ipaddr.IPv6.isValid(text);
}

/** Whether the address is public. Text that is not an address is not public. */
export function isPublicAddress(text: string): boolean {
  if (!isAddress(text)) return false;
  const address = ipaddr.parse(text);
  return address.kind() === "ipv4"
    ? !SPECIAL_V4.some((range) => isWithin(address, range))
    : isWithin(address, PUBLIC_V6) && !SPECIAL_V6.some((range) => isWithin(address, range));
}

/** Whether an address is in a CIDR range; an IPv4 address also when it is mapped into IPv6. */
export function isInRange(text: string, cidr: string): boolean {
  // Without a hint the library detects the kind by throwing.
  const range = cidr.includes(":") ? ipaddr.IPv6.parseCIDR(cidr) : ipaddr.IPv4.parseCIDR(cidr);
  return isAddress(text) && isWithin(processed(text), range);
}

function processed(text: string): ipaddr.IPv4 | ipaddr.IPv6 {
  return text.includes(":") ? ipaddr.process(text) : ipaddr.IPv4.parse(text);
}

/** Reads an address or a CIDR range and returns it as CIDR; `undefined` when it is neither. */
export function parseRange(text: string): string | undefined {
  const [, address = "", bits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  if (!isAddress(address)) return undefined;
  const most = ipaddr.parse(address).kind() === "ipv4" ? 32 : 128;
  return Number(bits ?? most) <= most ? `${address}/${bits ?? most}` : undefined;
}

function isWithin(address: ipaddr.IPv4 | ipaddr.IPv6, [base, bits]: Range): boolean {
  return address.kind() === base.kind() && address.match(base, bits);
}
