/**
 * Proxies in front of a service, as processes.
 *
 * @module
 */

/** A port that is free now. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Starts a proxy, and waits until it accepts connections. */
export async function startProxy(
  program: string,
  args: string[],
  port: number,
): Promise<AsyncDisposable> {
  const process = new Deno.Command(program, { args, stdout: "null", stderr: "piped" }).spawn();
  const errors = new Response(process.stderr).text();
  let isOver = false;
  process.status.then(() => isOver = true);
  for (;;) {
    const socket = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => undefined);
    socket?.close();
    if (socket) break;
    if (isOver) throw new Error(`${program} ended: ${await errors}`);
  }
  return {
    async [Symbol.asyncDispose]() {
      process.kill("SIGTERM");
      await process.status;
      await errors;
    },
  };
}

/** nginx in front of an upstream, with `more` in its location. */
export async function startNginx(
  folder: string,
  upstream: string,
  path = "/",
  more = "",
): Promise<{ url: string; proxy: AsyncDisposable }> {
  const port = freePort();
  const file = `${folder}/nginx.conf`;
  await Deno.writeTextFile(
    file,
    `daemon off;
     pid ${folder}/nginx.pid;
     error_log stderr;
     events {}
     http {
       access_log off;
       client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
       fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
       server {
         listen 127.0.0.1:${port};
         location ${path} { proxy_pass ${upstream}; ${more} }
       }
     }`,
  );
  const proxy = await startProxy("nginx", ["-c", file, "-p", folder], port);
  return { url: `http://localhost:${port}`, proxy };
}
