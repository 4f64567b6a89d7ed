/**
 * PagerDuty, by its Events API: a failure opens an incident, a success resolves it.
 *
 * @module
 */

import type { Severity } from "../../../task/payloads.ts";
import { write } from "../../rich_text.ts";
import { plainDialect } from "../dialects.ts";
import { blocksOf, withoutFiles } from "../note.ts";
import { bytes, characters, truncate } from "../pieces.ts";
import type { ChatService } from "../service.ts";

const ORIGINS: ReadonlyMap<string, string> = new Map([
  ["us", "https://events.pagerduty.com"],
  ["eu", "https://events.eu.pagerduty.com"],
]);
const KEY = /^[A-Za-z0-9_-]{20,40}$/;
const NAME = /^[\w .:-]{1,100}$/;
const SEVERITIES: Record<Severity, string> = {
  info: "info",
  success: "info",
  warning: "warning",
  failure: "critical",
};
/** https://developer.pagerduty.com/docs/events-api-v2: a summary has 1,024 characters. */
const SUMMARY_CHARACTERS = 1_024;
/** An event has 512 KB; an incident is no archive. */
const DETAILS_BYTES = 32_768;

/** `pagerduty://key[@token][/source[/component]][?region=eu&dedup=name]` */
export const pagerduty: ChatService = {
  name: "pagerduty",
  schemes: ["pagerduty"],
  spelling: "pagerduty://key/source",

  parse({ user, place, segments, parameters }) {
    const [source = "Postrider", component = "", ...more] = segments;
    const key = user || place;
    const origin = ORIGINS.get(parameters.get("region") ?? "us");
    const dedup = parameters.get("dedup") ?? "";
    if (!KEY.test(key) || origin === undefined || more.length > 0) return [];
    if (![source, component || "x", dedup || "x"].every((name) => NAME.test(name))) return [];
    const path = segments.map((segment) => `/${encodeURIComponent(segment)}`).join("");
    const query = new URLSearchParams(
      [...parameters].filter(([name]) => name === "region" || name === "dedup"),
    );
    return [{
      target: `pagerduty://${key}${path}${query.size > 0 ? `?${query}` : ""}`,
      shown: `pagerduty://***${path}`,
      origin,
      access: { key, source, component, dedup },
    }];
  },

  preview({ origin, access: { key = "", source = "", component, dedup } }, note, { taskId }) {
    const details = write(plainDialect, blocksOf(withoutFiles(note)));
    const resolves = note.severity === "success" && dedup;
    return [{
      // The same key again is the same incident.
      idempotent: true,
      url: `${origin}/v2/enqueue`,
      json: {
        routing_key: key,
        event_action: resolves ? "resolve" : "trigger",
        dedup_key: dedup || taskId,
        payload: {
          summary: truncate(note.title || details, characters(SUMMARY_CHARACTERS)),
          severity: SEVERITIES[note.severity],
          source,
          ...(component ? { component } : {}),
          ...(details ? { custom_details: { text: truncate(details, bytes(DETAILS_BYTES)) } } : {}),
        },
      },
    }];
  },
};
