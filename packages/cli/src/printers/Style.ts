/**
 * Terminal attributes, switched off where colour is not welcome.
 *
 * @since 0.1.0
 */

/**
 * How to make a text stand out.
 *
 * @category models
 * @since 0.1.0
 */
export interface Style {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly warn: (text: string) => string
}

/**
 * The attributes, or texts unchanged without `colour`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (colour: boolean): Style => {
  const attribute = (on: number, off: number) => (text: string): string =>
    colour ? `\u001b[${on}m${text}\u001b[${off}m` : text
  return {
    bold: attribute(1, 22),
    dim: attribute(2, 22),
    good: attribute(32, 39),
    bad: attribute(31, 39),
    warn: attribute(33, 39)
  }
}
