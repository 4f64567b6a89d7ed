// Made of src/client.ts by `deno task client`. Runs in Node 20, Deno, Bun and browsers.
/**
 * A client of Postrider's API, for programs in TypeScript or JavaScript.
 *
 * ```ts
 * import { openClient } from "@postrider/postrider/client";
 *
 * const postrider = openClient({ url: "http://127.0.0.1:8000" });
 * const task = await postrider.notify({ to: "ada@example.org", subject: "Hello", text: "It works." });
 * const final = await postrider.wait(task.id);
 * ```
 *
 * @module
 */
/** The service refused a call, or could not be reached; the message says why. */
export class PostriderError extends Error {
    /** `PostriderError`. */
    name = "PostriderError";
    /** The service's answer. */
    problem;
    /** Wraps the service's answer; `cause` is the fault when there was none. */
    constructor(problem, options) {
        super(problem.detail ?? problem.title, options);
        this.problem = problem;
    }
    /**
     * For programs: `invalid`, `not_found`, `queue_full` …; `unreachable` when there was no answer,
     * `unexpected_response` when it was no JSON.
     */
    get code() {
        return this.problem.code;
    }
}
const DEFAULT_URL = "http://127.0.0.1:8000";
/** How long one call waits; then it is repeated. Proxies often end a call after 60 s. */
const WAIT = "wait=50s";
/** What a proxy answers when a call took too long for it. */
const GATEWAY_TIMEOUTS = new Set([502, 504]);
/** Such answers in a row after which waiting is given up. */
const MAX_GATEWAY_TIMEOUTS = 5;
/** Opens a client; nothing is called before the first call. */
export function openClient(options = {}) {
    const base = (options.url ?? DEFAULT_URL).replace(/\/+$/, "");
    const send = options.fetch ?? fetch;
    async function call(method, path, { idempotencyKey, signal } = {}, body) {
        const init = {
            method,
            headers: {
                ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
                ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
                ...(body === undefined ? {} : { "content-type": "application/json" }),
            },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
            ...(signal ? { signal } : {}),
        };
        const response = await send(base + path, init).catch((error) => {
            signal?.throwIfAborted();
            throw unreachable(base, error);
        });
        if (!response.ok)
            throw new PostriderError(await problemOf(response));
        return response;
    }
    async function json(...args) {
        const response = await call(...args);
        try {
            return await response.json();
        }
        catch (error) {
            args[2]?.signal?.throwIfAborted();
            throw error instanceof SyntaxError
                ? unexpected(base, response, error)
                : unreachable(base, error);
        }
    }
    async function* lines(path, options) {
        const { signal } = options;
        const reader = (await call("GET", path, options)).body?.getReader();
        const decoder = new TextDecoder();
        // Some runtimes leave a pending read alone when the signal aborts.
        const stop = () => void reader?.cancel().catch(() => { });
        signal?.addEventListener("abort", stop);
        let rest = "";
        try {
            signal?.throwIfAborted();
            for (;;) {
                const read = reader?.read().catch((error) => {
                    signal?.throwIfAborted();
                    throw unreachable(base, error);
                });
                const { done, value } = await read ?? { done: true, value: undefined };
                signal?.throwIfAborted();
                if (done)
                    return;
                const whole = (rest + decoder.decode(value, { stream: true })).split("\n");
                rest = whole.pop() ?? "";
                yield* whole;
            }
        }
        finally {
            signal?.removeEventListener("abort", stop);
            stop();
        }
    }
    return {
        notify: (request, options) => json("POST", "/notify", options, request),
        notifyMany: (request, options) => json("POST", "/notify", options, request),
        fetch: (request, options) => json("POST", "/fetch", options, request),
        fetchMany: (request, options) => json("POST", "/fetch", options, request),
        task: (id, options) => json("GET", `/tasks/${encodeURIComponent(id)}`, options),
        async wait(id, options) {
            const path = `/tasks/${encodeURIComponent(id)}?${WAIT}`;
            for (let timeouts = 0;;) {
                try {
                    const task = await json("GET", path, options);
                    if (task.finishedAt !== undefined)
                        return task;
                    timeouts = 0;
                }
                catch (error) {
                    const isTimeout = error instanceof PostriderError &&
                        GATEWAY_TIMEOUTS.has(error.problem.status);
                    if (!isTimeout || ++timeouts === MAX_GATEWAY_TIMEOUTS)
                        throw error;
                }
            }
        },
        tasks: (filter = {}, options) => json("GET", `/tasks${queryOf(filter)}`, options),
        cancel: (id, options) => json("DELETE", `/tasks/${encodeURIComponent(id)}`, options),
        cancelAll: (filter, options) => json("DELETE", `/tasks${queryOf(filter)}`, options),
        retry: (id, options) => json("POST", `/tasks/${encodeURIComponent(id)}/retry`, options),
        retryAll: (filter, options) => json("POST", `/tasks/retry${queryOf(filter)}`, options),
        erase: (id, options) => json("DELETE", `/tasks/${encodeURIComponent(id)}?erase=true`, options),
        pause: (pause, options) => json("POST", "/pauses", options, pause),
        async pauses(options) {
            const { data } = await json("GET", "/pauses", options);
            return data;
        },
        resume: (id, options) => json("DELETE", `/pauses/${encodeURIComponent(id)}`, options),
        async releaseHolds(host, options) {
            const query = new URLSearchParams({ host });
            const { released } = await json("POST", `/holds/release?${query}`, options);
            return released;
        },
        run: (id, options) => json("POST", `/tasks/${encodeURIComponent(id)}/run`, options),
        body: (id, options) => call("GET", `/tasks/${encodeURIComponent(id)}/body`, options),
        batch: (id, options) => json("GET", `/batches/${encodeURIComponent(id)}`, options),
        async *results(id, options = {}) {
            for await (const line of lines(`/batches/${encodeURIComponent(id)}/results`, options)) {
                if (line !== "")
                    yield JSON.parse(line);
            }
        },
        async *events(id, options = {}) {
            const path = id === undefined ? "/events" : `/tasks/${encodeURIComponent(id)}/events`;
            for await (const line of lines(path, options)) {
                if (line.startsWith("data: "))
                    yield JSON.parse(line.slice(6));
            }
        },
        status: (options) => json("GET", "/status", options),
    };
}
function unreachable(url, cause) {
    const title = "Service unreachable";
    const detail = `Cannot reach ${url}: ${reasonOf(cause)}`;
    const problem = { type: "about:blank", title, status: 0, detail, code: "unreachable" };
    return new PostriderError({ ...problem, requestId: "" }, { cause });
}
/** The error for a response that is no JSON: something else answers at this URL. */
function unexpected(url, { status, headers }, cause) {
    const type = headers.get("content-type") ?? "no content type";
    const title = "Unexpected response";
    const detail = `Cannot read the response of ${url}: expected JSON from Postrider, got ${type}`;
    const problem = { type: "about:blank", title, status, detail, code: "unexpected_response" };
    return new PostriderError({ ...problem, requestId: "" }, { cause });
}
/** The messages and codes of an error and its causes: runtimes hide the reason in a cause. */
function reasonOf(error) {
    const reasons = [];
    let at = error;
    while (at instanceof Error && reasons.length < 5) {
        const { code } = at;
        const message = at.message || at.name;
        const isNamed = typeof code !== "string" || message.includes(code);
        reasons.push(isNamed ? message : `${message} (${code})`);
        // Node tries several addresses of a name, and keeps an error for each.
        at = at instanceof AggregateError ? at.errors[0] : at.cause;
    }
    return reasons.length > 0 ? [...new Set(reasons)].join(": ") : String(error);
}
function queryOf(fields) {
    const given = Object.entries(fields).filter(([, value]) => value !== undefined);
    const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    return query.size === 0 ? "" : `?${query}`;
}
/** A proxy in front of the service may answer with something other than a problem. */
async function problemOf(response) {
    const text = await response.text();
    try {
        const problem = JSON.parse(text);
        if (typeof problem.code === "string")
            return problem;
    }
    catch {
        // Not JSON.
    }
    const { status, statusText } = response;
    return { type: "about:blank", title: statusText, status, code: `http_${status}`, requestId: "" };
}
