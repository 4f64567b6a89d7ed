/**
 * The sections `relays` and `dkim` of the settings file: relays with their
 * senders, and the keys that sign mails.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { createPrivateKey } from "node:crypto";
import { isPlainObject, type PlainObject } from "../../task/input/batch_input.ts";
import { type Issue, type Parsed, UNKNOWN_FIELD } from "../../task/issues.ts";
import { pointerTo } from "../../lib/json.ts";
import { parseMailUrl, type RelaySettings } from "./mail_settings.ts";
import { type OauthSettings, readOauth } from "./oauth.ts";

/** A relay, and the senders it is for. */
export interface RelayRule {
  /** The relay. */
  readonly relay: RelaySettings & { readonly oauth?: OauthSettings };
  /** Domains of senders; absent: all that no other relay is for. */
  readonly senders?: readonly string[];
}

/** A key that signs the mails of a domain. */
export interface DkimKey {
  /** The domain of the sender. */
  readonly domain: string;
  /** The name under which the domain publishes the key. */
  readonly selector: string;
  /** RSA, PEM. */
  readonly privateKey: string;
}

/** Reads a file; throws when it cannot. */
export type ReadFile = (path: string) => string;
type Wrong = (detail: string, ...path: (string | number)[]) => undefined;

const EXPECTED = {
  relays: "Expected a list of relays, each with url or urlFile",
  others: "Expected one relay without senders, for all other mails",
  senders: `Expected domains of senders such as "example.org"`,
  dkim: `Expected domains such as "example.org", each with selector and keyFile`,
  selector: `Expected a selector such as "s1"`,
  key: "Expected a file with a private RSA key of at least 1024 bits, in PEM",
};
const DOMAIN = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.?)+$/;

/** Reads `[{"url": "smtp://…", "senders": ["example.org"]}]`; the best comes first. */
export function parseRelays(value: unknown, readFile: ReadFile): Parsed<readonly RelayRule[]> {
  const issues: Issue[] = [];
  const wrong: Wrong = (detail, ...path) => void issues.push({ pointer: pointerTo(path), detail });
  const list = isPlainObject(value) && Object.keys(value).length === 0 ? [] : value;
  if (!Array.isArray(list) || !list.every(isPlainObject)) {
    return { issues: [{ pointer: "", detail: EXPECTED.relays }] };
  }
  const rules = list.map((members, i) => readRule(members, i, readFile, wrong));
  const isFit = issues.length === 0;
  if (isFit && rules.length > 0 && rules.every((rule) => rule?.senders)) wrong(EXPECTED.others);
  return issues.length > 0 ? { issues } : { value: rules.filter((rule) => rule !== undefined) };
}

function readRule(
  { url, urlFile, senders, oauth, ...unknown }: PlainObject,
  index: number,
  readFile: ReadFile,
  wrong: Wrong,
): RelayRule | undefined {
  for (const name of Object.keys(unknown)) wrong(UNKNOWN_FIELD, index, name);
  const isList = senders === undefined || (Array.isArray(senders) && senders.length > 0 &&
    senders.every((one) => typeof one === "string" && DOMAIN.test(one)));
  if (!isList) wrong(EXPECTED.senders, index, "senders");
  try {
    const text = urlFile === undefined ? url : readFile(String(urlFile)).trim();
    const relay = parseMailUrl(String(text ?? ""));
    if (relay.kind === "outbox") return wrong("Expected smtp:// or smtps://", index, "url");
    const tokens = oauth === undefined
      ? undefined
      : readOauth(oauth, readFile, (detail, name) => wrong(detail, index, "oauth", name));
    return {
      relay: { ...relay, ...compact({ oauth: tokens }) },
      ...compact({ senders: senders as string[] | undefined }),
    };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return wrong(why, index, urlFile === undefined ? "url" : "urlFile");
  }
}

/** Reads `{"example.org": {"selector": "s1", "keyFile": "dkim.pem"}}`. */
export function parseDkim(value: unknown, readFile: ReadFile): Parsed<readonly DkimKey[]> {
  const issues: Issue[] = [];
  const wrong: Wrong = (detail, ...path) => void issues.push({ pointer: pointerTo(path), detail });
  if (!isPlainObject(value)) return { issues: [{ pointer: "", detail: EXPECTED.dkim }] };
  const keys = Object.entries(value).map(([domain, given]) => {
    if (!DOMAIN.test(domain) || !isPlainObject(given)) return wrong(EXPECTED.dkim, domain);
    const { selector, keyFile, ...unknown } = given;
    for (const name of Object.keys(unknown)) wrong(UNKNOWN_FIELD, domain, name);
    if (typeof selector !== "string" || !/^[a-z0-9](?:[\w.-]{0,61}[a-z0-9])?$/i.test(selector)) {
      return wrong(EXPECTED.selector, domain, "selector");
    }
    const privateKey = readKey(String(keyFile ?? ""), readFile);
    if (privateKey === undefined) return wrong(EXPECTED.key, domain, "keyFile");
    return { domain, selector, privateKey };
  });
  return issues.length > 0 ? { issues } : { value: keys.filter((key) => key !== undefined) };
}

function readKey(path: string, readFile: ReadFile): string | undefined {
  try {
    const pem = readFile(path);
    const key = createPrivateKey(pem);
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    return key.asymmetricKeyType === "rsa" && bits >= 1_024 ? pem : undefined;
  } catch {
    return undefined;
  }
}

/** The relays for a sender, the best first: those of its domain, then those for all senders. */
export function relaysFor(rules: readonly RelayRule[], sender: string): readonly RelayRule[] {
  const domain = sender.slice(sender.lastIndexOf("@") + 1).toLowerCase();
  const own = rules.filter(({ senders }) => senders?.includes(domain));
  return [...own, ...rules.filter(({ senders }) => !senders)];
}
