/**
 * The entry point: settings, signals and exit codes.
 *
 * No other module reads the environment, listens to signals or ends the process.
 *
 * @module
 */

import { checkService } from "./service/check.ts";
import { describeSettings, type ReadConfig, readConfig } from "./config.ts";
import { systemClock } from "./lib/clock.ts";
import { areFree } from "./lib/descriptors.ts";
import { type Config, exitCodeOf, openService, type Service, VERSION } from "./service.ts";

const HELP = `Postrider ${VERSION}: accepts notifications and HTTP requests, responds at once,
and delivers them reliably.

Usage: deno task start [--help | --version | --check | --force]

  --check    validate the settings and log in to the relays; exits with 0 or 78
  --version  print the version
  --force    open a queue although its tasks were moved elsewhere: they are attempted twice
  --help     print this

Settings are environment variables; NAME_FILE names a file with the value of NAME:

${describeSettings()}

Exit codes: 0 drained, 130 Ctrl+C, 143 second SIGTERM, 2 usage, 78 wrong settings,
75 file in use or engine unavailable, 74 damaged data.`;

const EXIT = { ok: 0, usage: 2, wrongSettings: 78, engineAway: 75, sigint: 130, sigterm: 143 };
/** One Ctrl+C under `deno task` or npx arrives twice within 10 ms; a second signal comes later. */
const SAME_KEYSTROKE_MS = 500;

/** File descriptors besides those of attempts: for the queue, the threads and some callers. */
const DESCRIPTORS = 96;

type ReadSettings = Extract<ReadConfig, { readonly config: Config }>;
type StopSignal = "SIGINT" | "SIGTERM";

/** Installs both handlers first: as PID 1 without them, Deno crashes with SIGSEGV. */
function listen(): { first: Promise<StopSignal>; second: (end: (code: number) => void) => void } {
  const first = Promise.withResolvers<StopSignal>();
  let firstAt: number | undefined;
  let onSecond = (_code: number) => {};
  const onSignal = (signal: StopSignal) => {
    const now = systemClock.monotonic();
    if (firstAt === undefined) {
      firstAt = now;
      first.resolve(signal);
    } else if (now - firstAt >= SAME_KEYSTROKE_MS) {
      onSecond(signal === "SIGINT" ? EXIT.sigint : EXIT.sigterm);
    }
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => onSignal(signal));
  }
  return { first: first.promise, second: (end) => onSecond = end };
}

const readSettings = () => readConfig(Deno.env.toObject(), Deno.readTextFileSync);

function settings(): ReadSettings {
  const read = readSettings();
  if ("config" in read) return read;
  printError(`Cannot start: ${read.wrong.length} invalid setting(s)`, ...read.wrong);
  Deno.exit(EXIT.wrongSettings);
}

async function main(args: readonly string[]): Promise<number> {
  const [arg, ...more] = args;
  if (
    more.length > 0 ||
    (arg && !["--help", "-h", "--version", "-V", "--check", "--force"].includes(arg))
  ) {
    printError(
      `Cannot read "${args.join(" ")}": expected --help, --version, --check, --force or nothing`,
    );
    return EXIT.usage;
  }
  if (arg === "--help" || arg === "-h") return print(HELP);
  if (arg === "--version" || arg === "-V") return print(`postrider ${VERSION}`);

  const signals = listen();
  signals.second((code) => Deno.exit(code));
  if (arg === "--check") return await check();
  return await serve(settings(), signals.first, arg === "--force");
}

async function serve(
  { config, unknown, texts, sources }: ReadSettings,
  stopped: Promise<StopSignal>,
  force: boolean,
): Promise<number> {
  const needed = config.concurrency + DESCRIPTORS;
  if (!areFree(needed)) {
    printError(
      `Cannot start: expected ${needed} free file descriptors`,
      "raise the limit (ulimit -n, LimitNOFILE), or lower POSTRIDER_CONCURRENCY",
    );
    return EXIT.wrongSettings;
  }
  const fatal = Promise.withResolvers<number>();
  let service: Service;
  try {
    service = await openService(config, {
      terminal: Deno.stderr.isTerminal(),
      readConfig: readSettings,
      texts,
      sources,
      onFatal: () => fatal.resolve(EXIT.engineAway),
      force,
    });
  } catch (error) {
    printError("Cannot start", reasonOf(error));
    return exitCodeOf(error);
  }
  Deno.addSignalListener("SIGHUP", () => service.reload());
  if (unknown.length > 0) service.log.warn("Ignoring unknown settings", { names: unknown });
  return await Promise.race([
    fatal.promise,
    stopped.then(async (signal) => {
      const cancels = signal === "SIGINT" && config.onSigint !== "drain";
      await service.stop(cancels ? "cancel" : "drain");
      return cancels ? EXIT.sigint : EXIT.ok;
    }),
  ]);
}

async function check(): Promise<number> {
  const read = readSettings();
  const { wrong, valid } = "wrong" in read ? read : { wrong: [], valid: read.config };
  const issues = [...wrong, ...await checkService(valid)];
  if (issues.length > 0) {
    printError(`The settings are not valid: ${issues.length} issue(s)`, ...issues);
    return EXIT.wrongSettings;
  }
  if ("unknown" in read && read.unknown.length > 0) {
    printError(`Unknown settings are ignored: ${read.unknown.join(", ")}`);
  }
  return print("All settings are valid.");
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function printError(...lines: string[]): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${lines.join("\n  ")}\n`));
}

function print(text: string): number {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
  return EXIT.ok;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
