/**
 * The shapes of hooks, deliveries and schedules, as JSON Schema.
 *
 * @module
 */

import { PRESETS } from "../../hooks/preset.ts";
import type { Json } from "../../task/task.ts";
import { count, list, oneOf, ref, shape, text, time } from "./shapes.ts";

const delivery: { [name: string]: Json } = {
  id: text("hkd_…"),
  hook: text("The hook's name."),
  receivedAt: time("When it came."),
  verdict: oneOf(
    ["accepted", "filtered", "failed"],
    "What became of it: tasks, nothing by the hook's filter, or a mapping to be mended.",
  ),
  "event?": text("What it is about, as the sender says."),
  "senderId?": text("The sender's own id."),
  tasks: list(text("tsk_…")),
  "error?": shape({ detail: text("Why it failed."), "pointer?": text("Where in the mapping.") }),
  "replays?": count("How often it was replayed."),
};
const when: { [name: string]: Json } = {
  "cron?": text('Five fields, six with seconds, or "@daily"; in the time zone.'),
  "timezone?": text("IANA; UTC when absent."),
  "every?": text("A duration from 1s to 366d, instead of a cron."),
};
const rules: { [name: string]: Json } = {
  overlap: oneOf(["skip", "allow"], "Whether a run begins while the one before is not final."),
  missed: oneOf(["skip", "once"], "What is done about runs that a downtime left out."),
};

/** The shapes of what they answer. */
export const triggerSchemas: { readonly [name: string]: Json } = {
  HookList: shape({
    data: list(shape({
      name: text("In postrider.yaml."),
      preset: oneOf(PRESETS, "Who sends."),
      path: text("Where deliveries go."),
      maxBytes: count("The most bytes of a delivery."),
      tasks: list(oneOf(["notify", "fetch"], "What each delivery becomes.")),
    })),
  }),
  Delivery: shape({
    ...delivery,
    "duplicate?": { type: "boolean", description: "It had been stored before." },
  }, "A delivery of a hook."),
  Challenge: shape({ challenge: text("The word that was asked for.") }),
  DeliveryPage: shape({
    data: list(shape(delivery)),
    "nextCursor?": text("Continues the list; absent at its end."),
  }),
  ScheduleSpec: shape({
    ...when,
    "overlap?": rules.overlap as Json,
    "missed?": rules.missed as Json,
    "notify?": { type: "object", description: "As the body of POST /notify." },
    "fetch?": { type: "object", description: "As the body of POST /fetch." },
  }, "Either cron or every, and either notify or fetch."),
  Schedule: shape({
    name: text("As its path names it."),
    ...when,
    type: oneOf(["notify", "fetch"], "What a run is."),
    "label?": text("What a run is about; without secrets."),
    ...rules,
    source: oneOf(["api", "file"], "Who set it up: a caller, or postrider.yaml."),
    "owner?": text("The API key that set it up."),
    paused: { type: "boolean", description: "Nothing is run until it is resumed." },
    "nextAt?": time("The next run."),
    "lastAt?": time("The time of the latest run."),
    "lastId?": text("The task or batch that it made."),
    runs: count("How many there were."),
    skipped: count("How many were left out."),
    "error?": text("Why the latest run made nothing."),
  }),
  ScheduleList: shape({ data: list(ref("Schedule")) }),
  Reloaded: shape({ reloaded: { const: true } }),
};
