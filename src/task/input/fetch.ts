/**
 * Parses `POST /fetch` into HTTP requests.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { z } from "zod";
import { isBase64 } from "../../lib/base64.ts";
import { ExactJson } from "../../lib/json/exact_json.ts";
import {
  collectAllErrors,
  isPlainObject,
  parseEntries,
  parseSingle,
  type PlainObject,
  type Requests,
} from "./batch_input.ts";
import { expectField, readExpectation } from "../expect.ts";
import { extractField, readExtraction } from "../extract.ts";
import { parserOfGiven } from "./given_fields.ts";
import { type Issue, issuesOf, type Parsed } from "../issues.ts";
import { pointerTo } from "../../lib/json.ts";
import { runAtOnce, type Steps } from "../../lib/steps.ts";
import { isCleanUrl, isLongerThan } from "../../lib/text.ts";
import { isFileName } from "../../lib/file_name.ts";
import { withoutRoot } from "../../lib/lane_host.ts";
import { OPTION_ALTERNATIVES, optionFields, readOptions, type SubmitOptions } from "./options.ts";
import type { FetchPayload } from "../payloads.ts";
import type { Ports } from "../ports.ts";
import { checkRequestHeaders } from "./request_headers.ts";
import { DEFAULT_RETRIES } from "../retry.ts";
import type { Json } from "../task.ts";

/** One parsed request. */
export interface ParsedFetch {
  /** Its options. */
  readonly options: SubmitOptions;
  /** The request with its defaults. */
  readonly payload: FetchPayload;
  /** The payload's URL, which the guard does not refuse by its text. */
  readonly target: URL;
}

const DEFAULTS = { retry: DEFAULT_RETRIES.fetch, timeoutMs: 30_000 };
/** Fields of which a request takes only one. */
export const FETCH_ALTERNATIVES = [...OPTION_ALTERNATIVES, ["body", "json", "bodyBase64"]];
const URL_BYTES = 2_048;
const MAX_REDIRECTS = 10;
const DEFAULT_REDIRECTS = 5;
const DEFAULT_BYTES = 100 * 2 ** 20;
const MAX_BYTES = 10 * 2 ** 30;

const EXPECTED = {
  ifChanged: "Expected true, with GET only",
  url: `Expected an absolute http: or https: URL of at most ${URL_BYTES} bytes`,
  method: "Expected the name of an HTTP method; CONNECT, TRACE and TRACK are not made",
  headers: "Expected an object of headers, each value a text",
  body: "Expected a string",
  base64: "Expected the body in base64, padded and without line breaks",
  redirects: `Expected a whole number from 0 to ${MAX_REDIRECTS}`,
  maxBytes: `Expected a whole number of bytes from 1 to ${MAX_BYTES}`,
  save: "Expected true, or a file name of at most 150 bytes without path and control characters",
};

/** The fields of an HTTP request. */
export const fetchFields = {
  url: z.string({ error: EXPECTED.url }).meta({
    description: `http: or https:, at most ${URL_BYTES} bytes, at a public address.`,
    examples: ["https://example.org/"],
  }),
  method: z.string({ error: EXPECTED.method }).optional()
    .meta({ description: "GET when absent, or POST where there is a body.", examples: ["POST"] }),
  headers: z.record(z.string(), z.string({ error: EXPECTED.headers }), { error: EXPECTED.headers })
    .optional()
    .meta({ description: "Request headers.", examples: [{ accept: "application/json" }] }),
  body: z.string({ error: EXPECTED.body }).optional()
    .meta({ description: "The body as text; not with HEAD." }),
  json: z.unknown().optional().meta({ description: "The body as JSON; sets the Content-Type." }),
  bodyBase64: z.string({ error: EXPECTED.base64 }).optional()
    .meta({ description: "The body in base64.", contentEncoding: "base64" }),
  redirects: z.int({ error: EXPECTED.redirects }).min(0, { error: EXPECTED.redirects })
    .max(MAX_REDIRECTS, { error: EXPECTED.redirects }).optional().meta({
      description:
        `How many redirects are followed: ${DEFAULT_REDIRECTS} for GET and HEAD, else 0, when ` +
        "absent. With 0 a 3xx is the answer.",
    }),
  maxBytes: z.int({ error: EXPECTED.maxBytes }).min(1, { error: EXPECTED.maxBytes })
    .max(MAX_BYTES, { error: EXPECTED.maxBytes }).optional().meta({
      description: "The most decoded bytes of the response that are read; 100 MiB when absent.",
    }),
  save: z.union([z.literal(true), z.string()], { error: EXPECTED.save }).optional().meta({
    description: "Save the body as a file, under this name or the server's; any size then.",
    examples: [true, "report.pdf"],
  }),
  ifChanged: z.literal(true, { error: EXPECTED.ifChanged }).optional().meta({
    description: "Send the ETag and date of the last response to this API key for this URL. When " +
      "the response has not changed, the result says notModified. With GET only.",
  }),
  ...expectField,
  ...extractField,
  ...optionFields,
};

const schema = z.strictObject(fetchFields);
const parseGiven = parserOfGiven(schema);

/** One request as JSON Schema, for the OpenAPI document. */
export const fetchSchema = z.toJSONSchema(schema, {
  io: "input",
  unrepresentable: "any",
}) as Record<string, Json>;

/** What the parser asks of the service. */
export type FetchPorts = Pick<Ports, "refuseUrl" | "refuseSave">;

/**
 * Parses the body of `POST /fetch`: one request, `{"requests":[…]}` or
 * `{"urls":[…]}`. `ports` says which URLs may not be called, by their text, and whether
 * this node can save.
 */
export function* fetchSteps(
  body: unknown,
  ports: FetchPorts,
): Steps<Parsed<Requests<ParsedFetch>>> {
  if (!isPlainObject(body) || !hasList(body)) return single(body, ports);
  const shared = { alternatives: FETCH_ALTERNATIVES, parse: parserOf(ports), costOf };
  if (Object.hasOwn(body, "urls")) {
    const others = ["requests", "url"].filter((name) => Object.hasOwn(body, name));
    const detail = "Not together with urls: remove one of the two";
    return others.length > 0
      ? { issues: others.map((name) => ({ pointer: pointerTo([name]), detail })) }
      : yield* parseEntries(body, { ...shared, name: "urls", bare: "url" });
  }
  return yield* parseEntries(body, { ...shared, name: "requests" });
}

/** The same at once. */
export function parseFetch(
  body: unknown,
  ports: FetchPorts,
): Parsed<Requests<ParsedFetch>> {
  return isPlainObject(body) && hasList(body)
    ? runAtOnce(fetchSteps(body, ports))
    : single(body, ports);
}

function hasList(body: PlainObject): boolean {
  return Object.hasOwn(body, "requests") || Object.hasOwn(body, "urls");
}

function single(body: unknown, ports: FetchPorts): Parsed<Requests<ParsedFetch>> {
  return isPlainObject(body)
    ? parseSingle(body, parserOf(ports))
    : { issues: [{ pointer: "", detail: "Expected a JSON object" }] };
}

function parserOf(ports: FetchPorts): (members: PlainObject) => Parsed<ParsedFetch> {
  return collectAllErrors((members) => parseOne(members, ports), {
    standIns: { url: "https://example.org/" },
  });
}

/** About 50 µs, and the checks of a long URL or body. */
function costOf({ payload: { url, body = "" } }: ParsedFetch): number {
  return 50 + url.length / 50 + body.length / 500;
}

function parseOne(members: PlainObject, ports: FetchPorts): Parsed<ParsedFetch> {
  const checked = parseGiven(members);
  if (!checked.success) return { issues: issuesOf(checked.error) };
  const raw = checked.data;
  const issues: Issue[] = [];
  const target = readUrl(raw.url, issues);
  const refused = target && ports.refuseUrl(target);
  if (refused) issues.push({ pointer: "/url", detail: refused.detail, code: "address_refused" });
  const bodies = BODIES.filter((name) => raw[name] !== undefined);
  const method = (raw.method ?? (bodies.length > 0 ? "POST" : "GET")).toUpperCase();
  const isRead = method === "GET" || method === "HEAD";
  if (!METHOD.test(method) || REFUSED_METHODS.has(method)) {
    issues.push({ pointer: "/method", detail: EXPECTED.method });
  }
  for (const name of method === "HEAD" ? bodies : bodies.slice(1)) {
    const detail = method === "HEAD" ? "Expected no body with HEAD" : `Expected only ${bodies[0]}`;
    issues.push({ pointer: pointerTo([name]), detail });
  }
  if (raw.bodyBase64 !== undefined && !isBase64(raw.bodyBase64)) {
    issues.push({ pointer: "/bodyBase64", detail: EXPECTED.base64 });
  }
  if (typeof raw.save === "string" && !isFileName(raw.save)) {
    issues.push({ pointer: "/save", detail: EXPECTED.save });
  }
  const unsaved = raw.save === undefined ? undefined : ports.refuseSave?.();
  if (unsaved !== undefined) issues.push({ pointer: "/save", detail: unsaved });
  if (raw.ifChanged && method !== "GET") {
    issues.push({ pointer: "/ifChanged", detail: EXPECTED.ifChanged });
  }
  const headers = checkRequestHeaders(raw.headers ?? {}, issues);
  if (raw.save !== undefined && raw.retain !== undefined) {
    const detail = "Expected no retain together with save: saved bodies are kept";
    issues.push({ pointer: "/retain", detail });
  }
  const expect = readExpectation(raw.expect, issues);
  const extract = readExtraction(raw.extract, issues);
  const options = readOptions(raw, DEFAULTS, issues);
  if (!target || issues.length > 0) return { issues };
  const body = raw.json === undefined ? raw.body : jsonText(raw.json);
  if (body !== undefined) {
    headers["content-type"] ??= raw.json === undefined
      ? "text/plain;charset=UTF-8"
      : "application/json";
  }
  const { bodyBase64, save } = raw;
  const ifChanged = raw.ifChanged && {};
  // Most requests have none of these, and then none is looked for.
  const hasBody = body !== undefined || bodyBase64 !== undefined;
  const isPlain = !raw.headers && !ifChanged && save === undefined && !expect && !extract;
  const payload = {
    url: target.href,
    method,
    headers,
    ...(hasBody ? compact({ body, bodyBase64 }) : undefined),
    redirects: raw.redirects ?? (isRead ? DEFAULT_REDIRECTS : 0),
    maxBytes: raw.maxBytes ?? (raw.save === undefined ? DEFAULT_BYTES : MAX_BYTES),
    ...(isPlain
      ? undefined
      : compact({ save, headerNames: headerNames(raw.headers), ifChanged, expect, extract })),
  };
  return { value: { options, payload, target } };
}

/** The names of headers that are not in lower case, for servers that insist on their spelling. */
function headerNames(headers: Readonly<Record<string, string>> = {}) {
  const spelled = Object.keys(headers).filter((name) => name !== name.toLowerCase());
  if (spelled.length === 0) return undefined;
  return Object.fromEntries(spelled.map((name) => [name.toLowerCase(), name]));
}

/** A caller's JSON as it was written, where its text is known. */
function jsonText(json: unknown): string {
  return json instanceof ExactJson ? json.text : JSON.stringify(json);
}

const BODIES = ["body", "json", "bodyBase64"] as const;
const METHOD = /^[A-Z][A-Z0-9_-]{0,31}$/;
const REFUSED_METHODS = new Set(["CONNECT", "TRACE", "TRACK"]);

/** Parses a URL and checks its text; adds what is wrong to `issues`, at `/url`. */
export function readUrl(text: string, issues: Issue[]): URL | undefined {
  const refused = (detail: string) => {
    issues.push({ pointer: "/url", detail, code: "address_refused" });
    return undefined;
  };
  const url = isLongerThan(text, URL_BYTES) ? undefined : URL.parse(text) ?? undefined;
  if (!url || isLongerThan(url.href, URL_BYTES)) {
    issues.push({ pointer: "/url", detail: EXPECTED.url });
    return undefined;
  }
  // The standard URL parser drops or replaces them, and others do not: it is an attempt to mislead.
  if (!isCleanUrl(text)) {
    return refused("Expected no space, control character or backslash: percent-encode them");
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return refused(`Expected http: or https:, not ${url.protocol}`);
  }
  if (url.username || url.password) {
    return refused("Expected no user name or password: use the Authorization header");
  }
  return url;
}

/** The lane of a URL: its scheme, host and port, the port always written; one for all spellings of a host. */
export function laneOf({ protocol, hostname, port }: URL): string {
  return `${protocol}//${withoutRoot(hostname)}:${port || (protocol === "https:" ? "443" : "80")}`;
}
