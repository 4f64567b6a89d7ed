/**
 * Reads the arguments of a command into API requests.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { FetchRequest, FilterRequest, NotifyRequest } from "../client.ts";

const text = { type: "string" } as const;
const texts = { type: "string", multiple: true } as const;

const FILTERS = {
  state: text,
  type: text,
  tag: text,
  key: text,
  batch: text,
  host: text,
  reason: text,
  parent: text,
  q: text,
};

/** Selected tasks, and how to list them. */
export interface Selected {
  /** `tsk_…` or `bat_…`. */
  readonly ids: readonly string[];
  /** The filter of the API. */
  readonly filter: FilterRequest;
  /** How many tasks to list. */
  readonly limit: number;
  /** Print once instead of following changes. */
  readonly once: boolean;
}

/** Reads ids and filters. Throws a `TypeError` for an unknown flag. */
export function readSelected(args: readonly string[]): Selected {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { ...FILTERS, limit: { ...text, default: "20" }, once: { type: "boolean" } },
  });
  const { limit, once = false, ...filter } = values;
  return { ids: positionals, filter: { ...filter }, limit: Number(limit), once };
}

/** What to send. */
export type Sending =
  & { readonly wait: boolean }
  & ({ readonly notify: NotifyRequest } | { readonly fetch: FetchRequest });

/** Reads the arguments of `send`: a URL becomes a fetch, `--to` a notification. */
export function readSending(args: readonly string[]): Sending {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      to: texts,
      subject: text,
      text,
      html: text,
      method: text,
      header: texts,
      body: text,
      delay: text,
      expires: text,
      retry: text,
      timeout: text,
      key: text,
      tag: texts,
      wait: { type: "boolean", default: false },
    },
  });
  const { to, subject, text: words, html, method, header, body, wait, tag, retry, ...rest } =
    values;
  const options = given({ ...rest, tags: tag, retry: asNumber(retry) });
  const [url, ...more] = positionals;
  if (to === undefined ? url === undefined || more.length > 0 : url !== undefined) {
    throw new TypeError("Cannot send: expected one URL, or --to ADDRESS with --subject and --text");
  }
  if (to !== undefined) {
    return { wait, notify: { to, ...given({ subject, text: words, html }), ...options } };
  }
  const headers = header && Object.fromEntries(header.map(headerOf));
  return { wait, fetch: { ...given({ url, method, headers, body }), ...options } };
}

function headerOf(line: string): [string, string] {
  const at = line.indexOf(":");
  if (at < 1) throw new TypeError(`Cannot send "${line}": expected --header "Name: value"`);
  return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
}

function asNumber(text: string | undefined): number | string | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : text;
}

function given<Fields extends object>(
  fields: Fields,
): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };
}
