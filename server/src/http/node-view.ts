import { shownNodeSettings } from '@walt/shared/node-settings'
import type { FleetNode } from '../fleet/fleet.ts'
import type { NodeView } from './api-schema.ts'

/** Pure: a node as the API shows it. */
export function viewOfNode({ record, status }: FleetNode): NodeView {
  const { settings, ...fixed } = record
  const { image: runningImage, causeSince: _, ...present } = status
  return {
    ...fixed,
    ...present,
    ...(runningImage === undefined ? {} : { runningImage }),
    settings: shownNodeSettings(settings, record.virtual),
  }
}
