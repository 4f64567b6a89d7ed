/**
 * Tasks as callers see them: secrets masked, times in RFC 3339.
 *
 * @module
 */

import { base64Bytes } from "../../lib/base64.ts";
import { isPlainObject, isSameJson, type Json } from "../../lib/json.ts";
import type {
  Attachment,
  ChatPayload,
  EmailPayload,
  FetchPayload,
  Mailbox,
  Payload,
} from "../../task/payloads.ts";
import { maskSecrets, secretsOf } from "../../task/echoed_secrets.ts";
import type { TaskProgress } from "../../task/ports.ts";
import {
  MASK,
  maskForm,
  maskHeaders,
  maskJsonText,
  maskResult,
  maskUrl,
} from "../../task/secrets.ts";
import type { DraftedTask } from "../../task/input/new_task.ts";
import {
  type AttemptRecord,
  type GivenFields,
  type ShownField,
  type TaskRecord,
  type TaskSummary,
  withGiven,
} from "../../task/task.ts";
import { timeView } from "./time_view.ts";

/** A JSON object to be sent; members that are `undefined` are left out of it. */
export type View = Readonly<Record<string, unknown>>;

/** Fields that a task which has just been accepted cannot have. */
type LaterField =
  | "reason"
  | "delivery"
  | "finishedAt"
  | "possibleDuplicate"
  | "error"
  | "cancelledBy";

/** A task that has just been accepted, made without reading it back; equal to its `taskView`. */
export function acceptedView({ task, payload }: DraftedTask): View {
  const { createdAt, dueAt } = task;
  // Written out: every submit comes through here, and to spread `headView` cost it 5 %.
  return withGiven(
    {
      id: task.id,
      type: task.type,
      state: "queued",
      attempt: 0,
      createdAt: timeView(createdAt),
      dueAt: timeView(dueAt),
      expiresAt: timeView(task.expiresAt),
      priority: task.priority,
      batchId: task.batchId,
      parentId: task.parentId,
      owner: task.owner,
      source: task.source ?? "api",
      label: task.label,
      host: hostOf(task.lane),
      attempts: NO_ATTEMPTS,
      waitingFor: dueAt > createdAt ? itsTime(dueAt) : undefined,
      payload: payloadView(payload),
    } satisfies View & Record<Exclude<ShownField, LaterField | keyof GivenFields>, unknown>,
    task,
  );
}

const NO_ATTEMPTS: readonly View[] = [];

/** What a task that is not due yet waits for. */
export function itsTime(dueAt: number): string {
  return `its time, ${timeView(dueAt)}`;
}

/** The host of a lane without scheme and port; of a digest, none. */
export function hostOf(lane: string): string | undefined {
  const [, host] = /^(?:https?:\/\/|mail:)(\[[^\]]*\]|[^:/]+)/.exec(lane) ?? [];
  return host;
}

/** A task with everything that is kept of it, for its owner. */
export function taskView(task: TaskRecord, progress?: TaskProgress): View {
  return {
    ...headView(task),
    attempts: task.attempts.map(attemptView),
    progress: task.state === "running" ? progress : undefined,
    payload: task.payload === undefined ? undefined : payloadView(JSON.parse(task.payload)),
    result: task.result === undefined ? undefined : maskResult(task.result),
  };
}

/**
 * The same for others, and on pages: what an upstream repeats of the request's secrets is
 * masked, and so are the secrets `inherited` of the tasks that it follows.
 */
export function taskViewForOthers(
  task: TaskRecord,
  progress?: TaskProgress,
  inherited: readonly string[] = [],
): View {
  const view = taskView(task, progress);
  const own = task.payload === undefined ? [] : secretsOf(JSON.parse(task.payload));
  const secrets = [...inherited, ...own];
  if (secrets.length === 0) return view;
  const result = maskedEcho(view.result as Json | undefined, secrets);
  const attempts = task.attempts.map((attempt) => {
    const { evidence, ...shown } = attemptView(attempt);
    return { ...shown, evidence: maskedEcho(evidence as Json | undefined, secrets) };
  });
  if (inherited.length === 0 || view.payload === undefined) return { ...view, attempts, result };
  return { ...view, attempts, result, payload: maskSecrets(view.payload as Json, inherited) };
}

function maskedEcho(shown: Json | undefined, secrets: readonly string[]): Json | undefined {
  if (shown === undefined) return undefined;
  const masked = maskSecrets(shown, secrets);
  return isSameJson(masked, shown) || !isPlainObject(masked) ? masked : { ...masked, masked: true };
}

/** A task in a list: without attempts, payload and result. */
export function summaryView(task: TaskSummary): View {
  return headView(task);
}

/** A task's state in brief, for pollers. */
export function statusView(task: TaskSummary): View {
  return {
    id: task.id,
    type: task.type,
    state: task.state,
    delivery: task.delivery,
    attempt: task.attempt,
    dueAt: timeView(task.dueAt),
    finishedAt: timeView(task.finishedAt),
    error: task.error,
  };
}

function headView(task: TaskSummary): View {
  return withGiven(
    {
      id: task.id,
      type: task.type,
      state: task.state,
      reason: task.reason,
      delivery: task.delivery,
      attempt: task.attempt,
      createdAt: timeView(task.createdAt),
      dueAt: timeView(task.dueAt),
      expiresAt: timeView(task.expiresAt),
      finishedAt: timeView(task.finishedAt),
      priority: task.priority,
      batchId: task.batchId,
      parentId: task.parentId,
      owner: task.owner,
      source: task.source ?? "api",
      label: task.label === "" ? undefined : task.label,
      host: hostOf(task.lane),
      cancelledBy: task.cancelledBy,
      possibleDuplicate: task.possibleDuplicate,
      error: task.error,
    } satisfies Record<Exclude<ShownField, keyof GivenFields> | "host", unknown>,
    task,
  );
}

function attemptView({ startedAt, endedAt, evidence, ...attempt }: AttemptRecord): View {
  return {
    ...attempt,
    evidence: evidence === undefined ? undefined : maskResult(evidence),
    startedAt: timeView(startedAt),
    endedAt: timeView(endedAt),
  };
}

/** A payload with its secrets masked and its files replaced by their size. */
export function payloadView(payload: Payload): View {
  if ("url" in payload) return fetchView(payload);
  return "target" in payload ? chatView(payload) : emailView(payload);
}

function chatView({ target: _, digestMax: __, shown, attachments, ...note }: ChatPayload): View {
  return { to: shown, ...note, attachments: attachmentsView(attachments) };
}

function emailView(mail: EmailPayload): View {
  const { to, cc, bcc, replyTo, bounce, headers, attachments } = mail;
  return {
    from: mailboxText(mail.from),
    to: to.map(mailboxText),
    cc: cc.length > 0 ? cc.map(mailboxText) : undefined,
    bcc: bcc.length > 0 ? bcc.map(mailboxText) : undefined,
    replyTo: replyTo && mailboxText(replyTo),
    bounce: bounce && mailboxText(bounce),
    dsn: mail.dsn,
    unsubscribe: mail.unsubscribe && maskUrl(mail.unsubscribe),
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    markdown: mail.markdown,
    severity: mail.severity,
    headers: isEmpty(headers) ? undefined : maskHeaders(headers),
    attachments: attachmentsView(attachments),
  };
}

function attachmentsView(attachments: readonly Attachment[]): View[] | undefined {
  return attachments.length > 0 ? attachments.map(attachmentView) : undefined;
}

function attachmentView({ content, url, ...attachment }: Attachment): View {
  return url === undefined
    ? { ...attachment, bytes: base64Bytes(content) }
    : { ...attachment, url: maskUrl(url) };
}

/** A longer body is shown as its size: masking its secrets would mean to parse it. */
const SHOWN_BODY = 65_536;

function fetchView(
  { url, headers, headerNames: _, ifChanged, body, bodyBase64, ...rest }: FetchPayload,
): View {
  return {
    url: maskUrl(url),
    ...rest,
    ifChanged: ifChanged && true,
    headers: isEmpty(headers) ? undefined : maskHeaders(headers),
    ...(body === undefined ? {} : bodyView(body, headers["content-type"] ?? "")),
    ...(bodyBase64 === undefined ? {} : { bodyBytes: base64Bytes(bodyBase64) }),
  };
}

const FORM = /^[^\s=&]+=[^\s&]*(?:&[^\s=&]+=[^\s&]*)*$/;

function bodyView(body: string, type: string): View {
  if (body.length > SHOWN_BODY) return { bodyBytes: new TextEncoder().encode(body).length };
  // Forms too are often sent without their content type.
  if (/^application\/x-www-form-urlencoded/i.test(type) || FORM.test(body)) {
    return { body: maskForm(body) };
  }
  const isJson = /[/+]json/i.test(type);
  // JSON is often sent without its content type.
  if (!isJson && !/^\s*[[{]/.test(body)) return { body };
  try {
    return { body: maskJsonText(body) };
  } catch {
    return { body: isJson ? MASK : body };
  }
}

/** RFC 5322 quotes a display name that holds anything but words. */
function mailboxText({ name, address }: Mailbox): string {
  if (name === undefined) return address;
  const shown = /^[\p{L}\p{M}\p{N} _'-]+$/u.test(name)
    ? name
    : `"${name.replace(/["\\]/g, "\\$&")}"`;
  return `${shown} <${address}>`;
}

function isEmpty(members: object): boolean {
  for (const _ in members) return false;
  return true;
}
