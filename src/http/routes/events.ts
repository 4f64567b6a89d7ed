/**
 * Server-sent events of one task or of all.
 *
 * The id of an event is the number of the change. After a lost connection, a
 * reader sends it as `Last-Event-ID` and receives each task changed since then
 * once, in its current state. Progress events have no id: a missed one is not
 * sent again.
 *
 * @module
 */

import type { TaskChange } from "../../queue/engine.ts";
import type { RunningTask } from "../../task/ports.ts";
import { isFinal } from "../../task/state.ts";
import { query, type RequestContext } from "../context.ts";
import { openFeed } from "../streams/feed.ts";
import type { Dependencies } from "../dependencies.ts";
import { refuseIssues } from "../problems.ts";
import type { Route } from "../route.ts";
import { seenTask } from "../auth/access.ts";
import {
  endOn,
  eventResponse,
  KEEP_ALIVE_MS,
  openInbox,
  streamOf,
} from "../streams/event_stream.ts";
import { timeView } from "../views/time_view.ts";

/** Interval of progress events, in milliseconds. */
const PROGRESS_MS = 250;
/** Delay before a reader reconnects, in milliseconds. */
const RECONNECT_MS = 1_000;
const KEEP_ALIVE = ": keep-alive\n\n";

/** The routes of events. */
export function eventRoutes(dependencies: Dependencies): Route[] {
  const { engine, clock } = dependencies;

  async function all(context: RequestContext): Promise<Response> {
    query(context, []);
    const since = lastEventId(context.request);
    if (context.request.method === "HEAD") return eventResponse(context, null);
    const feed = await openFeed(engine, clock, since);
    const progress = openProgress(dependencies);
    const keepAlive = openKeepAlive();
    let isFirst = true;

    async function next(): Promise<string | undefined> {
      if (isFirst) {
        isFirst = false;
        return `retry: ${RECONNECT_MS}\nid: ${feed.taken}\n\n`;
      }
      for (;;) {
        const changes = await feed.take(progress.pauseMs());
        if (feed.ended) return undefined;
        const text = changes.map(changeEvent).join("") + progress.news().join("");
        const said = keepAlive.orText(text);
        if (said !== "") return said;
      }
    }

    return eventResponse(context, streamOf(next, endOn(context.ending(), () => feed.end())));
  }

  async function ofOne(context: RequestContext): Promise<Response> {
    const { id } = await seenTask(engine, context);
    query(context, []);
    const since = lastEventId(context.request);
    if (context.request.method === "HEAD") return eventResponse(context, null);
    const inbox = openInbox<TaskChange>(clock);
    // Watched before it is read: a change in between arrives twice and is sent once.
    const unwatch = engine.watch({ task: id }, (change) => inbox.put(change));
    const task = await engine.findBrief(id);
    if (task && isFinal(task.state) && task.change === since) {
      unwatch();
      // In the HTML standard, 204 tells the reader not to reconnect.
      return new Response(null, { status: 204, headers: { "x-request-id": context.requestId } });
    }
    if (task) inbox.put({ ...task, at: task.finishedAt ?? clock.now() });
    const progress = openProgress(dependencies, id);
    let lastSent = since ?? 0;
    let over = false;
    const keepAlive = openKeepAlive();

    async function next(): Promise<string | undefined> {
      for (;;) {
        if (over) return undefined;
        const { items, ended } = await inbox.take(progress.pauseMs());
        if (ended) return undefined;
        let text = "";
        for (const change of items) {
          if (change.change <= lastSent) continue;
          lastSent = change.change;
          over = isFinal(change.state);
          text += changeEvent(change);
        }
        text += over ? "" : progress.news().join("");
        const said = keepAlive.orText(text);
        if (said !== "") return said;
      }
    }

    const leave = endOn(context.ending(), () => {
      unwatch();
      inbox.end();
    });
    return eventResponse(context, streamOf(next, leave));
  }

  /** Sends a keep-alive when there has been nothing else to send. */
  function openKeepAlive() {
    let since = clock.monotonic();
    return {
      orText(text: string): string {
        const now = clock.monotonic();
        const said = text || (now - since >= KEEP_ALIVE_MS ? KEEP_ALIVE : "");
        if (said !== "") since = now;
        return said;
      },
    };
  }

  /** Progress of running tasks whose figures have changed since the last event. */
  function openProgress({ ports }: Dependencies, id?: string) {
    let sent = new Map<string, number>();
    return {
      pauseMs: () => ports.worker().running > 0 ? PROGRESS_MS : KEEP_ALIVE_MS,
      news(): string[] {
        const moved = new Map<string, number>();
        const events: string[] = [];
        for (const task of ports.runningTasks()) {
          if (id !== undefined && task.id !== id) continue;
          moved.set(task.id, task.progress.bytes);
          if (sent.get(task.id) !== task.progress.bytes) events.push(progressEvent(task));
        }
        sent = moved;
        return events;
      },
    };
  }

  function progressEvent({ id, type, attempt, batchId, progress }: RunningTask): string {
    const at = timeView(clock.now());
    return eventOf({ id, type, state: "running", attempt, at, batchId, progress });
  }

  return [
    { method: "GET", path: "/events", scopes: ["read"], answer: all },
    { method: "GET", path: "/tasks/{id}/events", answer: ofOne },
  ];
}

function changeEvent({ id, type, state, attempt, at, batchId, change }: TaskChange): string {
  return `id: ${change}\n${eventOf({ id, type, state, attempt, at: timeView(at), batchId })}`;
}

function eventOf(data: unknown): string {
  return `event: task\ndata: ${JSON.stringify(data)}\n\n`;
}

/** The `Last-Event-ID` of a reader that reconnects. */
function lastEventId({ headers }: Request): number | undefined {
  const given = headers.get("last-event-id");
  if (given === null || given === "") return undefined;
  if (!/^\d{1,15}$/.test(given)) {
    const detail = "Expected a Last-Event-ID as it came with an event: a whole number";
    throw refuseIssues([{ pointer: "", detail }]);
  }
  return Number(given);
}
