// One live stream for all tabs of the dashboard: browsers allow six connections to a host
// over HTTP/1.1, and each tab would take one for itself.

/** By URL: the stream, the tabs that follow it, and its last pulse. */
const streams = new Map();

function join(port, url) {
  let stream = streams.get(url);
  if (!stream) {
    stream = { source: new EventSource(url), ports: new Set(), last: undefined };
    streams.set(url, stream);
    const tell = (message) => {
      for (const port of stream.ports) port.postMessage(message);
    };
    stream.source.addEventListener("pulse", ({ data }) => {
      stream.last = data;
      tell({ type: "pulse", data });
    });
    stream.source.addEventListener("error", () => {
      const isClosed = stream.source.readyState === EventSource.CLOSED;
      stream.last = undefined;
      if (isClosed) streams.delete(url);
      tell({ type: "error", isClosed });
    });
  }
  stream.ports.add(port);
  if (stream.last !== undefined) port.postMessage({ type: "pulse", data: stream.last });
}

function leave(port) {
  for (const [url, { source, ports }] of streams) {
    ports.delete(port);
    if (ports.size > 0) continue;
    source.close();
    streams.delete(url);
  }
}

globalThis.addEventListener("connect", ({ ports: [port] }) => {
  port.onmessage = ({ data }) => data.follow ? join(port, data.follow) : leave(port);
});
