/**
 * Tries to reach addresses that are not public: by their spelling, by a name
 * that resolves to them, and by a redirect. Connections are counted where they
 * would arrive.
 *
 * As root it runs in a network namespace of its own, where the private
 * addresses exist and lead to the same listeners, and in which names resolve to
 * them.
 *
 * @module
 */

import { openGuard } from "../../src/channels/guard/guard.ts";
import { type Finding, must } from "./report.ts";
import { openWorld } from "./world.ts";

/** Addresses that must not be reached; those of the namespace are given to its loopback. */
export const PRIVATE_V4 = [
  "127.0.0.1",
  "127.8.9.10",
  "10.1.2.3",
  "100.64.1.1",
  "169.254.169.254",
  "172.16.5.4",
  "192.168.1.1",
  "192.0.0.8",
  "198.18.0.7",
  "168.63.129.16",
];
const PRIVATE_V6 = ["::1", "fd12:3456::1", "fe80::1", "::ffff:127.0.0.1", "::ffff:a01:203"];

/** What `/etc/hosts` says in the namespace: each name has a trick. */
export const HOSTS = [
  "127.0.0.1 loop.attack-example.org",
  "10.1.2.3 ten.attack-example.org",
  "169.254.169.254 metadata.attack-example.org",
  "::1 six.attack-example.org",
  "::ffff:127.0.0.1 mapped.attack-example.org",
  "fd12:3456::1 local6.attack-example.org",
  "93.184.216.34 mixed.attack-example.org",
  "127.0.0.1 mixed.attack-example.org",
  "2606:2800:220:1::1 mixed6.attack-example.org",
  "::1 mixed6.attack-example.org",
  "0.0.0.0 zero.attack-example.org",
];

/** Runs it; `spellings` is how many are generated for the guard alone. */
export async function guard(
  { random, spellings, inNamespace }: {
    random: () => number;
    spellings: number;
    inNamespace: boolean;
  },
): Promise<Finding[]> {
  const connects: string[] = [];
  const listeners = [
    Deno.listen({ hostname: "0.0.0.0", port: 0 }),
    Deno.listen({ hostname: "::", port: 0 }),
  ];
  const counting = listeners.map(async (listener) => {
    for await (const conn of listener) {
      connects.push(`${(conn.localAddr as Deno.NetAddr).hostname} was reached`);
      conn.close();
    }
  });
  let redirectTo = "";
  const redirector = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(null, { status: 302, headers: { location: redirectTo } }),
  );
  const tried = { refused: 0, rejected: 0 };
  const wrong: string[] = [];
  {
    await using world = await openWorld({
      POSTRIDER_FETCH_ALLOW: `127.0.0.1:${redirector.addr.port}`,
    });
    const submit = async (path: string, body: Record<string, unknown>, what: string) => {
      const { status, body: answer } = await world.api.call<
        { id: string; errors?: { detail: string }[]; code?: string }
      >(path, { ...body, retry: 0 });
      if (status === 422) return void tried.refused++;
      if (status !== 202) return void wrong.push(`${what}: ${status}`);
      const final = await world.api.final(answer.id);
      if (final.state === "failed" && final.error?.code !== "internal") {
        return void tried.rejected++;
      }
      wrong.push(`${what}: ${final.state} ${final.error?.code}`);
    };
    for (const { addr } of listeners) {
      const { port } = addr as Deno.NetAddr;
      const urls = [
        ...PRIVATE_V4.flatMap((address) => spellingsOf(address)).map((host) =>
          `http://${host}:${port}/`
        ),
        ...PRIVATE_V6.map((address) => `http://[${address}]:${port}/`),
        ...["localhost", "LOCALHOST.", "a.localhost", "x.internal"].map((host) =>
          `http://${host}:${port}/`
        ),
        ...(inNamespace
          ? [...new Set(HOSTS.map((line) => line.split(" ")[1]))].map((host) =>
            `http://${host}:${port}/`
          )
          : []),
      ];
      for (const url of urls) {
        await submit("/fetch", { url, timeout: "5s" }, url);
        redirectTo = encodeURI(decodeURI(url));
        const from = `http://127.0.0.1:${redirector.addr.port}/`;
        await submit("/fetch", { url: from, redirects: 3, timeout: "5s" }, `a redirect to ${url}`);
        await submit(
          "/notify",
          { to: url.replace("http", "json"), title: "t", text: "t" },
          `json ${url}`,
        );
      }
    }
  }
  listeners.forEach((listener) => listener.close());
  await Promise.all(counting);
  await redirector.shutdown();
  return [
    must("connections to addresses that are not public", connects),
    must("requests that were neither refused nor failed", wrong),
    must(`wrong verdicts on ${spellings} generated spellings`, generated(spellings, random)),
    {
      name: "tried",
      value: `${tried.refused} refused, ${tried.rejected} failed` +
        (inNamespace ? ", in a namespace of its own" : ", on loopback alone (needs root for more)"),
      holds: true,
    },
  ];
}

/** Ways to write an IPv4 address that the URL standard understands. */
function spellingsOf(address: string): string[] {
  const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
  const whole = ((a * 256 + b) * 256 + c) * 256 + d;
  return [
    address,
    `${address}.`,
    String(whole),
    `0x${whole.toString(16)}`,
    `0${whole.toString(8)}`,
    `${a}.${(b * 256 + c) * 256 + d}`,
    `${a}.${b}.${c * 256 + d}`,
    `0x${a.toString(16)}.${b}.0${c.toString(8)}.${d}`,
    address.replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
    address.replaceAll(".", "。"),
    address.replace(/\d/g, (digit) => `%3${digit}`),
    `[::ffff:${address}]`,
  ];
}

/** Random addresses in random spellings, judged by their number alone. */
function generated(count: number, random: () => number): string[] {
  const judge = openGuard({ allow: [] });
  const wrong: string[] = [];
  for (let n = 0; n < count; n++) {
    const private4 = PRIVATE_V4[Math.floor(random() * PRIVATE_V4.length)] ?? "";
    const address = random() < 0.5
      ? private4
      : Array.from({ length: 4 }, () => Math.floor(random() * 256)).join(".");
    const spellings = spellingsOf(address).slice(0, -1);
    const url = URL.parse(`http://${spellings[Math.floor(random() * spellings.length)]}/`);
    const isRefused = !url || judge.refuseUrl(url) !== undefined;
    if (isRefused === isPublic(address)) wrong.push(`${url?.href} of ${address}`);
  }
  return wrong;
}

/** The ranges of the special-purpose registry, by number. */
function isPublic(address: string): boolean {
  const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
  if ([0, 10, 127].includes(a) || a >= 224) return false;
  if (a === 100 && b >= 64 && b < 128) return false;
  if (a === 169 && b === 254) return false;
  if (a === 172 && b >= 16 && b < 32) return false;
  if (a === 198 && (b === 18 || b === 19)) return false;
  if (a === 192 && b === 168) return false;
  if (a === 168 && b === 63 && c === 129 && d === 16) return false;
  return ![
    "192.0.0",
    "192.0.2",
    "192.31.196",
    "192.52.193",
    "192.88.99",
    "192.175.48",
    "198.51.100",
    "203.0.113",
  ].includes(`${a}.${b}.${c}`);
}
