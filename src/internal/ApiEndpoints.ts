/** The endpoints, group by group; together they are the service `ContreeApi`. Protocol: section 2. */
import * as files from "./ApiFiles.js"
import * as images from "./ApiImages.js"
import * as operations from "./ApiOperations.js"
import type { Wiring } from "./ApiRequest.js"
import * as subprocesses from "./ApiSubprocesses.js"

export const endpoints = (wiring: Wiring) => ({
  ...images.make(wiring),
  ...images.inspect(wiring),
  ...files.make(wiring),
  ...operations.make(wiring),
  ...subprocesses.make(wiring)
})
