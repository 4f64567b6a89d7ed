/**
 * From the body of a submit to tasks: the only way in, for requests, hooks and
 * schedules.
 *
 * @module
 */

import { pointerTo } from "../../lib/json.ts";
import { runAtOnce, type Steps } from "../../lib/steps.ts";
import { type Issue, MAX_ISSUES, type Parsed } from "../issues.ts";
import type { NotifyPorts, RenderedTemplate, SubmitParserPorts } from "../ports.ts";
import type { FollowUp, TaskType } from "../task.ts";
import {
  isPlainObject,
  MAX_ENTRIES,
  MAX_SPREAD,
  type PlainObject,
  type Requests,
  weightOf,
} from "./batch_input.ts";
import { fetchSteps, parseFetch } from "./fetch.ts";
import { batchFollowUpSteps, type FollowUpParts, followUpSteps } from "./follow_ups.ts";
import { parseMailbox } from "./mailbox.ts";
import {
  type Draft,
  draftFetch,
  draftNotify,
  draftShortFetch,
  draftShortNotify,
  type SubmitContext,
} from "./new_task.ts";
import { notifySteps, type ParsedNotify, parseNotify } from "./notify.ts";
import { expiryIssue, type RawFollowUps, type SubmitOptions } from "./options.ts";

/** Parses bodies of submits and makes their tasks. */
export interface SubmitParser {
  /** Parses the body of `POST /notify`. */
  notify(body: unknown, context: SubmitContext): Parsed<Draft>;
  /** Parses the body of `POST /fetch`. */
  fetch(body: unknown, context: SubmitContext): Parsed<Draft>;
  /** The same as `notify` or `fetch`, in steps of which each is one request. */
  steps(type: TaskType, body: unknown, context: SubmitContext): Steps<Parsed<Draft>>;
}

/** Whether a body asks for a batch: it holds a list of requests. */
export function isBatchRequest(body: unknown): body is PlainObject {
  return isPlainObject(body) && LISTS.some((name) => Object.hasOwn(body, name));
}

const LISTS = ["notifications", "requests", "urls"];
/** The most characters that templates make for one submit. */
const MAX_RENDERED = 32 * 2 ** 20;
/** What the follow-ups of a request cost, in about microseconds. */
const FOLLOW_UPS_COST = 150;

/** Opens the parser. Throws a `RangeError` when the settings name no sender for mails. */
export function openSubmitParser(ports: SubmitParserPorts): SubmitParser {
  const from = parseMailbox(ports.mailFrom);
  if (!from) {
    throw new RangeError(
      `Cannot use "${ports.mailFrom}" as mail sender: expected one mail address`,
    );
  }
  const parts: FollowUpParts = { ports, mail: { laneOf: ports.mailLaneOf, from } };

  function withinSpread(
    submit: Parsed<SingleSubmit<ParsedNotify>>,
  ): Parsed<SingleSubmit<ParsedNotify>> {
    const issue = submit.issues
      ? undefined
      : spreadIssue({ isBatch: false, requests: [submit.value.request] });
    return issue ? { issues: [issue] } : submit;
  }

  function finishOneNotify(
    { request, anyHost }: SingleSubmit<ParsedNotify>,
    drafted: Draft,
  ): Parsed<Draft> {
    const draft = reportedOnce(drafted);
    return { value: anyHost || request.anyHost ? { ...draft, anyHost: true } : draft };
  }

  function notify(body: unknown, context: SubmitContext): Parsed<Draft> {
    const submit = withinSpread(parseSingle(parseNotify(body, ports), parts, context.now));
    if (submit.issues) return submit;
    return finishOneNotify(
      submit.value,
      draftShortNotify(submit.value.request, context, parts.mail),
    );
  }

  function fetch(body: unknown, context: SubmitContext): Parsed<Draft> {
    const submit = parseSingle(parseFetch(body, ports), parts, context.now);
    return submit.issues ? submit : { value: draftShortFetch(submit.value.request, context) };
  }

  function* longNotify(body: unknown, context: SubmitContext): Steps<Parsed<Draft>> {
    const submit = withinSpread(
      yield* singleSteps(parseNotify(body, ports), parts, context.now),
    );
    if (submit.issues) return submit;
    const single = { isBatch: false, requests: [submit.value.request] };
    return finishOneNotify(submit.value, yield* draftNotify(single, context, parts.mail));
  }

  function* longFetch(body: unknown, context: SubmitContext): Steps<Parsed<Draft>> {
    const submit = yield* singleSteps(parseFetch(body, ports), parts, context.now);
    if (submit.issues) return submit;
    const single = { isBatch: false, requests: [submit.value.request] };
    return { value: yield* draftFetch(single, context) };
  }

  function* notifyBatch(body: PlainObject, context: SubmitContext): Steps<Parsed<Draft>> {
    const own = withSharedRendering(ports);
    const submit = yield* parseBatch(body, parts, context.now, (rest) => notifySteps(rest, own));
    if (submit.issues) return submit;
    const { requests, followUps } = submit.value;
    const issue = spreadIssue(requests);
    if (issue) return { issues: [issue] };
    const drafted = yield* draftNotify(requests, context, parts.mail);
    const draft = withFollowUps(drafted, followUps);
    const anyHost = submit.value.anyHost || requests.requests.some(({ anyHost }) => anyHost);
    return { value: anyHost ? { ...draft, anyHost } : draft };
  }

  function* fetchBatch(body: PlainObject, context: SubmitContext): Steps<Parsed<Draft>> {
    const submit = yield* parseBatch(
      body,
      parts,
      context.now,
      (rest) => fetchSteps(rest, ports),
    );
    if (submit.issues) return submit;
    const { requests, followUps } = submit.value;
    return { value: withFollowUps(yield* draftFetch(requests, context), followUps) };
  }

  const batch = { notify: notifyBatch, fetch: fetchBatch };
  const long = { notify: longNotify, fetch: longFetch };
  return {
    // A single submit is parsed without steps, which would take a fifth more time.
    notify: (body, context) =>
      isBatchRequest(body) ? runAtOnce(notifyBatch(body, context)) : notify(body, context),
    fetch: (body, context) =>
      isBatchRequest(body) ? runAtOnce(fetchBatch(body, context)) : fetch(body, context),
    steps: (type, body, context) =>
      isBatchRequest(body) ? batch[type](body, context) : long[type](body, context),
  };
}

/** Renders what entries share once, and limits what one submit renders. */
function withSharedRendering(ports: NotifyPorts): NotifyPorts {
  let letters = 0;
  let last: { template: string; data: unknown; rendered: Parsed<RenderedTemplate> } | undefined;
  return {
    refuseUrl: (url) => ports.refuseUrl(url),
    readTargets: (text) => ports.readTargets(text),
    aliasOf: (name) => ports.aliasOf(name),
    render(template, data) {
      if (letters > MAX_RENDERED) return { issues: [TOO_MUCH_RENDERED] };
      if (last?.template !== template || last.data !== data) {
        last = { template, data, rendered: ports.render(template, data) };
      }
      const { rendered } = last;
      if (rendered.issues) return rendered;
      const { text = "", html = "" } = rendered.value;
      letters += text.length + html.length;
      return letters > MAX_RENDERED ? { issues: [TOO_MUCH_RENDERED] } : rendered;
    },
  };
}

const TOO_MUCH_RENDERED: Issue = {
  pointer: "/template",
  detail: `Expected templates to make at most ${MAX_RENDERED} characters for the whole batch`,
  isLast: true,
};

/** A single request with its follow-ups. */
interface SingleSubmit<Request> {
  readonly request: Request;
  /** The caller chose a host to call. */
  readonly anyHost: boolean;
}

function parseSingle<Request extends { readonly options: SubmitOptions }>(
  parsed: Parsed<Requests<Request>>,
  given: FollowUpParts,
  now: number,
): Parsed<SingleSubmit<Request>> {
  if (parsed.issues) return { issues: distinct(parsed.issues) };
  const [request] = parsed.value.requests as readonly [Request];
  const { rawFollowUps: raw } = request.options;
  if (raw) return runAtOnce(followedSteps(request, raw, given, now));
  const late = expiryIssue(request.options, now);
  return late ? { issues: [late] } : { value: { request, anyHost: false } };
}

function* singleSteps<Request extends { readonly options: SubmitOptions }>(
  parsed: Parsed<Requests<Request>>,
  given: FollowUpParts,
  now: number,
): Steps<Parsed<SingleSubmit<Request>>> {
  const [request] = parsed.issues ? [] : parsed.value.requests;
  const raw = request?.options.rawFollowUps;
  if (!request || !raw) return parseSingle(parsed, given, now);
  return yield* followedSteps(request, raw, given, now);
}

function* followedSteps<Request extends { readonly options: SubmitOptions }>(
  request: Request,
  raw: RawFollowUps,
  given: FollowUpParts,
  now: number,
): Steps<Parsed<SingleSubmit<Request>>> {
  const late = expiryIssue(request.options, now);
  const issues: Issue[] = late ? [late] : [];
  let anyHost = false;
  const parts = { ...given, foundAnyHost: () => void (anyHost = true) };
  const followUps = yield* followUpSteps(raw, parts, issues);
  if (issues.length > 0) return { issues: distinct(issues) };
  return {
    value: { request: { ...request, options: { ...request.options, followUps } }, anyHost },
  };
}

/** The requests of a batch with their follow-ups, and those of the batch. */
interface BatchSubmit<Request> {
  readonly requests: Requests<Request>;
  readonly followUps: readonly FollowUp[];
  /** The caller chose a host to call. */
  readonly anyHost: boolean;
}

function* parseBatch<Request extends { readonly options: SubmitOptions }>(
  body: PlainObject,
  given: FollowUpParts,
  now: number,
  parse: (body: unknown) => Steps<Parsed<Requests<Request>>>,
): Steps<Parsed<BatchSubmit<Request>>> {
  let anyHost = false;
  const parts = { ...given, foundAnyHost: () => void (anyHost = true) };
  const { own, rest } = splitBatch(body);
  const parsed = yield* parse(rest);
  const issues: Issue[] = [];
  const followUps = yield* batchFollowUpSteps(own, parts, issues);
  // Defaults are checked also when each entry has its own.
  const { onSuccess, onFailure } = body;
  yield* followUpSteps({ onSuccess, onFailure }, parts, issues);
  if (parsed.issues) return { issues: distinct([...parsed.issues, ...issues]) };
  const { requests } = parsed.value;
  const whole: Request[] = [];
  // Follow-ups that are defaults of a batch are the same objects for each entry.
  let last: { raw: RawFollowUps; followUps: FollowUp[] } | undefined;
  for (const [index, request] of requests.entries()) {
    const { rawFollowUps: raw } = request.options;
    const late = expiryIssue(request.options, now);
    if (late) issues.push(relocate(late, body, index));
    if (!raw) {
      whole.push(request);
      continue;
    }
    if (!last || !areSame(last.raw, raw)) {
      const found: Issue[] = [];
      last = { raw, followUps: yield* followUpSteps(raw, parts, found) };
      for (const issue of found) issues.push(relocate(issue, body, index));
      yield FOLLOW_UPS_COST;
    }
    whole.push({ ...request, options: { ...request.options, followUps: last.followUps } });
    if (issues.length >= MAX_ISSUES) break;
  }
  if (issues.length > 0) return { issues: distinct(issues) };
  return { value: { requests: { ...parsed.value, requests: whole }, followUps, anyHost } };
}

function areSame(one: RawFollowUps, other: RawFollowUps): boolean {
  return one.callback === other.callback && one.onSuccess === other.onSuccess &&
    one.onFailure === other.onFailure;
}

/** A notification becomes a task for each target, and each holds the whole content. */
function spreadIssue({ isBatch, requests }: Requests<ParsedNotify>): Issue | undefined {
  let tasks = 0;
  let weight = 0;
  for (const { mail, notes, options, fallback } of requests) {
    if (fallback) weight += weightOf(fallback);
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
    detail: `Expected at most ${MAX_SPREAD} characters in all, with the content counted for each ` +
      "target and each fallback",
  };
}

/** In the body of a batch, `callback` and `onComplete` belong to the batch, not to its entries. */
function splitBatch(body: PlainObject): { own: PlainObject; rest: PlainObject } {
  if (!Object.hasOwn(body, "callback") && !Object.hasOwn(body, "onComplete")) {
    return { own: {}, rest: body };
  }
  const { callback, onComplete, ...rest } = body;
  return { own: { callback, onComplete }, rest };
}

/** An issue points into the entry, or to the default that caused it. */
function relocate(issue: Issue, body: unknown, index: number): Issue {
  const list = LISTS.find((name) => isPlainObject(body) && Object.hasOwn(body, name)) ?? "";
  const entries = isPlainObject(body) ? body[list] : undefined;
  const entry: unknown = Array.isArray(entries) ? entries[index] : undefined;
  const member = issue.pointer.split("/")[1] ?? "";
  if (!isPlainObject(entry) || !Object.hasOwn(entry, member)) return issue;
  return { ...issue, pointer: pointerTo([list, index]) + issue.pointer };
}

function distinct(issues: readonly Issue[]): Issue[] {
  const each = new Map(issues.map((issue) => [`${issue.pointer} ${issue.detail}`, issue]));
  return [...each.values()].slice(0, MAX_ISSUES);
}

/** The callback of a request that became several tasks reports the end of all of them, once. */
function reportedOnce({ drafted, batch }: Draft): Draft {
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

function withFollowUps(draft: Draft, followUps: readonly FollowUp[]): Draft {
  return draft.batch && followUps.length > 0
    ? { ...draft, batch: { ...draft.batch, followUps } }
    : draft;
}
