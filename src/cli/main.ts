/**
 * The entry of the terminal's commands, which are clients of the API.
 *
 * `POSTRIDER_URL` is the URL of the service, `POSTRIDER_KEY` the secret of an API key.
 *
 * @module
 */

import { openClient, PostriderError } from "../client.ts";
import { systemClock } from "../lib/clock.ts";
import { COMMANDS, type Screen } from "./commands.ts";
import { FILTER_OPTIONS } from "./flags.ts";
import { say } from "./say.ts";
import { plain } from "./words.ts";

const USAGE = `Usage: deno task COMMAND

  tasks  [FILTER] [--limit 20] [--once]     show a table of tasks, live on a terminal
  send   URL [--method M] [--header "N: v"] [--body TEXT] [OPTIONS]
  send   --to ADDRESS --subject S --text T [--html H] [OPTIONS]
  status [ID…]                              show the service, or these tasks and batches
  cancel ID… | FILTER | --all
  retry  ID… | FILTER | --all

FILTER:  ${FILTER_OPTIONS.slice(0, 8).join(" ")}
         ${FILTER_OPTIONS.slice(8).join(" ")}
OPTIONS: --delay --expires --retry --timeout --key --tag, and --wait to wait for the end

POSTRIDER_URL   URL of the service; http://127.0.0.1:POSTRIDER_PORT by default
POSTRIDER_KEY   the secret of an API key`;

/** Terminal sequences: cursor home; erase to the end of the line; erase below the cursor. */
const [HOME, END_OF_LINE, BELOW] = ["\x1b[H", "\x1b[K\n", "\x1b[J"];

/** Runs a command; resolves with the exit code. */
export async function main([name = "", ...args]: readonly string[]): Promise<number> {
  if (name === "--help" || args.includes("--help")) {
    say(Deno.stdout, `${USAGE}\n`);
    return 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    say(Deno.stderr, `${USAGE}\n`);
    return 2;
  }
  const port = Deno.env.get("POSTRIDER_PORT") || "8000";
  const key = Deno.env.get("POSTRIDER_KEY");
  const client = openClient({
    url: Deno.env.get("POSTRIDER_URL") || `http://127.0.0.1:${port}`,
    ...(key ? { key } : {}),
  });
  try {
    return await command(client, openScreen(), args);
  } catch (error) {
    say(Deno.stderr, `${plain(error instanceof Error ? error.message : String(error))}\n`);
    // 1: the service refused or could not be reached; 2: wrong arguments.
    return error instanceof PostriderError ? 1 : 2;
  }
}

/** On a terminal a table is redrawn in place, otherwise it is printed once. */
function openScreen(): Screen {
  const isTerminal = Deno.stdout.isTerminal();
  const replace = (lines: readonly string[]) =>
    say(Deno.stdout, HOME + lines.map((line) => line + END_OF_LINE).join("") + BELOW);
  return {
    print: (lines) => say(Deno.stdout, lines.map((line) => `${line}\n`).join("")),
    ...(isTerminal ? { replace } : {}),
    columns: isTerminal ? Deno.consoleSize().columns : Infinity,
    clock: systemClock,
  };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
