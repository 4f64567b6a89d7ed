/**
 * The rules of the house: who may import whom, and who may touch the
 * clock and the process. Lengths are reported, never refused.
 *
 * Pure: a house is a map from path to text, so that a test can build a crooked
 * one and see that it is noticed.
 *
 * @module
 */

/** A file's path (`src/http/app.ts`) and its text. */
export type House = ReadonlyMap<string, string>;

const ENGINE_SEAM = "src/queue/engine.ts";
/** The channel as a value, and as the messages by which it crosses to another thread. */
const CHANNEL_SEAM = ["src/channels/channel.ts", "src/channels/thread/thread_protocol.ts"];
/** Each part reads its own settings: these are the files that do. */
const SETTINGS_PARSERS = [
  "src/channels/guard/guard.ts",
  "src/channels/guard/fetch_allow.ts",
  "src/channels/mail/mail_settings.ts",
  "src/channels/webhook_secret.ts",
  "src/http/auth/auth.ts",
  "src/queue/open.ts",
];

/** The same for the sections of the file. */
const SECTION_PARSERS: string[] = [
  "src/channels/mail/relays.ts",
  "src/hooks/hook_settings.ts",
  "src/schedules/schedule_settings.ts",
];

/** What each room may import besides itself: a room, a file, or a kind of file. */
const MAY_IMPORT: Readonly<Record<string, readonly (string | RegExp)[]>> = {
  "lib/": [],
  "task/": ["lib/"],
  "templates/": ["task/", "lib/"],
  "channels/": ["task/", "lib/", "templates/"],
  "queue/": ["task/", "lib/"],
  "worker/": ["task/", "lib/", ENGINE_SEAM, ...CHANNEL_SEAM],
  "hooks/": ["task/", "lib/", "templates/", ENGINE_SEAM],
  "schedules/": ["task/", "lib/", "templates/", ENGINE_SEAM],
  "http/": ["task/", "lib/", "hooks/", "schedules/", "manual/", "src/CHANGELOG.md", ENGINE_SEAM],
  "cli/": [
    "task/",
    "lib/",
    "src/client.ts",
    "src/config.ts",
    "src/config/config_file.ts",
    "src/service/preview.ts",
    "src/service.ts",
  ],
  "client.ts": ["task/", "lib/"],
  "config/": ["task/", "lib/", ...SETTINGS_PARSERS, ...SECTION_PARSERS],
  "service/": [/^src\/(?!main\.ts$|cli\/)/],
  "main.ts": ["lib/", "src/service/check.ts", "src/config.ts", "src/service.ts"],
};

/** `task/` decides and never acts: these would let it act. */
const ACTS = /^(?:node:|hono|undici|nodemailer)|^src\/lib\/(?:clock|log|metrics)\.ts$/;

/** Words that only the files named may use, and why. */
const RESERVED: readonly { words: RegExp; files: RegExp; because: string }[] = [
  {
    words:
      /\b(?:Date\.now|performance\.now|setTimeout|setInterval|AbortSignal\.timeout|Temporal\.Now)\b|\bnew Date\(\)/g,
    files: /^src\/lib\/clock\.ts$/,
    because: "time comes from a Clock, so that a test can own it",
  },
  {
    words: /\bDeno\.(?:env|exit|exitCode|args|addSignalListener|removeSignalListener)\b/g,
    // The health check is a program of its own: it has a port to read and a verdict to exit with.
    files: /^src\/(?:main|cli\/\w+)\.ts$/,
    because: "environment, signals and exit belong to an entry",
  },
  {
    words: /\bMath\.random\b/g,
    files: /^src\/(?:service|main)\.ts$/,
    because: "chance comes in as an argument, so that a test can own it",
  },
];

const MAX_LINES = 250;

/** Every rule that is broken, as a sentence that names the file and the rule. */
export function faultsOf(house: House): string[] {
  return [...house].flatMap(([path, text]) => [
    ...importFaults(path, text),
    ...reservedFaults(path, text),
  ]).concat(cycleFaults(house));
}

/**
 * The files that are longer than a reader takes in at once. A question, not a
 * fault: has the file begun to do a second thing?
 */
export function longFiles(house: House): string[] {
  return [...house].flatMap(([path, text]) => {
    const lines = text.trimEnd().split("\n").length;
    return lines > MAX_LINES ? [`${path} has ${lines} lines`] : [];
  });
}

/** What a file imports, however it says so: our files by their path, others by their name. */
export function importsOf(path: string, text: string): string[] {
  const code = withoutComments(text);
  const found = [
    ...code.matchAll(/\bfrom\s*"([^"]+)"/g),
    ...code.matchAll(/\bimport\s*\(?\s*"([^"]+)"/g),
    ...code.matchAll(/\bnew URL\(\s*"([^"]+)",\s*import\.meta\.url/g),
    ...code.matchAll(/\bimport\.meta\.resolve\(\s*"([^"]+)"/g),
  ].map((match) => match[1] ?? "");
  return [...new Set(found.map((name) => name.startsWith(".") ? resolve(path, name) : name))];
}

function importFaults(path: string, text: string): string[] {
  const room = roomOf(path);
  const allowed = MAY_IMPORT[room];
  if (!allowed) {
    return [`${path} stands in no room of the house: the README's table has no "${room}"`];
  }
  return importsOf(path, text).flatMap((name) => {
    if (room === "task/" && ACTS.test(name)) {
      return [`${path} imports ${name}: task/ is pure and never imports I/O, the clock or Hono`];
    }
    if (!name.startsWith("src/") || roomOf(name) === room) return [];
    if (allowed.some((rule) => admits(rule, name))) return [];
    return [`${path} imports ${name}: ${room} may import only ${listed(allowed)}`];
  });
}

function admits(rule: string | RegExp, path: string): boolean {
  if (typeof rule !== "string") return rule.test(path);
  return rule.endsWith("/") ? path.startsWith(`src/${rule}`) : path === rule;
}

function listed(rules: readonly (string | RegExp)[]): string {
  return rules.join(", ") || "nothing of ours";
}

/** `src/http/views/page.tsx` is in `http/`; `src/main.ts` is its own room. */
function roomOf(path: string): string {
  const [, first = "", ...rest] = path.split("/");
  if (first === "config.ts" || first === "service.ts") return first.replace(".ts", "/");
  return rest.length > 0 ? `${first}/` : first;
}

function resolve(from: string, name: string): string {
  return new URL(name, `file:///${from}`).pathname.slice(1);
}

function reservedFaults(path: string, text: string): string[] {
  const code = withoutComments(text);
  return RESERVED.filter(({ files }) => !files.test(path)).flatMap(({ words, because }) =>
    [...new Set(code.match(words))].map((word) => `${path} uses ${word}: ${because}`)
  );
}

function cycleFaults(house: House): string[] {
  const faults: string[] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      faults.push(`${[...trail.slice(start), path].join(" -> ")}: imports never go round`);
      return;
    }
    if (done.has(path)) return;
    for (const name of importsOf(path, house.get(path) ?? "")) {
      if (house.has(name)) walk(name, [...trail, path]);
    }
    done.add(path);
  };
  for (const path of house.keys()) walk(path, []);
  return faults;
}

/** Whole-line comments only: that is how the house writes them, and strings hold `//`. */
function withoutComments(text: string): string {
  return text.replace(/^\s*(?:\/\/|\/\*|\*).*$/gm, "").replace(/\s\/\/ .*$/gm, "");
}
