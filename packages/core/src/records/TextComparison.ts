/**
 * One value against another: numbers of any size, and texts in which uuids, free memory and help are not compared.
 *
 * @since 0.1.0
 */
import * as Uuid from "../devices/Uuid.ts"
import type { Given } from "./Given.ts"
import * as IomemText from "./IomemText.ts"
import * as RawBlockText from "./RawBlockText.ts"
import * as UsageText from "./UsageText.ts"
import * as ZoneinfoText from "./ZoneinfoText.ts"

const uuid = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi

/**
 * The text with every uuid that the input does not name replaced by one word.
 *
 * @category combinators
 * @since 0.1.0
 */
export const withoutUuids = ({ uuids }: Given, text: string): string =>
  text.replaceAll(uuid, (found) => uuids.has(found.toLowerCase()) ? found : "uuid")

const figure = /^[A-Za-z0-9_()]+: +[0-9]+(?: kB)?(?:\n|$)/gm

/**
 * A printed `/proc/meminfo` without its figures, whose total depends on the kernel image too; `meminfo` of nodes without what is
 * free.
 */
const withoutFree = (text: string): string =>
  /^MemTotal: +[0-9]+ kB$/m.test(text)
    ? `MemTotal${text.replaceAll(figure, "")}`
    : text.replaceAll(/^(Node [0-9]+ MemFree:) +[0-9]+ kB$/gm, "$1")

const reduce = (given: Given, text: string): string =>
  withoutUuids(given, withoutFree(ZoneinfoText.inScope(IomemText.inScope(text))))

const sameText = (given: Given, kernel: string, engine: string): boolean => {
  if (kernel === engine || RawBlockText.isSame(kernel, engine)) return true
  if (Uuid.isUuid(kernel) && Uuid.isUuid(engine)) return withoutUuids(given, kernel) === withoutUuids(given, engine)
  const [{ head, isKnown }, other] = [UsageText.split(kernel), UsageText.split(engine)]
  return isKnown && reduce(given, head) === reduce(given, other.head)
}

const isInteger = (value: unknown): value is number | bigint =>
  typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value))

/**
 * Whether two leaves are the same as far as they can be held to it.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isSame = (given: Given, kernel: unknown, engine: unknown): boolean =>
  typeof kernel === "string" && typeof engine === "string"
    ? sameText(given, kernel, engine)
    : isInteger(kernel) && isInteger(engine)
    ? BigInt(kernel) === BigInt(engine)
    : kernel === engine
