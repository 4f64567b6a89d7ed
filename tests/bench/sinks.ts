/**
 * The receivers of the bench: an HTTP server that responds 200, and a relay that
 * accepts every mail and keeps none. Both cost as little as possible.
 *
 *     deno run -A tests/bench/sinks.ts http
 *     deno run -A tests/bench/sinks.ts smtp
 *
 * @module
 */

const encoder = new TextEncoder();
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
Deno.stdout.writeSync(encoder.encode(JSON.stringify({ port: listener.addr.port }) + "\n"));

const OK = encoder.encode(
  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nridden",
);

/** Responds to each request as soon as its head has arrived. */
async function answerHttp(conn: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(16 * 1_024);
  let tail = "";
  for (let got = await conn.read(buffer); got !== null; got = await conn.read(buffer)) {
    const text = tail + String.fromCharCode(...buffer.subarray(0, got));
    const heads = text.split("\r\n\r\n");
    tail = heads.pop() ?? "";
    for (let n = 0; n < heads.length; n++) await conn.write(OK);
  }
}

/** Speaks the part of SMTP that a client needs, with pipelining. */
async function answerSmtp(conn: Deno.TcpConn): Promise<void> {
  const decoder = new TextDecoder("latin1");
  const buffer = new Uint8Array(64 * 1_024);
  const say = (text: string) => conn.write(encoder.encode(text));
  let rest = "";
  let inMail = false;
  await say("220 sink ESMTP\r\n");
  for (let got = await conn.read(buffer); got !== null; got = await conn.read(buffer)) {
    rest += decoder.decode(buffer.subarray(0, got));
    let answers = "";
    for (;;) {
      const mark = inMail ? "\r\n.\r\n" : "\r\n";
      const at = rest.indexOf(mark);
      if (at < 0) break;
      const line = rest.slice(0, at);
      rest = rest.slice(at + mark.length);
      if (inMail) {
        inMail = false;
        answers += "250 2.0.0 Ok: queued as SINK\r\n";
      } else if (/^EHLO/i.test(line)) {
        answers += "250-sink\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 SIZE 35882577\r\n";
      } else if (/^DATA/i.test(line)) {
        inMail = true;
        answers += "354 go on\r\n";
      } else answers += /^QUIT/i.test(line) ? "221 bye\r\n" : "250 2.0.0 Ok\r\n";
    }
    if (answers) await say(answers);
  }
}

const answer = Deno.args[0] === "smtp" ? answerSmtp : answerHttp;
for await (const conn of listener) {
  conn.setNoDelay(true);
  // A client that disconnects ends its own session only.
  answer(conn).catch(() => {}).finally(() => {
    try {
      conn.close();
    } catch {
      // It was closed already.
    }
  });
}
