/**
 * The data of the pages of schedules.
 *
 * @module
 */

import { maskSubmit } from "../../../task/masked_submit.ts";
import type { Json } from "../../../task/task.ts";
import { notFound } from "../../auth/access.ts";
import { mayOperate, maySee } from "../../auth/auth.ts";
import { param, query, type RequestContext } from "../../context.ts";
import type { Dependencies } from "../../dependencies.ts";
import { Refusal } from "../../problems.ts";
import { definitionOf, stateOfRun } from "../../routes/schedules.ts";
import type { MakePage } from "../page.tsx";
import { ScheduleForm } from "../pages/schedule_form.tsx";
import { ScheduleContent, SchedulesContent } from "../pages/schedules.tsx";

const EXAMPLE = {
  cron: "0 8 * * 1-5",
  timezone: "UTC",
  overlap: "skip",
  missed: "skip",
  notify: { to: "ada@example.org", subject: "Good morning", text: "It is time." },
};

/** Schedules whose last run is shown with its state: each is a read of the queue. */
const MAX_STATES = 200;

/** Each page by its path. */
export function schedulePages(
  { engine, clock, schedules }: Dependencies,
): Readonly<Record<string, MakePage>> {
  async function list(context: RequestContext) {
    query(context, []);
    const { caller } = context;
    const seen = schedules.list().filter((kept) => maySee(caller, kept.record.owner));
    const states = await Promise.all(
      seen.slice(0, MAX_STATES).map(async ({ record: { lastId } }) =>
        lastId === undefined ? undefined : await stateOfRun(engine, lastId)
      ),
    );
    const content = (
      <SchedulesContent
        schedules={seen}
        states={states}
        now={clock.now()}
        operates={mayOperate(caller, undefined)}
        creates={submits(context)}
      />
    );
    return { title: "Schedules", place: "schedules", live: true, content } as const;
  }

  function create(context: RequestContext) {
    query(context, []);
    if (!submits(context)) {
      throw new Refusal("forbidden", "Expected an API key with the scope notify or fetch");
    }
    const content = <ScheduleForm definition={EXAMPLE} zones={zones()} />;
    return {
      title: "New schedule",
      place: "schedules",
      scripts: ["schedule.js"],
      content,
    } as const;
  }

  async function one(context: RequestContext) {
    query(context, []);
    const { caller } = context;
    const kept = schedules.find(param(context, "name"));
    if (!kept || !maySee(caller, kept.record.owner)) throw notFound("schedule");
    const { lastRuns = [], owner } = kept.record;
    const content = (
      <ScheduleContent
        kept={kept}
        runs={await Promise.all(
          lastRuns.map(async (run) => ({ ...run, state: await stateOfRun(engine, run.id) })),
        )}
        definition={maskSubmit(definitionOf(kept.record)) as Record<string, Json>}
        now={clock.now()}
        operates={mayOperate(caller, owner) && submits(context)}
        zones={zones()}
      />
    );
    return {
      title: `Schedule ${kept.name}`,
      place: "schedules",
      live: true,
      scripts: ["schedule.js"],
      content,
    } as const;
  }

  return { "/ui/schedules": list, "/ui/schedules/new": create, "/ui/schedules/{name}": one };
}

function submits({ caller: { scopes } }: RequestContext): boolean {
  return scopes.has("notify") || scopes.has("fetch");
}

function zones(): string[] {
  return ["UTC", ...Intl.supportedValuesOf("timeZone")];
}
