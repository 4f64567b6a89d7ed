/**
 * Channels without code: the section `channels` of the settings file describes the
 * request that brings a note, and its texts are Liquid.
 *
 * ```yaml
 * channels:
 *   pager:
 *     url: https://pager.example.org/v1/send/{{ target.place }}
 *     headers: { authorization: "Bearer {{ secret }}" }
 *     secretFile: pager.token
 *     body: { message: "{{ title }}: {{ text }}", urgent: "{{ severity }}" }
 *     limits: { text: 500, parts: 3 }
 *     delivered: { status: [200, 202], contains: '"queued"' }
 *     wait: /retry_after
 * ```
 *
 * It is used as `@pager`, or as `pager://place` where the URL depends on it.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { pointerTo } from "../../lib/json.ts";
import { isPlainObject, type PlainObject } from "../../task/input/batch_input.ts";
import { type Issue, type Parsed, UNKNOWN_FIELD } from "../../task/issues.ts";
import type { Json } from "../../task/task.ts";
import { parseTemplate, TemplateError } from "../../templates/liquid.ts";

/** A channel as the settings file describes it; plain JSON. */
export interface ChannelDefinition {
  /** Liquid; values are encoded for a URL. */
  readonly url: string;
  /** POST when absent. */
  readonly method?: "GET" | "PUT" | "PATCH";
  /** Names and values; the values are Liquid. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Liquid; in JSON each text is Liquid of its own. The default is a title and a text. */
  readonly body?: Json;
  /** A value for the texts that is never shown. */
  readonly secret?: string;
  /** In characters, and in requests of one note. */
  readonly limits?: {
    readonly title?: number;
    readonly text?: number;
    readonly parts?: number;
  };
  /** What counts as delivered; any 2xx when absent. */
  readonly delivered?: { readonly status?: readonly number[]; readonly contains?: string };
  /** JSON pointer to the seconds that a response asks to wait. */
  readonly wait?: string;
}

/** Definitions by the channel's name. */
export type ChannelDefinitions = Readonly<Record<string, ChannelDefinition>>;

const NAME = /^[a-z][a-z0-9-]{1,19}$/;
const METHODS = ["GET", "POST", "PUT", "PATCH"];
const MAX_TEXT = 100_000;
const MAX_PARTS = 10;
const FIELDS = [
  ...["url", "method", "headers", "body", "secret", "secretFile", "limits", "delivered", "wait"],
];

const EXPECTED = {
  section: 'Expected channels by name, such as "pager", each with url and body',
  name: 'Expected a name such as "pager": 2 to 20 of a-z, 0-9 and "-", not that of a service',
  url: 'Expected a URL such as "https://pager.example.org/send", with {{ … }} only after the host',
  method: `Expected ${METHODS.join(", ")}`,
  headers: "Expected an object of texts",
  body: "Expected a string or JSON",
  secret: "Expected a string",
  limits: "Expected numbers: title and text in characters, parts from 1 to 10",
  delivered: "Expected status, a list of numbers from 200 to 299, contains, a text, or both",
  wait: 'Expected a JSON pointer such as "/retry_after"',
};

/** Names and schemes of the services, and others that would be misread. */
const TAKEN = new Set([
  ...["callback", "email", "http", "https", "mailto", "smtp", "smtps", "discord", "gchat"],
  ...["googlechat", "gotify", "gotifys", "json", "jsons", "matrix", "matrixs", "mattermost"],
  ...["mmost", "mmosts", "ntfy", "ntfys", "pagerduty", "pover", "pushover", "rocket", "rocketchat"],
  ...["rockets", "slack", "telegram", "tgram", "twilio", "workflow", "workflows"],
]);

/** Reads the section `channels`. */
export function parseChannels(
  value: unknown,
  readFile: (path: string) => string,
): Parsed<ChannelDefinitions> {
  if (!isPlainObject(value)) return { issues: [{ pointer: "", detail: EXPECTED.section }] };
  const issues: Issue[] = [];
  const definitions: Record<string, ChannelDefinition> = {};
  for (const [name, given] of Object.entries(value)) {
    const wrong = (detail: string, ...path: string[]) => {
      issues.push({ pointer: pointerTo([name, ...path]), detail });
    };
    if (!NAME.test(name) || TAKEN.has(name)) wrong(EXPECTED.name);
    else if (!isPlainObject(given)) wrong(EXPECTED.section);
    else definitions[name] = readDefinition(given, readFile, wrong);
  }
  return issues.length > 0 ? { issues } : { value: definitions };
}

type Problem = (detail: string, ...path: string[]) => void;

function readDefinition(
  given: PlainObject,
  readFile: (path: string) => string,
  wrong: Problem,
): ChannelDefinition {
  for (const name of Object.keys(given)) {
    if (!FIELDS.includes(name)) wrong(UNKNOWN_FIELD, name);
  }
  const { url, method = "POST", headers, body, limits, delivered, wait } = given;
  // The host is the operator's choice: a caller with the scope notify alone may use the channel.
  const isUrl = typeof url === "string" && /^https?:\/\/[^\s{}/?#@]+(?:[/?#]|$)/.test(url);
  if (!isUrl) wrong(EXPECTED.url, "url");
  if (!METHODS.includes(String(method))) wrong(EXPECTED.method, "method");
  const isHeaders = headers === undefined || (isPlainObject(headers) &&
    Object.entries(headers).every(([name, text]) =>
      typeof text === "string" && /^[a-z0-9-]{1,64}$/i.test(name)
    ));
  if (!isHeaders) wrong(EXPECTED.headers, "headers");
  const texts = [["url", url], ...Object.entries(isPlainObject(headers) ? headers : {})];
  for (const [name, text] of texts) checkLiquid(text, wrong, String(name));
  for (const text of textsIn(body as Json | undefined)) checkLiquid(text, wrong, "body");
  if (wait !== undefined && (typeof wait !== "string" || !wait.startsWith("/"))) {
    wrong(EXPECTED.wait, "wait");
  }
  return compact({
    url: String(url),
    method: method === "POST" ? undefined : method as "PUT",
    headers: headers as Record<string, string> | undefined,
    body: body as Json | undefined,
    secret: readSecret(given, readFile, wrong),
    limits: readLimits(limits, wrong),
    delivered: readDelivered(delivered, wrong),
    wait: wait as string | undefined,
  });
}

function checkLiquid(text: unknown, wrong: Problem, name: string): void {
  if (typeof text !== "string") return;
  try {
    parseTemplate(text);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    wrong(`Cannot read the Liquid at ${error.line}:${error.column}: ${error.message}`, name);
  }
}

function textsIn(json: Json | undefined): string[] {
  if (typeof json === "string") return [json];
  if (json === null || typeof json !== "object") return [];
  return Object.values(json).flatMap((inner) => textsIn(inner));
}

function readSecret(
  { secret, secretFile }: PlainObject,
  readFile: (path: string) => string,
  wrong: Problem,
): string | undefined {
  if (secretFile === undefined) {
    if (secret !== undefined && typeof secret !== "string") wrong(EXPECTED.secret, "secret");
    return secret === undefined ? undefined : String(secret);
  }
  try {
    return readFile(String(secretFile)).trim();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return void wrong(`Cannot read the file: ${why}`, "secretFile");
  }
}

function readLimits(given: unknown, wrong: Problem): ChannelDefinition["limits"] {
  if (given === undefined) return undefined;
  const limits = isPlainObject(given) ? given : {};
  const isFit = isPlainObject(given) && Object.entries(limits).every(([name, limit]) => {
    const max = name === "parts" ? MAX_PARTS : MAX_TEXT;
    return ["title", "text", "parts"].includes(name) && Number.isInteger(limit) &&
      Number(limit) >= 1 && Number(limit) <= max;
  });
  return isFit ? limits as ChannelDefinition["limits"] : void wrong(EXPECTED.limits, "limits");
}

function readDelivered(given: unknown, wrong: Problem): ChannelDefinition["delivered"] {
  if (given === undefined) return undefined;
  const { status, contains, ...more } = isPlainObject(given) ? given : { more: given };
  const isStatus = status === undefined || (Array.isArray(status) && status.length > 0 &&
    status.every((one) => Number.isInteger(one) && one >= 200 && one <= 299));
  const isFit = isStatus && Object.keys(more).length === 0 &&
    (contains === undefined || (typeof contains === "string" && contains !== ""));
  return isFit
    ? compact({
      status: status as number[] | undefined,
      contains: contains as string | undefined,
    })
    : void wrong(EXPECTED.delivered, "delivered");
}
