/**
 * Any server that takes a POST of JSON: Apprise's generic webhook.
 *
 * @module
 */

import type { ChatService } from "../service.ts";
import { basicAuth, type ChatUrl, originOf } from "../url.ts";

/** A header that a URL may set; those that frame the request are excluded. */
const HEADER = /^\+((?!content-|host$|connection$|transfer-encoding$)[a-z0-9-]{1,64})$/i;

/** `json://[user:pass@]host[:port][/path][?+Header=value]`, `jsons://…` */
export const json: ChatService = {
  name: "json",
  schemes: ["json", "jsons"],
  anyHost: true,
  spelling: "jsons://host/path",

  parse(url) {
    const { scheme, user, password, place, segments, parameters } = url;
    const origin = originOf(place, scheme === "jsons");
    const headers = headersOf(url);
    if (origin === undefined || headers === undefined) return [];
    const account = user && `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
    const path = segments.map((segment) => `/${encodeURIComponent(segment)}`).join("");
    const query = parameters.size > 0 ? `?${parameters}` : "";
    return [{
      target: `${scheme}://${account}${place}${path}${query}`,
      shown: `${scheme}://${place}${path && "/***"}`,
      origin,
      access: { path: path || "/", ...basicAuth(url), ...headers },
    }];
  },

  preview({ origin, access: { path, ...headers } }, { title, text, severity, attachments }) {
    return [{
      url: `${origin}${path}`,
      headers,
      json: {
        version: "1.0",
        title,
        message: text,
        type: severity,
        attachments: attachments.map(({ filename, content, contentType }) => ({
          filename,
          base64: content,
          mimetype: contentType ?? "application/octet-stream",
        })),
      },
    }];
  },
};

/** `undefined` when one is wrong. */
function headersOf({ parameters }: ChatUrl): Record<string, string> | undefined {
  const headers: Record<string, string> = {};
  for (const [name, value] of parameters) {
    // URLSearchParams reads a plus sign as a space.
    const [, header] = HEADER.exec(name.replace(/^ /, "+")) ?? [];
    if (header === undefined || !/^[\x20-\x7e]{0,1000}$/.test(value)) return undefined;
    headers[header.toLowerCase()] = value;
  }
  return headers;
}
