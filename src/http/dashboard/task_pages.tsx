/**
 * The data of the list of tasks and of the page of one task.
 *
 * @module
 */

import { isId } from "../../lib/ids.ts";
import type { TaskState } from "../../task/state.ts";
import type { TaskSummary } from "../../task/task.ts";
import { seenTask } from "../auth/access.ts";
import { mayOperate } from "../auth/auth.ts";
import { query, type RequestContext } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { Refusal } from "../problems.ts";
import { FILTER_NAMES, type FilterWords, readFilter } from "../request/task_filter.ts";
import { taskViewForOthers } from "../views/task_view.ts";
import { waitingFor } from "../views/waiting_for.ts";
import type { MakePage } from "./page.tsx";
import { Redirect } from "./respond.tsx";
import { TaskContent } from "./task.tsx";
import { TasksContent } from "./tasks.tsx";

const LISTED = 50;
const MAX_LISTED = 200;
/** Pages of the latest tasks in which a request id is looked for. */
const REQUEST_PAGES = 10;
/** Pages that are counted for a bulk action; beyond it the count says "or more". */
const COUNT_PAGES = 10;

/** Each page by its path. */
export function taskPages(dependencies: Dependencies): Readonly<Record<string, MakePage>> {
  const { engine, ports, clock } = dependencies;

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

  return { "/ui/tasks": tasks, "/ui/tasks/{id}": task };
}
