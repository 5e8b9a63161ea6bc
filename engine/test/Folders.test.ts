import { describe, expect, it } from "@effect/vitest"
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fewEntries, makeFolders } from "../src/Folders.js"

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

describe("fewEntries", () => {
  it("tells the bytes of every name, which of them are folders, and that there are more", () => {
    const root = mkdtempSync(join(tmpdir(), "folders-"))
    try {
      const file = Buffer.from([0xff, 0x0a, 0xc3, 0x20])
      writeFileSync(Buffer.concat([Buffer.from(`${root}/`), file]), "")
      mkdirSync(join(root, "ü"))
      symlinkSync("ü", join(root, "link"))
      const found = fewEntries(root, 3)?.map(({ isFolder, name }) => `${name.toString("hex")} ${isFolder}`)
      expect(found?.sort()).toEqual(
        [`${file.toString("hex")} false`, `${Buffer.from("link").toString("hex")} false`, "c3bc true"].sort()
      )
      expect(fewEntries(root, 2)).toBeUndefined()
      expect(fewEntries(join(root, "ü"), 0)).toEqual([])
      expect(() => fewEntries(join(root, "none"), 3)).toThrow(/ENOENT/)
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  })
})
