/**
 * What somebody would try who has a run, an image or a connection, and what comes of it. `docs/security.md` has the same
 * list: the tests compare them.
 */
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import * as Http from "node:http"
import * as Net from "node:net"
import type { Engine, Json } from "../support/LocalEngine.js"
import { file, image, link, symlink, tar } from "../oci/Tar.js"
import type { FakeRegistry } from "../oci/FakeRegistry.js"

export interface Target {
  readonly engine: Engine
  readonly registry: FakeRegistry
  /** a file of the host that nobody in a box may see, and its content */
  readonly secret: { readonly path: string; readonly content: string }
}

export interface Attack {
  readonly name: string
  /** what comes of it, where the engine is root and where it is an ordinary user */
  readonly outcome: string
  readonly asUser?: string
  /** what came of it */
  readonly attempt: (target: Target) => Promise<string>
}

const outputOf = (operation: Json): string =>
  Buffer.from(
    operation.metadata.result.stdout.value,
    operation.metadata.result.stdout.encoding === "base64" ? "base64" : "latin1"
  ).toString("latin1")

/** A script in a box. What it prints is what came of it, unless the host's secret is in it. */
const inBox = (script: string, request: object = {}) => async ({ engine, secret }: Target): Promise<string> => {
  const operation = await engine.run({
    command: script,
    shell: true,
    disposable: true,
    env: { SECRET: secret.path, PORT: String(engine.port) },
    ...request
  })
  if (operation.status !== "SUCCESS") return `${operation.status}: ${operation.error}`
  const printed = outputOf(operation)
  return printed.includes(secret.content) ? "the host's secret was read" : printed.trim()
}

/** A script that tries, and says so when it got somewhere. */
const refused = (attempt: string): (target: Target) => Promise<string> =>
  inBox(`if ( ${attempt} ) >/dev/null 2>&1; then echo done; else echo refused; fi`)

/** A script that looks for the secret by some way. */
const unseen = (look: string): (target: Target) => Promise<string> =>
  inBox(`{ ${look} ; } 2>/dev/null; echo nothing seen`)

const box: ReadonlyArray<Attack> = [
  {
    name: "reads a file of the host by its path, or by links and `..` that lead out",
    outcome: "nothing seen",
    attempt: unseen("cat $SECRET /../../../..$SECRET; ln -s /../../..$SECRET /x; cat /x; ls $(dirname $SECRET)")
  },
  {
    name: "reads it through the roots, folders and descriptors of other processes",
    outcome: "nothing seen",
    attempt: unseen(
      "for p in /proc/[0-9]*; do cat $p/root$SECRET $p/cwd$SECRET; for f in $p/fd/*; do cat $f$SECRET; done; done"
    )
  },
  {
    name: "breaks out of a chroot of its own",
    outcome: "nothing seen",
    attempt: unseen(
      "mkdir -p /j/bin; cp /bin/busybox /j/bin/; exec 7</; " +
        "chroot /j /bin/busybox sh -c 'cd /proc/self/fd/7; cd ../../../../../..; chroot . /bin/cat '$SECRET; " +
        "cd /proc/1/root/../../..; cat .$SECRET"
    )
  },
  {
    name: "reads the environment of the engine",
    outcome: "nothing seen",
    attempt: unseen("cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep CONTREE_ATTACK")
  },
  { name: "mounts a file system", outcome: "refused", attempt: refused("mount -t tmpfs none /tmp") },
  {
    name: "takes away what hides parts of /proc and /sys",
    outcome: "refused",
    attempt: refused("umount /sys || umount /proc/kcore")
  },
  {
    name: "does so in a user namespace of its own",
    outcome: "refused",
    attempt: refused("unshare -Urm sh -c 'umount /sys || umount /proc/kcore || umount /proc'")
  },
  {
    name: "makes a device, to read the disk or the memory",
    outcome: "refused",
    attempt: refused("mknod /d b 254 0 || mknod /m c 1 1")
  },
  {
    name: "changes the kernel: /proc/sys, sysrq, the host name",
    outcome: "refused",
    attempt: refused("echo 1 > /proc/sys/vm/drop_caches || echo x > /proc/sys/kernel/hostname || hostname other")
  },
  {
    name: "gains power by a setuid program",
    outcome: "refused",
    attempt: refused("cp /bin/busybox /su && chmod 4755 /su && grep -q 'NoNewPrivs:.0' /proc/self/status")
  },
  {
    name: "signals processes of the host",
    outcome: "its own are dead",
    attempt: async (target) => {
      const status = await inBox("kill -9 -1; echo alive")(target)
      return status.startsWith("FAILED") || status === "alive" || status === "" ? "its own are dead" : status
    }
  },
  {
    name: "reaches the engine, or another service of the host, over the network",
    outcome: "refused",
    attempt: refused("nc -w 2 127.0.0.1 $PORT </dev/null")
  },
  {
    name: "changes the tools that the engine brings into the box",
    outcome: "refused",
    attempt: refused("echo x > /dev/.contree/busybox || rm /dev/.contree/busybox || mv /dev/.contree /dev/c")
  },
  {
    name: "removes and overwrites everything that it can reach",
    outcome: "the image is as it was",
    attempt: async ({ engine }) => {
      const before = await archiveOf(engine)
      await engine.run({ command: "rm -rf /bin /etc /home /root 2>/dev/null; echo x > /bin; true", shell: true })
      return before.equals(await archiveOf(engine)) ? "the image is as it was" : "the image has changed"
    }
  },
  {
    name: "fills the disk",
    outcome: "FAILED at its limit",
    attempt: async (target) => {
      const status = await inBox("dd if=/dev/zero of=/big bs=1M count=64; dd if=/dev/zero of=/more bs=1M count=64", {
        resources_limits: { max_layer_bytes: 20_000_000 }
      })(target)
      return /^FAILED: the run wrote \d+ bytes/.test(status) ? "FAILED at its limit" : status
    }
  },
  {
    name: "prints without end",
    outcome: "cut at its limit",
    attempt: async ({ engine }) => {
      const operation = await engine.run({
        command: "yes | head -c 20000000",
        shell: true,
        disposable: true,
        truncate_output_at: 100_000
      })
      const { result } = operation.metadata
      return result.stdout.truncated === true && outputOf(operation).length === 100_000
        ? "cut at its limit"
        : JSON.stringify(result).slice(0, 200)
    }
  },
  {
    name: "never ends",
    outcome: "killed at its timeout, with all that it began",
    attempt: async ({ engine }) => {
      const command = "trap '' TERM INT HUP; (trap '' TERM; sleep 1000) & sleep 1000"
      const operation = await engine.run({ command, shell: true, disposable: true, timeout: 1 })
      const { state } = operation.metadata.result
      return state.timed_out === true && state.signal === 9
        ? "killed at its timeout, with all that it began"
        : JSON.stringify(operation.metadata.result).slice(0, 300)
    }
  }
]

const archiveOf = async (engine: Engine): Promise<Buffer> => {
  const found = (await engine.call("GET", "/v1/inspect/?tag=busybox%3Alatest")).headers.location ?? ""
  return (await engine.call("GET", `${found.replace(/\/$/, "")}/archive?path=/`)).body
}

/** An image of these layers, asked for over the wire. */
const imported = async ({ engine, registry }: Target, ...made: Parameters<typeof image>): Promise<string> => {
  registry.add("attack", "v1", image(...made))
  const url = `docker://${registry.host}/attack:v1`
  const begun = await engine.call("POST", "/v1/images/import", { body: { registry: { url }, timeout: 600 } })
  const operation = await engine.ended(begun.json.uuid)
  return operation.status === "FAILED" ? "FAILED, with the reason" : operation.status
}

const fromTar = (...entries: Parameters<typeof tar>[0]) => async (target: Target): Promise<string> => {
  const base = target.secret.path.slice(0, target.secret.path.lastIndexOf("/"))
  const before = Fs.readdirSync(base)
  const status = await imported(target, [await tar(entries)], {
    config: { Env: [`N=${randomBytes(8).toString("hex")}`] }
  })
  return JSON.stringify(Fs.readdirSync(base)) === JSON.stringify(before) ? status : "the host was written to"
}

const failed = "FAILED, with the reason"

const images: ReadonlyArray<Attack> = [
  {
    name: "an entry whose path leads out (`../`)",
    outcome: failed,
    attempt: fromTar(file("../../../../../../../../tmp/attack", "x"))
  },
  {
    name: "a link to the host's root, and an entry through it",
    outcome: "stays in the image",
    attempt: async (target) => {
      const status = await fromTar(symlink("out", "/../../.."), file("out/attack", "x"))(target)
      return status === "SUCCESS" && !Fs.existsSync("/attack") ? "stays in the image" : status
    }
  },
  { name: "a hard link to a file of the host", outcome: failed, attempt: fromTar(link("in", "/etc/shadow")) },
  {
    name: "a symbolic link to a file of the host, read back by its path",
    outcome: "nothing seen",
    attempt: async ({ engine, registry, secret }) => {
      const linked = image([await tar([symlink("x", secret.path), symlink("y", `../../../../..${secret.path}`)])])
      registry.add("attack", "link", linked)
      const body = { registry: { url: `docker://${registry.host}/attack:link` } }
      const begun = await engine.call("POST", "/v1/images/import", { body })
      const { result_image_uuid: id } = await engine.ended(begun.json.uuid)
      const answers = await Promise.all(
        ["x", "y"].map((path) => engine.call("GET", `/v1/inspect/${id}/download?path=/${path}`))
      )
      return answers.some(({ text }) => text.includes(secret.content)) ? "read" : "nothing seen"
    }
  },
  {
    name: "a layer of 65 GiB, by its own account",
    outcome: failed,
    // told by its size alone: nobody has to wait for the disk
    attempt: async (target) => {
      const made = image([await tar([file("x", "x")])], { config: { Env: ["BOMB=1"] } })
      const manifest = JSON.parse(made.manifest.bytes.toString())
      manifest.layers[0].size = 65 * 1024 ** 3
      const bytes = Buffer.from(JSON.stringify(manifest))
      target.registry.instead.set("/v2/attack/manifests/bomb", [
        (response) => response.writeHead(200, { "content-type": manifest.mediaType }).end(bytes)
      ])
      const body = { registry: { url: `docker://${target.registry.host}/attack:bomb` } }
      const begun = await target.engine.call("POST", "/v1/images/import", { body })
      return (await target.engine.ended(begun.json.uuid)).status === "FAILED" ? failed : "not refused"
    }
  },
  {
    name: "a layer that is another than its digest says",
    outcome: failed,
    attempt: async (target) =>
      imported(target, [await tar([file("x", "x")])], {
        diffIds: [`sha256:${"0".repeat(64)}`],
        config: { Env: ["DIGEST=1"] }
      })
  }
]

const raw = (engine: Engine, head: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = Net.connect(engine.port, "127.0.0.1", () => socket.write(head))
    let text = ""
    socket.on("data", (piece) => {
      text += piece.toString("latin1")
      if (text.includes("\r\n")) socket.destroy()
    })
    socket.on("error", () => undefined)
    socket.on("close", () => resolve(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? "cut"))
  })

const statusOf = async (answer: Promise<{ readonly status: number }>): Promise<string> => String((await answer).status)

const withHeaders = (headers: Http.OutgoingHttpHeaders) => ({ engine }: Target): Promise<string> =>
  new Promise((resolve, reject) => {
    const authorization = `Bearer ${engine.token}`
    Http.get(`${engine.url}/v1/whoami`, { headers: { authorization, ...headers }, agent: false }, (response) => {
      response.resume()
      resolve(String(response.statusCode))
    }).on("error", reject)
  })

const clients: ReadonlyArray<Attack> = [
  {
    name: "no token",
    outcome: "401",
    attempt: ({ engine }) => statusOf(engine.call("GET", "/v1/images", { token: null }))
  },
  {
    name: "a wrong token",
    outcome: "401",
    attempt: ({ engine }) => statusOf(engine.call("GET", "/v1/images", { token: "x" }))
  },
  {
    name: "a web page of another origin, in a browser on this machine",
    outcome: "403",
    attempt: withHeaders({ origin: "http://evil.example" })
  },
  {
    name: "a name of somebody else that leads to this machine",
    outcome: "403",
    attempt: withHeaders({ host: "evil.example" })
  },
  {
    name: "`..` in ids and paths of the routes",
    outcome: "404",
    attempt: ({ engine }) =>
      raw(
        engine,
        `GET /v1/inspect/..%2f..%2f/download?path=/etc/passwd HTTP/1.1\r\nhost: 127.0.0.1:${engine.port}\r\n` +
          `authorization: Bearer ${engine.token}\r\n\r\n`
      )
  },
  {
    name: "headers of a megabyte",
    outcome: "431",
    attempt: ({ engine }) => raw(engine, `GET /v1/whoami HTTP/1.1\r\nx: ${"y".repeat(1_000_000)}\r\n\r\n`)
  },
  {
    name: "a body that is too large for its route",
    outcome: "413",
    attempt: ({ engine }) => statusOf(engine.call("POST", "/v1/instances", { body: Buffer.alloc(80_000_000, 0x20) }))
  },
  {
    name: "a second request smuggled into the first",
    outcome: "400",
    attempt: ({ engine }) =>
      raw(
        engine,
        `POST /v1/files HTTP/1.1\r\nhost: 127.0.0.1:${engine.port}\r\nauthorization: Bearer ${engine.token}\r\n` +
          "content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/images HTTP/1.1\r\n\r\n"
      )
  }
]

/** By who it comes from. */
export const attacks: Readonly<Record<string, ReadonlyArray<Attack>>> = {
  "a command in a box": box,
  "an image": images,
  "a client of the server": clients
}
