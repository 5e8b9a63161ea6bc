/**
 * What can be wrong between a program and a service, and what to do about it.
 *
 * @since 0.1.0
 */
import type * as Errors from "../schemas/Errors.js"
import type { Problem } from "./Diagnosis.js"

/**
 * Permissions, any of which is enough, and what they are for.
 *
 * @internal
 */
export const abilities: ReadonlyArray<{ readonly what: string; readonly anyOf: ReadonlyArray<string> }> = [
  { what: "run commands, and throw the image away", anyOf: ["spawn_disposable", "spawn"] },
  { what: "run commands, and keep the image", anyOf: ["spawn"] },
  { what: "import images from registries", anyOf: ["import"] },
  { what: "list and follow operations, which every run needs", anyOf: ["list"] },
  { what: "cancel operations", anyOf: ["cancel"] },
  { what: "give images tags", anyOf: ["set_image_tag"] }
]

const saysProject = (error: Errors.RequestError): boolean => /project/i.test(error.description ?? "")

/**
 * What an answer to "who am I?" that is none says of the way there.
 *
 * @internal
 */
export const ofError = (error: Errors.RequestError): Problem => {
  switch (error._tag) {
    case "BadRequestError":
      return saysProject(error)
        ? {
          reason: "MissingProject",
          what: "the service wants a Project header, and none was sent",
          advice: "set CONTREE_PROJECT, or `project` in the profile or the options",
          error
        }
        : {
          reason: "Trouble",
          what: "the service refuses the simplest request there is",
          advice: "check the token and the project for characters that do not belong there, and any proxy on the way",
          error
        }
    case "UnauthorizedError":
      return {
        reason: "TokenRejected",
        what: "the service does not know this token",
        advice: "check CONTREE_TOKEN or the profile for a whole and fresh token, and that it is of this service",
        error
      }
    case "ForbiddenError":
      return {
        reason: "TokenRejected",
        what: "the service does not accept this token, or not in this project",
        advice: "a wrong token and a project of somebody else are answered alike: check both",
        error
      }
    case "UnexpectedStatusError":
    case "DecodeError":
      return {
        reason: "WrongBaseUrl",
        what: "something answers there, but it is no ConTree service",
        advice: "check CONTREE_URL: the service's own address, with its path and without /v1 " +
          "(https://api.tokenfactory.nebius.com/sandboxes); regional addresses for models do not have it",
        error
      }
    case "TransportError":
      return {
        reason: "Unreachable",
        what: "nobody answers there",
        advice: "check CONTREE_URL, the network, and any proxy or firewall on the way",
        error
      }
    case "RateLimitedError":
    case "ServerError":
      return {
        reason: "Trouble",
        what: error._tag === "ServerError" ? "the service fails" : "the service is asked too much at once",
        advice: "try again in a moment; if it stays so, ask its operators",
        error
      }
  }
}

/**
 * What the token may not do.
 *
 * @internal
 */
export const ofPermissions = (permissions: { readonly [name: string]: boolean }): ReadonlyArray<Problem> => {
  const may = (name: string): boolean => permissions[name] === true
  const missing = abilities.filter(({ anyOf }) => !anyOf.some(may))
  if (missing.length === abilities.length) {
    return [{
      reason: "NoPermissions",
      what: "the token is accepted, and may do nothing here",
      advice: "check the project: a name that is not one of the token's projects is answered so; " +
        "else ask for permissions"
    }]
  }
  return missing.map(({ anyOf, what }) => ({
    reason: "MissingPermission",
    permission: anyOf[0]!,
    what: `the permission ${anyOf.join(" or ")} is missing: no leave to ${what}`,
    advice: "ask the owner of the project for it"
  }))
}
