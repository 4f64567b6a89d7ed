/**
 * A running service, an upstream that it calls, and a browser.
 *
 * @module
 */

import { SECRET, SENDERS } from "../hooks/support.ts";
import { needs } from "../support/needs.ts";
import { aFolder, type Api, startPostrider } from "../support/process.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";
import { Chromium, type Watched } from "./browser.ts";

/** JSON is YAML, too. */
const SETTINGS = {
  hooks: {
    builds: {
      preset: "github",
      secret: SECRET,
      notify: { to: "ada@example.org", subject: "{{ payload.ref }}" },
    },
  },
  schedules: { nightly: { cron: "0 3 * * *", fetch: { url: "https://example.org/nightly" } } },
};

/** What a browser test uses. */
export interface World {
  readonly api: Api;
  readonly upstream: Upstream;
  /** Opens a page in a new profile. */
  open(options?: { width?: number; dark?: boolean; scripts?: boolean }): Promise<Watched>;
  /** Stops the service, and starts it again on the same port and data. */
  restart(meanwhile: () => Promise<void>): Promise<void>;
  /** Submits, and returns the id. */
  send(path: string, body: unknown): Promise<string>;
}

/** A test in a browser; skipped where there is none, but not in CI. */
export function browserTest(
  name: string,
  test: (world: World) => Promise<void>,
  env: Readonly<Record<string, string>> = {},
): void {
  // The pipes and timers of the browser live a little longer than the test.
  const options = { ...needs("chromium"), sanitizeOps: false, sanitizeResources: false };
  Deno.test(name, options, async () => {
    await using folder = await aFolder();
    await using upstream = startUpstream();
    await Deno.writeTextFile(`${folder.path}/postrider.yaml`, JSON.stringify(SETTINGS));
    const start = (port = "0") =>
      startPostrider({
        data: folder.path,
        env: {
          ...upstream.env,
          POSTRIDER_CONFIG: `${folder.path}/postrider.yaml`,
          ...env,
          POSTRIDER_PORT: port,
        },
      });
    await using services = new AsyncDisposableStack();
    let postrider = services.use(start());
    const api = await postrider.listening;
    await using chromium = await Chromium.start();
    await test({
      api,
      upstream,
      open: (options) => chromium.open(api.url, options),
      async restart(meanwhile) {
        postrider.kill("SIGTERM");
        await postrider.exit;
        await meanwhile();
        postrider = services.use(start(new URL(api.url).port));
        await postrider.listening;
      },
      async send(path, body) {
        const answer = await api.call<{ id: string }>(path, body);
        if (answer.status !== 202) throw new Error(JSON.stringify(answer));
        return answer.body.id;
      },
    });
  });
}

/** Delivers to the hook; the id of the delivery. */
async function deliver(api: Api): Promise<string> {
  const body = JSON.stringify({ ref: "refs/heads/main" });
  const response = await fetch(`${api.url}/hooks/builds`, {
    method: "POST",
    headers: { "content-type": "application/json", ...SENDERS.github?.headers(body) },
    body,
  });
  return (await response.json()).id;
}

/** The path of one page of every kind, with content. */
export async function everyPage(
  { api, upstream, send }: World,
): Promise<string[]> {
  const mail = await send("/notify", {
    subject: "Build 42 is green",
    text: "All tests passed.",
    tags: ["build"],
    to: "Ada <ada@example.org>",
    html: "<h1>Green</h1>",
  });
  const fetched = await send("/fetch", {
    url: `${upstream.url}/a-${"long-".repeat(60)}?token=t`,
    key: "k",
  });
  const batch = await send("/fetch", { urls: [`${upstream.url}/a`, `${upstream.url}/b`] });
  await send("/fetch", { url: `${upstream.url}/hold/1` });
  const failed = await send("/fetch", { url: `${upstream.url}/missing` });
  for (const id of [mail, fetched, failed]) await api.final(id);
  await api.call(`/batches/${batch}?wait=10s`);
  const delivery = await deliver(api);
  return [
    "/",
    "/ui/tasks",
    "/ui/tasks?state=asleep",
    ...[mail, fetched, failed].map((id) => `/ui/tasks/${id}`),
    "/ui/batches",
    `/ui/batches/${batch}`,
    "/ui/lanes",
    "/?since=7d",
    "/ui/lanes?since=24h",
    "/ui/tasks?sort=due",
    "/ui/schedules",
    "/ui/schedules/new",
    "/ui/schedules/nightly",
    "/ui/settings",
    "/ui/channels",
    "/ui/keys",
    "/ui/hooks",
    "/ui/hooks/builds",
    `/ui/hooks/builds/${delivery}`,
    "/ui/templates",
    "/ui/templates/password-reset",
    "/ui/outbox",
    "/ui/send",
    `/ui/send?from=${mail}`,
    `/ui/send?from=${fetched}`,
    "/ui/signin",
    "/manual",
    "/manual?q=retry+mail",
    "/manual/tasks",
    "/manual/settings",
    "/ui/tasks/tsk_unknown",
  ];
}
