/** Tries until `attempt` answers something other than undefined or false; fails with the last reason at the deadline. */
export async function eventually<T>(
  what: string,
  deadlineMs: number,
  attempt: () => Promise<T | undefined | false> | T | undefined | false,
  everyMs = 200,
): Promise<T> {
  const end = Date.now() + deadlineMs
  let reason: unknown
  for (;;) {
    try {
      const value = await attempt()
      if (value !== undefined && value !== false) return value
    } catch (thrown) {
      reason = thrown
    }
    if (Date.now() > end) {
      throw new Error(`${what}: not within ${deadlineMs / 1000} s`, { cause: reason })
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}
