/**
 * Parses the fields of a hook that describe its sender.
 *
 * @module
 */

import type { PlainObject } from "../task/input/batch_input.ts";
import type { Issue } from "../task/issues.ts";
import { type HookPreset, PRESETS } from "./preset.ts";

/** The fields that only some presets have. */
export const PRESET_FIELDS: Readonly<Record<string, readonly string[]>> = {
  grafana: ["timestampHeader"],
  hmac: ["header", "prefix", "hash", "encoding", "template", "timestampHeader", "id"],
};

const HASHES = ["sha1", "sha256", "sha384", "sha512"] as const;
const ENCODINGS = ["hex", "base64"] as const;
const EXPECTED = {
  preset: `Expected one of ${PRESETS.join(", ")}`,
  header: "Expected the name of a header",
  hash: `Expected one of ${HASHES.join(", ")}`,
  encoding: `Expected ${ENCODINGS.join(" or ")}`,
  prefix: "Expected a text",
  template: "Expected a text with {body} once, and {timestamp} when there is a timestampHeader",
  id: "Expected the name of a header, or a JSON pointer that starts with /",
};

const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;

/** Parses the preset; what is wrong is added to `faults`. */
export function parsePreset(given: PlainObject, issues: Issue[]): HookPreset | undefined {
  const wrong = (name: string, detail: string) => {
    issues.push({ pointer: `/${name}`, detail });
    return undefined;
  };
  const oneOf = <T extends string>(
    name: keyof typeof EXPECTED,
    values: readonly T[],
    fallback?: T,
  ) => {
    const value = given[name] ?? fallback;
    return values.find((one) => one === value) ?? wrong(name, EXPECTED[name]);
  };
  const headerOf = (name: string) => {
    const value = given[name];
    if (typeof value === "string" && HEADER.test(value)) return value;
    return wrong(name, EXPECTED.header);
  };
  const timestamp = () => {
    if (given.timestampHeader === undefined) return {};
    const timestampHeader = headerOf("timestampHeader");
    return timestampHeader === undefined ? {} : { timestampHeader };
  };
  const kind = oneOf("preset", PRESETS);
  if (kind === undefined) return undefined;
  if (kind === "grafana") return { kind, ...timestamp() };
  if (kind !== "hmac") return { kind };
  const { prefix = "", template = "{body}", id } = given;
  const header = headerOf("header");
  const hash = oneOf("hash", HASHES, "sha256");
  const encoding = oneOf("encoding", ENCODINGS, "hex");
  if (typeof prefix !== "string") return wrong("prefix", EXPECTED.prefix);
  const hasTime = given.timestampHeader !== undefined;
  const isTemplate = typeof template === "string" && template.split("{body}").length === 2 &&
    template.includes("{timestamp}") === hasTime;
  if (!isTemplate) return wrong("template", EXPECTED.template);
  const isName = typeof id === "string" && (id.startsWith("/") || HEADER.test(id));
  if (id !== undefined && !isName) return wrong("id", EXPECTED.id);
  if (!header || !hash || !encoding) return undefined;
  return {
    kind,
    header,
    prefix,
    hash,
    encoding,
    template,
    ...timestamp(),
    ...(isName ? { id } : {}),
  };
}
