/**
 * A small web site to fetch from: what the examples of the README and the manual call.
 *
 * @module
 */

import { crc32, deflateSync } from "node:zlib";

/** The running site. */
export interface Site extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
}

/** Starts it. */
export function openSite(port = 0): Site {
  const server = Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, answer);
  return {
    host: `127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** The number of pictures in the album. */
export const PICTURES = 50;

const POEM = `The rider leaves at dawn,

with letters in the bag,
and nobody asks him twice.
He comes when he has come.
`;

function answer(request: Request): Response {
  const { pathname, searchParams } = new URL(request.url);
  const [, kind = "", name = ""] = pathname.split("/");
  const number = Number(/\d+/.exec(name)?.[0] ?? 1);
  switch (kind) {
    case "":
      return page("A small site", ["/pages/1", "/pages/2", "/pages/3"]);
    case "pages":
      return page(`Page ${number}`, [`/pages/${number + 1}`]);
    case "poems":
      return new Response(POEM);
    case "texts":
      return new Response("lorem ipsum ".repeat(number * 50));
    case "feeds":
      return Response.json({ feed: number, items: [{ title: `News ${number}` }] });
    case "many":
      return new Response(`${number}\n`);
    case "album":
      return new Response(picture(number), { headers: { "content-type": "image/png" } });
    case "status":
      return new Response(null, { status: number });
    case "bytes":
      return zeros(request, number, Number(searchParams.get("cut") ?? Infinity));
    default:
      return new Response("Not found", { status: 404 });
  }
}

function page(title: string, links: readonly string[]): Response {
  const list = links.map((href) => `<li><a href="${href}">${href}</a>`).join("\n");
  const html =
    `<!doctype html>\n<title>${title}</title>\n<h1>${title}</h1>\n<ul>\n${list}\n</ul>\n`;
  return new Response(html, { headers: { "content-type": "text/html; charset=utf-8" } });
}

/** A PNG of 64 by 64 pixels in one colour, a different one for each number. */
function picture(number: number): Uint8Array<ArrayBuffer> {
  const rows = new Uint8Array(64 * (1 + 64 * 3));
  for (let at = 0; at < rows.length; at++) {
    if (at % 193 !== 0) rows[at] = (number * 37 + (at % 193) * (at % 3)) % 256;
  }
  const size = [0, 0, 0, 64];
  return new Uint8Array([
    ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    ...chunk("IHDR", new Uint8Array([...size, ...size, 8, 2, 0, 0, 0])),
    ...chunk("IDAT", deflateSync(rows)),
    ...chunk("IEND", new Uint8Array()),
  ]);
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = new Uint8Array([...new TextEncoder().encode(type), ...data]);
  const whole = new Uint8Array(8 + body.length);
  const view = new DataView(whole.buffer);
  view.setUint32(0, data.length);
  whole.set(body, 4);
  view.setUint32(4 + body.length, crc32(body));
  return whole;
}

/** `bytes` zero bytes, from the start of the range; the connection ends after `cut` of them. */
function zeros(request: Request, bytes: number, cut: number): Response {
  const [, start] = /^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "") ?? [];
  const from = Number(start ?? 0);
  const piece = new Uint8Array(65_536);
  let left = Math.min(bytes - from, cut);
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (left === 0) return controller.close();
      const next = piece.subarray(0, Math.min(left, piece.length));
      left -= next.length;
      controller.enqueue(next);
    },
  }, { highWaterMark: 0 });
  const headers = {
    etag: '"zeros"',
    "content-length": String(bytes - from),
    "accept-ranges": "bytes",
  };
  if (start === undefined) return new Response(body, { headers });
  const range = `bytes ${from}-${bytes - 1}/${bytes}`;
  return new Response(body, { status: 206, headers: { ...headers, "content-range": range } });
}
