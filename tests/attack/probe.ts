/**
 * Loaded before a service under attack: measures what its main thread does in
 * one turn of the event loop, in CPU time, which other programs do not lengthen.
 * SIGUSR1 has it print the longest turn since the last signal, without the time
 * in `JSON.parse` of long texts, and the longest such parse.
 *
 * @module
 */

const schedstat = Deno.openSync(`/proc/self/task/${Deno.pid}/schedstat`);
const buffer = new Uint8Array(64);

/** CPU time of the main thread, in milliseconds. */
function cpuMs(): number {
  schedstat.seekSync(0, Deno.SeekMode.Start);
  const length = schedstat.readSync(buffer) ?? 0;
  return Number(new TextDecoder().decode(buffer.subarray(0, length)).split(" ")[0]) / 1e6;
}

let last = cpuMs();
let longest = 0;
let parsing = 0;
let longestParse = 0;
let asked = 0;

/** `JSON.parse` of a longer text is measured by itself, in characters. */
const LONG = 65_536;
const parse = JSON.parse;
JSON.parse = (text, reviver) => {
  if (String(text).length < LONG) return parse(text, reviver);
  const from = cpuMs();
  try {
    return parse(text, reviver);
  } finally {
    const took = cpuMs() - from;
    parsing += took;
    longestParse = Math.max(longestParse, took);
  }
};

function turn(): void {
  const next = cpuMs();
  longest = Math.max(longest, next - last - parsing);
  parsing = 0;
  last = next;
  Deno.unrefTimer(setTimeout(turn, 1));
}

turn();
Deno.addSignalListener("SIGUSR1", () => {
  const line = `longest turn ${++asked}: ${longest.toFixed(1)} ms, parse ${
    longestParse.toFixed(1)
  }`;
  Deno.stderr.writeSync(new TextEncoder().encode(`${line} ms\n`));
  longest = longestParse = 0;
});
