/**
 * What is written behind a command, as what the API takes.
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

/** Ids, or a filter; and whether a list follows what happens. */
export interface Selected {
  /** `tsk_…` or `bat_…`. */
  readonly ids: readonly string[];
  /** Which tasks are meant. */
  readonly filter: FilterRequest;
  /** How many lines. */
  readonly limit: number;
  /** Print once and end. */
  readonly once: boolean;
}

/** Reads ids and filters. Throws a `TypeError` for a flag that is not known. */
export function readSelected(args: readonly string[]): Selected {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { ...FILTERS, limit: { ...text, default: "20" }, once: { type: "boolean" } },
  });
  const { limit, once = false, ...filter } = values;
  return { ids: positionals, filter: { ...filter }, limit: Number(limit), once };
}

/** What is to be sent. */
export type Sending =
  & { readonly wait: boolean }
  & ({ readonly notify: NotifyRequest } | { readonly fetch: FetchRequest });

/** Reads what is to be sent: a URL is fetched, anything with `--to` is notified. */
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
