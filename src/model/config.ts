/** Settings of `mag.config.yaml`. */
export interface Config {
  store?: string
  concurrency?: number
  color?: 'always' | 'never' | 'auto'
  progress?: 'live' | 'plain' | 'json' | 'none'
}
