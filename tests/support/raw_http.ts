/**
 * HTTP/1.1 by hand, for requests that no client would send.
 *
 * @module
 */

/** A response as it came over the wire. */
export interface RawResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** Sends the head of a request and reads the response until the server closes the connection. */
export async function rawRequest(
  port: number,
  ...lines: readonly string[]
): Promise<RawResponse> {
  const socket = await Deno.connect({ hostname: "127.0.0.1", port });
  const head = [...lines, "Connection: close", "", ""].join("\r\n");
  await socket.write(new TextEncoder().encode(head));
  return parseResponse(await readAll(socket));
}

/** Reads a connection to its end, and closes it. */
export async function readAll(socket: Deno.Conn): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  let text = "";
  for (;;) {
    const count = await socket.read(buffer).catch(() => null);
    if (count === null) break;
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  socket.close();
  return text;
}

/** Splits a response into its parts. */
export function parseResponse(text: string): RawResponse {
  const at = text.indexOf("\r\n\r\n");
  const [statusLine = "", ...fields] = text.slice(0, at).split("\r\n");
  const pairs = fields.map((field): [string, string] => {
    const colon = field.indexOf(":");
    return [field.slice(0, colon), field.slice(colon + 1).trim()];
  });
  return {
    status: Number(statusLine.split(" ")[1]),
    headers: new Headers(pairs),
    body: text.slice(at + 4),
  };
}
