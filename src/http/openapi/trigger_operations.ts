/**
 * Hooks, schedules and the reload in the OpenAPI document.
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
  parameter("query", "limit", "The size of a page.", {
    type: "integer",
    minimum: 1,
    maximum: 200,
    default: 50,
  }),
  parameter("query", "cursor", "The nextCursor of the previous page."),
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
    answers: [answered(200, "HookList", "All hooks.")],
    refusals: ["invalid"],
  },
  {
    method: "POST",
    path: "/hooks/{name}",
    id: "receive",
    tag: "Triggers",
    open: true,
    summary: "Receive a delivery",
    description: "The delivery is verified on its raw bytes, mapped to tasks, and stored " +
      "together with them before the response. A repeated delivery gets the first response, " +
      "with duplicate, and creates nothing; one that could not be mapped is mapped again.",
    parameters: [hookName],
    body: {
      required: true,
      content: {
        ...json({}) as Record<string, Json>,
        "application/x-www-form-urlencoded": { schema: { type: "object" } },
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
    parameters: [hookName, ...page],
    answers: [answered(200, "DeliveryPage", "One page.")],
    refusals: [...finding, "engine_down"],
  },
  {
    method: "POST",
    path: "/hooks/{name}/deliveries/{id}/replay",
    id: "replay",
    tag: "Triggers",
    summary: "Map a stored delivery again with the current configuration",
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
    answers: [answered(200, "ScheduleList", "All schedules.")],
    refusals: ["invalid"],
  },
  {
    method: "PUT",
    path: "/schedules/{name}",
    id: "putSchedule",
    tag: "Triggers",
    summary: "Create or change a schedule",
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
    parameters: [scheduleName],
    answers: [answered(200, "Schedule", "The schedule.")],
    refusals: finding,
  },
  {
    method: "DELETE",
    path: "/schedules/{name}",
    id: "deleteSchedule",
    tag: "Triggers",
    summary: "Delete a schedule; its tasks stay",
    parameters: [scheduleName],
    answers: [{ status: "204", description: "Deleted.", content: {} }],
    refusals: [...finding, ...storing],
  },
  action("run", "runSchedule", "Make an extra run now"),
  action("pause", "pauseSchedule", "Start no runs until it is resumed"),
  action("resume", "resumeSchedule", "Resume the runs from now on"),
  {
    method: "POST",
    path: "/admin/reload",
    id: "reload",
    tag: "Service",
    summary: "Read postrider.yaml and the templates again; all of it applies, or nothing",
    answers: [answered(200, "Reloaded", "The new settings apply.")],
    refusals: ["invalid"],
  },
];
