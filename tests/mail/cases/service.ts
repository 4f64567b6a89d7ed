/**
 * Cases of the whole service, run as operators run it.
 *
 * @module
 */

import { openRawRelay } from "../../channels/support/raw_relay.ts";
import { aFolder, type Api, START, startPostrider } from "../../support/process.ts";
import { pause } from "../world.ts";
import type { Case } from "./case.ts";

/** Runs a service that sends over this relay. */
async function withService<T>(
  port: number,
  use: (api: Api) => Promise<T>,
  { env = {}, command = START }: {
    readonly env?: Readonly<Record<string, string>>;
    readonly command?: readonly string[];
  } = {},
): Promise<T> {
  await using data = await aFolder();
  const relay = { POSTRIDER_MAIL: `smtp://127.0.0.1:${port}?tls=none` };
  const options = { data: data.path, env: { ...relay, ...env }, command };
  await using service = startPostrider(options);
  return await use(await service.listening);
}

async function notify(api: Api, more: Record<string, unknown> = {}): Promise<string> {
  const mail = { to: "ada@example.org", subject: "Hello", text: "It rides.", ...more };
  const { status, body } = await api.call<{ id: string }>("/notify", mail);
  if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`);
  return body.id;
}

async function greeting(options: Parameters<typeof withService>[2]): Promise<string> {
  const heard: string[] = [];
  await using relay = openRawRelay({ heard: (line) => heard.push(line) });
  await withService(relay.port, async (api) => await api.final(await notify(api)), options);
  return heard[0] ?? "nothing";
}

/** On a machine of this name. */
const named = (name: string) => [
  ...["unshare", "--uts", "sh", "-c", `hostname ${name} && exec "$@"`, "sh"],
  ...START,
];

export const SERVICE_CASES: readonly Case[] = [
  {
    id: "M3",
    kind: "the name in EHLO is a bare address: the machine has a name",
    right: "EHLO mx.example.org",
    run: () => greeting({ command: named("mx.example.org") }),
  },
  {
    id: "M3",
    kind: "the name in EHLO is a bare address: a setting",
    right: "EHLO out.example.net",
    run: () =>
      greeting({
        command: named("mx.example.org"),
        env: { POSTRIDER_MAIL_HOSTNAME: "out.example.net" },
      }),
  },
  {
    id: "M3",
    kind: "the name in EHLO is no name: the machine's has no dot",
    right: "EHLO [127.0.0.1]",
    run: () => greeting({ command: named("laptop") }),
  },
  {
    id: "M4",
    kind: "a relay's limit of sessions costs attempts",
    right: "20 sent, 0 failed",
    async run() {
      await using relay = openRawRelay({ sessions: 2 });
      return await withService(relay.port, async (api) => {
        const ids = await Promise.all(
          Array.from({ length: 20 }, () => notify(api, { retry: 0 })),
        );
        const tasks = await Promise.all(ids.map((id) => api.final(id)));
        const sent = tasks.filter(({ state }) => state === "succeeded").length;
        return `${sent} sent, ${tasks.length - sent} failed`;
      });
    },
  },
  {
    id: "M10",
    kind: "the date is that of the submit",
    right: "when the first attempt began, the same on the second",
    async run() {
      await using relay = openRawRelay({ dot: "drop", later: {} });
      return await withService(relay.port, async (api) => {
        const acceptedAt = Date.now();
        const id = await notify(api, { delay: "2s", retry: "1s" });
        await api.final(id);
        const dates = relay.taken.map(({ text }) => /^Date: (.*)$/m.exec(text)?.[1] ?? "");
        const isLate = Date.parse(dates[0] ?? "") + 1_000 > acceptedAt + 2_000;
        const isSame = dates.length === 2 && dates[0] === dates[1];
        return `${isLate ? "when the first attempt began" : "at the submit"}, ${
          isSame ? "the same on the second" : dates.join(" and ")
        }`;
      });
    },
  },
  {
    id: "M11",
    kind: "one part of a digest fails for another's weight",
    right: "3 succeeded, no message above 100000 bytes",
    async run() {
      await using relay = openRawRelay({ ehlo: "250-relay\n250 SIZE 100000" });
      return await withService(relay.port, async (api) => {
        const { body } = await api.call<{ tasks: { id: string }[] }>("/notify", {
          notifications: ["One", "Two", "Three"].map((subject) => ({
            subject,
            text: `${subject} ${"word ".repeat(8_000)}`,
          })),
          to: "ada@example.org",
          digest: { key: "reports", window: "1s" },
        });
        const tasks = await Promise.all(body.tasks.map(({ id }) => api.final(id)));
        const sent = tasks.filter(({ state }) => state === "succeeded").length;
        const largest = Math.max(...relay.taken.map(({ text }) => text.length));
        return `${sent} succeeded, no message above ${
          largest <= 100_000 ? 100_000 : largest
        } bytes`;
      });
    },
  },
  {
    id: "X6",
    kind: "mails stay with a relay that is gone",
    right: "run: 409 while it is held; 5 sent by the new relay",
    async run() {
      await using refusing = openRawRelay({ greeting: "554 5.7.1 go away" });
      await using healthy = openRawRelay();
      await using data = await aFolder();
      const ids: string[] = [];
      const env = (port: number) => ({ POSTRIDER_MAIL: `smtp://127.0.0.1:${port}?tls=none` });
      let ran = 0;
      {
        await using service = startPostrider({ data: data.path, env: env(refusing.port) });
        const api = await service.listening;
        for (let i = 0; i < 5; i++) ids.push(await notify(api));
        const status = async () => JSON.stringify((await api.call("/status")).body);
        while (!(await status()).includes("554 5.7.1")) await pause();
        ran = (await api.call(`/tasks/${ids[4]}/run`, {})).status;
        service.kill("SIGTERM");
        await service.exit;
      }
      await using service = startPostrider({ data: data.path, env: env(healthy.port) });
      const api = await service.listening;
      for (const id of ids) await api.call(`/tasks/${id}/run`, {});
      const tasks = await Promise.all(ids.map((id) => api.final(id)));
      const sent = tasks.filter(({ state }) => state === "succeeded").length;
      return `run: ${ran} while it is held; ${sent} sent by the new relay`;
    },
  },
  {
    id: "X15",
    kind: "a full disk leaves a part of a mail and a useless detail",
    right: "Cannot write ID.eml: the disk is full; no part left",
    async run() {
      await using data = await aFolder();
      await Deno.mkdir(`${data.path}/outbox`);
      const mount = 'mount -t tmpfs -o size=1m none "$0/outbox" && exec "$@"';
      const command = ["unshare", "--mount", "sh", "-c", mount, data.path, ...START];
      await using service = startPostrider({ data: data.path, command });
      const api = await service.listening;
      const attachments = [{ filename: "a.bin", content: btoa("x".repeat(3_000_000)) }];
      const id = await notify(api, { attachments, retry: 0 });
      const { error } = await api.final(id);
      const outbox = `/proc/${service.pid}/root${data.path}/outbox`;
      const files = await Array.fromAsync(Deno.readDir(outbox), ({ name }) => name);
      return `${error?.detail.replace(id, "ID")}; ${
        files.length === 0 ? "no part left" : files.join()
      }`;
    },
  },
  {
    id: "X15",
    kind: "ready although every submit is refused for the disk",
    right: "submit 507, /readyz 503",
    async run() {
      await using data = await aFolder();
      const mount = 'mount -t tmpfs -o size=40m none "$0" && exec "$@"';
      const command = ["unshare", "--mount", "sh", "-c", mount, data.path, ...START];
      await using service = startPostrider({ data: data.path, command });
      const api = await service.listening;
      const filler = `/proc/${service.pid}/root${data.path}/filler`;
      await Deno.writeFile(filler, new Uint8Array(2 ** 26)).catch(() => {});
      const fetches = {
        url: "https://example.org/",
        delay: "1h",
        method: "POST",
        body: "x".repeat(50_000),
      };
      let status = 202;
      while (status === 202) ({ status } = await api.call("/fetch", fetches));
      const ready = await api.call("/readyz");
      return `submit ${status}, /readyz ${ready.status}`;
    },
  },
];
