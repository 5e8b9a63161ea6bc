/** What the tool `zstd` made: Node 20 compresses nothing so. */
import { spawnSync } from "node:child_process"

/** 300,000 times `a`, in three blocks, with its size and a checksum */
export const zstdOfA = Buffer.from("KLUv/aTgkwQAVAAAEGFhAQD7/znAAgIAEGEDnwRhjV8Epg==", "base64")

/** `line N of many`, N from 0 to 49 and again until there are 20,000, made of a pipe: without a size, with a window */
export const zstdOfLines = Buffer.from(
  "KLUv/QRYPAQAIoYPFKApjQEDGcnqOgAcrf1fpqRn71Yr//+vqqpVVTUzMzMz8///qqpaVZWhQBgIZitGciCARXJIFISiBIqRHEhaqJH4/c+Q" +
    "o1LjEvhr9O3//78BbPoZQ/7rljwrPcGeDT5Bn4Wf4M8CUBBoZO5OekQRhQjihz3UIYfZEKlRqegZtQAVE6oCTAAACGEBAPz/ORACTQAACG8B" +
    "AFxSHQgB+Um+xA==",
  "base64"
)

export const lines = Array.from({ length: 20_000 }, (_, n) => `line ${n % 50} of many\n`).join("")

/** Whether the tool is here that reads layers in zstd; `.ci/run` wants it to be. */
export const isThere = spawnSync("zstd", ["--version"]).status === 0

/** What stands for the tests of zstd where it is not. */
export const withoutZstd = (): void => {
  if (process.env["CONTREE_REQUIRE_REGISTRY"] === "1") throw new Error("zstd is not installed, and must be")
  console.warn("NOT RUN: layers in zstd. Install zstd (apt-get install zstd) to run their tests.")
}
