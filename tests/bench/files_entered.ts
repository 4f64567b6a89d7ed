/**
 * Prints the source files and functions that one accepted `POST /notify` enters
 * on the API's thread: those that a reader goes through who follows it.
 *
 * `deno run -A tests/bench/files_entered.ts`; V8 counts the calls.
 *
 * @module
 */

// deno-lint-ignore-file no-console -- a program for the terminal

import { Session } from "node:inspector/promises";

import { readConfig } from "../../src/config.ts";
import { openService } from "../../src/service.ts";

/** What V8 reports of a script. */
interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly {
    readonly functionName: string;
    readonly ranges: readonly { readonly count: number }[];
  }[];
}

const BODY = JSON.stringify({ to: "ada@example.org", subject: "Hello", text: "x", delay: "1h" });

/** The functions that one submit enters, by file. */
async function entered(queue: string): Promise<Map<string, string[]>> {
  const folder = await Deno.makeTempDir();
  const read = readConfig({
    POSTRIDER_PORT: "0",
    POSTRIDER_QUEUE: queue.replace("FOLDER", folder),
    POSTRIDER_MAIL: `outbox:${folder}/outbox`,
    POSTRIDER_DOWNLOADS: `${folder}/downloads`,
    POSTRIDER_LOG: "error",
  }, () => "");
  if (!("config" in read)) throw new TypeError(`Cannot read the settings: ${read.wrong}`);
  const service = await openService(read.config, { terminal: false, onFatal: () => {} });
  const session = new Session();
  session.connect();
  try {
    const submit = async () => {
      const headers = { "content-type": "application/json" };
      const response = await fetch(`${service.url}/notify`, {
        method: "POST",
        headers,
        body: BODY,
      });
      await response.body?.cancel();
      if (response.status !== 202) throw new Error(`Expected 202, got ${response.status}`);
    };
    await submit();
    await session.post("Profiler.enable");
    await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
    await session.post("Profiler.takePreciseCoverage");
    await submit();
    const { result } = await session.post("Profiler.takePreciseCoverage") as unknown as {
      result: ScriptCoverage[];
    };
    const files = new Map<string, string[]>();
    for (const { url, functions } of result) {
      const [, file] = /\/src\/(.*)$/.exec(url) ?? [];
      const called = functions.filter(({ ranges, functionName }) =>
        functionName !== "" && (ranges[0]?.count ?? 0) > 0
      );
      if (file && called.length > 0) files.set(file, called.map((one) => one.functionName));
    }
    return files;
  } finally {
    session.disconnect();
    await service.stop("cancel");
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  for (const queue of ["sqlite:FOLDER/queue.db", "memory:"]) {
    const files = await entered(queue);
    const functions = [...files.values()].flat().length;
    console.log(`${queue.replace(/:.*/, "")}: ${files.size} files, ${functions} functions`);
    for (const [file, names] of [...files].sort()) console.log(`  ${file}: ${names.join(", ")}`);
  }
}
