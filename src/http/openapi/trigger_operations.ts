/**
 * Hooks, schedules and the reload, as the OpenAPI document tells them.
 *
 * @module
 */

import type { Json } from "../../task/task.ts";
import { answered, json, type Operation, parameter } from "./operation.ts";
import type { ProblemCode } from "../problems.ts";
import { ref } from "./shapes.ts";

const hookName = parameter("path", "name", "The hook's name in postrider.yaml.");
const deliveryId = parameter("path", "id", "hkd_…");
const scheduleName = parameter("path", "name", `Letters, digits, ".", "_" and "-".`);
const page = [
  parameter("query", "limit", "How many.", {
    type: "integer",
    minimum: 1,
    maximum: 200,
    default: 50,
  }),
  parameter("query", "cursor", "The last answer's nextCursor."),
];
const storing: ProblemCode[] = ["queue_full", "shutting_down", "engine_down", "storage_full"];
const finding: ProblemCode[] = ["not_found", "invalid"];

const action = (name: string, id: string, summary: string): Operation => ({
  method: "POST",
  path: `/schedules/{name}/${name}`,
  id,
  tag: "Triggers",
  summary,
  parameters: [scheduleName],
  answers: [
    name === "run"
      ? answered(202, "Schedule", "The schedule; Location names what was made.", ["Location"])
      : answered(200, "Schedule", "The schedule."),
  ],
  refusals: [...finding, ...storing],
});

/** What makes tasks by itself. */
export const triggerOperations: readonly Operation[] = [
  {
    method: "GET",
    path: "/hooks",
    id: "listHooks",
    tag: "Triggers",
    summary: "List the hooks",
    answers: [answered(200, "HookList", "All hooks.")],
    refusals: ["invalid"],
  },
  {
    method: "POST",
    path: "/hooks/{name}",
    id: "receive",
    tag: "Triggers",
    open: true,
    summary: "Receive a delivery, which its sender has signed",
    description: "Verified on the raw bytes, mapped to tasks, and stored with them before it is " +
      "answered. A delivery that came before is answered like the first time, with duplicate.",
    parameters: [hookName],
    body: {
      required: true,
      content: {
        ...json({}) as Record<string, Json>,
        "application/x-www-form-urlencoded": { schema: { type: "object" } },
      },
    },
    answers: [
      answered(200, "Challenge", "Slack asks whether this is its receiver; nothing is stored."),
      answered(202, "Delivery", "It is stored."),
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
    parameters: [hookName, ...page],
    answers: [answered(200, "DeliveryPage", "A part of the list.")],
    refusals: [...finding, "engine_down"],
  },
  {
    method: "POST",
    path: "/hooks/{name}/deliveries/{id}/replay",
    id: "replay",
    tag: "Triggers",
    summary: "Make tasks of a delivery once more, by the hook as it now is",
    parameters: [hookName, deliveryId],
    answers: [answered(202, "Delivery", "It is stored.")],
    refusals: [...finding, ...storing],
  },
  {
    method: "GET",
    path: "/schedules",
    id: "listSchedules",
    tag: "Triggers",
    summary: "List the schedules",
    answers: [answered(200, "ScheduleList", "All schedules.")],
    refusals: ["invalid"],
  },
  {
    method: "PUT",
    path: "/schedules/{name}",
    id: "putSchedule",
    tag: "Triggers",
    summary: "Set a schedule up, or change it",
    parameters: [scheduleName],
    body: {
      required: true,
      content: json(ref("ScheduleSpec"), {
        cron: "0 3 * * *",
        timezone: "Europe/Vienna",
        fetch: { url: "https://example.org/nightly", method: "POST" },
      }),
    },
    answers: [
      answered(200, "Schedule", "It is changed.", ["Location"]),
      answered(201, "Schedule", "It is set up.", ["Location"]),
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
    parameters: [scheduleName],
    answers: [answered(200, "Schedule", "The schedule.")],
    refusals: finding,
  },
  {
    method: "DELETE",
    path: "/schedules/{name}",
    id: "deleteSchedule",
    tag: "Triggers",
    summary: "Delete a schedule; what it has made stays",
    parameters: [scheduleName],
    answers: [{ status: "204", description: "It is gone.", content: {} }],
    refusals: [...finding, ...storing],
  },
  action("run", "runSchedule", "Make a run now, beside those of its times"),
  action("pause", "pauseSchedule", "Run nothing until it is resumed"),
  action("resume", "resumeSchedule", "Run again from now on"),
  {
    method: "POST",
    path: "/admin/reload",
    id: "reload",
    tag: "Service",
    summary: "Read postrider.yaml and the templates again, whole or not at all",
    answers: [answered(200, "Reloaded", "They are in force.")],
    refusals: ["invalid"],
  },
];
