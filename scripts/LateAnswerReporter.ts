import type { Reporter, Vitest } from "vitest/node"

/**
 * What a test process says when vitest's own program took more than a minute to answer its report of progress. The
 * report was sent, and is counted when it comes: only the answer is late, because a long property test, on a slow
 * machine, kept the process from reading it.
 */
export const isLateAnswer = (error: unknown): boolean =>
  error !== null && typeof error === "object" && "message" in error
  && error.message === `[vitest-worker]: Timeout calling "onTaskUpdate"`

/**
 * Keeps late answers from failing a run whose tests all passed; every other error outside a test stays a failure. A
 * report that never came leaves its test without a result, which {@link ClosingLineReporter} counts as failed.
 *
 * Vitest 3 has neither an option for the minute nor one for single errors, but for all of them at once.
 */
export class LateAnswerReporter implements Reporter {
  onInit({ state }: Vitest): void {
    const catchError = state.catchError.bind(state)
    state.catchError = (error, type) => {
      if (!isLateAnswer(error)) catchError(error, type)
    }
  }
}
