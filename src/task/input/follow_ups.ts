/**
 * Parses follow-ups: `callback`, `onSuccess`, `onFailure`, and for a batch
 * `onComplete`.
 *
 * @module
 */

import { decodeSteps } from "../../lib/json/held_text.ts";
import { compact } from "../../lib/compact.ts";
import { isPlainObject, type PlainObject, type Requests } from "./batch_input.ts";
import { laneOf, parseFetch, readUrl } from "./fetch.ts";
import type { Issue, Parsed } from "../issues.ts";
import { pointerTo } from "../../lib/json.ts";
import type { Steps } from "../../lib/steps.ts";
import { placeholderSteps } from "../placeholder_paths.ts";
import { hasPlaceholders } from "../placeholders.ts";
import { parseNotify } from "./notify.ts";
import type { RawFollowUps, SubmitOptions } from "./options.ts";
import type { FetchPayload } from "../payloads.ts";
import type { SubmitParserPorts } from "../ports.ts";
import { DEFAULT_RETRIES } from "../retry.ts";
import { maskUrl } from "../secrets.ts";
import { TASK_STATES } from "../state.ts";
import type { MailContext } from "./outgoing.ts";
import { type Draft, draftFetch, draftNotify, type SubmitContext } from "./new_task.ts";
import type { FollowUp, FollowUpTask, NewTask } from "../task.ts";

/** What reading follow-ups needs. */
export interface FollowUpParts {
  /** Checks addresses. */
  readonly ports: SubmitParserPorts;
  /** Where mails go. */
  readonly mail: MailContext;
  /** Called for a follow-up whose host the caller chose. */
  readonly foundAnyHost?: () => void;
}

const CALLBACK_TIMEOUT_MS = 30_000;
const CALLBACK_BYTES = 65_536;
const EXPECTED = {
  callback: "Expected an absolute http: or https: URL without placeholders",
  chain: 'Expected {"notify": {…}} or {"fetch": {…}}',
  single: "Expected one request: a follow-up cannot be a batch",
  level: "Expected no follow-up of a follow-up",
  ifChanged: "Expected no ifChanged: a follow-up is sent only once",
  address: "Expected an address without placeholders: the recipients are fixed at the submit",
  option: "Expected no placeholders: they are not replaced in this field",
  quiet: "Expected no quiet hours: its time is not known yet; use delay",
};

/** Parses the follow-ups of a task; adds what is wrong to `issues`. */
export function* followUpSteps(
  { callback, onSuccess, onFailure }: RawFollowUps,
  parts: FollowUpParts,
  issues: Issue[],
): Steps<FollowUp[]> {
  return [
    ...callbackOf(callback, parts, issues),
    ...yield* chainSteps("onSuccess", onSuccess, ["succeeded"], parts, issues),
    ...yield* chainSteps("onFailure", onFailure, ["failed", "expired"], parts, issues),
  ];
}

/** Parses the follow-ups of a batch. */
export function* batchFollowUpSteps(
  { callback, onComplete }: { readonly callback?: unknown; readonly onComplete?: unknown },
  parts: FollowUpParts,
  issues: Issue[],
): Steps<FollowUp[]> {
  return [
    ...callbackOf(callback, parts, issues),
    ...yield* chainSteps("onComplete", onComplete, [], parts, issues),
  ];
}

function callbackOf(
  value: unknown,
  { ports, foundAnyHost }: FollowUpParts,
  issues: Issue[],
): FollowUp[] {
  if (value === undefined) return [];
  foundAnyHost?.();
  const pointer = "/callback";
  const found: Issue[] = [];
  const url = typeof value === "string" && !hasPlaceholders(value)
    ? readUrl(value, found)
    : undefined;
  if (!url) {
    issues.push(
      ...(found.length > 0
        ? found.map((issue) => ({ ...issue, pointer }))
        : [{ pointer, detail: EXPECTED.callback }]),
    );
    return [];
  }
  const refused = ports.refuseUrl(url);
  if (refused) {
    issues.push({ pointer, detail: refused.detail, code: "address_refused" });
    return [];
  }
  const payload: FetchPayload = {
    url: url.href,
    method: "POST",
    headers: { "content-type": "application/json" },
    redirects: 0,
    maxBytes: CALLBACK_BYTES,
  };
  return [{
    kind: "callback",
    on: TASK_STATES,
    task: {
      type: "fetch",
      channel: "callback",
      lane: laneOf(url),
      payload: JSON.stringify(payload),
      label: `POST ${maskUrl(url.href)}`,
      priority: 5,
      retry: DEFAULT_RETRIES.callback,
      timeoutMs: CALLBACK_TIMEOUT_MS,
      onUnknown: "retry",
    },
  }];
}

function* chainSteps(
  name: string,
  value: unknown,
  on: FollowUp["on"],
  parts: FollowUpParts,
  issues: Issue[],
): Steps<FollowUp[]> {
  if (value === undefined) return [];
  const [kind, ...more] = isPlainObject(value) ? Object.keys(value) : [];
  const request = isPlainObject(value) && kind !== undefined ? value[kind] : undefined;
  if (more.length > 0 || !isPlainObject(request) || (kind !== "notify" && kind !== "fetch")) {
    issues.push({ pointer: `/${name}`, detail: EXPECTED.chain });
    return [];
  }
  const root = name === "onComplete" ? "batch" : "task";
  const wrong = [
    ...faultsIn(request),
    ...yield* placeholderSteps(request, root),
    ...fixedIssues(request),
  ];
  const drafted = wrong.length > 0
    ? { issues: wrong }
    : kind === "notify"
    ? yield* notifySteps(request, parts)
    : yield* fetchSteps(request, parts);
  if (!drafted.issues) return drafted.value.map((task) => ({ kind: "chain", on, task }));
  const at = pointerTo([name, kind]);
  issues.push(...drafted.issues.map((issue) => ({ ...issue, pointer: at + issue.pointer })));
  return [];
}

const ADDRESSES = ["from", "to", "cc", "bcc", "replyTo", "bounce", "fallback"];
const OPTIONS = ["key", "tags"];

/** Placeholders where none is replaced. */
function fixedIssues(request: PlainObject): Issue[] {
  return [...ADDRESSES, ...OPTIONS].flatMap((name): Issue[] => {
    const texts = [request[name]].flat().filter((text) => typeof text === "string");
    const isAddress = ADDRESSES.includes(name);
    // A display name and the URL of a channel are filled in.
    const fixed = texts.map((text) =>
      !isAddress ? text : text.includes("://") ? "" : /<([^<>]*)>\s*$/.exec(text)?.[1] ?? text
    );
    const detail = isAddress ? EXPECTED.address : EXPECTED.option;
    return fixed.some(hasPlaceholders) ? [{ pointer: pointerTo([name]), detail }] : [];
  });
}

function faultsIn(request: PlainObject): Issue[] {
  return [
    ...["notifications", "requests", "urls"].map((name) => ({ name, detail: EXPECTED.single })),
    ...["onSuccess", "onFailure", "onComplete", "callback"]
      .map((name) => ({ name, detail: EXPECTED.level })),
    { name: "quiet", detail: EXPECTED.quiet },
    { name: "ifChanged", detail: EXPECTED.ifChanged },
  ].filter(({ name }) => Object.hasOwn(request, name)).map(({ name, detail }) => ({
    pointer: `/${name}`,
    detail,
  }));
}

/** Without an id and a time, which the task gets when it is created. */
const NO_CONTEXT: SubmitContext = { ids: () => "", now: 0 };

function* notifySteps(
  request: PlainObject,
  { mail, ports, foundAnyHost }: FollowUpParts,
): Steps<Parsed<FollowUpTask[]>> {
  const parsed = parseNotify(request, ports);
  if (parsed.issues) return parsed;
  if (parsed.value.requests.some(({ anyHost }) => anyHost)) foundAnyHost?.();
  return {
    value: yield* timeless(parsed.value, yield* draftNotify(parsed.value, NO_CONTEXT, mail)),
  };
}

function* fetchSteps(
  request: PlainObject,
  { ports }: FollowUpParts,
): Steps<Parsed<FollowUpTask[]>> {
  const parsed = parseFetch(request, ports);
  if (parsed.issues) return parsed;
  return { value: yield* timeless(parsed.value, yield* draftFetch(parsed.value, NO_CONTEXT)) };
}

/** The tasks of the one request of a follow-up. */
function* timeless(
  { requests: [request] }: Requests<{ readonly options: SubmitOptions }>,
  { drafted }: Draft,
): Steps<FollowUpTask[]> {
  const tasks: FollowUpTask[] = [];
  for (const { task } of drafted) {
    const { payload } = task;
    const text = typeof payload === "string" ? payload : yield* decodeSteps(payload);
    tasks.push(timelessTask(task, text, request?.options));
  }
  return tasks;
}

function timelessTask(
  task: NewTask,
  payload: string,
  { delayMs, runAt, expiresMs, expiresAt }: Partial<SubmitOptions> = {},
): FollowUpTask {
  const { id: _, createdAt: _created, dueAt: _due, expiresAt: _expires, batchId: _batch, ...kept } =
    task;
  return {
    ...kept,
    payload,
    ...compact({ delayMs, runAt, expiresMs, expiresAt }),
  };
}
