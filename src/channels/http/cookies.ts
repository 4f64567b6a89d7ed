/**
 * Cookies that servers set while the redirects of one attempt are followed (RFC 6265).
 *
 * They live as long as the attempt. Sites that set one with a redirect, and answer only when
 * it comes back, need no more.
 *
 * @module
 */

const MAX_COOKIES = 50;
const MAX_BYTES = 4_096;

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  /** Whether only `domain` itself gets it. */
  readonly isHostOnly: boolean;
  readonly path: string;
  readonly isSecure: boolean;
}

/** The cookies of one attempt. */
export class CookieJar {
  #cookies: Cookie[] = [];

  /** Takes the `Set-Cookie` headers of a response from `url`; `now` is in milliseconds since the epoch. */
  take(url: URL, headers: readonly string[], now: number): void {
    for (const header of headers) {
      if (header.length <= MAX_BYTES) this.#set(url, header, now);
    }
  }

  /** The header for a request to `url`, after the caller's own cookies; `undefined` when there is none. */
  header(url: URL, own: string | undefined): string | undefined {
    const pairs = this.#cookies.filter((cookie) => matches(cookie, url))
      .map(({ name, value }) => `${name}=${value}`);
    const all = [...(own === undefined ? [] : [own]), ...pairs];
    return all.length === 0 ? undefined : all.join("; ");
  }

  #set(url: URL, header: string, now: number): void {
    const [pair = "", ...rest] = header.split(";");
    const at = pair.indexOf("=");
    const name = pair.slice(0, at).trim();
    if (at < 1 || name === "") return;
    const attributes = new Map(rest.map((part) => {
      const [key = "", ...value] = part.split("=");
      return [key.trim().toLowerCase(), value.join("=").trim()];
    }));
    const wanted = attributes.get("domain")?.replace(/^\./, "").toLowerCase() || undefined;
    // A domain without a dot is a top-level domain: the cookie would be sent to all of its hosts.
    const isShared = wanted !== undefined && wanted.includes(".") && !/^[\d.]+$/.test(wanted);
    if (isShared && !isWithin(url.hostname, wanted)) return;
    const given = attributes.get("path");
    const cookie: Cookie = {
      name,
      value: pair.slice(at + 1).trim(),
      domain: isShared ? wanted : url.hostname,
      isHostOnly: !isShared,
      path: given?.startsWith("/") ? given : url.pathname.replace(/\/[^/]*$/, "") || "/",
      isSecure: attributes.has("secure"),
    };
    this.#cookies = this.#cookies.filter((other) =>
      other.name !== name || other.domain !== cookie.domain || other.path !== cookie.path
    );
    if (!isExpired(attributes, now) && this.#cookies.length < MAX_COOKIES) {
      this.#cookies.push(cookie);
    }
  }
}

function isExpired(attributes: ReadonlyMap<string, string>, now: number): boolean {
  const age = attributes.get("max-age");
  if (age !== undefined && /^-?\d+$/.test(age)) return Number(age) <= 0;
  return Date.parse(attributes.get("expires") ?? "") <= now;
}

function matches({ domain, isHostOnly, path, isSecure }: Cookie, url: URL): boolean {
  if (isSecure && url.protocol !== "https:") return false;
  if (isHostOnly ? url.hostname !== domain : !isWithin(url.hostname, domain)) return false;
  return url.pathname === path || url.pathname.startsWith(path.endsWith("/") ? path : `${path}/`);
}

function isWithin(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`);
}
