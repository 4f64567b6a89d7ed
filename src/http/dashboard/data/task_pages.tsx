/**
 * The data of the list of tasks and of the page of one task.
 *
 * @module
 */

import type { LongTasks } from "../../streams/long_tasks.ts";
import { isId } from "../../../lib/ids.ts";
import { isFinal, noCounts, TASK_STATES, type TaskState } from "../../../task/state.ts";
import type { TaskRecord, TaskSummary } from "../../../task/task.ts";
import { seenTask } from "../../auth/access.ts";
import { mayOperate } from "../../auth/auth.ts";
import { query, type RequestContext } from "../../context.ts";
import type { Dependencies } from "../../dependencies.ts";
import { Refusal } from "../../problems.ts";
import { FILTER_NAMES, type FilterWords, readFilter } from "../../request/task_filter.ts";
import { viewForOthers } from "../../views/others_view.ts";
import { waitCause } from "../../views/waiting_for.ts";
import type { BeginPage, MakePage } from "../page.tsx";
import { Redirect } from "../respond.tsx";
import { TaskContent } from "../pages/task.tsx";
import { readTableView } from "../table_view.ts";
import { type Count, type Matches, SearchForm, TasksContent } from "../pages/tasks.tsx";

const LISTED = 50;
/** What a page counts; the script of the page counts on. A live page counts often. */
const MAX_COUNTED = 200;
/** Bytes of a mail's source that are shown. */
const MAX_SOURCE = 65_536;

/** Follow-ups that the page of their task shows. */
const MAX_FOLLOW_UPS = 20;

/** Begins the list of tasks. */
export function taskList({ engine, ports, clock }: Dependencies): BeginPage {
  return async function tasks(context: RequestContext) {
    const { cursor, sort, ...given } = query(context, [...FILTER_NAMES, "cursor", "sort"]);
    const words = wordsOf(given);
    const byDue = sort === "due";
    const target = words.q === undefined ? undefined : await targetOf(words.q);
    if (target) throw new Redirect(target);
    const rest = async () => {
      // Asked for at once: the queue need not wait for this thread in between.
      const [found, counted] = await Promise.all([
        search(words, cursor || undefined, byDue),
        countMatches(words),
      ]);
      const matches = "fault" in found ? undefined : counted;
      return (
        <TasksContent
          now={clock.now()}
          words={words}
          byDue={byDue}
          operates={mayOperate(context.caller, undefined)}
          matches={matches}
          view={readTableView(context.request.headers.get("cookie"))}
          startedAtOf={ports.startedAtOf}
          {...found}
        />
      );
    };
    const content = <SearchForm words={words} byDue={byDue} />;
    return { title: "Tasks", place: "tasks", live: true, content, rest } as const;
  };

  /** The page of an id that is searched for: of a task, of a batch, or of a request's task. */
  async function targetOf(text: string): Promise<string | undefined> {
    if (isId("tsk", text) && await engine.findBrief(text)) return `/ui/tasks/${text}`;
    if (isId("bat", text) && await engine.findBatch(text)) return `/ui/batches/${text}`;
    if (!text.startsWith("req_")) return undefined;
    const [task] = (await engine.list({ q: text }, 1)).tasks;
    if (task) return task.batchId ? `/ui/batches/${task.batchId}` : `/ui/tasks/${task.id}`;
    return undefined;
  }

  /** How many tasks the bulk actions of a search would change. */
  async function countMatches(words: FilterWords): Promise<Matches | undefined> {
    const asked = filterOf(words);
    if ("fault" in asked) return undefined;
    const { states: given, queued, ...filter } = asked.filter;
    const counts = Object.keys(filter).length > 0 || (queued && words.state !== undefined)
      ? undefined
      : queued
      ? { ...noCounts(), queued: (await engine.queued())[queued.kind] }
      : await engine.counts();
    const known = new Map<string, Promise<Count>>();
    const count = (states: readonly TaskState[]): Promise<Count> => {
      const wanted = given?.filter((state) => states.includes(state)) ?? states;
      const counted = known.get(wanted.join(",")) ?? countOf(wanted);
      known.set(wanted.join(","), counted);
      return counted;
    };
    const countOf = async (wanted: readonly TaskState[]): Promise<Count> => {
      if (wanted.length === 0) return { count: 0 };
      if (counts) return { count: wanted.reduce((sum, state) => sum + counts[state], 0) };
      // All states are no filter: without one, fewer rows are read.
      const isAll = wanted.length === TASK_STATES.length;
      const kind = queued ? { ...filter, queued } : filter;
      const wantedFilter = isAll ? kind : { ...kind, states: wanted };
      const part = await engine.count(wantedFilter, undefined, MAX_COUNTED);
      if (part.nextCursor === undefined) return { count: part.count };
      const { state: _, ...others } = words;
      const exactly = new URLSearchParams(isAll ? others : { ...words, state: wanted.join(",") });
      return { count: part.count, exactly: `/tasks/count?${exactly}` };
    };
    const [all, active, retryable] = await Promise.all([
      count(TASK_STATES),
      count(["queued", "running"]),
      count(["failed", "cancelled", "expired"]),
    ]);
    return { all, active, retryable };
  }

  /** An invalid search is explained on the page, next to the form. */
  async function search(words: FilterWords, cursor: string | undefined, byDue: boolean) {
    const tasks: TaskSummary[] = [];
    const asked = filterOf(words);
    if ("fault" in asked) return { tasks, fault: asked.fault };
    try {
      return byDue
        ? await engine.upcoming(asked.filter, LISTED, cursor)
        : await engine.list(asked.filter, LISTED, cursor);
    } catch (error) {
      if (error instanceof RangeError) {
        return { tasks, fault: "Unknown cursor: start the list again." };
      }
      throw error;
    }
  }

  function filterOf(words: FilterWords) {
    try {
      return { filter: readFilter(words, clock.now()) };
    } catch (error) {
      if (error instanceof Refusal) return { fault: error.details.detail };
      throw error;
    }
  }
}

/** Each page of one task by its path. */
export function taskPages(
  dependencies: Dependencies,
  longTasks: LongTasks,
): Readonly<Record<string, MakePage>> {
  const { engine, ports, clock } = dependencies;

  async function task(context: RequestContext) {
    const found = await seenTask(engine, context);
    query(context, []);
    return await longTasks.withPayload(context, found, (whole) => pageOf(context, whole));
  }

  async function pageOf(context: RequestContext, task: TaskRecord) {
    const now = clock.now();
    const waits = task.state === "queued"
      ? waitCause(task, {
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
        view={await viewForOthers(engine, task)}
        startedAt={ports.startedAtOf(task.id)}
        progress={ports.progressOf(task.id)}
        followUps={isFinal(task.state)
          ? (await engine.list({ parentId: task.id }, MAX_FOLLOW_UPS)).tasks
          : []}
        source={await sourceOfMail(task.id)}
        operates={mayOperate(context.caller, task.owner)}
        operatesAll={context.caller.scopes.has("operate")}
        submits={context.caller.scopes.has(task.type) &&
          mayOperate(context.caller, task.owner)}
        needsKey={context.caller.name !== undefined}
        origin={`${context.client().scheme}://${context.client().host}${dependencies.basePath}`}
      />
    );
    return { title: task.label.trim() || task.id, place: "tasks", live: true, content } as const;
  }

  /** The beginning of a mail in the outbox. */
  async function sourceOfMail(id: string): Promise<string | undefined> {
    const mail = await ports.outbox?.read(id);
    if (!mail) return undefined;
    const text = new TextDecoder().decode(mail.subarray(0, MAX_SOURCE));
    return mail.length > MAX_SOURCE ? `${text}\n…` : text;
  }

  return { "/ui/tasks/{id}": task };
}

/** The search of a form, which sends its empty fields as well, and several tags in one field. */
function wordsOf(given: FilterWords): FilterWords {
  const { tag, ...words } = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, value.trim()])
      .filter(([, value]) => value !== ""),
  ) as FilterWords;
  if (tag === undefined) return words;
  return tag.includes(",") ? { ...words, tags: tag } : { ...words, tag };
}
