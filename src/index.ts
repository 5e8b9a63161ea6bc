/**
 * ConTree sandboxes for Effect. Each namespace is one module, also reachable alone: `effect-contree/Image`.
 *
 * @since 0.1.0
 */

/** @since 0.1.0 */
export * as Command from "./schemas/Command.js"
/** @since 0.1.0 */
export * as Contree from "./layers/Contree.js"
/** @since 0.1.0 */
export * as ContreeApi from "./services/ContreeApi.js"
/** @since 0.1.0 */
export * as ContreeConfig from "./layers/ContreeConfig.js"
/** @since 0.1.0 */
export * as ContreeHttp from "./services/ContreeHttp.js"
/** @since 0.1.0 */
export * as Diagnosis from "./services/Diagnosis.js"
/** @since 0.1.0 */
export * as Errors from "./schemas/Errors.js"
/** @since 0.1.0 */
export * as Event from "./schemas/Event.js"
/** @since 0.1.0 */
export * as ExitStatus from "./schemas/ExitStatus.js"
/** @since 0.1.0 */
export * as File from "./services/File.js"
/** @since 0.1.0 */
export * as Files from "./services/Files.js"
/** @since 0.1.0 */
export * as Ids from "./schemas/Ids.js"
/** @since 0.1.0 */
export * as Image from "./services/Image.js"
/** @since 0.1.0 */
export * as Images from "./services/Images.js"
/** @since 0.1.0 */
export * as Operations from "./services/Operations.js"
/** @since 0.1.0 */
export * as Output from "./services/Output.js"
/** @since 0.1.0 */
export * as Process from "./services/Process.js"
/** @since 0.1.0 */
export * as Reference from "./schemas/Reference.js"
/** @since 0.1.0 */
export * as RunResult from "./services/RunResult.js"
/** @since 0.1.0 */
export * as Session from "./services/Session.js"
/** @since 0.1.0 */
export * as SessionExport from "./services/SessionExport.js"
/** @since 0.1.0 */
export * as Stdin from "./services/Stdin.js"
/** @since 0.1.0 */
export * as StreamRepr from "./schemas/StreamRepr.js"
/** @since 0.1.0 */
export * as Timestamp from "./schemas/Timestamp.js"
/** @since 0.1.0 */
export * as Wire from "./schemas/Wire.js"
