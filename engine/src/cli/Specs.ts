/**
 * The commands and what each can be given. Nothing of the engine is loaded for it.
 *
 * @since 0.1.0
 */
import { Tag } from "effect-contree/Ids"
import * as Schema from "effect/Schema"
import * as Args from "./Args.js"

const store = Args.text(
  "store",
  "FOLDER",
  "the engine's folder; default $XDG_DATA_HOME/effect-contree, else ~/.local/share/effect-contree"
)
const insecure = Args.list(
  "insecure-registry",
  "HOST[:PORT]",
  "a registry that is spoken to without TLS; may be repeated. Those of this machine always are"
)
const json = (what: string): Args.Given<boolean> => Args.flag("json", `${what} as JSON, for programs`)
const tag = (help: string): Args.Given<string | undefined> =>
  Args.text("tag", "TAG", help, Schema.is(Tag), "1 to 256 characters of A-Z a-z 0-9 _ - . : /")

const imageHelp = "an id or its beginning, or a tag, as `contree-local images` lists them"

/** The type of each option is kept. */
const spec = <O extends Args.Shape>(given: Args.Spec<O>): Args.Spec<O> => given

/**
 * @since 0.1.0
 * @category commands
 */
export const run = spec({
  name: "run",
  summary: "run a command in an image",
  about: [
    "Runs a command and shows what it writes as it comes, byte for byte. What is piped in, the command reads. Ctrl-C " +
    "cancels the run. Its files are gone when it ends, unless --keep or --tag make a new image of them."
  ],
  options: {
    tag: tag("keep the files as an image, and when the command ends with 0 give it this tag"),
    keep: Args.flag("keep", "keep the files as an image; stderr tells its id"),
    env: Args.list("env", "NAME[=VALUE]", "a variable; without a value it is that of this shell. May be repeated"),
    cwd: Args.text("cwd", "DIR", "the folder of the image to begin in"),
    timeout: Args.whole("timeout", "SECONDS", "kill it after so long; default and at most 3600", { min: 1, max: 3600 }),
    network: Args.choice("network", ["none", "host"], "default none: a loopback of its own"),
    store
  },
  operand: { name: "IMAGE", help: imageHelp },
  rest: { name: "COMMAND [ARG...]", example: "run busybox -- ls -l /" },
  exit: [
    ["N", "what the command ended with; 128+N when signal N ended it, or this program"],
    ["124", "it took longer than its --timeout"]
  ]
})

/**
 * @since 0.1.0
 * @category commands
 */
const importing = spec({
  name: "import",
  summary: "bring an image into the store",
  about: [
    "From a registry (`python:3.12-slim`, `ghcr.io/org/app@sha256:...`), or from this machine: `oci:DIR[:TAG]`, " +
    "`oci-archive:FILE[:TAG]`, `docker-archive:FILE[:NAME]`; `dir:DIR` and `tar:FILE` are a plain root file system, " +
    "such as debootstrap makes. Prints the image's id. Ctrl-C ends it and leaves nothing.",
    "The password for --username is read from CONTREE_REGISTRY_PASSWORD, else from standard input."
  ],
  options: {
    tag: tag("the tag to give it; default for a registry: its name there"),
    username: Args.text("username", "NAME", "who to be for the registry"),
    timeout: Args.whole("timeout", "SECONDS", "give up after so long; default and at most 3600", { min: 1, max: 3600 }),
    insecure,
    store
  },
  operand: { name: "REF", help: "where the image is" }
})

export { importing as import }

/**
 * @since 0.1.0
 * @category commands
 */
export const images = spec({
  name: "images",
  summary: "list the images",
  about: [
    "Newest first. An image is known by any beginning of its id that is its own. SIZE is what it added to PARENT."
  ],
  options: { json: json("the list"), store }
})

/**
 * @since 0.1.0
 * @category commands
 */
export const tree = spec({
  name: "tree",
  summary: "show which image was made from which",
  about: [
    "Each image with its tags and the command that made it. Straight below an image, in the same column, is the child " +
    "with the most descendants; the others branch off to the right before it."
  ],
  options: { store }
})

/**
 * @since 0.1.0
 * @category commands
 */
export const ps = spec({
  name: "ps",
  summary: "list runs and imports",
  about: ["Those that go on, of all engines on the store; PID is the engine's process, which alone can cancel them."],
  options: { all: Args.flag("all", "those that have ended, too"), json: json("the list"), store }
})

/**
 * @since 0.1.0
 * @category commands
 */
export const gc = spec({
  name: "gc",
  summary: "remove what nobody needs any more",
  about: [
    "Images without a tag, uploaded files, finished operations with their events, and blobs of registries go when they " +
    "are older than --keep-for and nothing used them since. Images with a tag, base images, and what goes on stay, and " +
    "so does every layer that an image which stays is made of. Engines may go on meanwhile."
  ],
  options: {
    keepFor: Args.span("keep-for", "how long what has no name stays; default 7d, 0s keeps nothing"),
    dryRun: Args.flag("dry-run", "only tell what would go"),
    json: json("the counts"),
    store
  }
})

/**
 * @since 0.1.0
 * @category commands
 */
export const serve = spec({
  name: "serve",
  summary: "an engine for any number of programs, until Ctrl-C",
  about: ["Prints the address and the token that programs need to use it."],
  options: {
    host: Args.text(
      "host",
      "ADDRESS",
      "where to listen; default 127.0.0.1. Another than a loopback address needs a token of yours"
    ),
    port: Args.whole("port", "N", "default 0: one that is free", { min: 0, max: 65_535 }),
    token: Args.text(
      "token",
      "TOKEN",
      "what clients must show; default a new one. Others on this machine can read it in the list of processes: better " +
        "put it in the environment, as CONTREE_LOCAL_TOKEN"
    ),
    localImages: Args.list(
      "local-images",
      "FOLDER",
      "where images may be imported from by path; default nowhere. May be repeated"
    ),
    insecure,
    json: Args.flag("json", "print one line, {\"url\":...,\"token\":...,\"pid\":...}, and nothing else on stdout"),
    store
  }
})

/**
 * @since 0.1.0
 * @category commands
 */
export const doctor = spec({
  name: "doctor",
  summary: "can boxes run here? Says what to type when they cannot",
  about: ["Tries everything that a box needs, and says what to type for what is missing; then it ends with 1."],
  options: { store }
})
