/**
 * Error numbers by name: their value, the text the C library prints for them, and what ndctl exits with (OBS-24).
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const table = {
  EPERM: [1, "Operation not permitted"],
  ENOENT: [2, "No such file or directory"],
  EINTR: [4, "Interrupted system call"],
  EIO: [5, "Input/output error"],
  ENXIO: [6, "No such device or address"],
  E2BIG: [7, "Argument list too long"],
  EAGAIN: [11, "Resource temporarily unavailable"],
  ENOMEM: [12, "Cannot allocate memory"],
  EACCES: [13, "Permission denied"],
  EFAULT: [14, "Bad address"],
  EBUSY: [16, "Device or resource busy"],
  EEXIST: [17, "File exists"],
  ENODEV: [19, "No such device"],
  ENOTDIR: [20, "Not a directory"],
  EISDIR: [21, "Is a directory"],
  EINVAL: [22, "Invalid argument"],
  ENOTTY: [25, "Inappropriate ioctl for device"],
  ENOSPC: [28, "No space left on device"],
  EROFS: [30, "Read-only file system"],
  ERANGE: [34, "Numerical result out of range"],
  EOPNOTSUPP: [95, "Operation not supported"]
} as const

/**
 * The symbolic name of an error number.
 *
 * @category models
 * @since 0.1.0
 */
export type Errno = keyof typeof table

/**
 * The name of an error number, for errors that carry one.
 *
 * @category models
 * @since 0.1.0
 */
export const Errno = Schema.Literals(Object.keys(table) as ReadonlyArray<Errno>)

/**
 * The positive number: `ENXIO` is 6.
 *
 * @category queries
 * @since 0.1.0
 */
export const number = (errno: Errno): number => table[errno][0]

/**
 * `strerror()`: `ENXIO` is `No such device or address`.
 *
 * @category queries
 * @since 0.1.0
 */
export const text = (errno: Errno): string => table[errno][1]

/**
 * The exit status of a tool that returns the negated number: 256 − errno (OBS-24).
 *
 * @category queries
 * @since 0.1.0
 */
export const exit = (errno: Errno): number => 256 - table[errno][0]
