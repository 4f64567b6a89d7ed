/**
 * F5 to F8, F10 and F18: responses, headers and pages in each of their forms, and faults after
 * a redirect.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { freePort } from "../../support/proxies.ts";
import { type Any, brief, type Case, waitOf, type World } from "./world.ts";

const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
const HINTS = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";

function interim(input: string, interim: string, more: object = {}, method = "POST"): Case {
  return {
    id: "F5",
    input: `${method}: ${input}`,
    expected: "succeeded, attempt 1, ok, 1 sent",
    async run({ serve, fetch }) {
      const server = serve(() => ({ interim, body: "ok", ...more }));
      const task = await fetch({ url: `${server.url}/`, method, retry: "100ms" });
      const { attempt, result } = task;
      return brief(task, `attempt ${attempt}`, result?.body, `${server.heads.length} sent`);
    },
  };
}

const INTERIM: readonly Case[] = [
  interim("100 Continue, then 200", CONTINUE),
  interim("100 Continue, then 200", CONTINUE, {}, "GET"),
  interim("100 twice", CONTINUE + CONTINUE),
  interim("100 with a header and no reason", "HTTP/1.1 100 \r\nX-A: b\r\n\r\n"),
  interim("102, 103 and 100", `HTTP/1.1 102 Processing\r\n\r\n${HINTS}${CONTINUE}`),
  {
    id: "F5",
    input: "101 Switching Protocols, unasked",
    expected: "failed, not_delivered, bad_response",
    async run({ serve, fetch }) {
      const raw = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nok";
      const { url } = serve(() => ({ raw }));
      return brief(await fetch({ url: `${url}/`, retry: 0 }));
    },
  },
  interim("100, byte by byte", CONTINUE, { dripped: true }),
  interim("100, and a body that ends with the connection", CONTINUE, { untilClose: true }, "PUT"),
];

/** `to` with `HOST` for the host of the server. */
function location(input: string, to: string | Uint8Array, seen: string): Case {
  return {
    id: "F6",
    input: `Location: ${input}`,
    expected: `succeeded, ${seen}`,
    async run({ serve, fetch }) {
      const server = serve((_, path) => {
        const text = typeof to === "string" ? Buffer.from(to) : to;
        const header = Buffer.from(text).toString("latin1");
        const host = server.url.replace("http://", "");
        return path === "/a/b"
          ? { status: "302 Found", headers: { location: header.replace("HOST", host) } }
          : { body: path };
      });
      const task = await fetch({ url: `${server.url}/a/b` });
      return brief(task, task.result?.body);
    },
  };
}

const LOCATIONS: readonly Case[] = [
  location("/café", "/café", "/caf%C3%A9"),
  location("/é in Latin-1", Uint8Array.of(0x2f, 0xe9), "/%E9"),
  location("/x?q=ü&p=%C3%BC", "/x?q=ü&p=%C3%BC", "/x?q=%C3%BC&p=%C3%BC"),
  location("http://HOST/日本", "http://HOST/日本", "/%E6%97%A5%E6%9C%AC"),
  location("//HOST/ß", "//HOST/ß", "/%C3%9F"),
  location("../é", "../é", "/%C3%A9"),
  location("?é", "?é", "/a/b?%C3%A9"),
  location("/a b#ü", "/a b#ü", "/a%20b"),
  {
    id: "F6",
    input: "Set-Cookie in UTF-8 with a redirect",
    expected: "succeeded, cookie: a=é€",
    async run({ serve, fetch }) {
      const server = serve((_, path) =>
        path === "/"
          ? { status: "302 Found", headers: { "set-cookie": "a=é€", location: "/b" } }
          : { body: "ok" }
      );
      const task = await fetch({ url: `${server.url}/` });
      return brief(task, /^cookie: .*$/im.exec(server.heads[1] ?? "")?.[0]);
    },
  },
  location("/b?", "/b?", "/b?"),
  location("/a%2Fb%e9", "/a%2Fb%e9", "/a%2Fb%e9"),
];

function named(disposition: string | Uint8Array, name: string, input = String(disposition)): Case {
  return {
    id: "F7",
    input,
    expected: `succeeded, ${name}`,
    async run({ serve, fetch }) {
      const head = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Disposition: attachment; ";
      const raw = Buffer.concat([
        Buffer.from(head),
        Buffer.from(disposition),
        Buffer.from("\r\n\r\nx"),
      ]);
      const { url } = serve(() => ({ raw }));
      const task = await fetch({ url: `${url}/x`, save: true });
      return brief(task, task.result?.saved?.name);
    },
  };
}

const NAMES: readonly Case[] = [
  {
    id: "F7",
    input: "save of a follow-up, filled with ../../escaped",
    expected: "succeeded, _.._escaped",
    async run({ serve, fetch, api }) {
      const { url } = serve(() => ({ body: "../../escaped" }));
      const save = "{{task.result.body}}";
      const { id } = await fetch({
        url: `${url}/`,
        onSuccess: { fetch: { url: `${url}/x`, save } },
      });
      let child: string | undefined;
      while (child === undefined) {
        child = (await api.call<Any>(`/tasks?parent=${id}`)).body.data[0]?.id;
      }
      const task: Any = await api.final(child);
      return brief(task, task.result?.saved?.name);
    },
  },
  named('filename="Prüfbericht.pdf"', "Prüfbericht.pdf"),
  named("filename=My Report.pdf", "My Report.pdf"),
  named(`filename*="UTF-8''Pr%C3%BCf.pdf"`, "Prüf.pdf"),
  named("filename*=ISO-8859-1''Pr%FCf.pdf", "Prüf.pdf"),
  named('name="x; filename=evil.txt"; filename=good.txt', "good.txt"),
  named(Buffer.from('filename="Pr\xfcf.pdf"', "latin1"), "Prüf.pdf", "filename in Latin-1"),
  named("filename=報告 1.pdf", "報告 1.pdf"),
  named(`filename*=utf-8'de'Pr%C3%BCf%20%281%29.pdf; filename="x.pdf"`, "Prüf (1).pdf"),
  named("FileName = a.pdf", "a.pdf"),
  named('filename="a\\"b.txt"', "a_b.txt"),
  named('filename="../../etc/passwd"', "passwd"),
  named('filename="C:\\\\dir\\\\a.txt"', "a.txt"),
  named("filename='quoted.pdf'", "'quoted.pdf'"),
  named('filename="a;b.txt"; size=5', "a;b.txt"),
  named("filename=a.pdf;", "a.pdf"),
  named('filename=""', "x"),
  named('filename="=?UTF-8?Q?Pr=C3=BCf.pdf?="', "Prüf.pdf"),
];

function held(header: string, seconds: number | "not held", status = 429): Case {
  return {
    id: "F8",
    input: status === 429 ? header : `${status}, ${header}`,
    expected: seconds === "not held" ? seconds : `held about ${seconds} s`,
    async run({ serve, deferred, api }) {
      const { url } = serve(() => {
        const date = new Date(Date.now() + 30_000).toUTCString();
        const [day, number, month, year, time] = date.replace(",", "").split(" ");
        const asctime = `${day} ${month} ${number?.replace(/^0/, " ")} ${time} ${year}`;
        const text = header.replace("IMF", date).replace("ASCTIME", asctime)
          .replace("EPOCH", String(Math.floor(Date.now() / 1_000) + 30));
        const headers = Object.fromEntries(text.split(" + ").map((line) => line.split(": ")));
        return { status: `${status} Later`, headers };
      });
      const task = await deferred({ url: `${url}/`, retry: "100ms*3" });
      await fetch(`${api.url}/tasks/${task.id}`, { method: "DELETE" }).then((one) => one.text());
      const wait = waitOf(task);
      if (wait < 2) return "not held";
      const is = typeof seconds === "number" && wait >= seconds - 2 && wait <= seconds * 1.3;
      return `held about ${is ? seconds : wait} s`;
    },
  };
}

const RATES: readonly Case[] = [
  held("Retry-After: 30.0", 30),
  held("Retry-After: 8.5", 8.5),
  held("Retry-After: ASCTIME", 30),
  held("Retry-After: IMF", 30, 503),
  held("Retry-After: 30, 20", 30),
  held("Retry-After: +30", "not held"),
  held("Retry-After: soon", "not held"),
  held("RateLimit: limit=100, remaining=0, reset=30", 30),
  held('RateLimit: "burst";r=9;t=5, "day";r=0;t=30', 30),
  held('RateLimit: "day";t=30;r=0', 30),
  held("RateLimit: reset=30, remaining=0", 30),
  held("RateLimit: limit=100, remaining=5, reset=30", "not held"),
  held("X-RateLimit-Remaining: 0 + X-RateLimit-Reset: EPOCH", 30),
  held("RateLimit-Remaining: 0 + RateLimit-Reset: 30", 30),
  held("X-Rate-Limit-Remaining: 0 + X-Rate-Limit-Reset-After: 30.000", 30),
];

const RSS = "<rss><channel><item><title><![CDATA[A & B]]></title><link>http://a/1</link></item>" +
  "</channel></rss>";
const FEED = '<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><entry>' +
  '<title type="html">A &amp;amp; B</title><link href="http://a/1"/></entry></feed>';

function extracted(selector: string, body: string, expected: string, type = "text/html"): Case {
  return {
    id: "F10",
    input: `${selector} in ${body.length > 30 ? type : body}`,
    expected: `succeeded, ${expected}`,
    async run({ serve, fetch }) {
      const { url } = serve(() => ({ headers: { "content-type": type }, body }));
      const task = await fetch({ url: `${url}/`, extract: { css: { x: selector } } });
      return brief(task, JSON.stringify(task.result?.extracted?.css?.x));
    },
  };
}

const refused = (selector: string, name: string): Case => ({
  id: "F10",
  input: `${selector} when it is submitted`,
  expected: `422 /extract/css/x ${name} is not supported`,
  async run({ submit, echo }) {
    const { status, errors } = await submit("/fetch", {
      url: echo,
      extract: { css: { x: selector } },
    });
    const [{ pointer, detail }] = errors;
    return `${status} ${pointer} ${/\S+ is not supported/.exec(detail)}`;
  },
});

const PAGES: readonly Case[] = [
  extracted("item title", RSS, '["A & B"]', "application/rss+xml"),
  extracted("item link", RSS, '["http://a/1"]', "text/xml"),
  extracted("item link", `<?xml version="1.0"?>${RSS}`, '["http://a/1"]', "text/plain"),
  extracted("entry > title", FEED, '["A &amp; B"]', "application/atom+xml"),
  extracted("link@href", FEED, '["http://a/1"]', "application/atom+xml"),
  refused("h1:first", ":first"),
  refused("p:eq(2)", ":eq"),
  refused("a::before", "::before"),
  extracted("a@HREF", '<a href="/x">y</a>', '["/x"]'),
  extracted("A@href", '<a HREF="/x">y</a>', '["/x"]'),
  extracted("h1", "<h1>One<br>Two</h1>", '["One Two"]'),
  extracted("tr", "<table><tr><td>1<td>2</table>", '["1 2"]'),
  extracted(
    "t",
    '<?xml version="1.0" encoding="iso-8859-1"?><t>a &lt; b</t>',
    '["a < b"]',
    "text/xml",
  ),
  extracted(
    "entry id",
    `\ufeff${FEED.replace("<title", "<ID>n</ID><id>y</id><title")}`,
    '["y"]',
    "text/xml",
  ),
  extracted(
    "dc\\:date",
    '<r xmlns:dc="x"><dc:date>1</dc:date><date>2</date></r>',
    '["1"]',
    "text/xml",
  ),
  extracted("p", "<p>caf&eacute; &amp; co</p>", '["café & co"]'),
  refused("p:contains(x)", ":contains"),
  refused("li:gt(1)", ":gt"),
  extracted("div", "<div><p>a</p><p>b</p></div>", '["a b"]'),
  extracted("p", "<p>a<b>b</b>&nbsp;c</p>", '["ab c"]'),
];

const REDIRECTED: readonly Case[] = [
  {
    id: "F18",
    input: "eleven redirects of A to a closed port, then /fine of A",
    expected: "eleven failed, each naming the closed port; /fine succeeded, attempt 1",
    async run({ serve, submit, fetch, api }) {
      const closed = freePort();
      const { url } = serve((_, path) =>
        path.startsWith("/away")
          ? { status: "302 Found", headers: { location: `http://127.0.0.1:${closed}/` } }
          : { body: "fine" }
      );
      const urls = Array.from({ length: 11 }, (_, at) => `${url}/away${at}`);
      const { id } = await submit("/fetch", { urls, retry: 0 });
      await api.call(`/batches/${id}?wait=30s`);
      const { body: { data } } = await api.call<Any>(`/tasks?batch=${id}`);
      const named = data.filter(({ state, error }: Any) =>
        state === "failed" && error.detail.includes(`127.0.0.1:${closed}, after a redirect`)
      );
      const fine = await fetch({ url: `${url}/fine`, expires: "10s" });
      const count = named.length === 11 ? "eleven" : named.length;
      return `${count} failed, each naming the closed port; /fine ${brief(fine)}, ` +
        `attempt ${fine.attempt}`;
    },
  },
  {
    id: "F18",
    input: "429 with Retry-After of B after a redirect of A, then /fine of A",
    expected: "succeeded",
    async run({ serve, deferred, fetch }: World) {
      const other = serve(() => ({
        status: "429 Too Many Requests",
        headers: { "retry-after": "60" },
      }));
      const { url } = serve((_, path) =>
        path === "/away"
          ? { status: "302 Found", headers: { location: `${other.url}/` } }
          : { body: "fine" }
      );
      await deferred({ url: `${url}/away` });
      return brief(await fetch({ url: `${url}/fine`, expires: "10s" }));
    },
  },
];

/** Rows of F5, F6, F7, F8, F10 and F18. */
export const FORMS: readonly Case[] = [
  ...INTERIM,
  ...LOCATIONS,
  ...NAMES,
  ...RATES,
  ...PAGES,
  ...REDIRECTED,
];
