import { humanSize } from '@walt/shared/sizes'
import { type NodeDetails, nodeChanges } from '../../../src/http/api-schema.ts'
import { useDashboard } from '../dashboard.ts'
import { plural } from '../formats.ts'
import { LoadedNotice, Notice } from '../parts/notice.tsx'
import { ScrollBox } from '../parts/scroll-box.tsx'
import { useLoaded } from '../use-loaded.ts'

/** What a reboot would throw away: the largest files in the writable layer. */
export function NodeFiles({ node }: { node: NodeDetails }) {
  const { api } = useDashboard()
  const path = `nodes/${encodeURIComponent(node.name)}/changes`
  const loaded = useLoaded(`${path} ${node.bootId}`, (signal) => api.call({ path, signal }, nodeChanges))
  const { value, loading, reload } = loaded
  if (node.state !== 'booted') {
    return (
      <Notice
        kind="empty"
        title={`${node.name} is ${node.state}: only a node that is booted can be asked.`}
      />
    )
  }
  if (!value) return <LoadedNotice loaded={loaded} what="Changed files" />
  return (
    <>
      <div class="card-head">
        <p class="muted">
          Outside of /persist all of this is lost on the next reboot.
          {value.complete ? '' : ' There was too much to look at all of it.'}
        </p>
        <button type="button" class="button" disabled={loading} onClick={reload}>
          {loading ? 'Looking …' : 'Look again'}
        </button>
      </div>
      <Group title="Changed since it was booted" group={value.changed} />
      <Group title="Written by its system" group={value.system} />
    </>
  )
}

function Group({
  title,
  group,
}: {
  title: string
  group: { count: number; bytes: number; largest: ChangedFile[] }
}) {
  const id = `group-${title.length}`
  const [first] = group.largest
  return (
    <section class="card" aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{title}</h2>
        <p class="muted">
          {plural(group.count, 'file')}, {humanSize(group.bytes)}
        </p>
      </div>
      {group.largest.length === 0 ? (
        <Notice kind="empty" title="Nothing." />
      ) : (
        <ScrollBox label={title}>
          <table class="table">
            <thead>
              <tr>
                <th scope="col">Path</th>
                <th scope="col">Kind</th>
                <th scope="col">Size</th>
              </tr>
            </thead>
            <tbody>
              {group.largest.map((file) => (
                <tr key={file.path}>
                  <td class="path">{file.path}</td>
                  <td class="muted">{file.kind}</td>
                  <td>
                    <span class="meter">
                      <span
                        class="meter-bar"
                        aria-hidden="true"
                        style={{ width: `${(file.bytes / Math.max(1, first?.bytes ?? 1)) * 100}%` }}
                      />
                      {humanSize(file.bytes)}
                    </span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </ScrollBox>
      )}
    </section>
  )
}

type ChangedFile = { path: string; kind: string; bytes: number }
