import { useEffect, useState } from 'preact/hooks'
import type { Theme } from './theme.ts'

/** Whether the page is dark now: by choice, or because the reader's system is. */
export function useDarkness(theme: Theme): boolean {
  const [system] = useState(() => matchMedia('(prefers-color-scheme: dark)'))
  const [dark, setDark] = useState(system.matches)
  useEffect(() => {
    const change = () => setDark(system.matches)
    system.addEventListener('change', change)
    return () => system.removeEventListener('change', change)
  }, [system])
  return theme === 'system' ? dark : theme === 'dark'
}
