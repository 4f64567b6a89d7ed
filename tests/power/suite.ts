/**
 * Cuts the power at many moments of one recorded run, and opens what the disk
 * may then hold.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";

import { openStore } from "../../src/queue/sqlite/store.ts";
import { TASK_STATES } from "../../src/task/state.ts";
import { aFolder, ROOT } from "../support/process.ts";
import { type Image, imageAt, readRecording, type Step } from "./recording.ts";

/** The result. */
export interface PowerReport {
  /** Images that were opened. */
  readonly images: number;
  /** Promises that were made before the cuts, over all images. */
  readonly promised: number;
  /** Images in which something acknowledged was missing. */
  readonly losing: number;
  /** Images that could not be opened, or did not pass SQLite's own check. */
  readonly damaged: readonly string[];
}

/** Records a run with `synchronous` so set, and opens `images` images of it. */
export async function cutPower(
  { synchronous, images, seed }: {
    readonly synchronous: "full" | "normal";
    readonly images: number;
    readonly seed: number;
  },
): Promise<PowerReport> {
  const steps = await record(synchronous, seed);
  if (!steps.some(({ kind }) => kind === "sync")) throw new Error("Nothing was synced");
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 48_271) >>> 0) % 0x7fffffff;
    return state / 0x7fffffff;
  };
  const report = { images, promised: 0, losing: 0, damaged: [] as string[] };
  await using folder = await aFolder();
  for (let n = 0; n < images; n++) {
    const cut = Math.floor(random() * steps.length);
    const promises = promisedBefore(steps, cut);
    report.promised += promises.length;
    const image = imageAt(steps, cut, random);
    try {
      if (missing(await write(folder.path, image, n), promises) > 0) report.losing++;
    } catch (error) {
      report.damaged.push(`cut at ${cut} of ${steps.length}: ${error}`);
    }
  }
  return report;
}

async function record(synchronous: string, seed: number): Promise<Step[]> {
  await using folder = await aFolder();
  await Deno.mkdir(`${folder.path}/data`);
  const shim = `${folder.path}/shim.so`;
  const source = new URL("./shim.c", import.meta.url).pathname;
  await run("cc", ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", shim, source]);
  const workload = new URL("./workload.ts", import.meta.url).pathname;
  const args = ["run", "-A", "--quiet", workload, `${folder.path}/data`, String(seed), synchronous];
  await run(Deno.execPath(), args, {
    LD_PRELOAD: shim,
    POWER_DIR: `${folder.path}/data`,
    POWER_LOG: `${folder.path}/log`,
  });
  return readRecording(await Deno.readFile(`${folder.path}/log`));
}

async function run(program: string, args: string[], env: Record<string, string> = {}) {
  const command = new Deno.Command(program, { args, env, cwd: ROOT, stdin: "null" });
  const { success, stderr } = await command.output();
  if (!success) throw new Error(`${program}: ${new TextDecoder().decode(stderr)}`);
}

/** `accepted tsk_…` and `settled tsk_…`, as they stand in the recording before the cut. */
function promisedBefore(steps: readonly Step[], cut: number): string[] {
  const decoder = new TextDecoder();
  return steps.slice(0, cut)
    .filter(({ kind, file }) => kind === "write" && file === "promises")
    .flatMap(({ bytes }) => decoder.decode(bytes).trim().split("\n"));
}

async function write(folder: string, image: Image, n: number): Promise<string> {
  const data = `${folder}/${n}`;
  await Deno.mkdir(data);
  for (const [name, bytes] of image) {
    if (name.startsWith("postrider.db")) await Deno.writeFile(`${data}/${name}`, bytes);
  }
  return `${data}/postrider.db`;
}

/** How many promises the file does not keep. Throws when it is damaged. */
function missing(path: string, promises: readonly string[]): number {
  const store = openStore(path, Date.UTC(2026, 1, 1), { ballastBytes: 0 });
  try {
    const commands = promises.map((promise, n) => {
      return { n, do: "find" as const, with: [promise.split(" ")[1]] };
    });
    const { answers } = store.run({ now: Date.UTC(2026, 1, 1), commands });
    return answers.filter(({ n, value, fault }) => {
      if (fault) throw new Error(fault.message);
      const task = value as { state: string; payload?: string } | undefined;
      if (!task || !TASK_STATES.some((state) => state === task.state)) return true;
      if (task.payload === undefined) throw new Error(`${promises[n]} has lost its payload`);
      return promises[n]?.startsWith("settled") && task.state !== "succeeded";
    }).length;
  } finally {
    store.close();
    check(path);
  }
}

/** SQLite's own check of the file. */
function check(path: string): void {
  using db = new DatabaseSync(path);
  const said = db.prepare("PRAGMA integrity_check").get()?.integrity_check;
  if (said !== "ok") throw new Error(String(said));
}
