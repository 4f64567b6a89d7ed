/**
 * From the body of a submit to what an engine keeps: the one way in, for
 * callers, hooks and schedules alike.
 *
 * @module
 */

import {
  isMembers,
  type Members,
  MOST_ENTRIES,
  MOST_SPREAD,
  type Requests,
  weightOf,
} from "./entries.ts";
import { parseFetch } from "./fetch.ts";
import { type Fault, MOST_FAULTS, type Parsed, pointerTo } from "./faults.ts";
import { parseMailbox } from "./mailbox.ts";
import { type NotifyRequest, parseNotify } from "./notify.ts";
import type { SubmitOptions } from "./options.ts";
import type { AcceptancePorts } from "./ports.ts";
import { readBatchSequel, readSequel, type SequelParts } from "./sequel.ts";
import { type Draft, draftFetch, draftNotify, type SubmitContext } from "./submission.ts";
import type { Follower } from "./task.ts";

/** Makes drafts of bodies. */
export interface Acceptance {
  /** Of the body of `POST /notify`. */
  notify(body: unknown, context: SubmitContext): Parsed<Draft>;
  /** Of the body of `POST /fetch`. */
  fetch(body: unknown, context: SubmitContext): Parsed<Draft>;
}

/** Whether a body asks for a batch: it holds a list of requests. */
export function asksForBatch(body: unknown): body is Members {
  return isMembers(body) && LISTS.some((name) => Object.hasOwn(body, name));
}

const LISTS = ["notifications", "requests", "urls"];

/** Opens the way in. Throws a `RangeError` when the settings name no sender for mails. */
export function openAcceptance(ports: AcceptancePorts): Acceptance {
  const from = parseMailbox(ports.mailFrom);
  if (!from) {
    throw new RangeError(
      `Cannot use "${ports.mailFrom}" as mail sender: expected one mail address`,
    );
  }
  const parts: SequelParts = { ports, mail: { laneOf: ports.mailLaneOf, from } };

  function read<Request extends { readonly options: SubmitOptions }>(
    body: unknown,
    parse: (body: unknown) => Parsed<Requests<Request>>,
  ): Parsed<{ asked: Requests<Request>; followers: readonly Follower[] }> {
    const { own, rest } = splitBatch(body);
    const parsed = parse(rest);
    const faults: Fault[] = [];
    const followers = readBatchSequel(own, parts, faults);
    if (parsed.faults) return { faults: told([...parsed.faults, ...faults]) };
    const { isBatch, requests } = parsed.value;
    const whole = requests.map((request, index) => {
      const { sequel } = request.options;
      if (!sequel) return request;
      const found: Fault[] = [];
      const following = readSequel(sequel, parts, found);
      for (const fault of found) faults.push(isBatch ? relocate(fault, body, index) : fault);
      return { ...request, options: { ...request.options, followers: following } };
    });
    if (faults.length > 0) return { faults: told(faults) };
    return { value: { asked: { ...parsed.value, requests: whole }, followers } };
  }

  return {
    notify(body, context) {
      const submit = read(body, (rest) => parseNotify(rest, ports));
      if (submit.faults) return submit;
      const { asked, followers } = submit.value;
      const fault = spreadFault(asked);
      if (fault) return { faults: [fault] };
      const draft = draftNotify(asked, context, parts.mail);
      return { value: withFollowers(asked.isBatch ? draft : toldOnce(draft), followers) };
    },
    fetch(body, context) {
      const submit = read(body, (rest) => parseFetch(rest, ports.refuseUrl));
      if (submit.faults) return submit;
      const { asked, followers } = submit.value;
      return { value: withFollowers(draftFetch(asked, context), followers) };
    },
  };
}

/** A notification becomes a task for each target, and each holds all that is to be said. */
function spreadFault({ isBatch, requests }: Requests<NotifyRequest>): Fault | undefined {
  let tasks = 0;
  let weight = 0;
  for (const { mail, notes, options } of requests) {
    if (notes.length === 0) {
      tasks++;
      continue;
    }
    const count = notes.length + (mail ? 1 : 0);
    tasks += count;
    weight += count * weightOf(options.followers) + weightOf(mail) + weightOf(notes);
  }
  const pointer = isBatch ? "/notifications" : "/to";
  if (tasks > MOST_ENTRIES) {
    return { pointer, detail: `Expected at most ${MOST_ENTRIES} tasks in a batch, not ${tasks}` };
  }
  return weight <= MOST_SPREAD ? undefined : {
    pointer,
    detail: `Expected at most ${MOST_SPREAD} characters in all, with what is said counted for ` +
      "each target",
  };
}

/** Beside a list, `callback` and `onComplete` are the batch's own. */
function splitBatch(body: unknown): { own: Members; rest: unknown } {
  if (!asksForBatch(body)) return { own: {}, rest: body };
  if (!Object.hasOwn(body, "callback") && !Object.hasOwn(body, "onComplete")) {
    return { own: {}, rest: body };
  }
  const { callback, onComplete, ...rest } = body;
  return { own: { callback, onComplete }, rest };
}

/** A fault points into the entry, or at the default that is to blame. */
function relocate(fault: Fault, body: unknown, index: number): Fault {
  const list = LISTS.find((name) => isMembers(body) && Object.hasOwn(body, name)) ?? "";
  const entries = isMembers(body) ? body[list] : undefined;
  const entry: unknown = Array.isArray(entries) ? entries[index] : undefined;
  const member = fault.pointer.split("/")[1] ?? "";
  if (typeof entry === "string") return { ...fault, pointer: pointerTo([list, index]) };
  if (!isMembers(entry) || !Object.hasOwn(entry, member)) return fault;
  return { ...fault, pointer: pointerTo([list, index]) + fault.pointer };
}

/** Each once, and not too many. */
function told(faults: readonly Fault[]): Fault[] {
  const each = new Map(faults.map((fault) => [`${fault.pointer} ${fault.detail}`, fault]));
  return [...each.values()].slice(0, MOST_FAULTS);
}

/** A request that became several tasks is told of once, when all are done. */
function toldOnce({ drafted, batch }: Draft): Draft {
  if (!batch) return { drafted };
  const isCallback = ({ kind }: Follower) => kind === "callback";
  const callbacks = drafted[0]?.task.followers?.filter(isCallback) ?? [];
  if (callbacks.length === 0) return { drafted, batch };
  return {
    drafted: drafted.map(({ task, payload }) => {
      const followers = task.followers?.filter((one) => !isCallback(one)) ?? [];
      return { task: { ...task, followers }, payload };
    }),
    batch: { ...batch, followers: callbacks },
  };
}

function withFollowers(draft: Draft, followers: readonly Follower[]): Draft {
  return draft.batch && followers.length > 0
    ? { ...draft, batch: { ...draft.batch, followers } }
    : draft;
}
