/**
 * Every route of the OpenAPI document with every kind of key: what a scope does
 * not allow is refused, and the tasks of another owner do not exist.
 *
 * @module
 */

import { type Finding, must } from "./report.ts";
import { openWorld } from "./world.ts";

const SCOPES = ["notify", "fetch", "read", "operate", "admin"] as const;
type Scope = typeof SCOPES[number];

/** Needs no key: health, and what tells how to use the service. */
const OPEN =
  /^\/$|^\/(?:metrics\/|livez|readyz|openapi\.json|docs|manual|client\.|assets|ui\/signin|ui\/signout)/;
/** Which of the scopes a route needs one of; all others take any key. */
const NEEDS: readonly [RegExp, readonly Scope[]][] = [
  [/^POST \/notify/, ["notify"]],
  [/^POST \/apprise/, ["notify"]],
  [/^POST \/fetch/, ["fetch"]],
  [/^POST \/admin/, ["admin"]],
  [/^(POST|DELETE) \/pauses/, ["operate"]],
  [/^POST \/holds/, ["operate"]],
  [/^GET \/(status$|metrics)/, ["read"]],
];

/** Tries the matrix. */
export async function keys(): Promise<Finding[]> {
  const env = {
    POSTRIDER_API_KEYS: [
      ...SCOPES.map((scope) => `${scope}:secret-of-${scope}-0000000000:${scope}`),
      "owner:secret-of-owner-00000000000:notify+fetch",
      "stranger:secret-of-stranger-00000000:notify+fetch",
    ].join(),
  };
  await using world = await openWorld(env);
  const ask = async (method: string, path: string, key?: string, body?: unknown) => {
    const response = await fetch(world.api.url + path, {
      method,
      redirect: "manual",
      headers: {
        ...(key ? { authorization: `Bearer ${key}` } : {}),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(5_000),
    });
    await response.body?.cancel();
    return response.status;
  };
  const owner = "secret-of-owner-00000000000";
  const submitted = await fetch(`${world.api.url}/fetch`, {
    method: "POST",
    headers: { authorization: `Bearer ${owner}`, "content-type": "application/json" },
    body: JSON.stringify({ requests: [{ url: world.friendly.url }], delay: "1d" }),
  });
  const { id: batch, tasks } = await submitted.json() as { id: string; tasks: { id: string }[] };
  const document = await (await fetch(`${world.api.url}/openapi.json`)).json() as {
    paths: Record<string, Record<string, object>>;
  };
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).filter((method) => /^(get|put|post|delete)$/.test(method))
      .map((method) => ({ method: method.toUpperCase(), path }))
  ).filter(({ path }) => !OPEN.test(path));
  const without: string[] = [];
  const beyond: string[] = [];
  const leaked: string[] = [];
  const broken: string[] = [];
  for (const { method, path } of routes) {
    const concrete = path.replace(/^\/batches\/\{[^}]*\}/, `/batches/${batch}`)
      .replace(/\{[^}]*\}/g, tasks[0]?.id ?? "x");
    const name = `${method} ${path}`;
    const isHook = path.startsWith("/hooks/") && method === "POST" && !path.includes("replay");
    for (const key of [undefined, "wrong-secret-000000000000"]) {
      const status = await ask(method, concrete, key, method === "GET" ? undefined : {});
      // Many wrong keys in a row are 429.
      const isRefused = status === 401 || status === 429;
      if (!isRefused && !isHook && !(status === 303 && path.startsWith("/ui"))) {
        without.push(`${name}: ${status}`);
      }
    }
    // A stream stays open, and its status is the same as that of its list.
    if (path.endsWith("events") || path.endsWith("results")) continue;
    for (const scope of SCOPES) {
      const needed = NEEDS.find(([pattern]) => pattern.test(name))?.[1];
      const query = method === "DELETE" || /retry/.test(path) ? "?tag=none" : "";
      const body = method === "GET" ? undefined : { unknown: 1 };
      const status = await ask(method, concrete + query, `secret-of-${scope}-0000000000`, body);
      if (status >= 500) broken.push(`${name} with ${scope}: ${status}`);
      const isRefused = status === 403 || status === 404;
      if (needed && !needed.includes(scope) && !isRefused) {
        beyond.push(`${name} with ${scope}: ${status}`);
      }
    }
    if (/\{(id|task)\}/.test(path) && /^\/(tasks|batches|status)/.test(path)) {
      const status = await ask(
        method,
        concrete,
        "secret-of-stranger-00000000",
        method === "GET" ? undefined : {},
      );
      if (status < 400) leaked.push(`${name}: ${status}`);
    }
  }
  return [
    must(`of ${routes.length} routes answered without a key`, without),
    must("answered beyond the scope of a key", beyond),
    must("showed or changed what belongs to another owner", leaked),
    must("failed with a 5xx", broken),
  ];
}
