/**
 * Receives every mail and request, in a process that is not killed, and counts
 * how often each task had its effect.
 *
 * Prints `{"http":PORT,"smtp":PORT}`. `POST /ride` is counted by its
 * `Postrider-Task`; a part of the tasks is refused at the first time and taken
 * at the second. `GET /counts` tells each task and how often it came.
 *
 * With the argument `faults`, refusals are of four kinds, and mails are refused too.
 *
 * @module
 */

const counts = new Map<string, number>();
const refused = new Set<string>();
const count = (id: string) => counts.set(id, (counts.get(id) ?? 0) + 1);
/** By an id's last letter: one in eight is refused once. */
const isFussy = (id: string) => "gmrw".includes(id.at(-1) ?? "-");

const hasFaults = Deno.args.includes("faults");

/** A fault of a server, by an id's last letter. */
async function fault(id: string): Promise<Response> {
  switch (hasFaults ? id.at(-1) : undefined) {
    case "g":
      // Not 429, which slows the whole host.
      return new Response("broken", { status: 500 });
    case "m":
      // Ends the connection in the middle of the body.
      return new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(encoder.encode("rid"));
            controller.close();
          },
        }),
        { headers: { "content-length": "1000" } },
      );
    case "r":
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      break;
  }
  return new Response("later", { status: 503 });
}

const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
  if (new URL(request.url).pathname === "/counts") {
    return new Response([...counts].map(([id, times]) => `${id} ${times}\n`).join(""));
  }
  const id = request.headers.get("postrider-task") ?? "";
  if (isFussy(id) && !refused.has(id)) {
    refused.add(id);
    return await fault(id);
  }
  count(id);
  return new Response("ridden");
});

const smtp = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const encoder = new TextEncoder();

/** Takes every mail, and counts it by its Message-ID once its final dot has come. */
async function take(conn: Deno.TcpConn): Promise<void> {
  const decoder = new TextDecoder("latin1");
  const buffer = new Uint8Array(64 * 1_024);
  let rest = "";
  let inMail = false;
  await conn.write(encoder.encode("220 ledger ESMTP\r\n"));
  for (let got = await conn.read(buffer); got !== null; got = await conn.read(buffer)) {
    rest += decoder.decode(buffer.subarray(0, got));
    let answers = "";
    for (;;) {
      const mark = inMail ? "\r\n.\r\n" : "\r\n";
      const at = rest.indexOf(mark);
      if (at < 0) break;
      const text = rest.slice(0, at);
      rest = rest.slice(at + mark.length);
      if (inMail) {
        inMail = false;
        const id = /^message-id: <(tsk_\w+)@/im.exec(text)?.[1] ?? "";
        if (hasFaults && isFussy(id) && !refused.has(id)) {
          refused.add(id);
          answers += "451 4.3.0 Later\r\n";
        } else {
          count(id);
          answers += "250 2.0.0 Ok: queued as LEDGER\r\n";
        }
      } else if (/^EHLO/i.test(text)) answers += "250-ledger\r\n250 PIPELINING\r\n";
      else if (/^DATA/i.test(text)) {
        inMail = true;
        answers += "354 go on\r\n";
      } else answers += /^QUIT/i.test(text) ? "221 bye\r\n" : "250 2.0.0 Ok\r\n";
    }
    if (answers) await conn.write(encoder.encode(answers));
  }
}

Deno.stdout.writeSync(
  encoder.encode(JSON.stringify({ http: http.addr.port, smtp: smtp.addr.port }) + "\n"),
);
for await (const conn of smtp) take(conn).catch(() => {}).finally(() => conn.close());
