import { describe, expect, it } from "@effect/vitest"
import type { FileItem } from "effect-contree/Wire"
import * as TextListing from "../../src/server/TextListing.js"

const item = (fields: Partial<FileItem>): FileItem => ({
  size: 0,
  path: "f",
  owner: "root",
  group: "root",
  uid: 0,
  gid: 0,
  mode: 0o100644,
  mtime: 0,
  nlink: 1,
  is_dir: false,
  is_regular: true,
  is_symlink: false,
  is_socket: false,
  is_fifo: false,
  symlink_to: "",
  ...fields
})

describe("a listing as text", () => {
  it("has a line for each entry, in columns, with where links lead", () => {
    const listing = TextListing.render([
      item({ path: "a b", mode: 0o40755, nlink: 12, size: 4096, mtime: 1_700_000_000 }),
      item({ path: "long", owner: 1000, group: "staff", size: 7 }),
      item({ path: "l", mode: 0o120777, is_symlink: true, symlink_to: "../x" })
    ])
    expect(listing).toBe(
      "drwxr-xr-x 12 root root  4096 2023-11-14 22:13 a b\n" +
        "-rw-r--r--  1 1000 staff    7 1970-01-01 00:00 long\n" +
        "lrwxrwxrwx  1 root root     0 1970-01-01 00:00 l -> ../x\n"
    )
    expect(TextListing.render([])).toBe("")
  })

  it("lets no name make a line of its own", () => {
    const forged = item({ path: "x\n-rw-r--r-- 1 root root 0 passwd\u001b[2J", is_symlink: true, symlink_to: "a\nb" })
    const listing = TextListing.render([forged])
    expect(listing.split("\n")).toHaveLength(2)
    expect(listing).not.toContain("\u001b")
  })

  it("shows every kind and every bit of a mode", () => {
    const cases: ReadonlyArray<readonly [mode: number, text: string]> = [
      [0o140000, "s---------"],
      [0o060660, "brw-rw----"],
      [0o020600, "crw-------"],
      [0o010622, "prw--w--w-"],
      [0o104755, "-rwsr-xr-x"],
      [0o104644, "-rwSr--r--"],
      [0o102750, "-rwxr-s---"],
      [0o102640, "-rw-r-S---"],
      [0o041777, "drwxrwxrwt"],
      [0o041776, "drwxrwxrwT"],
      [0o000644, "?rw-r--r--"]
    ]
    for (const [mode, text] of cases) expect(TextListing.modeText(mode), mode.toString(8)).toBe(text)
  })
})
