/**
 * Any other sender that signs its deliveries with an HMAC.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { PlainObject } from "../../task/input/batch_input.ts";
import {
  type ConfigurablePreset,
  headerField,
  headerOf,
  type Sender,
  textAt,
  type Wrong,
} from "../preset.ts";
import { after, anySigned, isFresh } from "../signature.ts";

const HASHES = ["sha1", "sha256", "sha384", "sha512"] as const;
const ENCODINGS = ["hex", "base64"] as const;
const EXPECTED = {
  prefix: "Expected a string",
  template: "Expected a string with {body} once, and {timestamp} when there is a timestampHeader",
  id: "Expected the name of a header, or a JSON pointer that starts with /",
};

/** A sender whose settings say how it signs. */
export const hmac: ConfigurablePreset = {
  fields: ["header", "prefix", "hash", "encoding", "template", "timestampHeader", "id"],
  parse(given, wrong) {
    const { prefix = "", template = "{body}" } = given;
    const header = headerField(given, "header", wrong);
    const hash = oneOf(given, "hash", HASHES, "sha256", wrong);
    const encoding = oneOf(given, "encoding", ENCODINGS, "hex", wrong);
    const timestampHeader = given.timestampHeader === undefined
      ? undefined
      : headerField(given, "timestampHeader", wrong);
    const id = given.id === undefined || isPointer(given.id)
      ? given.id
      : headerField(given, "id", () => wrong("id", EXPECTED.id));
    if (typeof prefix !== "string") return wrong("prefix", EXPECTED.prefix);
    const hasTime = given.timestampHeader !== undefined;
    const isTemplate = typeof template === "string" && template.split("{body}").length === 2 &&
      template.includes("{timestamp}") === hasTime;
    if (!isTemplate) return wrong("template", EXPECTED.template);
    if (!header || !hash || !encoding) return undefined;
    return {
      verify({ headers, body }, secrets, now) {
        const time = timestampHeader === undefined ? "" : headers.get(timestampHeader) ?? "";
        if (timestampHeader !== undefined && !isFresh(time, now)) return false;
        const [before = "", behind = ""] = template.replaceAll("{timestamp}", time).split("{body}");
        const signing = { parts: [before, body, behind], hash, encoding };
        return anySigned(secrets, signing, [after(prefix, headers.get(header) ?? "")]);
      },
      ...compact({ idOf: typeof id === "string" ? idAt(id) : undefined }),
    };
  },
};

function idAt(place: string): Sender["idOf"] {
  return (headers, payload) => isPointer(place) ? textAt(payload, place) : headerOf(headers, place);
}

function isPointer(value: unknown): value is string {
  return typeof value === "string" && value.startsWith("/");
}

function oneOf<T extends string>(
  given: PlainObject,
  name: string,
  values: readonly T[],
  fallback: T,
  wrong: Wrong,
): T | undefined {
  const value = given[name] ?? fallback;
  return values.find((one) => one === value) ?? wrong(name, `Expected one of ${values.join(", ")}`);
}
