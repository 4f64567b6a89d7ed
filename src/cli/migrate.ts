/**
 * `deno task migrate FROM TO`: moves a queue from SQLite to PostgreSQL, or back.
 *
 * @module
 */

import { EngineError } from "../queue/errors.ts";
import { transfer } from "../queue/transfer/transfer.ts";

const USAGE = `Usage: deno task migrate FROM TO

Moves all tasks, batches, schedules and deliveries from one queue to another. Each is
"sqlite:PATH" or "postgres://USER:PASSWORD@HOST/DATABASE?schema=NAME". Stop every node first. A move
that was interrupted continues when it is run again. Afterwards the queue that was moved refuses to
start, because its tasks would be attempted twice.

POSTRIDER_FROM_FILE and POSTRIDER_TO_FILE name files with the URLs: deno task prints its arguments.

Exit codes: 0 moved, 2 usage, 75 a queue is in use, missing, not empty or unavailable.`;

const ENCODER = new TextEncoder();

/** Runs the command; resolves with the exit code. */
export async function migrate(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) return say(Deno.stdout, USAGE, 0);
  const [from = urlIn("POSTRIDER_FROM_FILE"), to = urlIn("POSTRIDER_TO_FILE"), ...more] = args;
  if (!from || !to || more.length > 0) return say(Deno.stderr, USAGE, 2);
  try {
    const isTerminal = Deno.stderr.isTerminal();
    const tasks = await transfer({
      from,
      to,
      onProgress: (copied, all) => {
        if (isTerminal) Deno.stderr.writeSync(ENCODER.encode(`\r${copied} of ${all} tasks `));
      },
    });
    if (isTerminal) say(Deno.stderr, "", 0);
    return say(Deno.stdout, `Moved ${tasks} tasks.`, 0);
  } catch (error) {
    if (error instanceof RangeError) return say(Deno.stderr, error.message, 2);
    if (error instanceof EngineError) return say(Deno.stderr, error.message, 75);
    throw error;
  }
}

function urlIn(name: string): string | undefined {
  const path = Deno.env.get(name);
  return path ? Deno.readTextFileSync(path).trim() : undefined;
}

function say(stream: { writeSync(bytes: Uint8Array): number }, text: string, code: number): number {
  stream.writeSync(ENCODER.encode(`${text}\n`));
  return code;
}

if (import.meta.main) Deno.exit(await migrate(Deno.args));
