/**
 * Reads the arguments of a command into API requests.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { ChangeFilter, FetchRequest, FilterRequest, NotifyRequest } from "../client.ts";
import { compact } from "../lib/compact.ts";
import { GIVEN_TEXTS, type GivenTexts } from "../task/task.ts";

const text = { type: "string" } as const;
const texts = { type: "string", multiple: true } as const;

/** The texts that a submit attaches are filters too. */
const GIVEN = Object.fromEntries(GIVEN_TEXTS.map((name) => [name, text])) as Record<
  keyof GivenTexts,
  typeof text
>;

/** An option for each filter of the API. */
const FILTERS = {
  state: text,
  queued: text,
  type: text,
  tag: text,
  tags: text,
  ...GIVEN,
  batch: text,
  host: text,
  reason: text,
  parent: text,
  q: text,
  since: text,
  until: text,
  finishedSince: text,
  finishedUntil: text,
  source: text,
  owner: text,
} satisfies Record<keyof FilterRequest, typeof text>;

/** The names of the filters as options: `--state --type …`. */
export const FILTER_OPTIONS: readonly string[] = Object.keys(FILTERS).map((name) => `--${name}`);

/** Which tasks to list. */
export interface Listed {
  /** The filter of the API. */
  readonly filter: FilterRequest;
  /** How many tasks to list. */
  readonly limit: number;
  /** Print once instead of following changes. */
  readonly once: boolean;
}

/** Reads the arguments of `tasks`. Throws a `TypeError` for an unknown flag and for an id. */
export function readListed(args: readonly string[]): Listed {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { ...FILTERS, limit: { ...text, default: "20" }, once: { type: "boolean" } },
  });
  if (positionals.length > 0) {
    throw new TypeError(
      `Cannot list "${positionals[0]}": expected a filter such as --tag NAME; status shows a task`,
    );
  }
  const { limit, once = false, ...filter } = values;
  return { filter: { ...filter }, limit: Number(limit), once };
}

/** Reads the arguments of `status`. Throws a `TypeError` for any flag. */
export function readIds(args: readonly string[]): readonly string[] {
  return parseArgs({ args: [...args], allowPositionals: true, options: {} }).positionals;
}

/** Which tasks to change: the ids of tasks and batches, or a filter. */
export type Changed = { readonly ids: readonly string[] } | { readonly filter: ChangeFilter };

/** Reads the arguments of `cancel` and `retry`. Throws a `TypeError` unless they are ids or a filter. */
export function readChanged(args: readonly string[]): Changed {
  const { values: { all, ...words }, positionals: ids } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { ...FILTERS, all: { type: "boolean" } },
  });
  const filter: ChangeFilter = { ...words, ...compact({ all: all ? true as const : undefined }) };
  if ((ids.length > 0) === (Object.keys(filter).length > 0)) {
    throw new TypeError(
      "Cannot select tasks: expected ids, or a filter such as --tag NAME, or --all; not both",
    );
  }
  return ids.length > 0 ? { ids } : { filter };
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
      ...GIVEN,
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
  const ignored = to === undefined ? { subject, text: words, html } : { method, header, body };
  const [name] = Object.keys(given(ignored));
  if (name !== undefined) {
    const what = to === undefined ? "a request" : "a notification";
    throw new TypeError(`Cannot send ${what} with --${name}: remove it`);
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
