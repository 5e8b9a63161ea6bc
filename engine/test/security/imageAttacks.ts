/** What somebody may try who makes an image that is imported. */
import { Effect } from "effect"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import { dirname } from "node:path"
import { eventually } from "../box/BoxFixture.js"
import type { Json } from "../support/LocalEngine.js"
import { file, image, link, symlink, tar } from "../oci/Tar.js"
import type { Attack, Target } from "./Attack.js"
import { cannotTell } from "./Attack.js"

/** What the engine under attack lets an image have: enough for all of these but the one that is a bomb. */
export const maxImageBytes = 16_000_000

const failed = "FAILED, with the reason"

/** How an import ended: by the reason that there is for it, and by no other. */
const ended = (operation: Json, reason: RegExp): string => {
  if (operation.status !== "FAILED") return operation.status
  return reason.test(operation.error) ? failed : cannotTell(operation.error)
}

const importing = async ({ engine, registry }: Target, tag: string): Promise<Json> => {
  const url = `docker://${registry.host}/attack:${tag}`
  const begun = await engine.call("POST", "/v1/images/import", { body: { registry: { url }, timeout: 600 } })
  return engine.ended(begun.json.uuid)
}

/** An image of these layers, asked for over the wire; another one each time, so that the store does not have it. */
const imported = (target: Target, ...[tars, options]: Parameters<typeof image>): Promise<Json> => {
  const config = { Env: [`N=${randomBytes(8).toString("hex")}`] }
  target.registry.add("attack", "v1", image(tars, { config, ...options }))
  return importing(target, "v1")
}

const refused = (reason: RegExp, ...entries: Parameters<typeof tar>[0]) => async (target: Target): Promise<string> => {
  const list = () => JSON.stringify(Fs.readdirSync(dirname(target.secret.path)))
  const before = list()
  const outcome = ended(await imported(target, [await tar(entries)]), reason)
  return list() === before ? outcome : "the host was written to"
}

export const imageAttacks: ReadonlyArray<Attack> = [
  {
    name: "an entry whose path leads out (`../`)",
    outcome: failed,
    attempt: refused(/path leads upwards/, file("../../../../../../../../tmp/attack", "x"))
  },
  {
    name: "a link to the host's root, and an entry through it",
    outcome: "stays in the image",
    attempt: async (target) => {
      const operation = await imported(target, [await tar([symlink("out", "/../../.."), file("out/attack", "inside")])])
      if (operation.status !== "SUCCESS") return operation.error
      const path = `/v1/inspect/${operation.result_image_uuid}/download?path=/attack`
      const { text } = await target.engine.call("GET", path)
      return text === "inside" && !Fs.existsSync("/attack") ? "stays in the image" : text
    }
  },
  {
    name: "a hard link to a file of the host",
    outcome: failed,
    attempt: refused(/which is no file of the image/, link("in", "/etc/shadow"))
  },
  {
    name: "a symbolic link to a file of the host, read back by its path",
    outcome: "nothing seen",
    attempt: async (target) => {
      const { content, path } = target.secret
      const links = [symlink("x", path), symlink("y", `../../../../..${path}`), symlink("z", "/../own")]
      const operation = await imported(target, [await tar([...links, file("own", "inside")])])
      const read = async (name: string): Promise<string> =>
        (await target.engine.call("GET", `/v1/inspect/${operation.result_image_uuid}/download?path=/${name}`)).text
      const own = await read("z")
      if (own !== "inside") return cannotTell(`a link inside the image is not followed: ${own}`)
      return [await read("x"), await read("y")].some((text) => text.includes(content)) ? "read" : "nothing seen"
    }
  },
  {
    name: "a layer of 65 GiB, by its own account",
    outcome: failed,
    // told by its size alone: nobody has to wait for the disk
    attempt: async (target) => {
      const made = image([await tar([file("x", "x")])], { config: { Env: ["BOMB=1"] } })
      const manifest = JSON.parse(made.manifest.bytes.toString())
      manifest.layers[0].size = 65 * 1024 ** 3
      const bytes = Buffer.from(JSON.stringify(manifest))
      target.registry.instead.set("/v2/attack/manifests/bomb", [
        (response) => response.writeHead(200, { "content-type": manifest.mediaType }).end(bytes)
      ])
      return ended(await importing(target, "bomb"), /more than 64 GiB/)
    }
  },
  {
    name: "a layer of 64 KB that unpacks to 64 MB, where an image may have less (`maxImageBytes`)",
    outcome: failed,
    attempt: async (target) => {
      const bomb = await tar([file("zeros", Buffer.alloc(maxImageBytes * 4))])
      const outcome = ended(await imported(target, [bomb]), /maxImageBytes/)
      const folder = `${target.engine.store}/tmp`
      await Effect.runPromise(eventually("what was unpacked is gone", () => Fs.readdirSync(folder).length === 0))
      return outcome
    }
  },
  {
    name: "a layer that is another than its digest says",
    outcome: failed,
    attempt: async (target) =>
      ended(
        await imported(target, [await tar([file("x", "x")])], { diffIds: [`sha256:${"0".repeat(64)}`] }),
        /is not what the image's configuration says/
      )
  }
]
