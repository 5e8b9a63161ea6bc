import { describe, expect, it } from "@effect/vitest"
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { makeFolders } from "../src/Folders.js"

describe("makeFolders", () => {
  it("makes what is missing with the mode, and leaves what is there", () => {
    const root = mkdtempSync(join(tmpdir(), "folders-"))
    try {
      makeFolders(join(root, "a b/c\n/d"), 0o700)
      makeFolders(join(root, "a b/c\n/d"), 0o755)
      expect(statSync(join(root, "a b/c\n/d")).mode & 0o777).toBe(0o700)
      writeFileSync(join(root, "file"), "")
      expect(() => makeFolders(join(root, "file/below"), 0o700)).toThrow(/ENOTDIR/)
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  })

  it("fails at once where the kernel takes no new folder", () => {
    expect(() => makeFolders("/proc/contree/store", 0o700)).toThrow(/ENOENT/)
    expect(() => makeFolders("/sys/contree/store", 0o700)).toThrow(/ENOENT|EPERM|EACCES|EROFS/)
  })
})
