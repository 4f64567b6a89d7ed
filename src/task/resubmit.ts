/**
 * The body of the submit that a task would come from: for sending it once more.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import { formatDuration } from "../lib/duration.ts";
import { storedBase64 } from "../lib/json/held_text.ts";
import type { Attachment, ChatPayload, EmailPayload, FetchPayload, Mailbox } from "./payloads.ts";
import type { Payload } from "./payloads.ts";
import { spelledHeaders } from "./input/request_headers.ts";
import type { TaskState } from "./state.ts";
import type { FollowUp, FollowUpTask, TaskRecord } from "./task.ts";

/** A body, or why there is none. */
export type Resubmit =
  | { readonly body: Readonly<Record<string, unknown>> }
  | { readonly missing: string };

/**
 * The body with everything that the task keeps, secrets too: for its channel, never
 * to be shown. It has no times and no batch.
 */
export function submitBodyOf(task: TaskRecord, followUps: readonly FollowUp[]): Resubmit {
  if (task.payload === undefined) return { missing: "Its payload was erased" };
  const payload: Payload = JSON.parse(task.payload);
  const { attachments = [] } = payload as { attachments?: readonly Attachment[] };
  if (attachments.some(({ content }) => storedBase64(content) !== undefined)) {
    return { missing: "Its attachments are too long to be read back" };
  }
  return {
    body: compact({ ...fieldsOf(payload), ...optionsOf(task), ...followUpFields(followUps) }),
  };
}

function fieldsOf(payload: Payload): Record<string, unknown> {
  if ("url" in payload) return fetchFields(payload);
  return "target" in payload ? chatFields(payload) : mailFields(payload);
}

/** `callback`, `onSuccess`, `onFailure` and `fallback`, as a submit takes them. */
export function followUpFields(followUps: readonly FollowUp[]): Record<string, unknown> {
  const chains = followUps.filter(({ kind }) => kind === "chain");
  const chainOf = (state: TaskState) =>
    chainField(chains.filter(({ on }) => on.includes(state)).map(({ task }) => task));
  return compact({
    callback: callbackOf(followUps),
    onSuccess: chainOf("succeeded"),
    onFailure: chainOf("failed"),
    fallback: fallbackOf(followUps),
  });
}

/** The targets to try one after another. No target names several mailboxes, as an alias can. */
function fallbackOf(followUps: readonly FollowUp[] = []): string[] | undefined {
  const targets: string[] = [];
  let next = followUps.find(({ kind }) => kind === "fallback")?.task;
  while (next) {
    const payload: ChatPayload | EmailPayload = JSON.parse(next.payload);
    if ("target" in payload) targets.push(payload.target);
    else if (payload.to.length === 1) targets.push(...payload.to.map(boxText));
    next = next.followUps?.[0]?.task;
  }
  return targets.length > 0 ? targets : undefined;
}

/** The URL of the callback. */
function callbackOf(followUps: readonly FollowUp[]): string | undefined {
  const task = followUps.find(({ kind }) => kind === "callback")?.task;
  return task && (JSON.parse(task.payload) as FetchPayload).url;
}

/** One submit, which may have become several tasks: one for each target besides mail addresses. */
function chainField(tasks: readonly FollowUpTask[]): Record<string, unknown> | undefined {
  const bodies = tasks.map(({ payload }) => fieldsOf(JSON.parse(payload)));
  const mail = bodies.find(({ subject }) => subject !== undefined) ?? bodies[0];
  const [task] = tasks;
  if (!task || !mail) return undefined;
  const { type, delayMs, runAt, expiresMs, expiresAt } = task;
  const to = bodies.flatMap(({ to }) => to ?? []);
  const body = {
    ...mail,
    to: to.length > 0 ? to : undefined,
    ...optionsOf(task),
    fallback: fallbackOf(task.followUps),
    delay: delayMs === undefined ? undefined : formatDuration(delayMs),
    runAt: runAt === undefined ? undefined : new Date(runAt).toISOString(),
    expires: expiresMs !== undefined
      ? formatDuration(expiresMs)
      : expiresAt === undefined
      ? undefined
      : new Date(expiresAt).toISOString(),
  };
  return { [type]: compact(body) };
}

/** The options of a submit that a task keeps. */
export function optionsOf(task: TaskRecord | FollowUpTask): Record<string, unknown> {
  const { key, tags, priority, retry, timeoutMs, onUnknown, retain } = task;
  return compact({
    key,
    tags,
    priority,
    retry: retry.length === 0 ? 0 : retrySteps(retry),
    timeout: formatDuration(timeoutMs),
    onUnknown,
    retain,
  });
}

function fetchFields(payload: FetchPayload): Record<string, unknown> {
  const { headers, headerNames = {}, ifChanged, expect, ...rest } = payload;
  const { withinMs, ...expected } = expect ?? {};
  return {
    ...rest,
    headers: spelledHeaders(headers, headerNames),
    ifChanged: ifChanged && true,
    expect: expect &&
      compact({
        ...expected,
        within: withinMs === undefined ? undefined : formatDuration(withinMs),
      }),
  };
}

function chatFields({ target, title, text, markdown, html, severity, attachments }: ChatPayload) {
  return {
    to: target,
    title: title === "" ? undefined : title,
    text,
    markdown,
    html,
    severity,
    attachments: attachmentFields(attachments),
  };
}

function mailFields(mail: EmailPayload): Record<string, unknown> {
  const { digestMax: _, gathered: _gathered, attachments, headers, ...rest } = mail;
  const list = (boxes: readonly Mailbox[]) => boxes.length > 0 ? boxes.map(boxText) : undefined;
  return {
    ...rest,
    from: boxText(mail.from),
    to: list(mail.to),
    cc: list(mail.cc),
    bcc: list(mail.bcc),
    replyTo: mail.replyTo && boxText(mail.replyTo),
    bounce: mail.bounce && boxText(mail.bounce),
    headers: Object.keys(headers).length > 0 ? headers : undefined,
    attachments: attachmentFields(attachments),
  };
}

/** RFC 5322: a display name that holds anything but words is quoted. */
function boxText({ name, address }: Mailbox): string {
  return name === undefined ? address : `"${name.replace(/["\\]/g, "\\$&")}" <${address}>`;
}

/** `5s, 1m, 10m*3`: equal waits in a row are one step. */
function retrySteps(waits: readonly number[]): string {
  const steps: { ms: number; times: number }[] = [];
  for (const ms of waits) {
    const last = steps.at(-1);
    if (last?.ms === ms) last.times++;
    else steps.push({ ms, times: 1 });
  }
  return steps.map(({ ms, times }) => `${formatDuration(ms)}${times > 1 ? `*${times}` : ""}`)
    .join(", ");
}

/** Files as a submit takes them: each with its content or its URL. */
function attachmentFields(attachments: readonly Attachment[]) {
  if (attachments.length === 0) return undefined;
  return attachments.map(({ content, url, ...file }) =>
    url === undefined ? { ...file, content } : { ...file, url }
  );
}
