/**
 * A real HTTP server that a test controls.
 *
 * @module
 */

/** An upstream that answers at once, or when the test says so. */
export interface Upstream extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Settings that allow a service to call it. */
  readonly env: { readonly POSTRIDER_FETCH_ALLOW: string };
  /** How often each path was requested. */
  readonly asked: ReadonlyMap<string, number>;
  /** Resolves when `/hold` has had this many requests. */
  held(count: number): Promise<void>;
  /** Answers all held requests, and later ones at once. */
  release(): void;
}

/** Starts one. `/hold…` answers after `release()`, `/missing…` with 404, other paths with 200. */
export function startUpstream(): Upstream {
  const asked = new Map<string, number>();
  const released = Promise.withResolvers<void>();
  const waiting: { count: number; resolve: () => void }[] = [];
  let held = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    asked.set(pathname, (asked.get(pathname) ?? 0) + 1);
    if (pathname.startsWith("/hold")) {
      held++;
      for (const { count, resolve } of waiting) if (held >= count) resolve();
      await Promise.race([
        released.promise,
        new Promise((resolve) => request.signal.addEventListener("abort", resolve)),
      ]);
    }
    return new Response("ridden", { status: pathname.startsWith("/missing") ? 404 : 200 });
  });
  const host = `127.0.0.1:${server.addr.port}`;
  return {
    url: `http://${host}`,
    env: { POSTRIDER_FETCH_ALLOW: host },
    asked,
    held: (count) =>
      new Promise((resolve) => {
        if (held >= count) resolve();
        else waiting.push({ count, resolve });
      }),
    release: () => released.resolve(),
    async [Symbol.asyncDispose]() {
      released.resolve();
      await server.shutdown();
    },
  };
}
