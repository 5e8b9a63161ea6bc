import { Duration, Stream } from "effect"
import { Command } from "effect-contree"
import { ContreeTest } from "effect-contree/testing"

/**
 * The commands of the suite: what a real sandbox runs, and how the double says that it goes. Where the two differ, the
 * answer here is wrong, or the double.
 */
const scripted = (command: Command.Command, reply: ContreeTest.Reply | ContreeTest.Handler) => ({ command, reply })

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes)

/** as `cat` does it */
const catOf = (path: string): ContreeTest.Handler => ({ tree }) => {
  const bytes = tree.get(path)
  return bytes === undefined
    ? { stderr: `cat: can't open '${path}': No such file or directory\n`, exitCode: 1 }
    : { stdout: bytes }
}

const table = {
  hello: scripted(Command.shell("echo hello; echo oops >&2"), { stdout: "hello\n", stderr: "oops\n" }),
  exit7: scripted(Command.shell("exit 7"), { exitCode: 7 }),
  term: scripted(Command.shell("kill -TERM $$"), { exit: { _tag: "Signaled", signal: 15 } }),
  notThere: scripted(Command.exec("/no/such/command"), { stderr: "/no/such/command: not found\n", exitCode: 127 }),
  why: scripted(Command.shell("echo why >&2; exit 3"), { stderr: "why\n", exitCode: 3 }),
  cat: scripted(Command.exec("cat"), ({ stdin }) => ({ stdout: stdin })),
  pipe: scripted(Command.exec("cat", ["-"]), ({ input }) => ({ output: Stream.map(input, (stdout) => ({ stdout })) })),
  where: scripted(Command.shell("echo \"$NAME in $(pwd)\""), ({ cwd, env }) => ({
    stdout: `${env["NAME"] ?? ""} in ${cwd ?? "/"}\n`
  })),
  build: scripted(Command.shell("mkdir -p /data && echo base > /data/f"), { writes: { "/data/f": "base\n" } }),
  readF: scripted(Command.exec("cat", ["/data/f"]), catOf("/data/f")),
  readIn: scripted(Command.exec("cat", ["/in/a file"]), catOf("/in/a file")),
  rewrite: scripted(Command.shell("echo base > /data/f"), { writes: { "/data/f": "base\n" } }),
  remove: scripted(Command.shell("rm -r /data"), { writes: { "/data": null } }),
  failing: scripted(Command.shell("mkdir -p /data; echo half > /data/f; exit 4"), {
    writes: { "/data/f": "half\n" },
    exitCode: 4
  }),
  large: scripted(Command.shell("head -c 3000 /dev/zero | tr '\\0' x"), { stdout: "x".repeat(3000) }),
  binary: scripted(Command.shell("printf '\\377\\000\\001'"), { stdout: Uint8Array.of(255, 0, 1) }),
  slowly: scripted(Command.shell("echo one; sleep 1; echo two >&2; sleep 1; echo three"), {
    output: [{ stdout: "one\n" }, { delay: "1 second", stderr: "two\n" }, { delay: "1 second", stdout: "three\n" }]
  }),
  forever: scripted(Command.shell("echo up; exec sleep 1000"), { stdout: "up\n", delay: Duration.infinity })
}

const appended = /^echo '(.*)' >> \/data\/f$/

export const commands = {
  ...Object.fromEntries(Object.entries(table).map(([name, { command }]) => [name, command])) as {
    readonly [K in keyof typeof table]: Command.Command
  },
  append: (line: string): Command.Command => Command.shell`echo ${line} >> /data/f`
}

/** The image of the suite, and the commands, for the double. */
export const script: ContreeTest.Script = {
  images: { "busybox:latest": {} },
  runs: [
    ...Object.values(table).map(({ command, reply }) => ContreeTest.on(command, reply)),
    ContreeTest.on(appended, ({ command, tree }) => ({
      writes: {
        "/data/f": `${text(tree.get("/data/f"))}${appended.exec(ContreeTest.text(command))?.[1] ?? ""}\n`
      }
    }))
  ]
}
