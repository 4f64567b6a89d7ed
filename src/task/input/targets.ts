/**
 * The targets of a notification: mail addresses, channel URLs, and aliases for
 * some of both.
 *
 * @module
 */

import type { Issue } from "../issues.ts";
import { pointerTo } from "../../lib/json.ts";
import { parseMailbox } from "./mailbox.ts";
import type { Mailbox } from "../payloads.ts";
import type { NotifyPorts, ReadTarget } from "../ports.ts";

/** Targets by kind, each once. */
export interface Targets {
  /** The recipients of one mail. */
  readonly mailboxes: readonly Mailbox[];
  /** Each gets a task of its own. */
  readonly places: readonly ReadTarget[];
  /** The caller, and not an alias of the settings, chose a host to call. */
  readonly anyHost: boolean;
}

/** What is expected of a single mail address. */
export const EXPECTED_MAILBOX =
  `Expected one mail address such as "ada@example.org" or "Ada <ada@example.org>"`;
const EXPECTED_TARGET = `${EXPECTED_MAILBOX}, the URL of a channel, or an "@alias"`;
/** A scheme with two slashes: a display name may have a colon. */
const URL_FORM = /^[a-z][a-z0-9+.-]*:\/\//i;
const ALIAS_FORM = /^@[\w.-]+$/;

/** Parses the targets of the field `name`; adds what is wrong to `issues`. */
export function readTargets(
  given: string | readonly string[],
  name: string,
  ports: NotifyPorts,
  issues: Issue[],
): Targets {
  const only = typeof given === "string" && !URL_FORM.test(given) && !ALIAS_FORM.test(given)
    ? parseMailbox(given)
    : undefined;
  if (only) return { mailboxes: [only], places: [], anyHost: false };
  const mailboxes = new Map<string, Mailbox>();
  let anyHost = false;
  const places = new Map<string, ReadTarget>();
  const texts = typeof given === "string" ? [given] : given;
  texts.forEach((text, index) => {
    const wrong = (issue: Omit<Issue, "pointer">) => {
      issues.push({
        ...issue,
        pointer: pointerTo(typeof given === "string" ? [name] : [name, index]),
      });
    };
    const isAlias = ALIAS_FORM.test(text);
    const meant = isAlias ? ports.aliasOf(text.slice(1)) : [text];
    if (!meant) return wrong({ detail: `The settings have no alias "${text}"` });
    for (const one of meant) {
      const read = readTarget(one, ports);
      // The targets of an alias are the operator's secret.
      const via = one === text ? "" : `The alias "${text}" cannot be used: `;
      if ("detail" in read) wrong({ ...read, detail: via + read.detail });
      else {
        for (const mailbox of read.mailboxes) {
          if (!mailboxes.has(mailbox.address)) mailboxes.set(mailbox.address, mailbox);
        }
        for (const place of read.places) places.set(place.target, place);
        if (read.anyHost && !isAlias) anyHost = true;
      }
    }
  });
  return { mailboxes: [...mailboxes.values()], places: [...places.values()], anyHost };
}

/** The most fallbacks of a notification. */
export const MAX_WAYS = 5;

/** Parses `fallback`: each is one mail or one place. */
export function readWays(
  given: string | readonly string[],
  ports: NotifyPorts,
  issues: Issue[],
): Targets[] {
  const texts = typeof given === "string" ? [given] : given;
  return texts.map((text, index) => {
    const own: Issue[] = [];
    const way = readTargets(text, "fallback", ports, own);
    const pointer = pointerTo(typeof given === "string" ? ["fallback"] : ["fallback", index]);
    if (own.length === 0 && way.places.length + (way.mailboxes.length > 0 ? 1 : 0) > 1) {
      own.push({ pointer, detail: "Expected one target: this is several" });
    }
    issues.push(...own.map((issue) => ({ ...issue, pointer })));
    return way;
  });
}

function readTarget(text: string, ports: NotifyPorts): Targets | Omit<Issue, "pointer"> {
  if (!URL_FORM.test(text)) {
    const mailbox = parseMailbox(text);
    return mailbox
      ? { mailboxes: [mailbox], places: [], anyHost: false }
      : { detail: EXPECTED_TARGET };
  }
  const places = ports.readTargets(text);
  if (typeof places === "string") return { detail: places };
  for (const { url } of places) {
    const refused = ports.refuseUrl(url);
    if (refused) return { detail: refused.detail, code: "address_refused" };
  }
  return { mailboxes: [], places, anyHost: places.some(({ anyHost }) => anyHost) };
}
