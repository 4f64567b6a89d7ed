/**
 * The operations on pauses and holds.
 *
 * @module
 */

import { answered, json, type Operation, parameter } from "./operation.ts";
import { ref } from "./shapes.ts";

/** Operations that stop and resume deliveries. */
export const queueOperations: readonly Operation[] = [
  {
    method: "POST",
    path: "/pauses",
    id: "createPause",
    tag: "Service",
    summary: "Pause a host, a key, a type, a channel or everything",
    description:
      "Needs the scope operate. No attempt of what it covers begins, follow-ups, callbacks and " +
      "scheduled runs included; running attempts end, and submits are accepted. It survives a " +
      "restart.",
    body: { required: true, content: json(ref("NewPause")) },
    answers: [answered(201, "Pause", "It is in force.", ["Location"])],
    refusals: [
      "malformed_json",
      "unsupported_media_type",
      "too_large",
      "invalid",
      "forbidden",
      "engine_down",
    ],
  },
  {
    method: "GET",
    path: "/pauses",
    id: "listPauses",
    tag: "Service",
    summary: "List the pauses",
    description: "Needs the scope operate or read.",
    answers: [answered(200, "PauseList", "The pauses that are in force.")],
    refusals: ["invalid", "forbidden", "engine_down"],
  },
  {
    method: "DELETE",
    path: "/pauses/{id}",
    id: "endPause",
    tag: "Service",
    summary: "End a pause",
    description: "Needs the scope operate. The tasks that it covered begin when they are due.",
    parameters: [parameter("path", "id", "pau_…")],
    answers: [answered(200, "Pause", "The pause that has ended.")],
    refusals: ["not_found", "invalid", "forbidden", "engine_down"],
  },
  {
    method: "POST",
    path: "/holds/release",
    id: "releaseHolds",
    tag: "Service",
    summary: "End the holds of a host",
    description:
      "Needs the scope operate. Ends what a Retry-After or a circuit breaker holds; the next " +
      "fault may hold it again.",
    parameters: [{
      ...parameter("query", "host", "example.org, or example.org:8443.") as Record<string, never>,
      required: true,
    }],
    answers: [{
      status: "200",
      description: "How many lanes of the host were held.",
      content: json({
        type: "object",
        properties: { released: { type: "integer" } },
        required: ["released"],
        additionalProperties: false,
      }),
    }],
    refusals: ["invalid", "forbidden", "engine_down"],
  },
];
