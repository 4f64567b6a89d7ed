/**
 * Secrets in every place where one can be: none of them may appear in what other
 * callers see, in pages, metrics or logs.
 *
 * @module
 */

import { type Finding, must } from "./report.ts";
import { openWorld } from "./world.ts";

/** Plants secrets, lets everything run, and looks for them. */
export async function canaries(): Promise<Finding[]> {
  const planted: string[] = [];
  const canary = (place: string) => {
    const secret = `canary${crypto.randomUUID().replaceAll("-", "")}`;
    planted.push(secret);
    return { place, secret };
  };
  const reader = canary("the key of a reader").secret;
  const owner = canary("the key of an owner").secret;
  const password = canary("the password of the relay").secret;
  const webhook = btoa(canary("the secret of callbacks").secret);
  await using world = await openWorld({
    POSTRIDER_API_KEYS: `owner:${owner}:notify+fetch,reader:${reader}:read+operate`,
    POSTRIDER_WEBHOOK_SECRET: `whsec_${webhook}`,
    POSTRIDER_MAIL: `smtp://user:${password}@127.0.0.1:9?tls=none`,
  });
  const { friendly, api } = world;
  const submit = async (path: string, body: object) => {
    const response = await fetch(api.url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${owner}`, "content-type": "application/json" },
      body: JSON.stringify({ ...body, retry: 0 }),
    });
    return await response.json() as { id?: string };
  };
  const port = new URL(friendly.url).port;
  const made = [
    await submit("/fetch", {
      url: `${friendly.url}/a?api_key=${canary("a key in a query").secret}`,
      headers: {
        authorization: `Bearer ${canary("a header").secret}`,
        "x-api-key": canary("a header").secret,
      },
      callback: `${friendly.url}/cb?token=${canary("a token in a callback").secret}`,
    }),
    await submit("/fetch", {
      url: `http://127.0.0.1:39999/?access_token=${
        canary("a token of a request that fails").secret
      }`,
      headers: { cookie: `session=${canary("a cookie").secret}` },
    }),
    await submit("/notify", {
      to: `json://user:${canary("a password in a channel").secret}@127.0.0.1:${port}/x`,
      title: "t",
      text: "t",
    }),
    await submit("/notify", {
      to: `ntfy://${canary("a token of ntfy").secret}@127.0.0.1:${port}/topic`,
      title: "t",
      text: "t",
    }),
    await submit("/notify", { to: "ada@example.org", subject: "mail", text: "t" }),
  ];
  const ids = made.flatMap(({ id }) => id ?? []);
  const see = async (path: string) => {
    const response = await fetch(api.url + path, {
      headers: { authorization: `Bearer ${reader}` },
    });
    return `${await response.text()}${JSON.stringify([...response.headers])}`;
  };
  for (const id of ids) await see(`/tasks/${id}?wait=5s`);
  const cookie = await signIn(api.url, reader);
  const page = async (path: string) =>
    await (await fetch(api.url + path, { headers: { cookie } })).text();
  const seen = new Map<string, string>();
  for (
    const path of [
      "/status",
      "/metrics",
      "/livez",
      "/readyz",
      "/tasks",
      "/batches",
      "/schedules",
      "/openapi.json",
    ]
  ) {
    seen.set(`GET ${path}`, await see(path));
  }
  for (const id of ids) {
    for (const path of [`/tasks/${id}`, `/status/${id}`]) seen.set(`GET ${path}`, await see(path));
    seen.set(`page ${id}`, await page(`/ui/tasks/${id}`));
  }
  for (const path of ["/", "/ui/tasks", "/ui/schedules"]) {
    seen.set(`page ${path}`, await page(path));
  }
  seen.set("the log", world.service.lines.said.join("\n"));
  const leaks = [...seen].flatMap(([where, text]) =>
    [...planted, webhook].filter((secret) =>
      text.includes(secret) || text.includes(btoa(secret)) ||
      text.includes(encodeURIComponent(secret))
    ).map((secret) => `${where}: ${secret.slice(0, 12)}… (canary ${planted.indexOf(secret)})`)
  );
  return [
    must(`of ${planted.length} secrets seen in ${seen.size} places`, leaks),
    must("submits refused", made.flatMap((answer) => answer.id ? [] : [JSON.stringify(answer)])),
  ];
}

async function signIn(url: string, key: string): Promise<string> {
  const response = await fetch(`${url}/ui/signin`, {
    method: "POST",
    redirect: "manual",
    headers: {
      origin: url,
      "sec-fetch-site": "same-origin",
      "content-type": "application/x-www-form-urlencoded",
    },
    body: new URLSearchParams({ key, next: "/" }),
  });
  await response.body?.cancel();
  return response.headers.get("set-cookie")?.split(";", 1)[0] ?? "";
}
