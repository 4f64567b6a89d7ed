/**
 * The routes of the dashboard: the data of each page and who may see it.
 *
 * @module
 */

import type { Child } from "hono/jsx";
import type { LaneStatus } from "../../queue/engine.ts";
import type { TaskSummary } from "../../task/task.ts";
import { type Authenticate, mayOperate, requireScope } from "../auth/auth.ts";
import { query, type RequestContext } from "../context.ts";
import { FILTER_NAMES, type FilterWords, readFilter } from "../request/task_filter.ts";
import type { History } from "../stats/history.ts";
import type { WindowCounters } from "../stats/window_counters.ts";
import type { Dependencies } from "../dependencies.ts";
import { Refusal, respondError } from "../problems.ts";
import { isId } from "../../lib/ids.ts";
import type { TaskState } from "../../task/state.ts";
import type { Route } from "../route.ts";
import { seenBatch, seenTask } from "../auth/access.ts";
import { isHost } from "../routes/status.ts";
import { taskViewForOthers } from "../views/task_view.ts";
import { waitingFor } from "../views/waiting_for.ts";
import { BatchContent, BatchesContent } from "./batches.tsx";
import { concernsOf } from "./health.ts";
import { furtherPages } from "./further_pages.tsx";
import { LanesContent } from "./lanes.tsx";
import { pulses } from "./live.ts";
import { mailPage } from "./mail.ts";
import { OverviewContent } from "./overview.tsx";
import { type Frame, type MakePage, Page, pageHeaders } from "./page.tsx";
import { SendContent } from "./send.tsx";
import { FaultContent } from "./sign_in.tsx";
import { TaskContent } from "./task.tsx";
import { TasksContent } from "./tasks.tsx";

const LISTED = 50;
const MAX_LISTED = 200;
/** Pages of the latest tasks in which a request id is looked for. */
const REQUEST_PAGES = 10;
/** Pages that are counted for a bulk action; beyond it the count says "or more". */
const COUNT_PAGES = 10;
const MAX_LANES = 200;

/** What the pages need besides the dependencies of the API. */
export interface PageParts {
  /** Identifies the caller. */
  readonly authenticate: Authenticate;
  /** Rates and latencies. */
  readonly counters: WindowCounters;
  /** Throughput of the last hour. */
  readonly history: History;
}

/** The routes of the pages. */
export function pageRoutes(dependencies: Dependencies, own: PageParts): Route[] {
  const { engine, ports, clock, version } = dependencies;

  async function overview(context: RequestContext) {
    query(context, []);
    const [counts, nodes, queued, pauses, usage, lanes, failed, latest] = await Promise.all([
      engine.counts(),
      engine.cluster?.nodes() ?? [],
      engine.queued(),
      engine.pauses(),
      ports.queueFile?.usage(),
      engine.lanes(MAX_LANES),
      engine.list({ states: ["failed"] }, 5),
      engine.list({}, 10),
    ]);
    const now = clock.now();
    const worker = ports.worker();
    const held = lanes.filter(({ heldUntil = 0 }) => heldUntil > now);
    const concerns = concernsOf({
      now,
      accepting: dependencies.accepting(),
      isFileGone: ports.queueFile?.isGone === true,
      freeBytes: usage?.freeBytes,
      worker,
      held,
      pauses: pauses.length,
      queued,
      failedLastHour: own.history.failedLastHour(),
    });
    const content = (
      <OverviewContent
        now={now}
        counts={counts}
        pauses={pauses.length}
        series={own.history.series()}
        counters={own.counters}
        worker={worker}
        held={held}
        queued={queued}
        nodes={nodes}
        concerns={concerns}
        failed={failed.tasks}
        latest={latest.tasks}
        engine={engine}
        startedAt={dependencies.startedAt}
      />
    );
    return {
      title: "Overview",
      place: "overview",
      live: true,
      scripts: ["uplot.js"],
      content,
    } as const;
  }

  async function tasks(context: RequestContext) {
    const { cursor, ...given } = query(context, [...FILTER_NAMES, "cursor"]);
    // A form sends its empty fields as well.
    const words: FilterWords = Object.fromEntries(
      Object.entries(given).map(([name, value]) => [name, value.trim()])
        .filter(([, value]) => value !== ""),
    );
    const target = words.q === undefined ? undefined : await targetOf(words.q);
    if (target) throw new Redirect(target);
    const found = await search(words, cursor || undefined);
    const operates = mayOperate(context.caller, undefined);
    const isSearch = operates && Object.keys(words).length > 0 && !("fault" in found);
    const matches = isSearch ? await countMatches(words) : undefined;
    const content = (
      <TasksContent
        now={clock.now()}
        words={words}
        operates={operates}
        matches={matches}
        {...found}
      />
    );
    return { title: "Tasks", place: "tasks", live: true, content } as const;
  }

  /** The page of an id that is searched for: of a task, of a batch, or of a request's task. */
  async function targetOf(text: string): Promise<string | undefined> {
    if (isId("tsk", text) && await engine.find(text)) return `/ui/tasks/${text}`;
    if (isId("bat", text) && await engine.findBatch(text)) return `/ui/batches/${text}`;
    if (!text.startsWith("req_")) return undefined;
    let cursor: string | undefined;
    for (let page = 0; page < REQUEST_PAGES; page++) {
      const { tasks, nextCursor } = await engine.list({}, MAX_LISTED, cursor);
      const task = tasks.find(({ requestId }) => requestId === text);
      if (task) return task.batchId ? `/ui/batches/${task.batchId}` : `/ui/tasks/${task.id}`;
      cursor = nextCursor;
      if (cursor === undefined) break;
    }
    return undefined;
  }

  /** How many tasks the bulk actions of a search would change. */
  async function countMatches(words: FilterWords) {
    const filter = readFilter(words, clock.now());
    const count = async (states: readonly TaskState[]) => {
      const wanted = filter.states?.filter((state) => states.includes(state)) ?? states;
      if (wanted.length === 0) return { count: 0, isMore: false };
      let count = 0;
      let cursor: string | undefined;
      for (let page = 0; page < COUNT_PAGES; page++) {
        const { tasks, nextCursor } = await engine.list(
          { ...filter, states: wanted },
          MAX_LISTED,
          cursor,
        );
        count += tasks.length;
        cursor = nextCursor;
        if (cursor === undefined) break;
      }
      return { count, isMore: cursor !== undefined };
    };
    const [active, retryable] = await Promise.all([
      count(["queued", "running"]),
      count(["failed", "cancelled", "expired"]),
    ]);
    return { active, retryable };
  }

  /** An invalid search is explained on the page, beside the form. */
  async function search(words: FilterWords, cursor: string | undefined) {
    try {
      return await engine.list(readFilter(words, clock.now()), LISTED, cursor);
    } catch (error) {
      const tasks: TaskSummary[] = [];
      if (error instanceof Refusal) return { tasks, fault: error.details.detail };
      if (error instanceof RangeError) {
        return { tasks, fault: "Unknown cursor: start the list again." };
      }
      throw error;
    }
  }

  async function task(context: RequestContext) {
    query(context, []);
    const task = await seenTask(engine, context);
    const now = clock.now();
    const waits = task.state === "queued"
      ? waitingFor(task, {
        lane: await engine.lane(task.lane),
        pauses: await engine.pauses(),
        worker: ports.worker(),
      }, now)
      : undefined;
    const content = (
      <TaskContent
        now={now}
        task={task}
        waits={waits}
        view={taskViewForOthers(task)}
        progress={ports.progressOf(task.id)}
        operates={mayOperate(context.caller, task.owner)}
        needsKey={context.caller.name !== undefined}
        origin={`${context.client().scheme}://${context.client().host}${dependencies.basePath}`}
      />
    );
    return { title: task.label.trim() || task.id, place: "tasks", live: true, content } as const;
  }

  async function batches(context: RequestContext) {
    const { cursor } = query(context, ["cursor"]);
    const page = await engine.listBatches(LISTED, cursor).catch((error) => {
      if (error instanceof RangeError) {
        throw new Refusal("not_found", "Unknown cursor: start the list again");
      }
      throw error;
    });
    const content = <BatchesContent now={clock.now()} {...page} />;
    return { title: "Batches", place: "batches", live: true, content } as const;
  }

  async function batch(context: RequestContext) {
    query(context, []);
    const batch = await seenBatch(engine, context);
    const { tasks } = await engine.list({ batchId: batch.id }, LISTED);
    const operates = mayOperate(context.caller, batch.owner);
    const content = (
      <BatchContent now={clock.now()} batch={batch} tasks={tasks} operates={operates} />
    );
    return { title: "Batch", place: "batches", live: true, content } as const;
  }

  async function lanes(context: RequestContext) {
    query(context, []);
    const [lanes, pauses] = await Promise.all([engine.lanes(MAX_LANES), engine.pauses()]);
    const of = (isWanted: (lane: LaneStatus) => boolean) => lanes.filter(isWanted);
    const content = (
      <LanesContent
        now={clock.now()}
        pauses={pauses}
        operates={context.caller.scopes.has("operate")}
        hosts={of(({ lane }) => isHost(lane))}
        relays={of(({ lane }) => !isHost(lane))}
      />
    );
    return { title: "Hosts and relays", place: "lanes", live: true, content } as const;
  }

  function send(context: RequestContext) {
    query(context, []);
    return {
      title: "Send",
      place: "send",
      content: <SendContent caller={context.caller} />,
    } as const;
  }

  /** A page for callers with the scope; without a session it redirects to the sign-in page. */
  function page(path: string, make: MakePage, scope = true): Route {
    return {
      method: "GET",
      path,
      open: true,
      answer: async (context) => {
        try {
          const caller = own.authenticate(context.request, context);
          if (scope) requireScope(caller, "read");
          // Read before the page, so that the live stream reports what changes meanwhile.
          const change = await engine.lastChange();
          const { content, live, ...frame } = await make({ ...context, caller });
          const whole = { ...frame, caller, version, change: live ? change : undefined };
          return respondPage(context, 200, whole as Frame, content);
        } catch (error) {
          return refusePage(context, error, dependencies);
        }
      },
    };
  }

  return [
    page("/", overview),
    page("/ui/tasks", tasks),
    page("/ui/tasks/{id}", task),
    page("/ui/batches", batches),
    page("/ui/batches/{id}", batch),
    page("/ui/lanes", lanes),
    ...Object.entries(furtherPages(dependencies)).map(([path, make]) => page(path, make)),
    page("/ui/send", send, false),
    {
      method: "GET",
      path: "/ui/tasks/{id}/mail",
      answer: async (context) => mailPage(context, await seenTask(engine, context)),
    },
    { method: "GET", path: "/ui/live", answer: (context) => pulses(dependencies, context) },
  ];
}

/** A response with a page. */
export function respondPage(
  { requestId }: RequestContext,
  status: number,
  frame: Frame,
  content: Child,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const html = <Page frame={frame}>{content}</Page>;
  return new Response(`<!doctype html>${html}`, {
    status,
    headers: { ...pageHeaders(requestId), ...headers },
  });
}

/** Shows an error as a page; redirects to the sign-in page when a key is missing. */
async function refusePage(
  context: RequestContext,
  error: unknown,
  { version, log }: Dependencies,
): Promise<Response> {
  if (error instanceof Redirect) return seeOther(context, error.location);
  if (error instanceof Refusal && error.code === "unauthorized") {
    const { search } = new URL(context.request.url);
    const next = context.hono.req.path + search;
    return seeOther(context, `/ui/signin?${new URLSearchParams({ next })}`);
  }
  const { status, title, detail } = await respondError(error, context.requestId, log).json();
  const content = <FaultContent detail={detail} requestId={context.requestId} />;
  return respondPage(context, status, { title, place: "none", version }, content);
}

/** Ends a page: its content is at another path. */
class Redirect extends Error {
  override name = "Redirect";
  readonly location: string;

  constructor(location: string) {
    super(location);
    this.location = location;
  }
}

function seeOther({ requestId }: RequestContext, location: string): Response {
  return new Response(null, {
    status: 303,
    headers: { location, "x-request-id": requestId, "cache-control": "no-store" },
  });
}
