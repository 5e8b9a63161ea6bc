import { describe, expect, it } from "@effect/vitest"
import { Equal, FastCheck, Hash, pipe } from "effect"
import { execFileSync } from "node:child_process"
import { inspect } from "node:util"
import * as Command from "../../src/schemas/Command.js"
import { anyText } from "./anyText.js"

/** What `sh` makes of these words: one process for all of them. */
const readBySh = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const script = `printf '%s\\0' ${words.join(" ")}`
  const out = execFileSync("sh", ["-c", script], { maxBuffer: 1 << 26, encoding: "utf8" })
  return out.split("\0").slice(0, -1)
}

const nasty = [
  "",
  "'",
  "''",
  "it's",
  "\\",
  "\\'",
  "\n",
  "a\n",
  "\r\n",
  "\t",
  " ",
  "-n",
  "--help",
  "-",
  "$HOME",
  "${HOME}",
  "$(id)",
  "`id`",
  "\"",
  "\"$(id)\"",
  "*",
  "?",
  "[a-z]",
  "~",
  "~root",
  "{a,b}",
  "!!",
  "#",
  "a#b",
  ";",
  "&",
  "|",
  ">",
  "<",
  "2>",
  "if",
  "A=b",
  "\u0001\u007f",
  "é",
  "日本語",
  "🙂",
  "\u202e",
  "%s%n",
  "\\0",
  "x".repeat(10_000)
]

const shellText = FastCheck.oneof(
  anyText,
  FastCheck.string({
    unit: FastCheck.constantFrom(..."'\"\\$`(){}[]!*?~#&|;<> \n\t-=%aé🙂".match(/./gsu)!),
    maxLength: 20
  }),
  FastCheck.constantFrom(...nasty)
).map((text) => text.replaceAll("\0", ""))

describe("Command.quote", () => {
  it("is read back by a real shell byte for byte", () => {
    expect(readBySh(nasty.map(Command.quote))).toEqual(nasty)
    FastCheck.assert(
      FastCheck.property(FastCheck.array(shellText, { minLength: 200, maxLength: 200 }), (words) => {
        expect(readBySh(words.map(Command.quote))).toEqual(words)
      }),
      { numRuns: 15 }
    )
  })

  it("writes single quotes as POSIX asks", () => {
    expect(Command.quote("it's")).toBe("'it'\\''s'")
    expect(Command.quote("")).toBe("''")
  })
})

describe("Command.shell", () => {
  it("takes a plain script as it is", () => {
    expect(Command.shell("echo 'a' $HOME").script).toBe("echo 'a' $HOME")
    expect(Command.shell(`echo \${HOME}`).script).toBe("echo ${HOME}")
    expect(Command.shell("").script).toBe("")
  })

  it("quotes what a template holds", () => {
    expect(Command.shell`mkdir /data && echo ${"it's quoted"} > /data/a`.script)
      .toBe("mkdir /data && echo 'it'\\''s quoted' > /data/a")
    expect(Command.shell`${""}`.script).toBe("''")
    expect(Command.shell`true`.script).toBe("true")
    expect(Command.shell``.script).toBe("")
  })

  it("writes an array as separate words, an empty one as none", () => {
    expect(Command.shell`rm ${["a b", "", 3, 4n, "$x"]} -f`.script).toBe("rm 'a b' '' 3 4 '$x' -f")
    expect(Command.shell`rm ${[]} -f`.script).toBe("rm  -f")
  })

  it("writes numbers bare, so that arithmetic works, but never as the number of a redirection", () => {
    expect(Command.shell`echo $((${2} + ${-3n}))`.script).toBe("echo $((2 + -3))")
    expect(Command.shell`echo ${2}> /f`.script).toBe("echo '2'> /f")
    expect(Command.shell`echo ${[1, 2]}>> /f`.script).toBe("echo 1 '2'>> /f")
    expect(Command.shell`echo ${2n}${Command.unquoted("< /f")}`.script).toBe("echo '2'< /f")
    const out = execFileSync("sh", ["-c", Command.shell`echo ${2}>/dev/null; echo ${"x"}${2}>&1`.script])
    expect(String(out)).toBe("x2\n")
  })

  it("takes unquoted pieces as they are", () => {
    expect(Command.shell`echo ${Command.unquoted("${HOME}")}/${"a b"}`.script).toBe("echo ${HOME}/'a b'")
  })

  it("hands the text between the values to the shell as it stands in the source", () => {
    expect(Command.shell`printf 'a\n%s\t' ${"b\n"} \$HOME \`id\` \\`.script)
      .toBe("printf 'a\\n%s\\t' 'b\n' \\$HOME \\`id\\` \\\\")
    const out = execFileSync("sh", ["-c", Command.shell`printf 'a\n%s.' ${"b\n"}; echo \$HOME \`id\``.script])
    expect(String(out)).toBe("a\nb\n.$HOME `id`\n")
  })

  it("no value in a template becomes anything but words", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(shellText, { minLength: 50, maxLength: 50 }), shellText, (words, one) => {
        const { script } = Command.shell`printf '%s\0' ${words} ${one}x`
        const out = execFileSync("sh", ["-c", script], { maxBuffer: 1 << 26, encoding: "utf8" })
        expect(out.split("\0").slice(0, -1)).toEqual([...words, `${one}x`])
      }),
      { numRuns: 15 }
    )
  })
})

describe("a command as a value", () => {
  const args = ["-l"]
  const list = Command.exec("ls", args)

  it("does not see later changes of its arguments", () => {
    args.push("-a")
    expect(list.args).toEqual(["-l"])
  })

  it("is equal to another with the same content, and only to that", () => {
    expect(Equal.equals(list, Command.exec("ls", ["-l"]))).toBe(true)
    expect(Hash.hash(list)).toBe(Hash.hash(Command.exec("ls", ["-l"])))
    expect(Equal.equals(Command.shell("a"), Command.shell`a`)).toBe(true)
    expect(Equal.equals(list, Command.exec("ls"))).toBe(false)
    expect(Equal.equals(list, Command.exec("ls", ["-l", ""]))).toBe(false)
    expect(Equal.equals(list, Command.exec("l", ["s-l"]))).toBe(false)
    expect(Equal.equals(Command.exec("a"), Command.shell("a"))).toBe(false)
    expect(Equal.equals(Command.shell("a"), Command.shell("b"))).toBe(false)
  })

  it("is readable in a log", () => {
    expect(JSON.parse(JSON.stringify(list))).toEqual({ _id: "Command", _tag: "Exec", path: "ls", args: ["-l"] })
    expect(JSON.parse(String(Command.shell("id")))).toEqual({ _id: "Command", _tag: "Shell", script: "id" })
    expect(inspect(list)).toContain("args: [ '-l' ]")
    expect(inspect(Command.shell("id"))).toContain("script: 'id'")
  })

  it("pipes, and is told from other things", () => {
    expect(list.pipe((command) => command.path)).toBe("ls")
    expect(pipe(Command.shell("id"), Command.isCommand)).toBe(true)
    for (const other of [null, undefined, "ls", { _tag: "Shell", script: "id" }, Command.unquoted("id")]) {
      expect(Command.isCommand(other)).toBe(false)
    }
  })

  it("says why it cannot be run: nobody can pass a NUL", () => {
    expect(Command.problem(list)).toBeUndefined()
    expect(Command.problem(Command.shell``)).toBeUndefined()
    expect(Command.shell`echo ${"a\0b"}`.script).toBe("echo 'a\0b'")
    expect(Command.problem(Command.shell`echo ${"a\0b"}`)).toMatch(/NUL/)
    expect(Command.problem(Command.exec("ls", ["a", "\0"]))).toMatch(/argument 2 .*NUL/)
    expect(Command.problem(Command.exec("l\0s"))).toMatch(/NUL/)
    expect(Command.problem(Command.exec(""))).toMatch(/empty/)
  })
})
