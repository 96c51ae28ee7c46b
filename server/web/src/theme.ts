/** Light, dark, or as the reader's system has it. */
export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

const key = 'walt.theme'

export function readTheme(storage: Storage): Theme {
  const kept = storage.getItem(key)
  return themes.find((one) => one === kept) ?? 'system'
}

export function keepTheme(theme: Theme, storage: Storage, page: HTMLElement): void {
  storage.setItem(key, theme)
  if (theme === 'system') delete page.dataset.theme
  else page.dataset.theme = theme
}
