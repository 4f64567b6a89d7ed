/**
 * Whom a notification goes to: addresses, channel URLs, and aliases that stand
 * for some of both.
 *
 * @module
 */

import type { Issue } from "../issues.ts";
import { pointerTo } from "../../lib/json.ts";
import { parseMailbox } from "./mailbox.ts";
import type { Mailbox } from "../payloads.ts";
import type { NotifyPorts, ReadTarget } from "../ports.ts";

/** Targets, sorted by how they are reached; each once. */
export interface Targets {
  /** Of one mail. */
  readonly mailboxes: readonly Mailbox[];
  /** Each a task of its own. */
  readonly places: readonly ReadTarget[];
}

/** One mail address and nothing else. */
export const EXPECTED_MAILBOX =
  `Expected one mail address such as "ada@example.org" or "Ada <ada@example.org>"`;
const EXPECTED_TARGET = `${EXPECTED_MAILBOX}, the URL of a channel, or an "@alias"`;
/** A scheme, but not the name of somebody who has put a colon into it. */
const URL_FORM = /^[a-z][a-z0-9+.-]*:\/\//i;
const ALIAS_FORM = /^@[\w.-]+$/;

/** Reads the targets of the field `name`; what is wrong goes to `issues`. */
export function readTargets(
  given: string | readonly string[],
  name: string,
  ports: NotifyPorts,
  issues: Issue[],
): Targets {
  const mailboxes: Mailbox[] = [];
  const places = new Map<string, ReadTarget>();
  const texts = typeof given === "string" ? [given] : given;
  texts.forEach((text, index) => {
    const wrong = (issue: Omit<Issue, "pointer">) => {
      issues.push({
        ...issue,
        pointer: pointerTo(typeof given === "string" ? [name] : [name, index]),
      });
    };
    const stands = ALIAS_FORM.test(text) ? ports.aliasOf(text.slice(1)) : [text];
    if (!stands) return wrong({ detail: `There is no alias "${text}" in the settings` });
    for (const one of stands) {
      const read = readTarget(one, ports);
      // What an alias stands for is the operator's secret.
      const via = one === text ? "" : `The alias "${text}" cannot be used: `;
      if ("detail" in read) wrong({ ...read, detail: via + read.detail });
      else {
        mailboxes.push(...read.mailboxes);
        for (const place of read.places) places.set(place.target, place);
      }
    }
  });
  return { mailboxes, places: [...places.values()] };
}

/** The most ways to fall back on. */
export const MAX_WAYS = 5;

/** Reads `fallback`: each way is one mail or one place. */
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
      own.push({ pointer, detail: "Expected one way: this stands for several" });
    }
    issues.push(...own.map((issue) => ({ ...issue, pointer })));
    return way;
  });
}

function readTarget(text: string, ports: NotifyPorts): Targets | Omit<Issue, "pointer"> {
  if (!URL_FORM.test(text)) {
    const mailbox = parseMailbox(text);
    return mailbox ? { mailboxes: [mailbox], places: [] } : { detail: EXPECTED_TARGET };
  }
  const places = ports.readTargets(text);
  if (typeof places === "string") return { detail: places };
  for (const { url } of places) {
    const refused = ports.refuseUrl(url);
    if (refused) return { detail: refused.detail, code: "address_refused" };
  }
  return { mailboxes: [], places };
}
