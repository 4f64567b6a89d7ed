/**
 * What a request says of its sender, directly or through a trusted proxy.
 *
 * `X-Forwarded-*` and `Forwarded` come from anyone, so they count only when the
 * connection comes from an address in `POSTRIDER_TRUSTED_PROXIES`.
 *
 * @module
 */

import ipaddr from "ipaddr.js";

/** Whether an address belongs to a trusted proxy. */
export type IsTrusted = (address: string) => boolean;

/** No proxy is trusted. */
export const trustsNone: IsTrusted = (): boolean => false;

/**
 * Parses `POSTRIDER_TRUSTED_PROXIES`: addresses and CIDRs, comma-separated.
 * Throws a `RangeError` for anything else.
 */
export function parseTrustedProxies(text: string): IsTrusted {
  const ranges = text.split(",").map((part) => part.trim()).filter((part) => part !== "").map(
    (part) => {
      try {
        // ipaddr.js also reads "10.1" as an address.
        if (!/^\d+(?:\.\d+){3}(?:\/|$)|:/.test(part)) throw new RangeError(part);
        if (part.includes("/")) return ipaddr.parseCIDR(part);
        const address = ipaddr.parse(part);
        return [address, address.kind() === "ipv4" ? 32 : 128] as [typeof address, number];
      } catch {
        throw new RangeError(`Cannot read "${part}": expected an IP address or a CIDR`);
      }
    },
  );
  return (text) => {
    if (!ipaddr.isValid(text)) return false;
    const address = ipaddr.process(text);
    return ranges.some(([range, bits]) =>
      range.kind() === address.kind() && address.match([range, bits] as never)
    );
  };
}

/** How a client reached the service, as far as it is known. */
export interface Client {
  /** The address of the client; absent for a Unix socket. */
  readonly address: string | undefined;
  /** The host that the client asked for. */
  readonly host: string;
  /** `https` when the client or its proxy uses TLS. */
  readonly scheme: "http" | "https";
}

/** Describes the client of a request that came from `remote`. */
export function clientOf(
  { headers, url }: Request,
  remote: string | undefined,
  isTrusted: IsTrusted,
): Client {
  const host = headers.get("host") ?? new URL(url).host;
  const direct: Client = {
    address: remote,
    host,
    scheme: url.startsWith("https:") ? "https" : "http",
  };
  if (remote === undefined || !isTrusted(remote)) return direct;
  const forwarded = forwardedOf(headers.get("forwarded"));
  const scheme = forwarded.proto ?? first(headers.get("x-forwarded-proto"));
  const named = forwarded.host ?? first(headers.get("x-forwarded-host"));
  const chain = headers.get("x-forwarded-for")?.split(",") ?? forwarded.for;
  return {
    // The nearest address that is no proxy of ours: those before it were written by the client.
    address: chain.map(addressOf).findLast((address) => address && !isTrusted(address)) ?? remote,
    host: named !== undefined && isHost(named) ? named : host,
    scheme: scheme?.toLowerCase() === "https" ? "https" : direct.scheme,
  };
}

const HOST = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/;

/** Whether a text is a host with an optional port (RFC 9110 §7.2). */
export function isHost(text: string): boolean {
  const found = HOST.exec(text);
  return found !== null && Number(found[1] ?? 0) <= 65_535 && URL.canParse(`http://${text}`);
}

function first(list: string | null): string | undefined {
  return list?.split(",")[0]?.trim() || undefined;
}

/** RFC 7239: the scheme and host of the first element, and all addresses. */
function forwardedOf(header: string | null) {
  const elements = (header ?? "").split(",").map((element) =>
    Object.fromEntries(
      element.split(";").map((pair) => {
        const [name = "", value = ""] = pair.split("=", 2);
        return [name.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, "$1")];
      }),
    )
  );
  return {
    proto: elements[0]?.proto,
    host: elements[0]?.host,
    for: elements.flatMap(({ for: address }) => address ? [address] : []),
  };
}

/** An address without port and brackets; `undefined` for anything else. */
function addressOf(text: string): string | undefined {
  const bare = text.trim().replace(/^\[([^\]]*)\](?::\d+)?$/, "$1").replace(
    /^(\d+\.\d+\.\d+\.\d+):\d+$/,
    "$1",
  );
  return ipaddr.isValid(bare) ? bare : undefined;
}
