/**
 * Hooks, schedules and the reload in the OpenAPI document.
 *
 * @module
 */

import { answered, json, type Operation, page, parameter } from "./operation.ts";
import type { ProblemCode } from "../problems.ts";
import { anything, open, ref, type Schemas } from "./shapes.ts";

const hookName = parameter("path", "name", "The hook's name in postrider.yaml.");
const deliveryId = parameter("path", "id", "hkd_…");
const scheduleName = parameter("path", "name", `Letters, digits, ".", "_" and "-".`);
const dryRun = parameter("query", "dryRun", "true: says when it would run, and stores nothing.", {
  const: "true",
});
const storing: ProblemCode[] = ["queue_full", "shutting_down", "engine_down", "storage_full"];
const finding: ProblemCode[] = ["not_found", "invalid"];

const action = (name: string, id: string, summary: string, description: string): Operation => ({
  method: "POST",
  path: `/schedules/{name}/${name}`,
  id,
  tag: "Triggers",
  summary,
  description,
  parameters: [scheduleName],
  answers: [
    name === "run"
      ? answered(202, "Schedule", "The schedule; Location names the task or batch.", ["Location"])
      : answered(200, "Schedule", "The schedule."),
  ],
  refusals: [...finding, ...storing],
});

/** Hooks and schedules. */
export const triggerOperations: readonly Operation[] = [
  {
    method: "GET",
    path: "/hooks",
    id: "listHooks",
    tag: "Triggers",
    summary: "List the hooks",
    description: "The hooks defined in postrider.yaml, without their secrets.",
    answers: [answered(200, "HookList", "All hooks.")],
    refusals: ["invalid"],
  },
  {
    method: "POST",
    path: "/hooks/{name}",
    id: "receive",
    tag: "Triggers",
    open: true,
    summary: "Receive a signed delivery",
    description:
      "The signature is verified on the raw bytes. The delivery and its tasks are stored before " +
      "the response. A repeated delivery gets the response of the first, with duplicate.",
    parameters: [hookName],
    body: {
      required: true,
      content: {
        ...json(anything("Whatever the sender's preset expects.")) as Schemas,
        "application/x-www-form-urlencoded": { schema: open("A form with a field payload.") },
      },
    },
    answers: [
      answered(200, "Challenge", "Slack verifies the URL; nothing is stored."),
      answered(202, "Delivery", "The delivery is stored."),
    ],
    refusals: [
      "not_found",
      "unauthorized",
      "too_large",
      "malformed_json",
      "rate_limited",
      ...storing,
    ],
  },
  {
    method: "GET",
    path: "/hooks/{name}/deliveries",
    id: "listDeliveries",
    tag: "Triggers",
    summary: "List the deliveries of a hook, newest first",
    description: "Each with what became of it, also when its mapping failed.",
    parameters: [hookName, ...page],
    answers: [answered(200, "DeliveryPage", "One page.")],
    refusals: [...finding, "engine_down"],
  },
  {
    method: "POST",
    path: "/hooks/{name}/deliveries/{id}/replay",
    id: "replay",
    tag: "Triggers",
    summary: "Create the tasks of a delivery again",
    description: "The delivery is mapped by the hook as it is defined now.",
    parameters: [hookName, deliveryId],
    answers: [answered(202, "Delivery", "The delivery is stored.")],
    refusals: [...finding, ...storing],
  },
  {
    method: "GET",
    path: "/schedules",
    id: "listSchedules",
    tag: "Triggers",
    summary: "List the schedules",
    description:
      "Those created by requests and those of postrider.yaml. A caller without the scope read " +
      "sees only its own.",
    answers: [answered(200, "ScheduleList", "All schedules.")],
    refusals: ["invalid"],
  },
  {
    method: "PATCH",
    path: "/schedules/{name}",
    id: "patchSchedule",
    tag: "Triggers",
    summary: "Change a part of a schedule",
    description:
      "The body is a JSON merge patch (RFC 7396) of the schedule's definition: fields to replace, " +
      "or null to leave out. All else stays as it is, secrets too.",
    parameters: [scheduleName, dryRun],
    body: {
      required: true,
      content: json(open("A part of a definition."), { cron: "30 3 * * *" }),
    },
    answers: [answered(200, "Schedule", "Changed, or the same as before.", ["Location"])],
    refusals: [
      "invalid",
      "address_refused",
      "malformed_json",
      "too_large",
      "unsupported_media_type",
      "forbidden",
      "not_found",
      ...storing,
    ],
  },
  {
    method: "PUT",
    path: "/schedules/{name}",
    id: "putSchedule",
    tag: "Triggers",
    summary: "Create or change a schedule",
    description:
      "An identical request changes nothing. Schedules of postrider.yaml cannot be changed here.",
    parameters: [scheduleName, dryRun],
    body: {
      required: true,
      content: json(ref("ScheduleSpec"), {
        cron: "0 3 * * *",
        timezone: "Europe/Vienna",
        fetch: { url: "https://example.org/nightly", method: "POST" },
      }),
    },
    answers: [
      answered(200, "Schedule", "Changed, or the same as before.", ["Location"]),
      answered(201, "Schedule", "Created.", ["Location"]),
    ],
    refusals: [
      "invalid",
      "address_refused",
      "malformed_json",
      "too_large",
      "unsupported_media_type",
      "not_found",
      ...storing,
    ],
  },
  {
    method: "GET",
    path: "/schedules/{name}",
    id: "getSchedule",
    tag: "Triggers",
    summary: "Read a schedule",
    description: "With its latest runs and its next five times.",
    parameters: [scheduleName],
    answers: [answered(200, "Schedule", "The schedule.")],
    refusals: finding,
  },
  {
    method: "DELETE",
    path: "/schedules/{name}",
    id: "deleteSchedule",
    tag: "Triggers",
    summary: "Delete a schedule",
    description: "The tasks that it created stay.",
    parameters: [scheduleName],
    answers: [{ status: "204", description: "Deleted.", content: {} }],
    refusals: [...finding, ...storing],
  },
  action(
    "run",
    "runSchedule",
    "Start a run now",
    "An additional run, besides those at its times. Location names the task or batch.",
  ),
  action(
    "pause",
    "pauseSchedule",
    "Pause a schedule",
    "No runs start until it is resumed. A pause survives a restart.",
  ),
  action(
    "resume",
    "resumeSchedule",
    "Resume a schedule",
    "Runs start again from the next time on. Runs that the pause left out do not count as missed.",
  ),
  {
    method: "POST",
    path: "/admin/reload",
    id: "reload",
    tag: "Service",
    summary: "Reload API keys, postrider.yaml and the templates",
    description:
      "Everything is read and checked before any of it applies. On an error the old settings " +
      "stay.",
    answers: [answered(200, "Reloaded", "The new settings apply.")],
    refusals: ["invalid"],
  },
  {
    method: "POST",
    path: "/admin/backup",
    id: "backup",
    tag: "Service",
    summary: "Download a consistent copy of the queue",
    description: "The copy contains every task that was acknowledged before the call. Engines " +
      "other than sqlite answer 409 and name the tool to use.",
    answers: [{
      status: "200",
      description: "A SQLite file.",
      headers: ["ContentDisposition", "ContentLength"],
      content: { "application/vnd.sqlite3": { schema: { type: "string", format: "binary" } } },
    }],
    refusals: ["invalid", "not_supported", "engine_down", "storage_full"],
  },
];
