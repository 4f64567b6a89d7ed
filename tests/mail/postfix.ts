/**
 * Debian's Postfix for one test: with settings, queue and port of its own, TLS
 * and a login. It delivers to maildirs.
 *
 * @module
 */

import type { TestIdentity } from "../channels/support/tls_relay.ts";

/** A running Postfix. */
export interface Postfix extends AsyncDisposable {
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  /** Waits until a mailbox has `count` mails, and returns the paths of their files. */
  mails(box: string, count: number): Promise<string[]>;
  /** Its log. */
  log(): Promise<string>;
}

/** The login that it accepts. */
export const LOGIN = { user: "ada", pass: "p@ss:word" } as const;

const SERVICES = [
  "pickup unix n - n 60 1 pickup",
  "cleanup unix n - n - 0 cleanup",
  "qmgr unix n - n 300 1 qmgr",
  "tlsmgr unix - - n 1000? 1 tlsmgr",
  "rewrite unix - - n - - trivial-rewrite",
  "bounce unix - - n - 0 bounce",
  "defer unix - - n - 0 bounce",
  "trace unix - - n - 0 bounce",
  "proxymap unix - - n - - proxymap",
  "error unix - - n - - error",
  "retry unix - - n - - error",
  "discard unix - - n - - discard",
  "virtual unix - n n - - virtual",
  "anvil unix - - n - 1 anvil",
  "postlog unix-dgram n - n - 1 postlogd",
];

/** Starts one for these mailboxes: `address` -> name of its maildir. */
export async function openPostfix(
  identity: TestIdentity,
  boxes: Readonly<Record<string, string>>,
): Promise<Postfix> {
  const folder = await Deno.makeTempDir({ prefix: "postfix_" });
  await Deno.chmod(folder, 0o755);
  const port = freePort();
  const mail = `${folder}/mail`;
  for (const name of ["etc", "spool", "lib", "mail"]) await Deno.mkdir(`${folder}/${name}`);
  await run("chown", "nobody", mail);
  await run("chown", "postfix", `${folder}/lib`);
  const domains = new Set(Object.keys(boxes).map((address) => address.split("@")[1]));
  const settings = {
    compatibility_level: "3.6",
    queue_directory: `${folder}/spool`,
    data_directory: `${folder}/lib`,
    maillog_file: `${folder}/log`,
    maillog_file_prefixes: folder,
    myhostname: "relay.example.net",
    mydestination: "",
    inet_interfaces: "127.0.0.1",
    inet_protocols: "ipv4",
    virtual_mailbox_domains: [...domains].join(" "),
    virtual_mailbox_base: mail,
    virtual_mailbox_maps: `texthash:${folder}/etc/boxes`,
    virtual_uid_maps: "static:65534",
    virtual_gid_maps: "static:65534",
    alias_maps: "",
    local_recipient_maps: "",
    smtpd_tls_cert_file: identity.certFile,
    smtpd_tls_key_file: identity.keyFile,
    smtpd_tls_security_level: "encrypt",
    smtpd_sasl_auth_enable: "yes",
    smtpd_sasl_path: "smtpd",
    smtpd_sasl_local_domain: "relay",
    cyrus_sasl_config_path: `${folder}/etc/sasl`,
    smtpd_recipient_restrictions: "permit_sasl_authenticated, reject",
    smtpd_relay_restrictions: "reject_unauth_destination",
    smtpd_reject_unlisted_recipient: "yes",
  };
  const lines = (list: readonly string[]) => `${list.join("\n")}\n`;
  await Deno.mkdir(`${folder}/etc/sasl`);
  await Deno.writeTextFile(
    `${folder}/etc/main.cf`,
    lines(Object.entries(settings).map(([name, value]) => `${name} = ${value}`)),
  );
  await Deno.writeTextFile(
    `${folder}/etc/master.cf`,
    lines([`127.0.0.1:${port} inet n - n - - smtpd`, ...SERVICES]),
  );
  await Deno.writeTextFile(
    `${folder}/etc/boxes`,
    lines(Object.entries(boxes).map(([address, name]) => `${address} ${name}/`)),
  );
  await Deno.writeTextFile(
    `${folder}/etc/sasl/smtpd.conf`,
    lines([
      "pwcheck_method: auxprop",
      "auxprop_plugin: sasldb",
      `sasldb_path: ${folder}/etc/sasldb2`,
      "mech_list: PLAIN LOGIN",
    ]),
  );
  await run(
    "sh",
    "-c",
    `printf %s '${LOGIN.pass}' | saslpasswd2 -p -c -f "$0" -u relay ${LOGIN.user}`,
    `${folder}/etc/sasldb2`,
  );
  await run("chown", "postfix", `${folder}/etc/sasldb2`);
  await run("postfix", "-c", `${folder}/etc`, "start");
  await listens(port);
  return {
    port,
    log: () => Deno.readTextFile(`${folder}/log`),
    async mails(box, count) {
      for (;;) {
        const files = await filesOf(`${mail}/${box}/new`);
        if (files.length >= count) return files;
        await pause();
      }
    },
    async [Symbol.asyncDispose]() {
      await run("postfix", "-c", `${folder}/etc`, "stop");
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function filesOf(folder: string): Promise<string[]> {
  try {
    const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
    return names.sort().map((name) => `${folder}/${name}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Polls: another program gives no signal when it is done. */
async function listens(port: number): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await pause();
    }
  }
  throw new Error("Postfix does not listen");
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, {
    args,
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) {
    throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  }
}
