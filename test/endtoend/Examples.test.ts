import { describe, expect, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import * as Fs from "node:fs"
import { bundle, bundleFolder } from "../../engine/test/support/Bundle.js"
import { temporaryStore } from "../support/engine.js"

interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command on a data folder of its own. */
const run = (command: string, args: ReadonlyArray<string>): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: { ...process.env, XDG_DATA_HOME: temporaryStore() },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text
    })
    child.once("error", reject)
    child.once("close", (code) => resolve({ code, stdout, stderr }))
  })

const folder = bundleFolder()
const bundled = (name: string): string => bundle(`examples/${name}.ts`, folder)
const runExample = (name: string): Promise<Ran> => run(process.execPath, [bundled(name)])

const id = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

/** All that each of them prints; quickstart has tests of its own. */
const prints: Readonly<Record<string, string | RegExp>> = {
  "branching": `s/1/2/  failed  let x = 2
s/let/const/  passed  const x = 1
base is untouched: let x = 1
`,
  "customLayer": /^echo fine: fine\nif true; then: .*syntax error.*\n$/,
  "environment": `good morning, it's quoted from sandbox in /tmp, key of 6 characters
<two words>
<$HOME>
<*>
`,
  "errors": new RegExp(
    `^not built yet: begin with busybox\nfailed, and stderr ends: line 3: no such thing\n(?:.*no://such\\.scheme/x.*)\n.+\n$`
  ),
  "fanOut": `1 4 9 16 25 36 49 64
the first was fast
`,
  "files": `4096
MIT License
shared by 1. run, shared by 2. run, shared by 3. run
welcome
`,
  "import": `busybox:latest is there, and pinned to one image
docker.io/library/busybox:latest is the same image: true
tag:no-such-image is not there
`,
  "list": new RegExp(`^${id}  busybox:latest\nmade in the last week: yes\n$`),
  "outputToFile": `588895 bytes in the file, 0 in memory; done
again
again
again
`,
  "popen": /^9 10 100\nto stderr, returncode 4\n.*exited with code 1.*\n$/,
  "reading": `File  644  6 bytes  /srv/logs/a.log
File  644  8 bytes  /srv/logs/b c.log
POST /x
is there a /srv/logs/z.log? false
downloaded: GET /
downloaded: a.log, b c.log
`,
  "run": `stdout: hello
exited with code 3, stderr: oops
from the new image: kept
`,
  "scratch": `inside: secret
after: DisposableImageRunError
its tag: NotFoundError
`,
  "session": `one
two
after a rollback: one
3 images from the root to here
`,
  "stdin": `FROM A STRING
lines of a stream: 1000
first line of a file: MIT License
6*7 = 42
2^10 = 1024
exit code 0
`,
  "testing": `12 passed (the run: {"_tag":"Exited","code":0})
failed: 1 failed (the run: {"_tag":"Exited","code":2})
too slow (the run: "Interrupted")
`,
  "thirty-lines": `[ "it's quoted\\n", '12 /data/a\\n' ]
Stdout 1

Stdout 2

Stdout 3

`
}

describe("examples", () => {
  it("are all here", () => {
    const all = Fs.readdirSync("examples").map((file) => file.replace(/\.ts$/, ""))
    expect(all.sort()).toEqual([...Object.keys(prints), "quickstart"].sort())
  })

  it.each(Object.entries(prints))("%s", async (name, printed) => {
    const ran = await runExample(name)
    expect(ran.stderr).toBe("")
    if (typeof printed === "string") expect(ran.stdout).toBe(printed)
    else expect(ran.stdout).toMatch(printed)
    expect(ran.code).toBe(0)
  })

  it("quickstart shows each of its five parts", async () => {
    const ran = await runExample("quickstart")
    expect(ran.stderr).toBe("")
    for (
      const part of [
        "pear\napple\nit's quoted\nkept as ",
        "stdout  tick 3",
        "stderr  done",
        "inside:  only here",
        "after:   DisposableImageRunError",
        "outside: pear, apple, it's quoted",
        "busybox:latest",
        "├─ ",
        "└─ "
      ]
    ) {
      expect(ran.stdout).toContain(part)
    }
    expect(ran.code).toBe(0)
  })

  it("quickstart says what to do where bubblewrap is missing", async () => {
    // a mount name space of its own, in which the tool is an empty file that nobody may execute
    const script = "b=$(command -v bwrap) && mount --bind /dev/null \"$b\" && exec \"$0\" \"$1\""
    const ran = await run("unshare", [
      "--map-root-user",
      "--mount",
      "sh",
      "-c",
      script,
      process.execPath,
      bundled("quickstart")
    ])
    expect(ran.stdout).toBe("")
    expect(ran.stderr).toContain("bubblewrap")
    expect(ran.stderr).toContain("apt-get install")
    expect(ran.stderr).not.toMatch(/\n\s+at /)
    expect(ran.code).toBe(1)
  })
})
