/**
 * F9 and F16: lines, events and long polls through nginx.
 *
 * @module
 */

import { openClient } from "../../../src/client.ts";
import { startNginx } from "../../support/proxies.ts";
import { startUpstream } from "../../support/upstream.ts";
import type { Case } from "./world.ts";

const NDJSON = { "content-type": "application/json", accept: "application/x-ndjson" };

const STREAMS: readonly Case[] = ["", "gzip"].map((encoding) => ({
  id: "F9",
  input: `NDJSON of a batch through nginx with its defaults${encoding && ", gzip accepted"}`,
  expected: "a line before the second page, 2 in all",
  async run({ api, folder }) {
    await using pages = startUpstream();
    const nginxFolder = await Deno.makeTempDir({ dir: folder });
    const more = encoding && "gzip on; gzip_types application/x-ndjson;";
    const { url, proxy } = await startNginx(nginxFolder, api.url, "/", more);
    await using _proxy = proxy;
    const response = await fetch(`${url}/fetch`, {
      method: "POST",
      headers: { ...NDJSON, "accept-encoding": encoding || "identity" },
      body: JSON.stringify({ urls: [`${pages.url}/quick`, `${pages.url}/hold`] }),
    });
    let text = "";
    let early = 0;
    for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (early === 0 && /"succeeded".*\n/.test(text)) {
        early = text.trim().split("\n").length;
        pages.release();
      }
    }
    const count = text.split("\n").filter((line) => line !== "").length;
    return `${early === 1 ? "a line" : `${early} lines`} before the second page, ${count} in all`;
  },
}));

const RESULTS: Case = {
  id: "F9",
  input: "the results of a batch through nginx, and events, both with gzip",
  expected: "a line and an event before the second page",
  async run({ api, folder, submit }) {
    await using pages = startUpstream();
    const nginxFolder = await Deno.makeTempDir({ dir: folder });
    const more = "gzip on; gzip_types application/x-ndjson text/event-stream;";
    const { url, proxy } = await startNginx(nginxFolder, api.url, "/", more);
    await using _proxy = proxy;
    const { id } = await submit("/fetch", { urls: [`${pages.url}/quick`, `${pages.url}/hold`] });
    const first = async (path: string, text: RegExp) => {
      const response = await fetch(url + path, { headers: { "accept-encoding": "gzip" } });
      let seen = "";
      for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
        seen += part;
        if (text.test(seen)) return true;
      }
      return false;
    };
    const line = await first(`/batches/${id}/results`, /"succeeded".*\n/);
    const other = await submit("/fetch", { url: `${pages.url}/hold` });
    const event = await first(`/tasks/${other.id}/events`, /"running"/);
    pages.release();
    return `${line ? "a line" : "no line"} and ${event ? "an event" : "no event"} before the ` +
      "second page";
  },
};

const POLLS: readonly Case[] = [
  {
    id: "F16",
    input: "client.wait() through nginx that gives up after a second",
    expected: "a 504, and client.wait() succeeded",
    async run({ api, submit, folder }) {
      await using pages = startUpstream();
      const nginxFolder = await Deno.makeTempDir({ dir: folder });
      const more = "proxy_read_timeout 1s;";
      const { url, proxy } = await startNginx(nginxFolder, api.url, "/", more);
      await using _proxy = proxy;
      const { id } = await submit("/fetch", { url: `${pages.url}/hold` });
      const waiting = openClient({ url }).wait(id);
      const poll = await fetch(`${url}/tasks/${id}?wait=60s`);
      await poll.body?.cancel();
      pages.release();
      return `a ${poll.status}, and client.wait() ${(await waiting).state}`;
    },
  },
];

/** Rows of F9 and F16. */
export const THROUGH_PROXIES: readonly Case[] = [...STREAMS, RESULTS, ...POLLS];
