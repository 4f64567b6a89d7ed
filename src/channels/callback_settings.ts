/**
 * The section `callbacks` of the settings file: receivers of callbacks with a
 * secret of their own.
 *
 * ```yaml
 * callbacks:
 *   hooks.example.org: { secretFile: /run/secrets/hooks }
 * ```
 *
 * @module
 */

import { isPlainObject, pointerTo } from "../lib/json.ts";
import { type Issue, type Parsed, UNKNOWN_FIELD } from "../task/issues.ts";
import { parseWebhookSecrets } from "./webhook_secret.ts";

/** The secrets that sign the callbacks to a host, by `host` or `host:port`. */
export type CallbackSecrets = Readonly<Record<string, readonly string[]>>;

const EXPECTED = {
  section: "Expected an object of hosts, each with secret or secretFile",
  host: `Expected a host such as "hooks.example.org" or "hooks.example.org:8443"`,
  one: "Expected either secret or secretFile",
  file: "Expected a readable file",
};

/** Reads `{"hooks.example.org": {"secretFile": "hooks.secret"}}`. */
export function parseCallbacks(
  value: unknown,
  readFile: (path: string) => string,
): Parsed<CallbackSecrets> {
  if (!isPlainObject(value)) return { issues: [{ pointer: "", detail: EXPECTED.section }] };
  const issues: Issue[] = [];
  const wrong = (detail: string, ...path: string[]) =>
    void issues.push({ pointer: pointerTo(path), detail });
  const found: Record<string, readonly string[]> = {};
  for (const [name, given] of Object.entries(value)) {
    const host = hostOf(name);
    if (host === undefined) wrong(EXPECTED.host, name);
    else if (!isPlainObject(given)) wrong(EXPECTED.section, name);
    else {
      const secrets = readSecrets(given, readFile, (detail, field) => wrong(detail, name, field));
      if (secrets) found[host] = secrets;
    }
  }
  return issues.length > 0 ? { issues } : { value: found };
}

/** The secrets for a URL: those of its host and port, of its host, or the general ones. */
export function secretsFor(
  url: string,
  own: CallbackSecrets,
  general: readonly string[],
): readonly string[] {
  const { host, hostname, protocol, port } = new URL(url);
  const withPort = port === "" ? `${hostname}:${protocol === "http:" ? 80 : 443}` : host;
  const name = [withPort, hostname].find((name) => Object.hasOwn(own, name));
  return name === undefined ? general : own[name] ?? general;
}

/** As a URL has it; `undefined` when it is no host. */
function hostOf(name: string): string | undefined {
  const [, port] = /:(\d{1,5})$/.exec(name) ?? [];
  const url = URL.parse(`http://${name}`);
  if (!url || url.pathname !== "/" || /[/?#@]/.test(name)) return undefined;
  return port === undefined ? url.hostname : `${url.hostname}:${Number(port)}`;
}

function readSecrets(
  { secret, secretFile, ...unknown }: Readonly<Record<string, unknown>>,
  readFile: (path: string) => string,
  wrong: (detail: string, field: string) => void,
): readonly string[] | undefined {
  for (const name of Object.keys(unknown)) wrong(UNKNOWN_FIELD, name);
  if ((secret === undefined) === (secretFile === undefined)) {
    return void wrong(EXPECTED.one, "secret");
  }
  const field = secret === undefined ? "secretFile" : "secret";
  try {
    const text = secret === undefined ? readFile(String(secretFile)) : String(secret);
    return parseWebhookSecrets(text.trim());
  } catch (error) {
    wrong(error instanceof RangeError ? error.message : EXPECTED.file, field);
  }
}
