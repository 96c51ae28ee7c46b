import { WaltError } from '@walt/shared/errors'

/** Why a port cannot be listened on, in words that lead to the setting. */
export function listenError(
  what: string,
  key: string,
  address: string,
  port: number,
  cause: NodeJS.ErrnoException,
): WaltError {
  const where = address.startsWith('/') ? address : `${address} port ${port}`
  if (cause.code === 'EADDRINUSE') {
    const message = `The ${what} cannot listen on ${where}: another program does. Stop it, or set ${key}.`
    return new WaltError('port-in-use', message, { cause })
  }
  if (cause.code === 'EADDRNOTAVAIL') {
    const message = `The ${what} cannot listen on ${where}: this machine has no such address. Set network.address.`
    return new WaltError('address-missing', message, { cause })
  }
  return new WaltError('listen-failed', `The ${what} cannot listen on ${where}: ${cause.message}.`, { cause })
}
