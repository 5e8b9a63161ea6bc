/**
 * What the programs need that is not there yet, in the compiler's own words (each cut at 100 characters). `negative`
 * compiles, but where a method is missing it does so for that reason alone: `download`.
 */
export const pending: Readonly<Record<string, ReadonlyArray<string>>> = {
  // writing to a process that runs
  "p06-process": [
    "8: Property 'stdin' does not exist on type 'Process<KeptImage>'.",
    "20: Property 'write' does not exist on type 'Process<DisposedImage>'.",
    "22: Property 'end' does not exist on type 'Process<DisposedImage>'."
  ],
  // downloads to files, and the test double
  "p10-wiring": [
    "6: Cannot find module 'effect-contree/testing' or its corresponding type declarations.",
    "11: Property 'download' does not exist on type 'Image'.",
    "18: No overload matches this call.   Overload 1 of 2, '(options?: { readonly disableErrorReporting?:",
    "21: Type 'Effect<number | undefined, unknown, unknown>' is not assignable to type 'Effect<number | u",
    "33: Argument of type 'Effect<number | undefined, unknown, unknown>' is not assignable to parameter o",
    "40: Parameter 'call' implicitly has an 'any' type.",
    "43: 't' is of type 'unknown'."
  ]
}
