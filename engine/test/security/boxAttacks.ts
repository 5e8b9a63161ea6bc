/** What a command in a box may try. Each that is refused is told from one that could not have worked anyway. */
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import { dirname } from "node:path"
import type { Client } from "../support/LocalEngine.js"
import * as Local from "../support/LocalEngine.js"
import type { Attack, Target } from "./Attack.js"
import { cannotTell, inBox, outputOf } from "./Attack.js"
import { forkBomb } from "./forkBomb.js"
import { masks, refused, unseen } from "./probes.js"

const archiveOf = async (engine: Client, image: string): Promise<Buffer> =>
  (await engine.call("GET", `/v1/inspect/${image}/archive?path=/`)).body

const busyboxOf = async (engine: Client): Promise<string> => {
  const { headers } = await engine.call("GET", "/v1/inspect/?tag=busybox%3Alatest")
  return headers.location?.replace(/\/$/, "").replace(/^.*\//, "") ?? ""
}

const signals = async ({ engine }: Target): Promise<string> => {
  const victim = spawn("sleep", ["1000"], { stdio: "ignore" })
  try {
    const kill = (pid: string): string => `kill -9 ${pid}; echo $?`
    const command = `sleep 1000 & ${kill("$!")}; wait $!; echo $?; ${kill(String(victim.pid))}; kill -9 -1`
    const id = await engine.spawn({ command, shell: true, disposable: true })
    // the last word kills also what reports how the run ended
    await engine.ended(id)
    const { text } = await engine.call("GET", `/v1/operations/${id}/events?follow=1`)
    const printed = Local.outputOf(Local.eventsOf(text), "stdout").toString()
    if (!printed.startsWith("0\n137\n")) return cannotTell(`it cannot kill what it began: ${printed}`)
    const isAlive = victim.exitCode === null && victim.signalCode === null
    return isAlive && printed === "0\n137\n1\n" ? "its own are dead" : `alive: ${isAlive}, and it printed ${printed}`
  } finally {
    victim.kill("SIGKILL")
  }
}

const network = async (target: Target): Promise<string> => {
  // the pipe is never at its end, so that the answer is waited for
  const script = "mkfifo /in; exec 3<>/in; " +
    "printf 'GET /v1/whoami HTTP/1.0\\r\\nHost: 127.0.0.1:%s\\r\\n\\r\\n' $PORT >&3; " +
    "nc -w 60 127.0.0.1 $PORT <&3 2>&1 | head -n 1"
  const env = { PORT: String(target.engine.port) }
  const shared = await inBox(target, script, { env, networking: { enabled: true } })
  if (!shared.startsWith("HTTP/1.1 401")) return cannotTell(`with the host's network: ${shared}`)
  const own = await inBox(target, script, { env })
  return /connection refused|unreachable/i.test(own) ? "refused" : own
}

/** In the layers that other images stand on too, by every name that there is for them. */
const otherLayers = async ({ engine }: Target): Promise<string> => {
  const kept = (await engine.run({ command: "echo kept > /kept", shell: true })).result_image_uuid
  const images = [kept, await busyboxOf(engine)]
  const before = await Promise.all(images.map((image) => archiveOf(engine, image)))
  const script = [
    "exec 5</kept; echo 1 > /proc/self/fd/5; ln /kept /again; echo 2 >> /again; chmod 777 /again /bin/busybox",
    "for d in $(tr ',:' '\\n\\n' < /proc/self/mountinfo | sed -n 's/^.*=//p')",
    "do echo 3 >> $d/kept; echo 3 >> /$d/kept; done 2>/dev/null",
    "mv /etc /other; tr '\\n' ' ' < /kept"
  ].join("\n")
  const operation = await engine.run({ image: kept, command: script, shell: true })
  if (operation.status !== "SUCCESS" || outputOf(operation) !== "1 2 ") return cannotTell(JSON.stringify(operation))
  const after = await Promise.all(images.map((image) => archiveOf(engine, image)))
  return after.every((archive, index) => archive.equals(before[index]!)) && operation.result_image_uuid !== kept
    ? "the images are as they were"
    : "an image has changed"
}

const filesThroughLinks = async (target: Target): Promise<string> => {
  const { engine, secret } = target
  const folder = dirname(secret.path)
  const list = () =>
    JSON.stringify([Fs.readdirSync(folder), Fs.readFileSync(secret.path, "utf8"), Fs.existsSync("/contree-up")])
  const before = list()
  const links = `mkdir -p ${folder} && ln -s ${folder} /out && ln -s ../../../../.. /up && ln -s ${secret.path} /file`
  const image = (await engine.run({ command: links, shell: true })).result_image_uuid
  const { uuid } = (await engine.call("POST", "/v1/files", { body: "planted " })).json
  const files = { "/out/contree-out": { uuid }, "/up/contree-up": { uuid }, "/file": { uuid } }
  const printed = await inBox(target, `cat ${folder}/contree-out /contree-up /file`, { image, files })
  if (printed !== "planted planted planted") return cannotTell(`they are not in the image: ${printed}`)
  return list() === before ? "stays in the image" : "the host was written to"
}

export const boxAttacks: ReadonlyArray<Attack> = [
  {
    name: "reads a file of the host by its path, or by links and `..` that lead out",
    outcome: "nothing seen",
    attempt: unseen([
      "cat $SECRET /../../../..$SECRET",
      "ln -s /../../..$SECRET /x; cat /x",
      "cat $(dirname $SECRET)/*"
    ])
  },
  {
    name: "reads it through the roots, folders and descriptors of other processes",
    outcome: "nothing seen",
    attempt: unseen([
      "for p in /proc/[0-9]*; do cat $p/root$SECRET; done",
      "for p in /proc/[0-9]*; do cat $p/cwd$SECRET; done",
      "for f in /proc/[0-9]*/fd/*; do cat $f$SECRET; done"
    ], "exec 7</")
  },
  {
    name: "breaks out of a chroot of its own",
    outcome: "nothing seen",
    // who stands in a folder that is moved away stands above the root
    attempt: unseen([
      "mkdir -p /j/bin /j/a; cp /bin/busybox /j/bin; chroot /j /bin/busybox sh -c 'cd /a; : > /in; " +
      "until [ -e /go ]; do :; done; cd -P ../../../../../..; /bin/busybox cat .$SECRET' & " +
      "until [ -e /j/in ]; do :; done; mv /j/a /a; : > /j/go; wait",
      "cd /proc/self/root/../../..; cat .$SECRET"
    ])
  },
  {
    name: "reads the environment of the engine",
    outcome: "nothing seen",
    attempt: unseen(["cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep CONTREE_ATTACK"])
  },
  {
    name: "mounts a file system",
    outcome: "refused",
    attempt: refused({ control: "mount", tries: ["mount -t tmpfs none /tmp", "mount -o bind /etc /tmp"] })
  },
  {
    name: "takes away what hides parts of /proc and /sys",
    outcome: "refused",
    attempt: refused({ control: "mount", tries: ["/sys", ...masks].map((path) => `umount ${path}`) })
  },
  {
    name: "does so in a user namespace of its own",
    outcome: "refused",
    attempt: refused({
      // there it can mount, and take away what it mounted
      control: "unshare -Urm sh -c 'mount -t tmpfs none /tmp && umount /tmp'",
      without: "the masks in a user namespace of its own. Nobody may make one in a box on this machine.",
      tries: [
        ...["/sys", "/proc", ...masks].map((path) => `unshare -Urm umount ${path}`),
        "unshare -Urm mount -o remount,bind,rw /proc/sys",
        "unshare -Urmpf mount -t proc none /tmp"
      ]
    })
  },
  {
    name: "makes a device, to read the disk or the memory",
    outcome: "refused",
    attempt: refused({ control: "mknod /p p", tries: ["mknod /d b 254 0", "mknod /m c 1 1"] })
  },
  {
    name: "changes the kernel: /proc/sys, sysrq, the host name",
    outcome: "refused",
    attempt: refused({
      control: "[ \"$(cat /proc/sys/kernel/hostname)\" = \"$(hostname)\" ]",
      tries: [
        "echo 1 > /proc/sys/vm/drop_caches",
        "echo x > /proc/sys/kernel/hostname",
        "hostname other",
        // a help text in the kernel's log is all that comes of it
        ...masks.filter((path) => path.includes("sysrq")).map((path) => `echo h > ${path}`)
      ]
    })
  },
  {
    name: "gains power by a setuid program",
    outcome: "refused",
    attempt: async (target) => {
      const script = "cp /bin/busybox /su && chmod 4755 /su && [ -u /su ] && grep NoNewPrivs /proc/self/status"
      const said = await inBox(target, script)
      return /^NoNewPrivs:\s*1$/.test(said) ? "refused" : said
    }
  },
  { name: "signals processes of the host", outcome: "its own are dead", attempt: signals },
  {
    name: "reaches the engine, or another service of the host, over the network",
    outcome: "refused",
    attempt: network
  },
  {
    name: "changes the tools that the engine brings into the box",
    outcome: "refused",
    attempt: refused({
      control: "[ -x /dev/.contree/busybox ]",
      tries: ["echo x > /dev/.contree/busybox", "rm /dev/.contree/busybox", "mv /dev/.contree /dev/c"]
    })
  },
  {
    name: "removes and overwrites everything that it can reach",
    outcome: "the image is as it was",
    attempt: async (target) => {
      const image = await busyboxOf(target.engine)
      const before = await archiveOf(target.engine, image)
      const script = "rm -rf /bin /etc /home /root 2>/dev/null; echo x > /bin; [ -d /bin ] || echo gone"
      const said = await inBox(target, script, { disposable: false })
      if (said !== "gone") return cannotTell(said)
      return before.equals(await archiveOf(target.engine, image)) ? "the image is as it was" : "the image has changed"
    }
  },
  { name: "writes to the layers of other images", outcome: "the images are as they were", attempt: otherLayers },
  {
    name: "has `files` put where links of its image lead out",
    outcome: "stays in the image",
    attempt: filesThroughLinks
  },
  {
    name: "fills the disk",
    outcome: "FAILED at its limit",
    attempt: async (target) => {
      const script = "dd if=/dev/zero of=/big bs=1M count=64; dd if=/dev/zero of=/more bs=1M count=64"
      const said = await inBox(target, script, { resources_limits: { max_layer_bytes: 20_000_000 } })
      return /^FAILED: the run wrote \d+ bytes/.test(said) ? "FAILED at its limit" : said
    }
  },
  {
    name: "forks without end",
    outcome: "refused at its bound, and dead when the run is",
    asUser: "the same, under a `ulimit -u` of its own",
    attempt: forkBomb
  },
  {
    name: "prints without end",
    outcome: "cut at its limit",
    attempt: async ({ engine }) => {
      const command = "yes | head -c 20000000"
      const operation = await engine.run({ command, shell: true, disposable: true, truncate_output_at: 100_000 })
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
