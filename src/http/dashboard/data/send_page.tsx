/**
 * The data of the page that sends.
 *
 * @module
 */

import type { LongTasks } from "../../streams/long_tasks.ts";
import { isPlainObject, type PlainObject } from "../../../lib/json.ts";
import { maskSubmit } from "../../../task/masked_submit.ts";
import { followUpFields, optionsOf } from "../../../task/resubmit.ts";
import type { FollowUp, Json, TaskRecord } from "../../../task/task.ts";
import { isId } from "../../../lib/ids.ts";
import { mayOperate, requireScope } from "../../auth/auth.ts";
import { query, type RequestContext } from "../../context.ts";
import type { Dependencies } from "../../dependencies.ts";
import { Refusal } from "../../problems.ts";
import { viewForOthers } from "../../views/others_view.ts";
import type { View } from "../../views/task_view.ts";
import type { MakePage } from "../page.tsx";
import { SendContent, type SentBefore } from "../pages/send.tsx";
import { duplicateLeavesOut } from "../pages/task.tsx";

/** Makes the page. */
export function sendPage({ engine, ports }: Dependencies, longTasks: LongTasks): MakePage {
  return async (context: RequestContext) => {
    const { from } = query(context, ["from"]);
    const { caller } = context;
    const task = from === undefined || !isId("tsk", from)
      ? undefined
      : await engine.findBrief(from);
    if (from !== undefined && (!task || !mayOperate(caller, task.owner))) {
      throw new Refusal("not_found", "No such task, or another owner's");
    }
    if (task) requireScope(caller, task.type);
    const templates = ports.templates().map(({ name }) => name);
    const before = task && await longTasks.withPayload(
      context,
      task,
      async (whole) =>
        sentBefore(whole, await viewForOthers(engine, whole), await engine.followUps(task.id)),
    );
    return {
      title: before ? "Send once more" : "Send",
      place: "send",
      scripts: ["send.js"],
      content: <SendContent caller={caller} templates={templates} before={before} />,
    };
  };
}

function sentBefore(
  task: TaskRecord,
  { payload }: View,
  followUps: readonly FollowUp[],
): SentBefore {
  if (!isPlainObject(payload)) {
    throw new Refusal("not_found", "The payload was erased");
  }
  return {
    id: task.id,
    type: task.type,
    fields: fieldsOf({
      ...payload,
      ...optionsOf(task),
      ...maskSubmit(followUpFields(followUps) as Record<string, Json>) as PlainObject,
    }),
    leftOut: duplicateLeavesOut(task),
  };
}

/** Members as the fields of a form show them. */
function fieldsOf(members: PlainObject): Record<string, string> {
  const { headers, expect, title, subject = title, ...rest } = members;
  const fields: Record<string, string> = {};
  const all = { ...rest, subject, expectStatus: isPlainObject(expect) ? expect.status : undefined };
  for (const [name, value] of Object.entries(all)) {
    if (Array.isArray(value)) fields[name] = value.join(", ");
    else if (value !== undefined && typeof value !== "object") fields[name] = String(value);
  }
  if (title !== undefined) fields.title = String(title);
  if (isPlainObject(headers)) {
    fields.headers = Object.entries(headers).map(([name, value]) => `${name}: ${value}`).join("\n");
  }
  return fields;
}
