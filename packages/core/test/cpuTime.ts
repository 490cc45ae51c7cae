/** CPU time of this process in milliseconds: what a limit is held to on a machine that is busy with other things. */
export const cpuTime = (): number => {
  const { system, user } = process.cpuUsage()
  return (user + system) / 1000
}
