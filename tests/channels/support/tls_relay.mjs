/**
 * A relay with STARTTLS, implicit TLS and a login, run by Node: Deno cannot
 * turn a server's socket into TLS. Prints its ports, then each mail, as JSON lines.
 *
 * node tls_relay.mjs KEY_FILE CERT_FILE
 */

import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import process from "node:process";
import { createServer as createTlsServer, TLSSocket } from "node:tls";

const [keyFile, certFile] = process.argv.slice(2);
const identity = { key: readFileSync(keyFile), cert: readFileSync(certFile) };
const LOGIN = Buffer.from("\0ada\0p@ss:word").toString("base64");

const tell = (said) => process.stdout.write(`${JSON.stringify(said)}\n`);

/** Speaks SMTP on a socket; `secure` when TLS already stands. */
function talk(socket, secure) {
  let text = "";
  let body;
  let mail = {};
  let user;
  const say = (line) => socket.write(`${line}\r\n`);
  const answer = (line) => {
    if (body !== undefined) {
      if (line !== ".") return body += `${line}\n`;
      tell({ ...mail, user, secure, body });
      body = undefined;
      return say("250 2.0.0 Ok: queued as TLS1");
    }
    const verb = line.slice(0, 4).toUpperCase();
    const address = /<(.*)>/.exec(line)?.[1];
    switch (verb) {
      case "EHLO":
        user = undefined;
        return say(`250-relay\r\n250-PIPELINING\r\n${secure ? "250 AUTH PLAIN" : "250 STARTTLS"}`);
      case "STAR":
        say("220 go on");
        return upgrade();
      case "AUTH":
        if (line !== `AUTH PLAIN ${LOGIN}`) return say("535 5.7.8 no");
        user = "ada";
        return say("235 welcome");
      case "MAIL":
        if (!secure) return say("530 5.7.0 TLS first");
        mail = { from: address, to: [] };
        return say("250 ok");
      case "RCPT":
        if (!mail.to) return say("503 MAIL FROM first");
        mail.to.push(address);
        return say("250 ok");
      case "DATA":
        if (!mail.to) return say("503 MAIL FROM first");
        body = "";
        return say("354 go on");
      case "QUIT":
        say("221 bye");
        return socket.end();
      default:
        return say("250 ok");
    }
  };
  const read = (chunk) => {
    text += chunk;
    for (let end = text.indexOf("\r\n"); end >= 0; end = text.indexOf("\r\n")) {
      const line = text.slice(0, end);
      text = text.slice(end + 2);
      answer(line);
    }
  };
  const upgrade = () => {
    socket.off("data", read);
    const inner = new TLSSocket(socket, { isServer: true, ...identity });
    talk.later(inner);
  };
  socket.on("error", () => {});
  socket.on("data", read);
  return say;
}

/** After STARTTLS there is no second greeting. */
talk.later = (socket) => talk(socket, true);

const plain = createServer((socket) => talk(socket, false)("220 relay ready"));
const secured = createTlsServer(identity, (socket) => talk(socket, true)("220 relay ready"));
secured.on("tlsClientError", () => {});
plain.listen(0, "127.0.0.1", () => {
  secured.listen(0, "127.0.0.1", () => {
    tell({ plain: plain.address().port, secured: secured.address().port });
  });
});
process.stdin.resume().on("end", () => process.exit());
