/**
 * The JSON Schemas of hooks, deliveries and schedules.
 *
 * @module
 */

import { PRESET_NAMES } from "../../hooks/table.ts";
import { TASK_STATES } from "../../task/state.ts";
import type { Json } from "../../task/task.ts";
import { choice, count, flag, list, ref, shape, text, time } from "./shapes.ts";

const delivery: { [name: string]: Json } = {
  id: text("hkd_…"),
  hook: text("The name of the hook."),
  receivedAt: time("When it was received."),
  verdict: choice(
    ["accepted", "filtered", "failed"],
    "Tasks were created, the filter excluded it, or it could not be mapped.",
  ),
  "event?": text("The sender's name of the event."),
  "senderId?": text("The sender's id of the delivery."),
  tasks: list(text("tsk_…")),
  "error?": shape({
    detail: text("Why it failed."),
    "pointer?": text("The place in the mapping."),
  }),
  "replays?": count("The number of replays."),
};
const when: { [name: string]: Json } = {
  "cron?": text(
    'Five fields, six with seconds first, or a nickname such as "@daily"; read in the time zone.',
  ),
  "timezone?": text("IANA; UTC when absent."),
  "every?": text("A duration from 1s to 366d, instead of a cron."),
};
const rules: { [name: string]: Json } = {
  overlap: choice(["skip", "allow"], "Whether a run starts while the previous one is not final."),
  missed: choice(["skip", "once"], "Whether one run makes up for those missed by a downtime."),
};

/** The shapes of what they answer. */
export const triggerSchemas: { readonly [name: string]: Json } = {
  HookList: shape({
    data: list(shape({
      name: text("In postrider.yaml."),
      preset: choice(PRESET_NAMES, "The sender."),
      path: text("The path for deliveries."),
      maxBytes: count("The largest body of a delivery, in bytes."),
      tasks: list(choice(["notify", "fetch"], "The kind of each task that a delivery creates.")),
    })),
  }),
  Delivery: shape({
    ...delivery,
    "duplicate?": flag("It was stored earlier; nothing was created now."),
  }, "A delivery of a hook."),
  Challenge: shape({ challenge: text("The value that the sender asked for.") }),
  DeliveryPage: shape({
    data: list(shape(delivery)),
    "nextCursor?": text("Continues the list; absent at its end."),
  }),
  ScheduleSpec: {
    ...shape({
      ...when,
      "overlap?": rules.overlap as Json,
      "missed?": rules.missed as Json,
      "notify?": {
        oneOf: [ref("Notification"), ref("Notifications")],
        description: "The body of POST /notify.",
      },
      "fetch?": {
        oneOf: [ref("Request"), ref("Requests"), ref("Urls")],
        description: "The body of POST /fetch.",
      },
    }, "Either cron or every, and either notify or fetch."),
    allOf: [
      { oneOf: [{ required: ["cron"] }, { required: ["every"] }] },
      { oneOf: [{ required: ["notify"] }, { required: ["fetch"] }] },
    ],
    dependentRequired: { timezone: ["cron"] },
  },
  Schedule: shape({
    name: text("The last part of its path."),
    ...when,
    "description?": text("The cron in words."),
    type: choice(["notify", "fetch"], "The kind of submit."),
    "label?": text("The label of the tasks that it creates."),
    ...rules,
    source: choice(["api", "file"], "Created by a request, or defined in postrider.yaml."),
    "owner?": text("The API key that created it."),
    paused: flag("No runs start until it is resumed."),
    "over?": { const: true, description: "There is no further run." },
    "nextAt?": time("The next run."),
    "nextTimes?": list(time("The next five runs; in the answers about one schedule.")),
    "lastAt?": time("The time of the latest run."),
    "lastId?": text("The task or batch that the latest run created."),
    "lastRuns?": list(shape({
      id: text("The task or batch that it created."),
      at: time("Its time."),
      "state?": choice(
        TASK_STATES,
        "The state of the task, or of the batch: its worst final state. Absent once it is deleted.",
      ),
    }, "One of the latest ten runs, newest first; in the answers about one schedule.")),
    runs: count("The number of runs."),
    skipped: count("The number of runs left out."),
    "error?": text("Why the latest run created no task."),
  }),
  ScheduleList: shape({ data: list(ref("Schedule")) }),
  Reloaded: shape({
    reloaded: { const: true },
    applied: list(text("A setting or a section of the file that is in force now.")),
    needsRestart: list(text("A setting that takes effect at the next start.")),
  }),
};
