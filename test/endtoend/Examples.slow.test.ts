import { describe, expect, it } from "@effect/vitest"
import * as Fs from "node:fs"
import { makeExamples } from "../support/examples.js"

const { runExample } = makeExamples()

const id = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

/** All that each of them prints; quickstart and the thirty lines are among the fast tests. */
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
`
}

describe("examples", () => {
  it("are all here", () => {
    const all = Fs.readdirSync("examples").map((file) => file.replace(/\.ts$/, ""))
    expect(all.sort()).toEqual([...Object.keys(prints), "quickstart", "thirty-lines"].sort())
  })

  it.each(Object.entries(prints))("%s", async (name, printed) => {
    const ran = await runExample(name)
    expect(ran.stderr).toBe("")
    if (typeof printed === "string") expect(ran.stdout).toBe(printed)
    else expect(ran.stdout).toMatch(printed)
    expect(ran.code).toBe(0)
  })
})
