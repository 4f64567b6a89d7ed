/**
 * `/pauses` and `/holds/release`: an operator stops and resumes deliveries.
 *
 * @module
 */

import { z } from "zod";
import { compact } from "../../lib/compact.ts";
import { parseDuration } from "../../lib/duration.ts";
import { parseLaneHost } from "../../lib/lane_host.ts";
import { isOneLine } from "../../lib/text.ts";
import { parseTime } from "../../lib/time.ts";
import type { Pause } from "../../queue/engine.ts";
import { type Issue, issuesOf } from "../../task/issues.ts";
import { nameOf } from "../auth/auth.ts";
import { param, query, type RequestContext, respond } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { Refusal, refuseIssues } from "../problems.ts";
import { readJson } from "../request/body.ts";
import { TASK_TYPES } from "../request/task_filter.ts";
import type { Route } from "../route.ts";
import type { View } from "../views/task_view.ts";
import { timeView } from "../views/time_view.ts";

const MAX_BYTES = 65_536;
/** The channels of requests and callbacks. */
const CHANNELS_OF_REQUESTS = ["http", "callback"];
const TARGETS = ["host", "key", "type", "channel", "all"] as const;

const EXPECTED = {
  all: "Expected true, or leave it out",
  channel: "Expected the name of a channel such as email, http, callback or slack",
  host: 'Expected a host such as "api.example.org", or one with a port, without scheme and path',
  type: `Expected ${TASK_TYPES.join(" or ")}`,
  one: `Expected exactly one of ${TARGETS.join(", ")}`,
  owner: "Expected owner only together with key",
  until: 'Expected a duration such as "30m", or a time in the future',
};

const line = (most: number) =>
  z.string(expected(most)).min(1, expected(most)).max(most, expected(most))
    .refine(isOneLine, expected(most));

const expected = (most: number) => ({ error: `Expected one line of 1 to ${most} characters` });

/** The fields of a request for a pause. */
export const pauseSchema = z.strictObject({
  host: line(255).refine((host) => parseLaneHost(host) !== undefined, {
    error: EXPECTED.host,
  }).optional().meta({
    description: "A host, whatever the scheme and port, or one with a port.",
  }),
  key: line(255).optional().meta({ description: "A key, of owner or of all owners." }),
  owner: line(64).optional().meta({ description: "The API key that the key belongs to." }),
  type: z.enum(TASK_TYPES, { error: EXPECTED.type }).optional().meta({
    description: "A task type.",
  }),
  channel: z.string({ error: EXPECTED.channel })
    .regex(/^[a-z][a-z0-9_+-]{0,31}$/, { error: EXPECTED.channel }).optional().meta({
      description: "A channel: email, http, callback, slack …",
    }),
  all: z.literal(true, { error: EXPECTED.all }).optional().meta({ description: "Everything." }),
  until: z.string({ error: EXPECTED.until }).optional().meta({
    description: "When it ends by itself: a duration or a time.",
  }),
  reason: line(200).optional().meta({ description: "For people." }),
});

/** The routes under `/pauses` and `/holds`. */
export function pauseRoutes({ engine, ids, clock, ports }: Dependencies): Route[] {
  /** Refuses a channel that does not exist: its pause would stop nothing. */
  function requireChannel(channel: string | undefined): void {
    const names = [...CHANNELS_OF_REQUESTS, ...ports.channels().map(({ name }) => name)];
    if (channel === undefined || names.includes(channel)) return;
    throw refuseIssues([{ pointer: "/channel", detail: `Expected one of ${names.join(", ")}` }]);
  }

  async function create(context: RequestContext): Promise<Response> {
    query(context, []);
    const { value } = await readJson(context.request, MAX_BYTES, clock);
    const pause = { ...readPause(value, clock.now()), id: ids("pau"), by: nameOf(context.caller) };
    requireChannel(pause.channel);
    await engine.pause(pause);
    return respond(context, 201, pauseView(pause), { location: `/pauses/${pause.id}` });
  }

  async function list(context: RequestContext): Promise<Response> {
    query(context, []);
    return respond(context, 200, { data: (await engine.pauses()).map(pauseView) });
  }

  async function end(context: RequestContext): Promise<Response> {
    query(context, []);
    const id = param(context, "id");
    const pause = (await engine.pauses()).find((pause) => pause.id === id);
    if (!pause || !await engine.resume(id)) throw new Refusal("not_found", "No such pause");
    return respond(context, 200, pauseView(pause));
  }

  async function release(context: RequestContext): Promise<Response> {
    const host = parseLaneHost(query(context, ["host"]).host ?? "");
    if (host === undefined) throw refuseIssues([{ pointer: "/host", detail: EXPECTED.host }]);
    const released = await engine.releaseHolds(host);
    return respond(context, 200, { released: released.length });
  }

  return [
    { method: "POST", path: "/pauses", scopes: ["operate"], answer: create },
    { method: "GET", path: "/pauses", scopes: ["read", "operate"], answer: list },
    { method: "DELETE", path: "/pauses/{id}", scopes: ["operate"], takesNoBody: true, answer: end },
    {
      method: "POST",
      path: "/holds/release",
      scopes: ["operate"],
      takesNoBody: true,
      answer: release,
    },
  ];
}

function readPause(value: unknown, now: number): Omit<Pause, "id" | "by"> {
  const parsed = pauseSchema.safeParse(value);
  if (!parsed.success) throw refuseIssues(issuesOf(parsed.error));
  const { until: text, host, ...fields } = parsed.data;
  const issues: Issue[] = [];
  const wrong = (pointer: string, detail: string) => issues.push({ pointer, detail });
  const given = TARGETS.filter((name) => parsed.data[name] !== undefined);
  if (given.length !== 1) wrong(given.length > 1 ? `/${given[1]}` : "", EXPECTED.one);
  if (fields.owner !== undefined && fields.key === undefined) wrong("/owner", EXPECTED.owner);
  const duration = text === undefined ? undefined : parseDuration(text);
  const until = duration === undefined ? text && parseTime(text) : now + duration;
  if (text !== undefined && (typeof until !== "number" || until <= now)) {
    wrong("/until", EXPECTED.until);
  }
  if (issues.length > 0) throw refuseIssues(issues);
  return {
    ...compact({ ...fields, host: host === undefined ? host : parseLaneHost(host) }),
    ...(typeof until === "number" ? { until } : {}),
    createdAt: now,
  };
}

function pauseView({ until, createdAt, ...pause }: Pause): View {
  return { ...pause, until: timeView(until), createdAt: timeView(createdAt) };
}
