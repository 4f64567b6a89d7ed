/**
 * Reads the name of a host as people write it.
 *
 * Tasks name their host as a URL does: in lower case, with international names
 * in their ASCII form. A pause or a limit for `Bücher.example` must mean the same.
 *
 * @module
 */

const NAME = String.raw`(?<name>[^\s/?#@\\:*[\]]+|\[[\da-f:.]+\])`;
const FORMS = [
  String.raw`${NAME}(?::(?<port>\d{1,5}))?`,
  String.raw`(?<name>[\da-f:.]+)`,
  String.raw`(?<scheme>[a-z][a-z0-9+.-]*:(?://)?)${NAME}:(?<port>\d{1,5})`,
].map((form) => new RegExp(`^${form}$`, "i"));

/**
 * A host (`example.org`), a host with a port, an IPv6 address, or a whole lane
 * (`https://example.org:443`), spelled as a lane has it; `undefined` for any other text.
 */
export function parseLaneHost(text: string): string | undefined {
  const groups = FORMS.map((form) => form.exec(text.trim())?.groups).find(Boolean);
  if (!groups) return undefined;
  const { scheme = "", name = "", port } = groups;
  if (port !== undefined && !(Number(port) >= 1 && Number(port) <= 65_535)) return undefined;
  const isBareIpv6 = name.includes(":") && !name.startsWith("[");
  const url = URL.parse(`http://${isBareIpv6 ? `[${name}]` : name}`);
  if (!url || url.hostname === "") return undefined;
  return `${scheme.toLowerCase()}${withoutRoot(url.hostname)}${
    port === undefined ? "" : `:${Number(port)}`
  }`;
}

/** A host without the dot of the root: `example.org.` is the same host as `example.org`. */
export function withoutRoot(hostname: string): string {
  return hostname.length > 1 && hostname.endsWith(".") ? hostname.slice(0, -1) : hostname;
}
