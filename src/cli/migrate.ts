/**
 * `deno task migrate FROM TO`: moves a queue from SQLite to PostgreSQL, or back.
 *
 * @module
 */

import { EngineError } from "../queue/errors.ts";
import { transfer } from "../queue/transfer/transfer.ts";
import { say } from "./say.ts";

const USAGE = `Usage: deno task migrate FROM TO

Moves all tasks, batches, schedules and deliveries from one queue to another. Each is
"sqlite:PATH" or "postgres://USER:PASSWORD@HOST/DATABASE?schema=NAME". Stop every node first. A move
that was interrupted continues when it is run again. Afterwards the queue that was moved refuses to
start, because its tasks would be attempted twice.

POSTRIDER_FROM_FILE and POSTRIDER_TO_FILE name files with the URLs: deno task prints its arguments.

Exit codes: 0 moved, 2 usage, 75 a queue is in use, missing, not empty or unavailable.`;

/** Runs the command; resolves with the exit code. */
export async function migrate(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) return endWith(Deno.stdout, USAGE, 0);
  const [from = urlIn("POSTRIDER_FROM_FILE"), to = urlIn("POSTRIDER_TO_FILE"), ...more] = args;
  if (!from || !to || more.length > 0) return endWith(Deno.stderr, USAGE, 2);
  try {
    const isTerminal = Deno.stderr.isTerminal();
    const tasks = await transfer({
      from,
      to,
      onProgress: (copied, all) => {
        if (isTerminal) say(Deno.stderr, `\r${copied} of ${all} tasks `);
      },
    });
    if (isTerminal) say(Deno.stderr, "\n");
    return endWith(Deno.stdout, `Moved ${tasks} tasks.`, 0);
  } catch (error) {
    if (error instanceof RangeError) return endWith(Deno.stderr, error.message, 2);
    if (error instanceof EngineError) return endWith(Deno.stderr, error.message, 75);
    throw error;
  }
}

function urlIn(name: string): string | undefined {
  const path = Deno.env.get(name);
  return path ? Deno.readTextFileSync(path).trim() : undefined;
}

function endWith(stream: Parameters<typeof say>[0], text: string, code: number): number {
  say(stream, `${text}\n`);
  return code;
}

if (import.meta.main) Deno.exit(await migrate(Deno.args));
