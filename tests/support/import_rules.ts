/**
 * The import table of `src/README.md`, and the rules about clock, randomness
 * and process. The length of a file is reported, never refused.
 *
 * All functions are pure: the sources are a map from path to text, so that a
 * test can pass in a file that breaks a rule.
 *
 * @module
 */

/** The path of each file (`src/http/app.ts`) and its text. */
export type Sources = ReadonlyMap<string, string>;

/** A folder (`lib/`), a file, or files that have one name in the table. */
type Rule = string | { readonly name: string; readonly files: readonly string[] | RegExp };

const engineSeam: Rule = { name: "the engine seam", files: ["src/queue/engine.ts"] };
const channelSeam: Rule = {
  name: "the channel seam",
  files: ["src/channels/channel.ts", "src/channels/thread/thread_protocol.ts"],
};
const settingsParsers: Rule = {
  name: "each part's parser of its own settings",
  files: [
    "src/channels/callback_settings.ts",
    "src/channels/guard/egress_proxy.ts",
    "src/channels/guard/fetch_allow.ts",
    "src/channels/guard/guard.ts",
    "src/channels/mail/mail_settings.ts",
    "src/channels/chat/custom_settings.ts",
    "src/channels/mail/relays.ts",
    "src/channels/webhook_secret.ts",
    "src/http/base_path.ts",
    "src/http/cors.ts",
    "src/http/request/client.ts",
    "src/hooks/hook_settings.ts",
    "src/http/auth/auth.ts",
    "src/queue/open.ts",
    "src/schedules/schedule_settings.ts",
  ],
};

/** What each folder, or file beside the folders, may import. It may always import itself. */
const MAY_IMPORT: Readonly<Record<string, readonly Rule[]>> = {
  "lib/": [],
  "task/": ["lib/"],
  "templates/": ["lib/", "task/"],
  "queue/": ["lib/", "task/"],
  "channels/": ["lib/", "task/", "templates/"],
  "hooks/": ["lib/", "task/", "templates/", engineSeam],
  "schedules/": ["lib/", "task/", "templates/", engineSeam],
  "worker/": ["lib/", "task/", engineSeam, channelSeam],
  "http/": ["lib/", "task/", "hooks/", "schedules/", "manual/", "CHANGELOG.md", engineSeam],
  "config/": ["lib/", "task/", settingsParsers],
  "client.ts": ["lib/", "task/"],
  "cli/": [
    "lib/",
    "task/",
    "client.ts",
    "config.ts",
    "config/config_file.ts",
    "queue/errors.ts",
    "queue/transfer/transfer.ts",
    "service/preview.ts",
    "service.ts",
  ],
  "service/": [{ name: "everything but `main.ts` and `cli/`", files: /^src\/(?!main\.ts$|cli\/)/ }],
  "main.ts": ["lib/", "service/check.ts", "config.ts", "service.ts"],
};

/** The import table: each folder, and what it may import, as `src/README.md` lists it. */
export function importTable(): Map<string, string> {
  return new Map(Object.entries(MAY_IMPORT).map(([folder, rules]) => [folder, listed(rules)]));
}

/** `task/` is pure: with these imports it could do I/O or read the clock. */
const IMPURE = /^(?:node:|hono|undici|nodemailer)|^src\/lib\/(?:clock|log|metrics)\.ts$/;

/** Words that only some files may use, and the reason. */
const RESERVED: readonly { words: RegExp; files: RegExp; because: string }[] = [
  {
    words:
      /\b(?:Date\.now|performance\.now|setTimeout|setInterval|AbortSignal\.timeout|Temporal\.Now)\b|\bnew Date\(\)/g,
    files: /^src\/lib\/clock\.ts$/,
    because: "time comes from a Clock, so that a test can own it",
  },
  {
    words: /\bDeno\.(?:env|exit|exitCode|args|addSignalListener|removeSignalListener)\b/g,
    // Each command of the terminal is a program: it reads arguments and has an exit code.
    files: /^src\/(?:main|cli\/\w+)\.ts$/,
    because: "only an entry may use environment, signals and exit",
  },
  {
    words: /\bMath\.random\b/g,
    files: /^src\/(?:service|main)\.ts$/,
    because: "randomness comes in as an argument, so that a test can own it",
  },
];

const MAX_LINES = 250;

/** Each breach of a rule, as a sentence that names the file and the rule. */
export function breachesOf(sources: Sources): string[] {
  return [...sources].flatMap(([path, text]) => [
    ...importBreaches(path, text),
    ...reservedBreaches(path, text),
  ]).concat(cycleBreaches(sources));
}

/** Files that are longer than 250 lines. A question, not a breach: does the file do two things? */
export function longFiles(sources: Sources): string[] {
  return [...sources].flatMap(([path, text]) => {
    const lines = text.trimEnd().split("\n").length;
    return lines > MAX_LINES ? [`${path} has ${lines} lines`] : [];
  });
}

/** What a file imports in any way: own files by their path, others by their name. */
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

function importBreaches(path: string, text: string): string[] {
  const folder = folderOf(path);
  const allowed = MAY_IMPORT[folder];
  if (!allowed) return [`${path} is in no folder of the import table: there is no "${folder}"`];
  return importsOf(path, text).flatMap((name) => {
    if (folder === "task/" && IMPURE.test(name)) {
      return [`${path} imports ${name}: task/ is pure and never imports I/O, the clock or Hono`];
    }
    if (!name.startsWith("src/") || folderOf(name) === folder) return [];
    if (allowed.some((rule) => admits(rule, name))) return [];
    return [`${path} imports ${name}: ${folder} may import only ${listed(allowed)}`];
  });
}

function admits(rule: Rule, path: string): boolean {
  if (typeof rule === "string") {
    return rule.endsWith("/") ? path.startsWith(`src/${rule}`) : path === `src/${rule}`;
  }
  return rule.files instanceof RegExp ? rule.files.test(path) : rule.files.includes(path);
}

function listed(rules: readonly Rule[]): string {
  return rules.map((rule) => typeof rule === "string" ? `\`${rule}\`` : rule.name).join(", ") ||
    "nothing of this project";
}

/** `http/` for `src/http/views/page.tsx`; `src/main.ts` is a row of its own. */
function folderOf(path: string): string {
  const [, first = "", ...rest] = path.split("/");
  if (first === "config.ts" || first === "service.ts") return first.replace(".ts", "/");
  return rest.length > 0 ? `${first}/` : first;
}

function resolve(from: string, name: string): string {
  return new URL(name, `file:///${from}`).pathname.slice(1);
}

function reservedBreaches(path: string, text: string): string[] {
  const code = withoutComments(text);
  return RESERVED.filter(({ files }) => !files.test(path)).flatMap(({ words, because }) =>
    [...new Set(code.match(words))].map((word) => `${path} uses ${word}: ${because}`)
  );
}

function cycleBreaches(sources: Sources): string[] {
  const breaches: string[] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      breaches.push(`${[...trail.slice(start), path].join(" -> ")}: imports never form a cycle`);
      return;
    }
    if (done.has(path)) return;
    for (const name of importsOf(path, sources.get(path) ?? "")) {
      if (sources.has(name)) walk(name, [...trail, path]);
    }
    done.add(path);
  };
  for (const path of sources.keys()) walk(path, []);
  return breaches;
}

/** Removes comments that begin their line, or have a space before and behind `//`: strings hold `//`. */
function withoutComments(text: string): string {
  return text.replace(/^\s*(?:\/\/|\/\*|\*).*$/gm, "").replace(/\s\/\/ .*$/gm, "");
}
