/** Bytes for a human eye: how many, and how they begin. */
const shown = 120

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true })

export const preview = (bytes: Uint8Array, truncated: boolean): string => {
  const size = `${bytes.length} byte${bytes.length === 1 ? "" : "s"}${truncated ? ", cut by the server" : ""}`
  if (bytes.length === 0) return size
  // a few bytes more than are shown: a character that is cut in two then lies outside
  const text = utf8.decode(bytes.subarray(0, shown * 4))
  const characters = [...text]
  const short = characters.slice(0, shown).join("")
  return `${size}: ${JSON.stringify(short)}${characters.length > shown || bytes.length > shown * 4 ? "..." : ""}`
}
