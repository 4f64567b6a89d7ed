/**
 * From the body of a submit to what an engine keeps: the one way in, for
 * callers, hooks and schedules alike.
 *
 * @module
 */

import {
  isPlainObject,
  MAX_ENTRIES,
  MAX_SPREAD,
  type PlainObject,
  type Requests,
  weightOf,
} from "./batch_input.ts";
import { parseFetch } from "./fetch.ts";
import { type Issue, MAX_ISSUES, type Parsed } from "../issues.ts";
import { pointerTo } from "../../lib/json.ts";
import { parseMailbox } from "./mailbox.ts";
import { type ParsedNotify, parseNotify } from "./notify.ts";
import type { SubmitOptions } from "./options.ts";
import type { SubmitParserPorts } from "../ports.ts";
import { type FollowUpParts, readBatchFollowUps, readFollowUps } from "./follow_ups.ts";
import { type Draft, draftFetch, draftNotify, type SubmitContext } from "./new_task.ts";
import type { FollowUp } from "../task.ts";

/** Makes drafts of bodies. */
export interface SubmitParser {
  /** Of the body of `POST /notify`. */
  notify(body: unknown, context: SubmitContext): Parsed<Draft>;
  /** Of the body of `POST /fetch`. */
  fetch(body: unknown, context: SubmitContext): Parsed<Draft>;
}

/** Whether a body asks for a batch: it holds a list of requests. */
export function isBatchRequest(body: unknown): body is PlainObject {
  return isPlainObject(body) && LISTS.some((name) => Object.hasOwn(body, name));
}

const LISTS = ["notifications", "requests", "urls"];

/** Opens the way in. Throws a `RangeError` when the settings name no sender for mails. */
export function openSubmitParser(ports: SubmitParserPorts): SubmitParser {
  const from = parseMailbox(ports.mailFrom);
  if (!from) {
    throw new RangeError(
      `Cannot use "${ports.mailFrom}" as mail sender: expected one mail address`,
    );
  }
  const parts: FollowUpParts = { ports, mail: { laneOf: ports.mailLaneOf, from } };

  function read<Request extends { readonly options: SubmitOptions }>(
    body: unknown,
    parse: (body: unknown) => Parsed<Requests<Request>>,
  ): Parsed<{ asked: Requests<Request>; followUps: readonly FollowUp[] }> {
    const { own, rest } = splitBatch(body);
    const parsed = parse(rest);
    const issues: Issue[] = [];
    const followUps = readBatchFollowUps(own, parts, issues);
    // What is given for all entries is checked also when each of them has its own.
    if (isBatchRequest(body)) {
      const { onSuccess, onFailure } = body;
      readFollowUps({ onSuccess, onFailure }, parts, issues);
    }
    if (parsed.issues) return { issues: told([...parsed.issues, ...issues]) };
    const { isBatch, requests } = parsed.value;
    const whole = requests.map((request, index) => {
      const { rawFollowUps } = request.options;
      if (!rawFollowUps) return request;
      const found: Issue[] = [];
      const following = readFollowUps(rawFollowUps, parts, found);
      for (const issue of found) issues.push(isBatch ? relocate(issue, body, index) : issue);
      return { ...request, options: { ...request.options, followUps: following } };
    });
    if (issues.length > 0) return { issues: told(issues) };
    return { value: { asked: { ...parsed.value, requests: whole }, followUps } };
  }

  return {
    notify(body, context) {
      const submit = read(body, (rest) => parseNotify(rest, ports));
      if (submit.issues) return submit;
      const { asked, followUps } = submit.value;
      const issue = spreadFault(asked);
      if (issue) return { issues: [issue] };
      const draft = draftNotify(asked, context, parts.mail);
      return { value: withFollowers(asked.isBatch ? draft : toldOnce(draft), followUps) };
    },
    fetch(body, context) {
      const submit = read(body, (rest) => parseFetch(rest, ports.refuseUrl));
      if (submit.issues) return submit;
      const { asked, followUps } = submit.value;
      return { value: withFollowers(draftFetch(asked, context), followUps) };
    },
  };
}

/** A notification becomes a task for each target, and each holds all that is to be said. */
function spreadFault({ isBatch, requests }: Requests<ParsedNotify>): Issue | undefined {
  let tasks = 0;
  let weight = 0;
  for (const { mail, notes, options } of requests) {
    if (notes.length === 0) {
      tasks++;
      continue;
    }
    const count = notes.length + (mail ? 1 : 0);
    tasks += count;
    weight += count * weightOf(options.followUps) + weightOf(mail) + weightOf(notes);
  }
  const pointer = isBatch ? "/notifications" : "/to";
  if (tasks > MAX_ENTRIES) {
    return { pointer, detail: `Expected at most ${MAX_ENTRIES} tasks in a batch, not ${tasks}` };
  }
  return weight <= MAX_SPREAD ? undefined : {
    pointer,
    detail: `Expected at most ${MAX_SPREAD} characters in all, with what is said counted for ` +
      "each target",
  };
}

/** Beside a list, `callback` and `onComplete` are the batch's own. */
function splitBatch(body: unknown): { own: PlainObject; rest: unknown } {
  if (!isBatchRequest(body)) return { own: {}, rest: body };
  if (!Object.hasOwn(body, "callback") && !Object.hasOwn(body, "onComplete")) {
    return { own: {}, rest: body };
  }
  const { callback, onComplete, ...rest } = body;
  return { own: { callback, onComplete }, rest };
}

/** A issue points into the entry, or at the default that is to blame. */
function relocate(issue: Issue, body: unknown, index: number): Issue {
  const list = LISTS.find((name) => isPlainObject(body) && Object.hasOwn(body, name)) ?? "";
  const entries = isPlainObject(body) ? body[list] : undefined;
  const entry: unknown = Array.isArray(entries) ? entries[index] : undefined;
  const member = issue.pointer.split("/")[1] ?? "";
  if (!isPlainObject(entry) || !Object.hasOwn(entry, member)) return issue;
  return { ...issue, pointer: pointerTo([list, index]) + issue.pointer };
}

/** Each once, and not too many. */
function told(issues: readonly Issue[]): Issue[] {
  const each = new Map(issues.map((issue) => [`${issue.pointer} ${issue.detail}`, issue]));
  return [...each.values()].slice(0, MAX_ISSUES);
}

/** A request that became several tasks is told of once, when all are done. */
function toldOnce({ drafted, batch }: Draft): Draft {
  if (!batch) return { drafted };
  const isCallback = ({ kind }: FollowUp) => kind === "callback";
  const callbacks = drafted[0]?.task.followUps?.filter(isCallback) ?? [];
  if (callbacks.length === 0) return { drafted, batch };
  return {
    drafted: drafted.map(({ task, payload }) => {
      const followUps = task.followUps?.filter((one) => !isCallback(one)) ?? [];
      return { task: { ...task, followUps }, payload };
    }),
    batch: { ...batch, followUps: callbacks },
  };
}

function withFollowers(draft: Draft, followUps: readonly FollowUp[]): Draft {
  return draft.batch && followUps.length > 0
    ? { ...draft, batch: { ...draft.batch, followUps } }
    : draft;
}
