/**
 * `deno task hook-test NAME FILE`: shows which tasks a hook would create from a payload.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { readConfig } from "../config.ts";
import { ConfigFileError } from "../config/config_file.ts";
import { previewHook } from "../service/preview.ts";
import { say } from "./say.ts";

const USAGE = `Usage: deno task hook-test NAME FILE [--event EVENT] [--header "Name: value"]...

  NAME      a hook of postrider.yaml (or of the file that POSTRIDER_CONFIG names)
  FILE      a payload, exactly as the sender sends it
  --event   the event type, for senders that put it into a header (GitHub, GitLab, Shopify)
  --header  another header of the delivery

Nothing is verified, stored or sent. Exit codes: 0 when tasks would be created or the
filter would skip the delivery, 1 when the mapping would fail, 2 for wrong usage.`;

/** Runs the command; resolves with its exit code. */
export function hookTest(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  print: (text: string) => void,
): number {
  const wanted = read(args);
  if (!wanted) {
    print(USAGE);
    return 2;
  }
  const { name, path, headers, event } = wanted;
  const settings = readConfig(env, Deno.readTextFileSync);
  if ("wrong" in settings) {
    print(settings.wrong.join("\n"));
    return 2;
  }
  try {
    const content = { headers, event, body: Deno.readTextFileSync(path) };
    const preview = previewHook(settings.config, name, content);
    print(JSON.stringify(preview, undefined, 2));
    return preview.verdict.kind === "failed" ? 1 : 0;
  } catch (error) {
    const isExpected = error instanceof RangeError || error instanceof ConfigFileError ||
      error instanceof Deno.errors.NotFound;
    if (!isExpected) throw error;
    print(error.message);
    return 2;
  }
}

function read(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { event: { type: "string" }, header: { type: "string", multiple: true } },
    });
    const [name, path, ...more] = positionals;
    if (name === undefined || path === undefined || more.length > 0) return undefined;
    const headers: Record<string, string> = { "content-type": "application/json" };
    for (const line of values.header ?? []) {
      const at = line.indexOf(":");
      if (at < 1) return undefined;
      headers[line.slice(0, at).trim().toLowerCase()] = line.slice(at + 1).trim();
    }
    return { name, path, headers, event: values.event };
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const print = (text: string) => say(Deno.stdout, `${text}\n`);
  Deno.exit(hookTest(Deno.args, Deno.env.toObject(), print));
}
