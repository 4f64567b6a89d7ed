/**
 * Reads tasks with a payload of more than a MiB, and answers with them.
 *
 * Each takes several times its size in memory until its caller has read the
 * response. So they take turns, and a caller who does not read is cut off.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import { jsonSteps } from "../../lib/json/json_steps.ts";
import { runInTurns, turn } from "../../lib/steps.ts";
import type { QueueEngine } from "../../queue/engine.ts";
import type { TaskRecord } from "../../task/task.ts";
import { type RequestContext, respondEncoded } from "../context.ts";
import { notFound } from "../auth/access.ts";
import { openBodyBudget, SHARE_BYTES } from "../request/body_budget.ts";
import type { View } from "../views/task_view.ts";

/** Reads long tasks. */
export interface LongTasks {
  /** Passes the task with its payload to `use`; a short one at once. */
  withPayload<Result>(
    context: RequestContext,
    task: TaskRecord,
    use: (whole: TaskRecord) => Promise<Result> | Result,
  ): Promise<Result>;
  /** Answers with the view of a long task. */
  answer(
    context: RequestContext,
    task: TaskRecord,
    view: (whole: TaskRecord) => Promise<View>,
  ): Promise<Response>;
}

/** What is read, parsed, shown and written takes together, as a multiple of the payload. */
const COPIES = 4;
/** Bytes that are sent at once. */
const PIECE_BYTES = 262_144;
/** The time in which the caller has to read the response, in milliseconds. */
const READING_MS = 30_000;

/** Opens it. */
export function openLongTasks(engine: QueueEngine, clock: Clock): LongTasks {
  const takeOf = openBodyBudget(clock);

  async function read({ request, caller }: RequestContext, { id, payloadBytes = 0 }: TaskRecord) {
    const bytes = Math.min(COPIES * payloadBytes, SHARE_BYTES);
    const release = await takeOf(caller.name)(bytes, request.signal);
    try {
      const whole = await engine.find(id);
      if (!whole) throw notFound("task");
      return { whole, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  return {
    async withPayload(context, task, use) {
      if (task.payloadBytes === undefined) return await use(task);
      const { whole, release } = await read(context, task);
      try {
        return await use(whole);
      } finally {
        release();
      }
    },
    async answer(context, task, view) {
      const { whole, release } = await read(context, task);
      try {
        const bytes = await runInTurns(jsonSteps(await view(whole)), turn);
        return respondEncoded(context, 200, { body: pieces(bytes, release, clock), headers: {} });
      } catch (error) {
        release();
        throw error;
      }
    },
  };
}

/** Sends the bytes as fast as they are read, and ends with an error when that takes too long. */
function pieces(
  bytes: Uint8Array<ArrayBuffer>,
  release: () => void,
  clock: Clock,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  let undo = () => {};
  const end = () => {
    undo();
    release();
    bytes = new Uint8Array();
  };
  return new ReadableStream({
    start(controller) {
      undo = clock.after(READING_MS, () => {
        end();
        controller.error(new Error(`The response was not read within ${READING_MS / 1_000} s`));
      });
    },
    pull(controller) {
      const piece = bytes.slice(at, at + PIECE_BYTES);
      at += piece.length;
      controller.enqueue(piece);
      if (at < bytes.length) return;
      end();
      controller.close();
    },
    cancel: end,
  }, { highWaterMark: 0 });
}
