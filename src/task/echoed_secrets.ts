/**
 * Secrets of a request that an upstream repeats in what it answers.
 *
 * @module
 */

import type { Json } from "../lib/json.ts";
import type { Payload } from "./payloads.ts";
import { looksSecret, MASK } from "./secrets.ts";

/** A shorter value is in most texts by chance. */
const SHORTEST = 4;
/** With more secrets than this every text is masked: to look for each would take too long. */
const MOST = 100;
/** Larger request bodies are not searched for secrets: it would mean to parse them. */
const SEARCHED_BODY = 65_536;

/** The secrets that a request sends, longest first; those of mails and notes are not sent. */
export function secretsOf(payload: Payload): string[] {
  if (!("url" in payload)) return [];
  const found = new Set<string>();
  const add = (text: string) => {
    if (text.length < SHORTEST) return;
    found.add(text).add(encodeURIComponent(text)).add(JSON.stringify(text).slice(1, -1));
  };
  // What was stored is not checked again: it may be damaged.
  for (const [name, value] of Object.entries(payload.headers ?? {})) {
    if (looksSecret(name)) addCredential(value, add);
  }
  const url = URL.parse(payload.url);
  if (url) {
    add(decoded(url.password));
    addForm(url.search.slice(1), add);
  }
  const { body = "" } = payload;
  if (body.length <= SEARCHED_BODY) addBody(body, add);
  return [...found].sort((one, other) => other.length - one.length);
}

/** JSON with the secrets masked in each of its texts. */
export function maskSecrets(value: Json, secrets: readonly string[]): Json {
  if (typeof value === "string") {
    if (secrets.length > MOST) return MASK;
    return secrets.reduce((text, secret) => text.replaceAll(secret, MASK), value);
  }
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((item) => maskSecrets(item, secrets));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, maskSecrets(member, secrets)]),
  );
}

/** `Bearer abc` holds the secret `abc`; Basic holds a password, which is also told in plain. */
function addCredential(value: string, add: (text: string) => void): void {
  add(value);
  const [, scheme = "", rest = ""] = /^([A-Za-z]+) +(.+)$/.exec(value) ?? [];
  add(rest);
  if (scheme.toLowerCase() !== "basic") return;
  try {
    add(atob(rest).replace(/^[^:]*:/, ""));
  } catch {
    // Not Base64, so it holds no password.
  }
}

function addForm(text: string, add: (text: string) => void): void {
  for (const [name, value] of new URLSearchParams(text)) {
    if (looksSecret(name)) add(value);
  }
}

function addBody(body: string, add: (text: string) => void): void {
  if (!/^\s*[[{]/.test(body)) return addForm(body, add);
  try {
    addMembers(JSON.parse(body), false, add);
  } catch {
    // Not JSON, so no member is named.
  }
}

function addMembers(value: Json, isSecret: boolean, add: (text: string) => void): void {
  if (typeof value === "string") {
    if (isSecret) add(value);
  } else if (Array.isArray(value)) {
    for (const item of value) addMembers(item, isSecret, add);
  } else if (value !== null && typeof value === "object") {
    for (const [name, member] of Object.entries(value)) {
      addMembers(member, isSecret || looksSecret(name), add);
    }
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
