/**
 * A PostgreSQL cluster of a test's own: made by Debian's `initdb`, reached on
 * loopback, and deleted when the test's process ends.
 *
 * @module
 */

/** How a cluster is made. */
export interface ClusterOptions {
  /** Whether commits wait for the disk; without it a test is faster and survives no crash of the server. */
  readonly fsync?: boolean;
  /** Whether it speaks TLS, with a certificate for `localhost` of an authority of its own. */
  readonly tls?: boolean;
}

/** A running cluster. */
export interface Cluster extends AsyncDisposable {
  /** Where it listens on 127.0.0.1. */
  readonly port: number;
  /** The URL of a role that owns its own schemas and is no superuser. */
  url(options?: Readonly<Record<string, string>>): string;
  /** The server's first process. */
  readonly pid: number;
  /** The certificate of the authority, in PEM; empty without TLS. */
  readonly ca: string;
  /** Runs SQL as the superuser and returns what `psql -At` prints. */
  sql(text: string, database?: string): Promise<string>;
  /** Stops the server: `immediate` as a crash does, `fast` as an operator does. */
  stop(mode: "immediate" | "fast"): Promise<void>;
  /** Starts it again after a stop. */
  start(): Promise<void>;
}

const ROLE = "postrider";
const PASSWORD = "p@ss/w:rd";
const DATABASE = "postrider";

/** Whether Debian's server is installed. Throws in CI, where it must be. */
export function hasPostgres(): boolean {
  const isInstalled = binaries() !== undefined;
  if (!isInstalled && Deno.env.get("CI")) {
    throw new Error("Cannot test without PostgreSQL: expected apt-get install postgresql");
  }
  return isInstalled;
}

/** The folder of the newest server's programs. */
function binaries(): string | undefined {
  try {
    const versions = [...Deno.readDirSync("/usr/lib/postgresql")].map(({ name }) => Number(name));
    const newest = Math.max(...versions.filter((version) => version >= 14));
    return newest > 0 ? `/usr/lib/postgresql/${newest}/bin` : undefined;
  } catch {
    return undefined;
  }
}

/** Makes and starts a cluster. */
export async function openCluster(
  { fsync = false, tls = false }: ClusterOptions = {},
): Promise<Cluster> {
  const folder = await Deno.makeTempDir({ prefix: "postgres-" });
  const data = `${folder}/data`;
  const port = freePort();
  if (Deno.uid() === 0) await run("chown", ["postgres:postgres", folder]);
  await asOwner(
    "initdb",
    ["-D", data, "-A", "scram-sha-256", "-U", "postgres", "-N", "-E", "UTF8"]
      .concat("--locale=C", "--pwfile", await secret(folder)),
  );
  await Deno.writeTextFile(
    `${data}/postgresql.conf`,
    [
      `listen_addresses = '127.0.0.1'`,
      `port = ${port}`,
      `unix_socket_directories = '${folder}'`,
      `fsync = ${fsync ? "on" : "off"}`,
      `max_connections = 200`,
      // A cluster that is measured has the server's default.
      ...(fsync ? [] : [`shared_buffers = 64MB`]),
      ...(tls ? [`ssl = on`, `ssl_cert_file = 'server.crt'`, `ssl_key_file = 'server.key'`] : []),
      `log_min_messages = error`,
      `lc_messages = 'C'`,
    ].join("\n"),
    { append: true },
  );
  const ca = tls ? await certify(data) : "";
  const control = (args: string[]) => asOwner("pg_ctl", ["-D", data, "-s", "-w", ...args]);
  const start = () => control(["-l", `${folder}/log`, "start"]);
  const stop = (mode: string) => control(["-m", mode, "stop"]);
  const sql = async (text: string, database = DATABASE) =>
    await run(`${binaries()}/psql`, [
      "-h127.0.0.1",
      `-p${port}`,
      "-Upostgres",
      "-AtqX",
      "-vON_ERROR_STOP=1",
      "-c",
      text,
      database,
    ], { PGPASSWORD: PASSWORD });
  await start();
  await sql(`CREATE ROLE ${ROLE} LOGIN PASSWORD '${PASSWORD}'`, "postgres");
  await sql(`CREATE DATABASE ${DATABASE} OWNER ${ROLE}`, "postgres");
  return {
    port,
    get pid() {
      return Number(Deno.readTextFileSync(`${data}/postmaster.pid`).split("\n")[0]);
    },
    ca,
    url(options = {}) {
      const query = new URLSearchParams({ sslmode: "disable", ...options });
      return `postgres://${ROLE}:${
        encodeURIComponent(PASSWORD)
      }@127.0.0.1:${port}/${DATABASE}?${query}`;
    },
    sql,
    stop,
    start: async () => void await start(),
    async [Symbol.asyncDispose]() {
      await stop("immediate").catch(() => {});
      await Deno.remove(folder, { recursive: true });
    },
  };

  async function secret(folder: string): Promise<string> {
    await Deno.writeTextFile(`${folder}/password`, PASSWORD);
    return `${folder}/password`;
  }
}

/** `initdb` and the server refuse root. */
async function asOwner(program: string, args: string[]): Promise<void> {
  const path = `${binaries()}/${program}`;
  if (Deno.uid() !== 0) return void await run(path, args);
  const dropped = ["--reuid=postgres", "--regid=postgres", "--init-groups", path, ...args];
  await run("setpriv", dropped);
}

async function run(
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  // A server that inherits a pipe keeps it open: what it prints goes to its log.
  const quiet = args.includes("start");
  const output = await new Deno.Command(program, {
    args: [...args],
    env: { LC_ALL: "C", ...env },
    cwd: "/",
    stdin: "null",
    stdout: quiet ? "null" : "piped",
    stderr: quiet ? "null" : "piped",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (!output.success) {
    const why = quiet ? "" : `: ${text(output.stderr)}`;
    throw new Error(`${program} ${args.join(" ")} failed${why}`);
  }
  return quiet ? "" : text(output.stdout);
}

/** Makes an authority and the server's certificate; the authority's, in PEM. */
async function certify(data: string): Promise<string> {
  const file = (name: string) => `${data}/${name}`;
  const days = ["-days", "2"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await run(
    "openssl",
    ["req", "-x509", ...key, ...days, "-subj", "/CN=Test authority"]
      .concat("-keyout", file("ca.key"), "-out", file("ca.crt")),
  );
  await run(
    "openssl",
    ["req", ...key, "-subj", "/CN=localhost"]
      .concat("-keyout", file("server.key"), "-out", file("server.csr")),
  );
  await Deno.writeTextFile(file("san"), "subjectAltName=DNS:localhost");
  await run(
    "openssl",
    ["x509", "-req", ...days, "-in", file("server.csr"), "-CAcreateserial"]
      .concat("-CA", file("ca.crt"), "-CAkey", file("ca.key"), "-extfile", file("san"))
      .concat("-out", file("server.crt")),
  );
  await Deno.chmod(file("server.key"), 0o600);
  if (Deno.uid() === 0) await run("chown", ["postgres", file("server.key")]);
  return await Deno.readTextFile(file("ca.crt"));
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}
