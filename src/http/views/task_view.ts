/**
 * What callers get to see of tasks: the shapes of the contract.
 *
 * @module
 */

import { base64Bytes } from "../../lib/base64.ts";
import type {
  Attachment,
  ChatPayload,
  EmailPayload,
  FetchPayload,
  Mailbox,
  Payload,
} from "../../task/payloads.ts";
import type { TaskProgress } from "../../task/ports.ts";
import { MASK, maskForm, maskHeaders, maskJson, maskResult, maskUrl } from "../../task/secrets.ts";
import type { DraftedTask } from "../../task/input/new_task.ts";
import type { AttemptRecord, TaskRecord, TaskSummary } from "../../task/task.ts";
import { timeView } from "./time_view.ts";

/** A view: what `JSON.stringify` leaves out because it has no value may stand in it. */
export type View = Readonly<Record<string, unknown>>;

/** A task that has just been accepted, without reading it back; as `taskView` would tell it. */
export function acceptedView({ task, payload }: DraftedTask): View {
  const { createdAt, dueAt } = task;
  // Made in one piece: this is on the way of every submit.
  return {
    id: task.id,
    type: task.type,
    state: "queued",
    attempt: 0,
    createdAt: timeView(createdAt),
    dueAt: timeView(dueAt),
    expiresAt: timeView(task.expiresAt),
    priority: task.priority,
    key: task.key,
    tags: task.tags,
    batchId: task.batchId,
    parentId: task.parentId,
    owner: task.owner,
    attempts: [],
    waitingFor: dueAt > createdAt ? itsTime(dueAt) : undefined,
    payload: payloadView(payload),
  };
}

/** What a task waits for that is not due yet. */
export function itsTime(dueAt: number): string {
  return `its time, ${timeView(dueAt)}`;
}

/** A task with all that is kept of it. */
export function taskView(task: TaskRecord, progress?: TaskProgress): View {
  return {
    ...headView(task),
    attempts: task.attempts.map(attemptView),
    progress: task.state === "running" ? progress : undefined,
    payload: task.payload === undefined ? undefined : payloadView(JSON.parse(task.payload)),
    result: task.result === undefined ? undefined : maskResult(task.result),
  };
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

function headView(task: TaskSummary): Record<string, unknown> {
  return {
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
    key: task.key,
    tags: task.tags,
    batchId: task.batchId,
    parentId: task.parentId,
    owner: task.owner,
    possibleDuplicate: task.possibleDuplicate,
    error: task.error,
  };
}

function attemptView({ startedAt, endedAt, evidence, ...attempt }: AttemptRecord): View {
  return {
    ...attempt,
    evidence: evidence === undefined ? undefined : maskResult(evidence),
    startedAt: timeView(startedAt),
    endedAt: timeView(endedAt),
  };
}

/** A payload as it may be shown: secrets masked, files replaced by their size. */
export function payloadView(payload: Payload): View {
  if ("url" in payload) return fetchView(payload);
  return "target" in payload ? chatView(payload) : emailView(payload);
}

function chatView({ target: _, digestMax: __, shown, attachments, ...note }: ChatPayload): View {
  return { to: shown, ...note, attachments: attachmentsView(attachments) };
}

function emailView(mail: EmailPayload): View {
  const { to, cc, bcc, replyTo, headers, attachments } = mail;
  return {
    from: mailboxText(mail.from),
    to: to.map(mailboxText),
    cc: cc.length > 0 ? cc.map(mailboxText) : undefined,
    bcc: bcc.length > 0 ? bcc.map(mailboxText) : undefined,
    replyTo: replyTo && mailboxText(replyTo),
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

function attachmentView({ content, ...attachment }: Attachment): View {
  return { ...attachment, bytes: base64Bytes(content) };
}

/** A longer body is told by its size: it would have to be parsed to mask what is in it. */
const SHOWN_BODY = 65_536;

function fetchView({ url, headers, body, bodyBase64, ...rest }: FetchPayload): View {
  return {
    url: maskUrl(url),
    ...rest,
    headers: isEmpty(headers) ? undefined : maskHeaders(headers),
    ...(body === undefined ? {} : bodyView(body, headers["content-type"] ?? "")),
    ...(bodyBase64 === undefined ? {} : { bodyBytes: base64Bytes(bodyBase64) }),
  };
}

function bodyView(body: string, type: string): View {
  if (body.length > SHOWN_BODY) return { bodyBytes: new TextEncoder().encode(body).length };
  if (/^application\/x-www-form-urlencoded/i.test(type)) return { body: maskForm(body) };
  const isJson = /[/+]json/i.test(type);
  // Many who send JSON do not say so.
  if (!isJson && !/^\s*[[{]/.test(body)) return { body };
  try {
    return { body: JSON.stringify(maskJson(JSON.parse(body))) };
  } catch {
    return { body: isJson ? MASK : body };
  }
}

/** RFC 5322 wants quotes around a name that holds anything but words. */
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
