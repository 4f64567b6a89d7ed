/**
 * What operators do and look for, case by case, in one printed table: each row is
 * tried on running services.
 *
 * @module
 */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Webhook } from "standardwebhooks";
import { needs } from "../../support/needs.ts";
import { aFolder, ROOT, startPostrider } from "../../support/process.ts";
import { freePort } from "../../support/proxies.ts";
import { aService, call, run, webhookSecret, withArgument, World } from "./world.ts";

interface Row {
  readonly id: string;
  readonly kind: string;
  readonly expected: string;
  run(world: World): Promise<string>;
}

const LATER = { url: "https://example.org/", delay: "10d" };
const OWN_PAGE = { "sec-fetch-site": "same-origin" };
/** A URL where nothing listens. */
const closed = () => `http://127.0.0.1:${freePort()}`;
const CLI = ["run", "-A", "src/cli/main.ts"];

const rows: readonly Row[] = [
  {
    id: "O1",
    kind: "a backup under load, restored: tasks acknowledged before the call that are missing",
    expected: "0, and a start without a warning",
    async run(world) {
      const { data, url } = world;
      const ids: string[] = [];
      let isOver = false;
      const loads = Array.from({ length: 4 }, async () => {
        while (!isOver) {
          const { status, body } = await world.call("/fetch", { json: LATER });
          if (status === 202) ids.push(body.id);
        }
      });
      while (ids.length < 100) await world.call("/livez");
      const before = ids.slice();
      const backup = await run(Deno.execPath(), [
        ...["run", "-A", "src/cli/backup.ts", `${data}/backup.db`],
      ], { POSTRIDER_URL: url, POSTRIDER_KEY: "root-secret" });
      isOver = true;
      await Promise.all(loads);
      assert.equal(backup.code, 0, backup.output);
      await using restored = aService(data, { POSTRIDER_QUEUE: `sqlite:${data}/backup.db` });
      const api = await restored.listening;
      await restored.lines.find(/No relay is set/);
      let missing = 0;
      for (const id of before) if ((await api.call(`/tasks/${id}`)).status !== 200) missing++;
      const warns = restored.lines.said.some((line) => /log of the queue file/.test(line));
      return `${missing}, and a start ${warns ? "with" : "without"} a warning`;
    },
  },
  {
    id: "O1",
    kind: "a file that a newer program wrote",
    expected: "exit 75, written by a newer Postrider",
    async run({ data }) {
      await Deno.copyFile(`${data}/backup.db`, `${data}/newer.db`);
      {
        using db = new DatabaseSync(`${data}/newer.db`);
        db.exec("PRAGMA user_version = 999");
      }
      await using service = aService(data, { POSTRIDER_QUEUE: `sqlite:${data}/newer.db` });
      const code = await service.exit;
      return `exit ${code}, ${/written by a newer Postrider/.exec(service.lines.said.join(" "))}`;
    },
  },
  {
    id: "O2",
    kind: "a second secret of a key, after a reload: the new one, the old one",
    expected: "200 200",
    async run(world) {
      await world.reload("web:web-secret", "web:new-secret", "send:send-secret:notify");
      const status = async (key: string) => (await world.call("/tasks", { key })).status;
      return `${await status("new-secret")} ${await status("web-secret")}`;
    },
  },
  {
    id: "O2",
    kind: "the new secret removed again, after a reload",
    expected: "401 200",
    async run(world) {
      await world.reload("web:web-secret", "send:send-secret:notify");
      const status = async (key: string) => (await world.call("/tasks", { key })).status;
      return `${await status("new-secret")} ${await status("web-secret")}`;
    },
  },
  {
    id: "O2",
    kind: "open event streams: of a secret that is removed, and of one that stays",
    expected: "ends, goes on",
    async run(world) {
      await world.reload("web:web-secret", "web:new-secret", "send:send-secret:notify");
      const open = async (key: string) => {
        const headers = { authorization: `Bearer ${key}` };
        const { body } = await fetch(`${world.url}/events`, { headers });
        return body!.pipeThrough(new TextDecoderStream()).getReader();
      };
      const [removed, kept] = [await open("new-secret"), await open("web-secret")];
      await world.reload("web:web-secret", "send:send-secret:notify");
      while (!(await removed.read()).done);
      const { body: task } = await world.call("/fetch", { json: LATER });
      let read = "";
      for (let part; !read.includes(task.id) && !(part = await kept.read()).done;) {
        read += part.value;
      }
      await kept.cancel();
      return `ends, ${read.includes(task.id) ? "goes on" : "ends too"}`;
    },
  },
  {
    id: "O2",
    kind: "a mistake in the file of keys: the reload, and a key that was valid",
    expected: "422 POSTRIDER_API_KEYS, 200",
    async run(world) {
      const { status, text } = await world.reload("web:web-secret", "no key");
      const { status: still } = await world.call("/tasks");
      await world.reload("web:web-secret", "send:send-secret:notify");
      return `${status} ${/POSTRIDER_API_KEYS/.exec(text)}, ${still}`;
    },
  },
  {
    id: "O2",
    kind: "a reload after a change of postrider.yaml and of a setting that needs a restart",
    expected: "applied templates, aliases; needs a restart: POSTRIDER_MAIL_FROM",
    async run(world) {
      const path = `${world.data}/postrider.yaml`;
      const text = await Deno.readTextFile(path);
      await Deno.writeTextFile(path, text.replace(", gone: [ada@example.org]", ""));
      await Deno.writeTextFile(`${world.data}/from`, "two@example.org");
      const { body } = await world.reload("web:web-secret", "send:send-secret:notify");
      await Deno.writeTextFile(`${world.data}/from`, "one@example.org");
      return `applied ${body.applied.join(", ")}; needs a restart: ${body.needsRestart.join(", ")}`;
    },
  },
  {
    id: "O4",
    kind: "a task that fails for good: its log line",
    expected: "its task, target, code and next step",
    async run(world) {
      const { id } = await world.final("/fetch", { url: `${world.receiver}/missing` });
      const line = await world.line("Task failed", `"task":"${id}"`);
      const target = line.target === world.receiver;
      const next = line.next === `POST /tasks/${id}/retry`;
      return line.code === "http_404" && target && next
        ? "its task, target, code and next step"
        : JSON.stringify(line);
    },
  },
  {
    id: "O4",
    kind: "300 tasks that fail at once: lines, and tasks that they count",
    expected: "fewer than 30 lines, 300 tasks",
    async run(world) {
      const from = world.service.lines.said.length;
      const requests = Array.from({ length: 300 }, (_, n) => ({
        url: `${world.receiver}/missing`,
        tags: [`n${n}`],
      }));
      const { body: batch } = await world.call("/fetch", { json: { requests } });
      await world.call(`/batches/${batch.id}?wait=50s`);
      const lines = () =>
        world.service.lines.said.slice(from).filter((line) => line.includes('"Task failed"'))
          .map((line) => JSON.parse(line) as { count?: number });
      const counted = () => lines().reduce((sum, { count = 1 }) => sum + count, 0);
      while (counted() < 300) await world.call("/livez");
      return `${lines().length < 30 ? "fewer than 30" : lines().length} lines, ${counted()} tasks`;
    },
  },
  {
    id: "O4",
    kind: "a hook whose mapping fails, and a schedule whose alias is gone: their lines",
    expected: "broken, nightly",
    async run(world) {
      await world.call("/hooks/broken", {
        json: { to: "no address" },
        headers: { "x-gitlab-token": "hook-secret-long", "x-gitlab-event": "Push Hook" },
      });
      const { hook } = await world.line("Hook delivery could not be mapped");
      const aliases = async (change: (text: string) => string) => {
        const path = `${world.data}/postrider.yaml`;
        await Deno.writeTextFile(path, change(await Deno.readTextFile(path)));
        await world.reload("web:web-secret", "send:send-secret:notify");
      };
      await aliases((text) => text.replace("aliases: {", "aliases: { soon: [a@example.org],"));
      const json = { every: "1s", notify: { to: "@soon", text: "x" } };
      await world.call("/schedules/nightly", { method: "PUT", json });
      await aliases((text) => text.replace(" soon: [a@example.org],", ""));
      const { schedule } = await world.line("Scheduled run created no task");
      await world.call("/schedules/nightly", { method: "DELETE" });
      return `${hook}, ${schedule}`;
    },
  },
  {
    id: "O4",
    kind: "an unknown API key: the response, and its line",
    expected: "401, Refused an unknown API key",
    async run(world) {
      const { status } = await world.call("/tasks", { key: "none-of-these" });
      return `${status}, ${(await world.line("Refused an unknown API key")).message}`;
    },
  },
  {
    id: "O7",
    kind: "the sizes of the file and its log, and the free disk, in /status and /metrics",
    expected: "all above 0",
    async run(world) {
      const { body: { disk } } = await world.call("/status");
      const { text } = await world.call("/metrics");
      const gauges = ["postrider_queue_bytes", "postrider_disk_free_bytes"]
        .map((name) => Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, "m").exec(text)?.[1]));
      const all = [...Object.values(disk as Record<string, number>), ...gauges];
      return all.length === 5 && all.every((n) => n > 0) ? "all above 0" : JSON.stringify(all);
    },
  },
  {
    id: "O8, Q18",
    kind: "nginx with its defaults: sign-in, submit with a long poll, a body of 2 MiB",
    expected: "303 succeeded 413",
    async run({ nginx }) {
      const key = "web-secret";
      const signIn = await call(`${nginx}/ui/signin`, {
        form: { key, next: "/" },
        headers: { origin: nginx, ...OWN_PAGE },
      });
      const mail = { to: "ada@example.org", text: "x" };
      const { body } = await call(`${nginx}/notify`, {
        key,
        json: mail,
        headers: { prefer: "wait=20" },
      });
      const large = { ...mail, text: "x".repeat(2 * 2 ** 20) };
      const { status } = await call(`${nginx}/notify`, { key, json: large });
      return `${signIn.status} ${body.state} ${status}`;
    },
  },
  {
    id: "Q18",
    kind: "a sign-in through nginx over plain http, and one from a foreign page",
    expected: "403 names the header, 403",
    async run({ nginx }) {
      const signIn = (headers: Record<string, string>) =>
        call(`${nginx}/ui/signin`, { form: { key: "web-secret", next: "/" }, headers });
      const plain = await signIn({ origin: nginx });
      const foreign = await signIn({
        origin: "https://evil.example",
        "sec-fetch-site": "cross-site",
      });
      const names = /proxy_set_header Host \$http_host/.test(plain.text);
      return `${plain.status} ${names ? "names the header" : plain.text}, ${foreign.status}`;
    },
  },
  {
    id: "O8",
    kind: "CORS: a preflight of the allowed origin, and of another",
    expected: "https://app.example.org, none",
    async run(world) {
      const preflight = async (origin: string) =>
        (await world.call("/fetch", {
          method: "OPTIONS",
          headers: { origin, "access-control-request-method": "POST" },
        })).headers.get("access-control-allow-origin") ?? "none";
      return `${await preflight("https://app.example.org")}, ${await preflight(
        "https://b.example",
      )}`;
    },
  },
  {
    id: "O8",
    kind: "X-Forwarded-Host of a client that is no trusted proxy",
    expected: "is not believed",
    async run(world) {
      const { body } = await world.call("/fetch", { json: LATER });
      const { text } = await world.call(`/ui/tasks/${body.id}`, {
        headers: { "x-forwarded-host": "evil.example", "x-forwarded-proto": "https" },
      });
      return text.includes("evil.example") ? "is believed" : "is not believed";
    },
  },
  {
    id: "O8",
    kind: "a base path: health, outside of it, Location, links, servers",
    expected: "200 404 /post/tasks/… /post/ /post",
    async run() {
      await using data = await aFolder();
      await using service = aService(data.path, { POSTRIDER_BASE_PATH: "/post" });
      const { url: listening } = await service.listening;
      const { origin } = new URL(listening);
      const health = await call(`${origin}/post/livez`);
      const outside = await call(`${origin}/livez`);
      const { headers } = await call(`${origin}/post/fetch`, { json: LATER });
      const page = await call(`${origin}/post/ui/tasks`);
      const { body } = await call(`${origin}/post/openapi.json`);
      const location = headers.get("location")?.replace(/tsk_\w+/, "…");
      const link = /href="(\/post\/)"/.exec(page.text)?.[1];
      return `${health.status} ${outside.status} ${location} ${link} ${body.servers[0].url}`;
    },
  },
  {
    id: "O10",
    kind: "--check beside the running service; with two mistakes at once",
    expected: "0; 78 names both, and no folder is left",
    async run({ data, service }) {
      assert.ok(service.pid > 0);
      await using good = startPostrider({ data, command: withArgument("--check") });
      const code = await good.exit;
      const env = {
        POSTRIDER_PORT: "many",
        POSTRIDER_CA_FILE: `${data}/none`,
        POSTRIDER_DOWNLOADS: `${data}/not/there`,
      };
      await using bad = startPostrider({ data, env, command: withArgument("--check") });
      const wrong = await bad.exit;
      const said = bad.lines.said.join(" ");
      const isBoth = said.includes("POSTRIDER_PORT") && said.includes("POSTRIDER_CA_FILE");
      const isLeft = await Deno.stat(`${data}/not`).then(() => true, () => false);
      return `${code}; ${wrong} names ${isBoth ? "both" : said}, and ${
        isLeft ? "a" : "no"
      } folder is left`;
    },
  },
  {
    id: "O12",
    kind: "a callback to a receiver with a secret of its own",
    expected: "verified by its own secret, not by the general one",
    async run(world) {
      const count = world.received.length;
      await world.final("/fetch", {
        url: `${world.receiver}/x`,
        callback: `${world.receiver}/callback`,
      });
      const isCallback = () =>
        world.received.slice(count).find(({ headers }) => headers.has("webhook-signature"));
      while (!isCallback()) await world.call("/livez");
      const { headers, body } = isCallback()!;
      const verifies = (letter: string) => {
        try {
          new Webhook(webhookSecret(letter)).verify(body, Object.fromEntries(headers));
          return true;
        } catch {
          return false;
        }
      };
      return `${verifies("r") ? "verified" : "refused"} by its own secret, ${
        verifies("g") ? "and" : "not"
      } by the general one`;
    },
  },
  {
    id: "O12",
    kind: "an attachment by URL; one at an address that is not public",
    expected: "succeeded with the file; 422 address_refused",
    async run(world) {
      const mail = (url: string) => ({
        to: "ada@example.org",
        text: "x",
        attachments: [{ filename: "a.txt", url }],
      });
      const { id, state } = await world.final("/notify", mail(`${world.receiver}/file`));
      const eml = await Deno.readTextFile(`${world.data}/outbox/${id}.eml`);
      const { status, body } = await world.call("/notify", { json: mail("http://10.0.0.1/a") });
      return `${state} ${
        eml.includes(btoa("the file")) ? "with" : "without"
      } the file; ${status} ${body.code}`;
    },
  },
  {
    id: "O12",
    kind: "a test button for each channel of the settings",
    expected: "Test @oncall",
    async run(world) {
      const { text } = await world.call("/ui/channels");
      return /Test @oncall/.exec(text)?.[0] ?? text;
    },
  },
  {
    id: "O12",
    kind: "a filter as NDJSON and as CSV: the tasks that failed with http_404",
    expected: "301 lines, 302 lines with the head",
    async run(world) {
      const count = async (format: string) =>
        (await world.call(`/tasks?state=failed&format=${format}`)).text.trim().split("\n").length;
      return `${await count("ndjson")} lines, ${await count("csv")} lines with the head`;
    },
  },
  {
    id: "O13, Q20",
    kind: "client.js in Node: a submit, and the cause when nothing listens",
    expected: "queued ECONNREFUSED",
    async run(world) {
      const { text } = await world.call("/client.js");
      await Deno.writeTextFile(`${world.data}/client.mjs`, text);
      const program = `
        import { openClient } from "${world.data}/client.mjs";
        const open = (url) => openClient({ url, key: "web-secret" });
        const task = await open("${world.url}").fetch(${JSON.stringify(LATER)});
        const error = await open("${closed()}").fetch(${JSON.stringify(LATER)}).catch((e) => e);
        const codes = (e) => e ? [e.code, ...codes(e.cause)] : [];
        console.log(task.state, codes(error).find((code) => /^E[A-Z]+$/.test(code)) ?? error.stack);`;
      const { output } = await run("node", ["--input-type=module", "-e", program]);
      return output.trim();
    },
  },
  {
    id: "Q20",
    kind: "the command line against a closed port, and against a name that does not exist",
    expected: "names the refused connection, names the host",
    async run() {
      const status = async (url: string) =>
        (await run(Deno.execPath(), [...CLI, "status"], { POSTRIDER_URL: url })).output;
      const refused = await status(closed());
      const unknown = await status("http://no-such-host.invalid");
      return `${/refused/i.test(refused) ? "names the refused connection" : refused}, ${
        /no-such-host\.invalid/.test(unknown) ? "names the host" : unknown
      }`;
    },
  },
  {
    id: "O14",
    kind: "a hook with a wrong token",
    expected: "401 Signature or token rejected",
    async run(world) {
      const { status, body } = await world.call("/hooks/broken", {
        json: {},
        headers: { "x-gitlab-token": "wrong" },
      });
      return `${status} ${body.title}`;
    },
  },
  {
    id: "O15",
    kind: "the versions in /status, and the Breaking list of that version in the changelog",
    expected: "version and schema, with a Breaking list",
    async run(world) {
      const { body: { version, schema } } = await world.call("/status");
      const log = await Deno.readTextFile(`${ROOT}src/CHANGELOG.md`);
      const section = log.split(/^## /m).find((part) => part.startsWith(version)) ?? "";
      return `${version && schema > 0 ? "version and schema" : "-"}, with ${
        /^### Breaking/m.test(section) ? "a" : "no"
      } Breaking list`;
    },
  },
  {
    id: "Q9",
    kind: "series of hooks, schedules, callbacks, sizes and failures in /metrics",
    expected: "all",
    async run(world) {
      const { text } = await world.call("/metrics");
      const missing = [
        'postrider_hook_deliveries_total{hook="broken",verdict="failed"} 1',
        'postrider_schedule_runs_total{schedule="nightly",result="failed"}',
        'postrider_tasks_finished_total{type="notify",state="expired"} 0',
        'postrider_refusals_total{code="queue_full"} 0',
        'postrider_queued_tasks{kind="scheduled"}',
        "postrider_oldest_due_seconds",
      ].filter((series) => !text.includes(series));
      return missing.length === 0 ? "all" : missing.join(" ");
    },
  },
  {
    id: "Q19, Q25",
    kind:
      "the OpenAPI document: bodies that are a bare object, operations without description or tag",
    expected: "0, 0",
    async run(world) {
      const { body: { paths, tags } } = await world.call("/openapi.json");
      const known = new Set(tags.map(({ name }: { name: string }) => name));
      // deno-lint-ignore no-explicit-any -- a JSON document
      const operations = Object.values(paths).flatMap((path: any) =>
        Object.values(path).filter((one) => typeof one === "object" && !Array.isArray(one))
        // deno-lint-ignore no-explicit-any -- a JSON document
      ) as any[];
      const bare = operations.filter(({ requestBody }) => {
        const schema = requestBody?.content?.["application/json"]?.schema;
        return schema && Object.keys(schema).join() === "type";
      });
      const unsaid = operations.filter(({ summary, description, tags = [] }) =>
        !(description ?? summary) || !tags.every((tag: string) => known.has(tag))
      );
      return `${bare.length}, ${unsaid.length}`;
    },
  },
  {
    id: "Q21",
    kind: "expires before runAt; DELETE of a filter by a key with admin alone; GET /batches",
    expected: "422 403 200",
    async run(world) {
      const json = { ...LATER, expires: "1h" };
      const expires = await world.call("/fetch", { json });
      const all = await world.call("/tasks?state=queued&owner=web", {
        method: "DELETE",
        key: "root-secret",
      });
      const batches = await world.call("/batches");
      return `${expires.status} ${all.status} ${batches.status}`;
    },
  },
  {
    id: "Q21",
    kind: "twenty submits at once with one Idempotency-Key: tasks, other statuses",
    expected: "1 task, none",
    async run(world) {
      const headers = { "idempotency-key": crypto.randomUUID() };
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => world.call("/fetch", { json: LATER, headers })),
      );
      const ids = new Set(answers.map(({ body }) => body.id));
      const others = answers.filter(({ status }) => status !== 202 && status !== 200);
      return `${ids.size} task, ${others.length === 0 ? "none" : others.map((one) => one.status)}`;
    },
  },
  {
    id: "Q21",
    kind: "the numbers of attempts after a retry by hand; a key without read signs in",
    expected: "1,1, counted anew; /ui/send",
    async run(world) {
      const { id } = await world.final("/fetch", { url: `${world.receiver}/missing` });
      await world.call(`/tasks/${id}/retry`, { method: "POST" });
      const { body } = await world.call(`/tasks/${id}?wait=20s`);
      const attempts = body.attempts.map((one: { number: number }) => one.number).join();
      const signIn = await world.call("/ui/signin", {
        form: { key: "send-secret", next: "/" },
        headers: OWN_PAGE,
      });
      return `${attempts}, counted anew; ${signIn.headers.get("location")}`;
    },
  },
  {
    id: "Q22",
    kind: "gzip for openapi.json, pages and assets; a weak ETag and a list of ETags",
    expected: "gzip gzip gzip 304 304",
    async run(world) {
      const get = (path: string, headers: Record<string, string>) =>
        new Promise<{ encoding: string; etag: string; status: number }>((resolve, reject) => {
          // fetch() hides the encoding.
          new Deno.Command("curl", {
            args: [
              "-s",
              "-o",
              "/dev/null",
              "-D",
              "-",
              "-H",
              "authorization: Bearer web-secret",
              ...Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
              world.url + path,
            ],
          }).output().then(({ stdout }) => {
            const head = new TextDecoder().decode(stdout);
            resolve({
              encoding: /^content-encoding: (\S+)/im.exec(head)?.[1] ?? "none",
              etag: /^etag: (.+?)\r?$/im.exec(head)?.[1] ?? "",
              status: Number(/^HTTP\S+ (\d+)/.exec(head)?.[1]),
            });
          }, reject);
        });
      const zipped = { "accept-encoding": "gzip, br" };
      const asset = "/ui/assets/dashboard.js";
      const found = /"(\/[^"]*dashboard[^"]*\.js[^"]*)"/
        .exec((await world.call("/ui/tasks")).text)?.[1] ?? asset;
      const [document, page, script] = await Promise.all(
        ["/openapi.json", "/ui/tasks", found].map((path) => get(path, zipped)),
      );
      const tag = script!.etag;
      const weak = await get(found, { "if-none-match": `W/${tag.replace(/^W\//, "")}` });
      const list = await get(found, { "if-none-match": `"x", ${tag}` });
      const encodings = [document, page, script].map((one) => one!.encoding).join(" ");
      return `${encodings} ${weak.status} ${list.status}`;
    },
  },
  {
    id: "Q23",
    kind: "tools of the tests among what a first start downloads",
    expected: "none",
    async run() {
      const lock = await Deno.readTextFile(`${ROOT}src/deno.lock`);
      const tools = ["smtp-server", "fast-check", "playwright", "axe-core", "standardwebhooks"];
      return tools.filter((tool) => lock.includes(`"${tool}@`)).join(" ") || "none";
    },
  },
  {
    id: "Q25",
    kind: "HEAD of a page, /metrics and /openapi.json: the length of GET",
    expected: "the same",
    async run(world) {
      const different: string[] = [];
      for (const path of ["/manual", "/metrics", "/openapi.json", "/client.js"]) {
        const length = async (method: string) => {
          const { headers, text } = await world.call(path, {
            method,
            headers: { "accept-encoding": "identity" },
          });
          return method === "GET"
            ? new TextEncoder().encode(text).length
            : Number(headers.get("content-length"));
        };
        const [head, get] = [await length("HEAD"), await length("GET")];
        // Figures of the process change from one to the other.
        if (head === 0 || Math.abs(head - get) > (path === "/metrics" ? 200 : 0)) {
          different.push(`${path}: ${head} ${get}`);
        }
      }
      return different.join("; ") || "the same";
    },
  },
  {
    id: "Q25",
    kind: "0/15 as minutes, a seventh field, a cron together with every, subject with title",
    expected: "200 422 422 422",
    async run(world) {
      const put = async (timing: object) =>
        (await world.call("/schedules/q25", {
          method: "PUT",
          json: { ...timing, fetch: { url: "https://example.org/" } },
        })).status;
      const statuses = [
        await put({ cron: "0/15 * * * *" }),
        await put({ cron: "0 0 3 * * * 2030" }),
        await put({ cron: "0 3 * * *", every: "1h" }),
      ];
      await world.call("/schedules/q25", { method: "DELETE" });
      const json = { to: "ada@example.org", subject: "a", title: "b", text: "x" };
      const { status } = await world.call("/notify", { json });
      return [...statuses, status].join(" ").replace(/^201/, "200");
    },
  },
  {
    id: "X13",
    kind: "the queue's file moved away: submits, /readyz, /livez; a backup of it; moved back",
    expected: "503 engine_down 503 200; has the task; 202",
    async run() {
      await using data = await aFolder();
      const path = `${data.path}/postrider.db`;
      await using service = aService(data.path);
      const { url } = await service.listening;
      const { body: { id } } = await call(`${url}/fetch`, { json: LATER });
      await Deno.rename(path, `${path}.moved`);
      await service.lines.find(/"level":"error".*queue file was removed/);
      const { status, body } = await call(`${url}/fetch`, { json: LATER });
      const [ready, live] = [await call(`${url}/readyz`), await call(`${url}/livez`)];
      const saved = `${data.path}/saved.db`;
      await run(Deno.execPath(), ["run", "-A", "src/cli/backup.ts", saved], { POSTRIDER_URL: url });
      let has = false;
      {
        using db = new DatabaseSync(saved);
        has = db.prepare("SELECT id FROM task").all().some((row) => row.id === id);
      }
      await Deno.rename(`${path}.moved`, path);
      await service.lines.find(/queue file is back/);
      const again = await call(`${url}/fetch`, { json: LATER });
      return `${status} ${body.code} ${ready.status} ${live.status}; ${
        has ? "has" : "lacks"
      } the task; ${again.status}`;
    },
  },
  ...([
    [
      "cp of the file under load, without its log",
      "it is missing",
      (log: string) => Deno.remove(log),
    ],
    ["a log whose header is zeros", "its header is damaged", async (log: string) => {
      using file = await Deno.open(log, { write: true });
      await file.write(new Uint8Array(32));
    }],
    [
      "a log that was cut within a frame",
      "it was cut off",
      (log: string) => Deno.truncate(log, 10_000),
    ],
    [
      "a log that ends early, as after a power cut",
      "no warning",
      (log: string) => Deno.truncate(log, 32 + 4 * (24 + 4_096)),
    ],
  ] as const).map(([kind, expected, damage]): Row => ({
    id: "X14",
    kind,
    expected,
    async run() {
      await using data = await aFolder();
      {
        await using service = aService(data.path);
        const { url } = await service.listening;
        for (let n = 0; n < 20; n++) await call(`${url}/fetch`, { json: LATER });
        service.kill("SIGKILL");
        await service.exit;
      }
      await damage(`${data.path}/postrider.db-wal`);
      await using service = aService(data.path);
      // The last line of a start.
      await service.lines.find(/No relay is set/);
      const line = service.lines.said.find((one) => one.includes("log of the queue file"));
      const words = ["it is missing", "its header is damaged", "it was cut off"];
      return words.find((word) => line?.includes(word)) ?? line ?? "no warning";
    },
  })),
];

Deno.test("what operators do and look for", needs("nginx", "node", "curl"), async () => {
  await using world = await World.open();
  const seen: Record<string, string>[] = [];
  for (const { id, kind, expected, run } of rows) {
    const got = await run(world).catch((error) => `threw ${error.message}`);
    seen.push({ case: id, kind, seen: got, "": got === expected ? "" : `expected ${expected}` });
  }
  // deno-lint-ignore no-console -- the table is what one runs it for
  console.table(seen);
  assert.deepEqual(seen.filter((row) => row[""] !== ""), []);
});
