import { execFile } from 'node:child_process'
import { reasonOf, WaltError } from '@walt/shared/errors'
import { limits } from '@walt/shared/limits'
import { type Inventory, inventory, parsePayload } from '@walt/shared/payloads'

/**
 * Has the inventory made by a short-lived child (`walt-agent inventory`), so that the memory it takes is given back.
 * @throws WaltError `inventory-failed`
 */
export function readInventory(selfCommand: readonly string[]): Promise<Inventory> {
  const [program, ...args] = [...selfCommand, 'inventory']
  return new Promise((resolve, reject) => {
    const options = {
      timeout: limits.inventoryMs,
      maxBuffer: limits.mqttPayloadMaxBytes,
      killSignal: 'SIGKILL',
    } as const
    execFile(program!, args, options, (failure, output) => {
      try {
        if (failure) throw failure
        resolve(parsePayload(inventory, output))
      } catch (cause) {
        reject(
          new WaltError('inventory-failed', `the inventory could not be made: ${reasonOf(cause)}`, { cause }),
        )
      }
    })
  })
}
